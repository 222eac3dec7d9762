//! Disks that stall, fill up and break, and what the sessions on them notice.

mod full;
mod resume;
mod session;
mod stall;
mod support;
