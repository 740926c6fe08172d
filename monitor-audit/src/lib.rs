//! Reads audit's text: [messages](Message) of the kernel, whole [records](Record) as its log has them, and what
//! [object managers](manager) in user space write, and [logs](log) with all of these in them. Any bytes may come; none is
//! trusted.

pub mod log;
pub mod manager;
mod message;
mod record;
mod untrusted;

pub use self::{
    message::Message,
    record::{Field, Kind, Record, RecordError},
    untrusted::untrusted,
};
