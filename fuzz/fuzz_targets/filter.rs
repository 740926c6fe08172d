//! A filter's text, and its use on an event.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use monitor_event::{event::Event, filter::Filter};

static EVENT: LazyLock<Event<'static>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../monitor/tests/golden/selinux_file.json")).expect("an event")
});

fuzz_target!(|text: &str| {
    if let Ok(filter) = text.parse::<Filter>() {
        let _matches = filter.matches(&EVENT);
    }
});
