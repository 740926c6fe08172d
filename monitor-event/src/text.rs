//! Bytes from outside as [`Text`], without loss.
//!
//! What is UTF-8 stays as it is. A byte that isn't part of valid UTF-8 becomes `\xNN`, and a backslash `\\`, so that
//! [`unescape`] gives every byte back. Control characters stay: JSON escapes them itself, and what prints to a
//! terminal must (see [`printable`]).

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use crate::event::Text;

/// Escapes bytes. Borrows them if there is nothing to escape.
#[must_use]
pub fn escape(bytes: &[u8]) -> Text<'_> {
    if let Some(text) = plain(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    escape_parts(bytes, &mut text);
    Cow::Owned(text)
}

/// Escapes bytes in one go, and keeps their memory if there is nothing to escape.
#[must_use]
pub fn escape_owned(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\\') => text,
        Ok(text) => escape(text.as_bytes()).into_owned(),
        Err(error) => escape(error.as_bytes()).into_owned(),
    }
}

/// Bytes that need no escape, as nearly all that come.
fn plain(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|_| !bytes.contains(&b'\\'))
}

/// Escapes bytes at the end of a string.
pub fn escape_into(bytes: &[u8], text: &mut String) {
    if let Some(plain) = plain(bytes) {
        text.push_str(plain);
    } else {
        escape_parts(bytes, text);
    }
}

/// Escapes bytes of which some need it.
fn escape_parts(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for (nth, part) in chunk.valid().split('\\').enumerate() {
            if nth > 0 {
                text.push_str(r"\\");
            }
            text.push_str(part);
        }
        for byte in chunk.invalid() {
            // Writing to a String can't fail.
            let _infallible = write!(text, r"\x{byte:02x}");
        }
    }
}

/// Escapes the bytes before the first NUL: a C string in a field of fixed size.
#[must_use]
pub fn escape_padded(bytes: &[u8]) -> Text<'_> {
    escape(bytes.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// Bytes as hexadecimal digits, without a prefix.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

/// A text that [`escape`] can't have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r"a backslash at byte {at} is followed by neither a backslash nor xNN")]
pub struct UnescapeError {
    /// Where the backslash is.
    pub at: usize,
}

/// Gives back the bytes that [`escape`] was given.
///
/// # Errors
///
/// If the text has a backslash that begins no escape.
pub fn unescape(text: &str) -> Result<Cow<'_, [u8]>, UnescapeError> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let at = text.len() - escaped.len() - 1;
        let (byte, after) = unescape_one(escaped).ok_or(UnescapeError { at })?;
        bytes.push(byte);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(Cow::Owned(bytes))
}

fn unescape_one(escaped: &str) -> Option<(u8, &str)> {
    if let Some(after) = escaped.strip_prefix('\\') {
        return Some((b'\\', after));
    }
    let (digits, after) = escaped.strip_prefix('x')?.split_at_checked(2)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok().map(|byte| (byte, after))).flatten()
}

/// Shows a text from outside on a terminal: what could move the cursor, forge a line, change the order of what is read or
/// hide is escaped.
#[must_use]
pub fn printable(text: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        text.chars().try_for_each(|c| {
            if is_printable(c) { f.write_char(c) } else { write!(f, "{}", c.escape_default()) }
        })
    })
}

/// Whether [`printable`] shows a character as it is.
#[must_use]
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !is_unseen(c)
}

/// Whether a character has no shape of its own: those that format text (Unicode's category Cf) and those that separate
/// lines and paragraphs.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_gets_no_character_that_turns_text_round_or_hides() {
        let name = "safe\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}\u{2028}x";
        assert_eq!(printable(name).to_string(), r"safe\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}\u{2028}x");
        assert_eq!(printable("été 日本 עברית 👍🏽").to_string(), "été 日本 עברית 👍🏽");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(escape(b"/var/lib/\xc3\xa9t\xc3\xa9"), Cow::Borrowed("/var/lib/été")));
        assert!(matches!(unescape("été"), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn invalid_bytes_and_backslashes_are_escaped_and_control_characters_are_not() {
        assert_eq!(escape(b"a\\b\xff\n\x1b"), "a\\\\b\\xff\n\x1b");
        assert_eq!(escape(b"\xc3"), r"\xc3", "the start of a character alone");
    }

    #[test]
    fn a_padded_string_ends_at_its_first_nul() {
        assert_eq!(escape_padded(b"sh\0\0garbage"), "sh");
        assert_eq!(escape_padded(b"sixteen bytes ok"), "sixteen bytes ok");
    }

    #[test]
    fn a_backslash_that_escapes_nothing_is_an_error() {
        for (text, at) in [("\\", 0), ("ab\\q", 2), ("\\xf", 0), ("\\x+f", 0), ("\\\\\\xé", 2)] {
            assert_eq!(unescape(text), Err(UnescapeError { at }), "{text}");
        }
    }

    #[test]
    fn a_terminal_gets_no_control_character() {
        assert_eq!(printable("a\x1b[2Jb\n\u{9b}é").to_string(), "a\\u{1b}[2Jb\\n\\u{9b}é");
    }

    proptest! {
        #[test]
        fn whose_bytes_they_are_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = escape(&bytes).into_owned();
            prop_assert_eq!(escape_owned(bytes), text);
        }

        #[test]
        fn plain_bytes_stay_where_they_are(plain in "[a-zé/]{1,40}") {
            let bytes = plain.clone().into_bytes();
            let at = bytes.as_ptr();
            let text = escape_owned(bytes);
            prop_assert_eq!(&text, &plain);
            prop_assert_eq!(text.as_ptr(), at);
        }

        #[test]
        fn no_byte_is_lost(bytes: Vec<u8>) {
            let text = escape(&bytes);
            let back = unescape(&text).unwrap().into_owned();
            prop_assert_eq!(back, bytes);
        }

        #[test]
        fn any_text_unescapes_or_fails(text: String) {
            if let Ok(bytes) = unescape(&text) {
                let again = escape(&bytes).into_owned();
                prop_assert_eq!(unescape(&again).unwrap().into_owned(), bytes.into_owned());
            }
        }
    }
}
