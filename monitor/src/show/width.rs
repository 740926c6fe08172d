//! Texts that fit into a number of columns.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const ELLIPSIS: char = '…';

/// The columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// The text, or its start with an ellipsis.
pub(super) fn fit(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|&width| columns(text) > width) else { return text.to_owned() };
    let mut fitted = start(text, width.saturating_sub(1)).to_owned();
    if width > 0 {
        fitted.push(ELLIPSIS);
    }
    fitted
}

/// The text, or its start and its end with an ellipsis in between. More of the end is kept: a path's end says most.
pub(super) fn fit_middle(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let front = start(text, room / 3);
    let back = end(text, room - columns(front));
    if width == 0 { String::new() } else { format!("{front}{ELLIPSIS}{back}") }
}

/// As much of the start as fits.
fn start(text: &str, width: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > width
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// As much of the end as fits.
fn end(text: &str, width: usize) -> &str {
    let mut used = 0;
    let before = text.char_indices().rev().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > width
    });
    before.map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_stays() {
        assert_eq!(fit("abc", None), "abc");
        assert_eq!(fit("abc", Some(3)), "abc");
        assert_eq!(fit_middle("abc", 3), "abc");
    }

    #[test]
    fn the_start_is_kept_or_both_ends() {
        assert_eq!(fit("abcdef", Some(4)), "abc…");
        assert_eq!(fit_middle("/var/lib/x/y", 8), "/v…b/x/y");
        assert_eq!(fit("abc", Some(0)), "");
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        assert_eq!(columns("日本"), 4);
        assert_eq!(fit("日本語", Some(5)), "日本…");
        assert_eq!(fit("日本語", Some(4)), "日…");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may(text: String, width in 0..40_usize) {
            prop_assert!(columns(&fit(&text, Some(width))) <= width.max(columns("")));
            prop_assert!(columns(&fit_middle(&text, width)) <= width);
        }
    }
}
