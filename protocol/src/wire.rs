//! The generated protobuf types, one module per file of `proto/`.
//!
//! They carry bytes, not meaning: the modules beside this one check what comes out of them.

#[allow(missing_docs, unreachable_pub, reason = "generated; the .proto files carry the words")]
#[allow(clippy::all, clippy::wildcard_enum_match_arm, reason = "generated")]
mod generated {
    pub mod record {
        include!(concat!(env!("OUT_DIR"), "/deskside.record.rs"));
    }
    pub mod signal {
        include!(concat!(env!("OUT_DIR"), "/deskside.signal.rs"));
    }
    pub mod message {
        include!(concat!(env!("OUT_DIR"), "/deskside.message.rs"));
    }
}

pub use generated::{message, record, signal};
