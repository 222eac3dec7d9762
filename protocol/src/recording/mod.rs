//! The recording of a session: a `.dsr` file of chained blocks that the relay appends to and
//! cannot read. Bytes in, bytes out; opening the sealed copies and decoding the packets is
//! elsewhere.
//!
//! [`format`](mod@format) has the layout, [`Writer`] makes blocks, [`Reader`] takes them out again,
//! [`recovery`] looks at a torn end, [`checkpoint`] and [`signatures`] hold what is signed,
//! [`verify`] judges a whole file.

pub mod checkpoint;
pub mod format;
pub mod reader;
pub mod recovery;
pub mod signatures;
pub mod verify;
pub mod writer;

pub use format::{Kind, Run, runs};
pub use reader::{Block, Damage, Fault, Place, Reader, Step};
pub use signatures::{Binding, Closer};
pub use verify::{Report, Verdict, Verifier};
pub use writer::{Next, Packets, State, WriteError, Writer};
