//! The text of a configuration: it is taken, or refused with an error that is not empty.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor::check_configuration;

fuzz_target!(|text: &str| {
    if let Err(error) = check_configuration(text) {
        assert!(!error.to_string().is_empty());
    }
});
