//! Names of files that a program makes, and that are others each time.

use std::ops::RangeInclusive;

use super::{LONGEST, NUMBER, RANDOM, is_made_up};

/// What `mkstemp` adds to, and how much: `mktemp`, Python's `tempfile`, `sed -i`, PHP, `InnoDB`, `gcc`, `man`.
const BEGINNINGS: [(&str, usize); 8] = [
    ("tmp.", 10),
    ("tmp", 8),
    ("tmp", RANDOM),
    ("sed", RANDOM),
    ("php", RANDOM),
    ("ib", RANDOM),
    ("cc", RANDOM),
    ("zman", RANDOM),
];
/// What `ln`, `cp` and `mv` of GNU's call a link that they put in place of a file (`force_linkat`).
const OF_COREUTILS: &str = "Cu";
/// How many hexadecimal digits a sum (MD5) has, at least.
const SUM: usize = 32;
/// What tables of `MySQL` begin with that are made for a query: `#sql_b19_0.MYI`.
const OF_MYSQL: &str = r"\#sql";

/// A name that begins, or ends, with what `mkstemp` made up, of which there is so much behind a name.
pub(super) fn of_mkstemp(name: &str, lengths: RangeInclusive<usize>) -> Option<String> {
    let hidden = &name[..name.len() - name.trim_start_matches('.').len()];
    let plain = &name[hidden.len()..];
    let begun = BEGINNINGS.into_iter().find_map(|(before, length)| {
        let (made_up, after) = plain.strip_prefix(before)?.split_at_checked(length)?;
        let is_it = is_made_up(made_up) && (after.is_empty() || after.starts_with('.'));
        is_it.then(|| format!("{hidden}{before}{}{after}", "?".repeat(length)))
    });
    if begun.is_some() {
        return begun;
    }
    let (before, end) = name.split_at(name.rfind(['.', '-', '_'])? + 1);
    (lengths.contains(&end.len()) && is_made_up(end)).then(|| format!("{before}{}", "?".repeat(end.len())))
}

/// Whether it is what the kernel calls a file that was opened with `O_TMPFILE`: by the number of its inode.
fn is_without_name(name: &str) -> bool {
    name.strip_prefix('#')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Such a file, as a rule has it.
pub(super) fn of_file_without_name(name: &str) -> Option<String> {
    name.strip_prefix('\\').is_some_and(is_without_name).then(|| format!(r"\#{NUMBER}"))
}

/// The path with a glob in place of each sum, or each number of a container, that is of such a length.
pub(super) fn with_sums(path: &str, is_it: impl Fn(usize) -> bool) -> String {
    let is_of = |word: &str, letters: RangeInclusive<u8>| {
        word.bytes().all(|byte| byte.is_ascii_digit() || letters.contains(&byte))
    };
    let words = path.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let plain = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let after = &word[plain.len()..];
            match is_it(plain.len()) {
                true if is_of(plain, b'a'..=b'f') => format!("[0-9a-f]*{after}"),
                true if is_of(plain, b'A'..=b'F') => format!("[0-9A-F]*{after}"),
                _ => word.to_owned(),
            }
        })
        .collect()
}

/// A new file that is called by the sum of its content, as git's: `objects/e1/0cd0438356665164223ad342af69eaca7f3c4b`.
pub(super) fn of_object(path: &str) -> Option<String> {
    let (folder, name) = path.split_at(path.rfind('/')? + 1);
    let glob = with_sums(name, |length| length >= SUM);
    if glob == name {
        return None;
    }
    let is_two = |rest: &str| rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (before, last) = folder.strip_suffix('/')?.rsplit_once('/')?;
    let folder = if is_two(last) { format!("{before}/[0-9a-f][0-9a-f]/") } else { folder.to_owned() };
    Some(format!("{folder}{glob}"))
}

/// Whether it looks like what Qt makes up, of letters alone (`AunDfT`): no word, no capitals.
fn is_of_qt(end: &str) -> bool {
    let is_lower = |byte: u8| byte.is_ascii_lowercase();
    end.bytes().all(|byte| byte.is_ascii_alphabetic())
        && end.bytes().any(is_lower)
        && !end.bytes().skip(1).all(is_lower)
}

/// A file that is made under a name which nobody else uses, to get its own name later.
pub(super) fn of_new_file(name: &str, other: Option<&str>) -> Option<String> {
    let is_mixed = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !text.bytes().all(|byte| byte.is_ascii_lowercase())
            && !text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let of_length = |text: &str| text.len() == RANDOM && is_mixed(text);
    let glob = |before: &str| format!("{before}{}", "?".repeat(RANDOM));
    if name.strip_prefix(OF_COREUTILS).is_some_and(of_length) {
        return Some(glob(OF_COREUTILS));
    }
    // `x.aBcDeF`, which becomes `x`, or was a file without a name.
    let other = other.and_then(|other| other.rsplit('/').next()).unwrap_or_default();
    if let Some((before, end)) = name.rfind(['.', '-', '_']).map(|at| name.split_at(at + 1)) {
        let rest = before.trim_start_matches('.').strip_prefix(other.trim_start_matches('.'));
        let becomes_it = !other.is_empty() && rest.is_some_and(|between| between.len() == 1);
        if of_length(end) && (becomes_it || is_without_name(other) || before.ends_with('.') && is_of_qt(end))
        {
            return Some(glob(before));
        }
    }
    let longest = if name.to_ascii_lowercase().contains("tmp") { LONGEST } else { RANDOM };
    of_table(name)
        .or_else(|| of_pointer(name))
        .or_else(|| of_time(name))
        .or_else(|| of_mkstemp(name, RANDOM..=longest))
}

/// Locks of `GnuPG` have an address of memory in their names: `.#lk0x000055d0a1b2c3d0.host.4711`.
fn of_pointer(name: &str) -> Option<String> {
    let at = name.find("0x")? + 2;
    let length = name[at..].bytes().take_while(u8::is_ascii_hexdigit).count();
    (8..=16).contains(&length).then(|| format!("{}[0-9a-f]*{}", &name[..at], &name[at + length..]))
}

/// A table that `MySQL` makes for a query, with its process and a number in hexadecimal digits.
fn of_table(name: &str) -> Option<String> {
    let rest = name.strip_prefix(OF_MYSQL)?;
    let end = rest.find('.').unwrap_or(rest.len());
    Some(format!("{OF_MYSQL}*{}", &rest[end..]))
}

/// A name with a time in it: that of a message of a Maildir, or the date of a log.
fn of_time(name: &str) -> Option<String> {
    // `1764400000.V801I2a3b4cM555.host`: what is between the time and the host is of no use twice.
    if let Some((time, rest)) = name.split_once('.')
        && is_time(time)
        && let Some((_, host)) = rest.split_once('.')
    {
        return Some(format!("{NUMBER}.{host}"));
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut glob, mut rest, mut of_day) = (String::new(), name, false);
    while let Some(start) = rest.find(is_digit) {
        let (before, from) = rest.split_at(start);
        glob.push_str(before);
        let number = &from[..from.find(|c| !is_digit(c)).unwrap_or(from.len())];
        let (written, length) = match date(from) {
            Some(length) if length > number.len() => ("[0-9]*-[0-9]*-[0-9]*", length),
            Some(length) => (NUMBER, length),
            // `20261129_101112`
            None if is_time(number) || of_day && matches!(before, "_" | "-" | "T") => (NUMBER, number.len()),
            None => (number, number.len()),
        };
        glob.push_str(written);
        of_day = date(from).is_some();
        rest = &from[length..];
    }
    glob.push_str(rest);
    Some(glob).filter(|glob| glob != name)
}

/// Whether it is seconds since 1970, of a time from 2001 to 2033.
fn is_time(number: &str) -> bool {
    number.len() == 10 && number.starts_with('1') && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// How long the date is that a text begins with, `2026-11-29` or `20261129`, if it does with one.
fn date(text: &str) -> Option<usize> {
    [10, 8].into_iter().find(|length| {
        let separated = *length == 10;
        let Some((date, after)) = text.split_at_checked(*length) else { return false };
        let bytes = date.as_bytes();
        if after.starts_with(|c: char| c.is_ascii_digit())
            || separated && (bytes[4], bytes[7]) != (b'-', b'-')
        {
            return false;
        }
        let digits = if separated { date.replace('-', "") } else { date.to_owned() };
        let between = |part: Option<&str>, least, most| {
            part.and_then(|part| part.parse::<u32>().ok())
                .is_some_and(|number| (least..=most).contains(&number))
        };
        digits.len() == 8
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && between(digits.get(..4), 2000, 2099)
            && between(digits.get(4..6), 1, 12)
            && between(digits.get(6..), 1, 31)
    })
}

#[cfg(test)]
mod tests {
    use crate::apparmor::{
        request::{Key, Kind, Request},
        widen::of_one,
    };

    fn of(path: &str, right: &str) -> Option<String> {
        of_one(path, None, &Request::new(Kind::File, [right.to_owned()]).with(Key::Path, path))
    }

    #[test]
    fn a_new_file_with_a_name_that_is_made_up_is_a_glob_at_once() {
        for (path, glob) in [
            ("/srv/CuR1aBcd", Some("/srv/Cu??????")),
            ("/srv/Customer", None),
            ("/srv/Cu123456", None),
            ("/etc/sed1xQ9aB", Some("/etc/sed??????")),
            ("/var/lib/x/tmpk3x_0a2b", Some("/var/lib/x/tmp????????")),
            ("/var/lib/x/.state.a1B2c3", Some("/var/lib/x/.state.??????")),
            ("/var/lib/x/a1B2c3.state", None),
            ("/var/lib/x/backup.daily1", None),
            ("/srv/okularstaterc.AunDfT", Some("/srv/okularstaterc.??????")),
            ("/srv/org.kde.Plasma", None),
            ("/srv/kdcinfo.DOMAIN", None),
            ("/var/cache/bind/tmp-Xq2RtPz01A", Some("/var/cache/bind/tmp-??????????")),
            (r"/home/ann/.config/\#12345", Some(r"/home/ann/.config/\#[0-9]*")),
            (r"/home/ann/.config/\#12345x", None),
            (
                r"/home/ann/.gnupg/.\#lk0x000055d0a1b2c3d0.host.77",
                Some(r"/home/ann/.gnupg/.\#lk0x[0-9a-f]*.host.77"),
            ),
            ("/srv/it\\'s.a1B2c3", None),
            (
                "/srv/.git/objects/e1/0cd0438356665164223ad342af69eaca7f3c4b",
                Some("/srv/.git/objects/[0-9a-f][0-9a-f]/[0-9a-f]*"),
            ),
            ("@{HOME}/.gnupg/private-keys-v1.d/0123456789ABCDEF0123456789ABCDEF01234567.key", None),
            ("/srv/.git/objects/e1/tmp_obj_V79Z0K", Some("/srv/.git/objects/e1/tmp_obj_??????")),
        ] {
            assert_eq!(of(path, "w").as_deref(), glob, "{path}");
            let is_unnamed = path.ends_with("/\\#12345");
            assert_eq!(
                of(path, "r").as_deref(),
                glob.filter(|_| is_unnamed),
                "one that is read is no new one"
            );
            assert_eq!(of(path, "x"), None, "nor is a program");
        }
    }

    #[test]
    fn the_second_name_of_a_link_tells_what_is_made_up_in_the_first() {
        let link = Request::new(Kind::Link, ["l".to_owned()]);
        let of = |path, other| of_one(path, Some(other), &link);
        let (new, file) = ("/srv/kdeglobals.AbCdEf", "/srv/kdeglobals");
        assert_eq!(of(new, file).as_deref(), Some("/srv/kdeglobals.??????"));
        assert_eq!(of(new, "/srv/#13597903").as_deref(), Some("/srv/kdeglobals.??????"));
        assert_eq!(of("/srv/kdeglobals.QVPUKO", "/srv/#1").as_deref(), Some("/srv/kdeglobals.??????"));
        assert_eq!(of("/srv/kdeglobals.QVPUKO", "/srv/other"), None);
        assert_eq!(of("/srv/kdeglobals.backup", file), None);
        assert_eq!(of("/srv/kdeglobals.202611", file), None);
    }

    #[test]
    fn times_and_dates_of_new_files_are_globs() {
        for (path, glob) in [
            ("/home/ann/Maildir/tmp/1764400000.P1777.mail", Some("/home/ann/Maildir/tmp/[0-9]*.mail")),
            (
                "/srv/new/1764400000.V801I2a3b4cM555.mail.example.org",
                Some("/srv/new/[0-9]*.mail.example.org"),
            ),
            ("/var/log/app/2026-11-29.log", Some("/var/log/app/[0-9]*-[0-9]*-[0-9]*.log")),
            ("/var/log/app-20261129", Some("/var/log/app-[0-9]*")),
            ("/srv/20261129_101112-x", Some("/srv/[0-9]*_[0-9]*-x")),
            ("/srv/cache/0123456789ABCDEF0123456789ABCDEF", Some("/srv/cache/[0-9A-F]*")),
            ("/var/lib/x/dump-1764400000.gz", Some("/var/lib/x/dump-[0-9]*.gz")),
            ("/var/lib/x/20269999", None),
            ("/var/lib/x/2026-1-2", None),
            ("/var/lib/x/4917640000000", None),
            ("/dev/disk-20261129", None),
            (r"/tmp/\#sql_b19_0.MYI", Some(r"/tmp/\#sql*.MYI")),
        ] {
            assert_eq!(of(path, "w").as_deref(), glob, "{path}");
        }
    }
}
