//! Strings that are in the hands of whom a record is about.

use std::borrow::Cow;

/// The bytes of an untrusted string as audit writes it: in quotes if it is harmless, else in hexadecimal
/// (`audit_log_n_untrustedstring`, `kernel/audit.c`). What is neither is as it stands.
#[must_use]
pub fn untrusted(value: &[u8]) -> Cow<'_, [u8]> {
    if let Some(quoted) = value.strip_prefix(b"\"") {
        return quoted.strip_suffix(b"\"").unwrap_or(quoted).into();
    }
    let bytes = str::from_utf8(value).ok().and_then(from_hexadecimal);
    bytes.map_or(Cow::Borrowed(value), Cow::Owned)
}

pub(crate) fn from_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        assert_eq!(*untrusted(b"\"system_u:object_r:nonsense_t:s0\""), *b"system_u:object_r:nonsense_t:s0");
        assert_eq!(*untrusted(b"6120FF"), *b"a \xff");
        assert_eq!(*untrusted(b"6120F"), *b"6120F");
        assert_eq!(*untrusted(b"\"open"), *b"open");
    }
}
