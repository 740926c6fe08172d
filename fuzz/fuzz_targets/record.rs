//! A record from the ring buffer: any bytes are decoded or refused, and what is decoded is one line of JSON.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use monitor::source::{Tables, decode};

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::from_kernel);

fuzz_target!(|words: Vec<u64>| {
    // The ring buffer aligns records to eight bytes.
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    if let Ok(event) = decode(&bytes, &TABLES) {
        let line = serde_json_line(&event);
        assert!(!line.contains('\n'));
    }
});

fn serde_json_line(event: &monitor_event::event::Event<'_>) -> String {
    let mut line = Vec::new();
    monitor_event::format::Format::Json.write(event, &mut line).expect("an event can be written");
    String::from_utf8(line).expect("JSON is UTF-8")
}
