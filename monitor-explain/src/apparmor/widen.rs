//! Globs for names that are others each time: numbers, and what `mkstemp` makes up.
//!
//! Paths are those of rules, with variables and escapes. None has a glob where a name is escaped.

use std::collections::{BTreeMap, BTreeSet};

use super::request::Request;

/// The paths of rules, each for files of one's own or for all, with what is asked of them.
pub(super) type Paths = BTreeMap<(bool, String), Request>;

/// So many names that differ in nothing but numbers are no accident.
const SEVERAL: usize = 3;
/// How many characters `mkstemp` makes up, at least.
const RANDOM: usize = 6;
/// Stands for a number.
const NUMBER: &str = "[0-9]*";

/// Folders in which a number alone is a name, and another each time.
const NUMBERED: [&str; 6] = [
    "/dev/pts/",
    "@{PROC}/@{pid}/fd/",
    "@{PROC}/@{pid}/fdinfo/",
    "@{run}/systemd/sessions/",
    "@{run}/systemd/users/",
    "@{run}/systemd/inhibit/",
];
/// What a number follows that depends on the machine's size.
const COUNTED: [&str; 2] = ["@{sys}/devices/system/cpu/cpu", "@{sys}/devices/system/node/node"];
/// Where control groups are.
const CGROUPS: &str = "@{sys}/fs/cgroup/";
/// What the number of a user or session stands between.
const OF_SESSIONS: [(&str, &str); 3] = [("user-", ".slice"), ("user@", ".service"), ("session-", ".scope")];
/// Folders of temporary files.
const TEMPORARY: [&str; 2] = ["/tmp/", "/var/tmp/"];

/// The path with a glob for what is known to be another each time.
pub(super) fn of_one(path: &str) -> Option<String> {
    if path.contains(['\\', '"']) {
        return None;
    }
    for before in NUMBERED.into_iter().chain(COUNTED) {
        let Some(rest) = path.strip_prefix(before) else { continue };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = &rest[digits..];
        // systemd-logind's `5.ref` is open as long as the session lasts.
        if digits > 0 && (after.is_empty() || after.starts_with('/') || after == ".ref") {
            return Some(format!("{before}{NUMBER}{after}"));
        }
    }
    if let Some(groups) = path.strip_prefix(CGROUPS) {
        let names: Vec<String> = groups.split('/').map(of_cgroup).collect();
        return Some(format!("{CGROUPS}{}", names.join("/"))).filter(|glob| glob != path);
    }
    let folder = TEMPORARY.into_iter().find(|folder| path.starts_with(folder))?;
    let rest = &path[folder.len()..];
    let (name, after) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    // `mktemp`, and Python's `tempfile`.
    let (before, length) = [("tmp.", 10), ("tmp", 8)].into_iter().find(|(before, length)| {
        name.strip_prefix(before).is_some_and(|made_up| made_up.len() == *length && is_made_up(made_up))
    })?;
    Some(format!("{folder}{before}{}{after}", "?".repeat(length)))
}

/// A control group's name with a glob for the number of a user or session.
fn of_cgroup(name: &str) -> String {
    let number = |(before, after): &(&str, &str)| {
        let digits = name.strip_prefix(before)?.strip_suffix(after)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("{before}{NUMBER}{after}"))
    };
    OF_SESSIONS.iter().find_map(number).unwrap_or_else(|| name.to_owned())
}

/// A glob, and the paths that it was made of.
type Joined = (String, Vec<String>);

/// Joins paths that differ only in what is another each time. Gives the globs, too, each with the number of paths that it
/// was made of.
pub(super) fn join(paths: Paths) -> (Paths, Vec<(String, usize)>) {
    let mut groups: BTreeMap<(bool, BTreeSet<String>), Vec<String>> = BTreeMap::new();
    for ((owner, path), request) in &paths {
        // Which program is executed must stay clear.
        if request.executes().is_none() && !path.contains(['\\', '"']) {
            groups.entry((*owner, request.access.clone())).or_default().push(path.clone());
        }
    }
    let (mut paths, mut globs) = (paths, Vec::new());
    for ((owner, _), group) in groups {
        let made_up = made_up(&group);
        let is_left = |path: &&String| !made_up.iter().any(|(_, members)| members.contains(path));
        let left: Vec<String> = group.iter().filter(is_left).cloned().collect();
        for (glob, members) in made_up.into_iter().chain(numbered(&left)) {
            globs.push((glob.clone(), members.len()));
            for member in members {
                if let Some(request) = paths.remove(&(owner, member)) {
                    paths.insert((owner, glob.clone()), request);
                }
            }
        }
    }
    (paths, globs)
}

/// Those that differ in numbers alone.
fn numbered(paths: &[String]) -> Vec<Joined> {
    let mut groups: BTreeMap<Vec<&str>, Vec<(&String, Vec<&str>)>> = BTreeMap::new();
    for path in paths {
        let (words, numbers) = parts(path);
        groups.entry(words).or_default().push((path, numbers));
    }
    let several = groups.into_iter().filter(|(_, members)| members.len() >= SEVERAL);
    several
        .map(|(words, members)| {
            let first = &members[0].1;
            let number = |at: usize| {
                let is_same = members.iter().all(|(_, numbers)| numbers.get(at) == first.get(at));
                if is_same { first.get(at).copied().unwrap_or_default() } else { NUMBER }
            };
            let glob = words.iter().enumerate().flat_map(|(at, word)| [word, number(at)]).collect();
            (glob, members.into_iter().map(|(path, _)| path.clone()).collect())
        })
        .collect()
}

/// What stands between numbers, and the numbers: one less.
fn parts(path: &str) -> (Vec<&str>, Vec<&str>) {
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut words, mut numbers) = (Vec::new(), Vec::new());
    let mut rest = path;
    while let Some(start) = rest.find(is_digit) {
        let (word, from) = rest.split_at(start);
        let (number, after) = from.split_at(from.find(|c| !is_digit(c)).unwrap_or(from.len()));
        words.push(word);
        numbers.push(number);
        rest = after;
    }
    words.push(rest);
    (words, numbers)
}

/// Those that differ in one folder or name, of one length, by what looks made up.
fn made_up(paths: &[String]) -> Vec<Joined> {
    let mut groups: BTreeMap<(&str, usize, &str), BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        for name in path.split('/').filter(|name| name.len() >= RANDOM) {
            let start = name.as_ptr().addr() - path.as_ptr().addr();
            let (before, after) = (&path[..start], &path[start + name.len()..]);
            groups.entry((before, name.len(), after)).or_default().insert(name);
        }
    }
    let several = groups.into_iter().filter(|(_, names)| names.len() >= SEVERAL);
    several
        .filter_map(|((before, _, after), names)| {
            let names: Vec<&str> = names.into_iter().collect();
            let glob = format!("{before}{}{after}", glob_of(&names)?);
            Some((glob, names.iter().map(|name| format!("{before}{name}{after}")).collect()))
        })
        .collect()
}

/// `x-??????` for names of one length, if what differs looks made up in most of them.
fn glob_of(names: &[&str]) -> Option<String> {
    let [first, others @ ..] = names else { return None };
    let same = |at: usize| others.iter().all(|other| other.as_bytes().get(at) == first.as_bytes().get(at));
    let start = (0..first.len()).find(|at| !same(*at))?;
    let end = (0..first.len()).rfind(|at| !same(*at))? + 1;
    // The first or last character may be the same by accident.
    let near = |at: usize| first.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric);
    let start = if start > 0 && end - start < RANDOM && near(start - 1) { start - 1 } else { start };
    let end = if end - start < RANDOM && near(end) { end + 1 } else { end };
    let middles: Vec<&str> = names.iter().filter_map(|name| name.get(start..end)).collect();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let all_words = middles.len() == names.len() && middles.iter().all(|middle| middle.chars().all(is_word));
    let made_up = middles.iter().filter(|middle| is_made_up(middle)).count();
    let is_it = all_words && end - start >= RANDOM && made_up * 3 >= names.len() * 2;
    is_it.then(|| format!("{}{}{}", &first[..start], "?".repeat(end - start), &first[end..]))
}

/// Whether a name is of no language: a letter after a digit, or small and large ones in turn.
fn is_made_up(name: &str) -> bool {
    let bytes = name.as_bytes();
    let pairs = || bytes.iter().zip(bytes.iter().skip(1));
    let is_word = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let begins_again = pairs().any(|(one, next)| one.is_ascii_digit() && next.is_ascii_alphabetic());
    let grows = pairs().filter(|(one, next)| one.is_ascii_lowercase() && next.is_ascii_uppercase()).count();
    is_word && (begins_again || grows >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apparmor::request::{Key, Kind};

    fn joined(paths: &[&str]) -> Vec<String> {
        let request = |path: &str| Request::new(Kind::File, ["r".to_owned()]).with(Key::Path, path);
        let paths = paths.iter().map(|path| ((true, (*path).to_owned()), request(path))).collect();
        join(paths).0.into_keys().map(|(_, path)| path).collect()
    }

    #[test]
    fn what_is_another_each_time_by_its_place_is_a_glob_at_once() {
        for (path, glob) in [
            ("/dev/pts/3", Some("/dev/pts/[0-9]*")),
            ("/dev/pts/ptmx", None),
            ("@{PROC}/@{pid}/fd/12", Some("@{PROC}/@{pid}/fd/[0-9]*")),
            ("@{sys}/devices/system/cpu/cpu3/online", Some("@{sys}/devices/system/cpu/cpu[0-9]*/online")),
            ("@{sys}/devices/system/cpu/cpufreq", None),
            ("@{run}/systemd/sessions/c2", None),
            ("@{run}/systemd/sessions/5.ref", Some("@{run}/systemd/sessions/[0-9]*.ref")),
            ("@{run}/systemd/inhibit/1.ref", Some("@{run}/systemd/inhibit/[0-9]*.ref")),
            ("@{run}/systemd/inhibit/1.conf", None),
            (
                "@{sys}/fs/cgroup/user.slice/user-1001.slice/session-7.scope/cpu.max",
                Some("@{sys}/fs/cgroup/user.slice/user-[0-9]*.slice/session-[0-9]*.scope/cpu.max"),
            ),
            ("@{sys}/fs/cgroup/system.slice/session-a.scope/cpu.max", None),
            ("/tmp/tmp.bQ3zP0aXy1", Some("/tmp/tmp.??????????")),
            ("/var/tmp/tmpk3x_0a2b/x", Some("/var/tmp/tmp????????/x")),
            ("/tmp/tmp.directory1", None),
            ("/srv/tmp.bQ3zP0aXy1", None),
            ("/etc/passwd", None),
        ] {
            assert_eq!(of_one(path).as_deref(), glob, "{path}");
        }
    }

    #[test]
    fn names_that_differ_in_numbers_alone_are_one_glob_if_there_are_several() {
        assert_eq!(
            joined(&["/srv/v2/job-1.log", "/srv/v2/job-2.log", "/srv/v2/job-31.log"]),
            ["/srv/v2/job-[0-9]*.log"]
        );
        assert_eq!(joined(&["/srv/job-1", "/srv/job-2"]), ["/srv/job-1", "/srv/job-2"], "two may be all");
        assert_eq!(joined(&["/srv/a1", "/srv/b2", "/srv/c3"]).len(), 3);
    }

    #[test]
    fn names_that_are_made_up_are_one_glob_and_words_are_not() {
        let paths = ["/srv/cache/up-x8Kq2Z.part", "/srv/cache/up-Rr09ab.part", "/srv/cache/up-zzTop1.part"];
        assert_eq!(joined(&paths), ["/srv/cache/up-??????.part"]);
        let folders = ["/srv/bQ3zP0aX/in", "/srv/ab12cd34/in", "/srv/Zz9yX8w7/in"];
        assert_eq!(joined(&folders), ["/srv/????????/in"]);
        assert_eq!(joined(&["/etc/passwd", "/etc/shadow", "/etc/fstab1", "/etc/groups"]).len(), 4);
    }
}
