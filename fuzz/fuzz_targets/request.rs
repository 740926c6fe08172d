//! What a client sends to the socket, and what a daemon answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_api::protocol::{Line, Request};

fuzz_target!(|line: &[u8]| {
    if let Ok(request) = Request::parse(line) {
        assert_eq!(Request::parse(&request.line()).as_ref(), Ok(&request));
        let _compiled = request.selection.compile();
    }
    let _line = Line::parse(line);
});
