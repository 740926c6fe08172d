//! Audit's text: lines of its log, messages of the kernel, and what object managers write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_audit::{
    Message, Record, log,
    manager::{Avc, Mediated},
    untrusted,
};

fuzz_target!(|bytes: &[u8]| {
    let _avc = Avc::parse(bytes);
    let _mediated = Mediated::parse(bytes);
    if let Some(message) = Message::parse(bytes) {
        for (_name, value) in message.fields() {
            let _bytes = untrusted(value);
        }
    }
    let _read = log::read(bytes, |_item| {});
    if let Ok(line) = str::from_utf8(bytes) {
        let _record = Record::parse(line);
    }
});
