//! What several names tell together.

use std::collections::{BTreeMap, BTreeSet};

use super::{LONGEST, NUMBER, RANDOM, has_escapes, is_made_up};
use crate::apparmor::{danger, request::Request};

/// So many names that differ in nothing but numbers are no accident.
const SEVERAL: usize = 3;

/// What a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::apparmor) struct Names {
    /// The file of a link.
    pub(in crate::apparmor) target: Option<String>,
    /// Whether it is for files of one's own.
    pub(in crate::apparmor) owner: bool,
    pub(in crate::apparmor) path: String,
}

/// What is asked of files.
pub(in crate::apparmor) type Named = BTreeMap<Names, Request>;

/// Stands between the two names of a link.
const LINK: char = '\0';

impl Names {
    /// As one text.
    fn joined(&self) -> String {
        match &self.target {
            Some(target) => format!("{}{LINK}{target}", self.path),
            None => self.path.clone(),
        }
    }

    /// Of one text.
    fn of(owner: bool, text: &str) -> Self {
        match text.split_once(LINK) {
            Some((path, target)) => Self { target: Some(target.to_owned()), owner, path: path.to_owned() },
            None => Self { target: None, owner, path: text.to_owned() },
        }
    }
}

/// A glob, and the paths that it was made of.
type Joined = (String, Vec<String>);

/// Joins names that differ only in what is another each time. Gives the globs, too, each with the number of names that it was
/// made of.
pub(in crate::apparmor) fn join(named: Named) -> (Named, Vec<(String, usize)>) {
    let named = without_covered(named);
    let mut groups: BTreeMap<(bool, bool, BTreeSet<String>), Vec<String>> = BTreeMap::new();
    for (names, request) in &named {
        let text = names.joined();
        // Which program is executed must stay clear, and which secret is read.
        let may_be = request.executes().is_none() && !danger::is_secret(&text);
        if may_be && !has_escapes(&text) {
            let alike = (names.owner, names.target.is_some(), request.access.clone());
            groups.entry(alike).or_default().push(text);
        }
    }
    let (mut named, mut globs) = (named, Vec::new());
    for ((owner, ..), group) in groups {
        let made_up = made_up(&group);
        let is_left = |text: &&String| !made_up.iter().any(|(_, members)| members.contains(text));
        let left: Vec<String> = group.iter().filter(is_left).cloned().collect();
        for (glob, members) in made_up.into_iter().chain(numbered(&left)) {
            globs.push((glob.replace(LINK, " -> "), members.len()));
            for member in members {
                if let Some(request) = named.remove(&Names::of(owner, &member)) {
                    named.insert(Names::of(owner, &glob), request);
                }
            }
        }
    }
    (without_repeats(named), globs)
}

/// What one name told to be a glob stands for others, too, that do not look made up by themselves.
fn without_covered(mut named: Named) -> Named {
    let is_covered = |(names, request): &(&Names, &Request)| {
        with_globs(names)
            .any(|glob| named.get(&glob).is_some_and(|other| request.access.is_subset(&other.access)))
    };
    let covered: Vec<Names> = named.iter().filter(is_covered).map(|(names, _)| names.clone()).collect();
    for names in covered {
        named.remove(&names);
    }
    named
}

/// The names with globs in place of the end of one of them.
fn with_globs(names: &Names) -> impl Iterator<Item = Names> {
    let cut = |name: &str, length: usize| {
        let (before, end) = name.split_at_checked(name.len().checked_sub(length)?)?;
        let is_word = end.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_word.then(|| format!("{before}{}", "?".repeat(length)))
    };
    (RANDOM..=LONGEST).flat_map(move |length| {
        let path = cut(&names.path, length).map(|path| Names { path, ..names.clone() });
        let target = names.target.as_deref().and_then(|target| cut(target, length));
        let target = target.map(|target| Names { target: Some(target), ..names.clone() });
        path.into_iter().chain(target)
    })
}

/// What is allowed to files of one's own is left out where it is to all.
fn without_repeats(mut named: Named) -> Named {
    let of_all = named.iter().filter(|(names, _)| !names.owner);
    let of_all: Vec<(Names, BTreeSet<String>)> = of_all
        .map(|(names, request)| (Names { owner: true, ..names.clone() }, request.access.clone()))
        .collect();
    for (names, access) in of_all {
        let Some(own) = named.get_mut(&names) else { continue };
        own.access.retain(|right| !(access.contains(right) || right == "a" && access.contains("w")));
        if own.access.is_empty() {
            named.remove(&names);
        }
    }
    named
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
        for name in path.split(['/', LINK]).filter(|name| name.len() >= RANDOM) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apparmor::request::{Key, Kind};

    fn joined(paths: &[&str]) -> Vec<String> {
        let request = |path: &str| Request::new(Kind::File, ["r".to_owned()]).with(Key::Path, path);
        let named = paths.iter().map(|path| (Names::of(true, path), request(path))).collect();
        join(named).0.into_keys().map(|names| names.joined()).collect()
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

    #[test]
    fn one_name_that_looks_made_up_tells_of_others() {
        assert_eq!(
            joined(&["/srv/x.??????", "/srv/x.abcdef", "/srv/y.abcdef"]),
            ["/srv/x.??????", "/srv/y.abcdef"]
        );
        assert_eq!(joined(&["/srv/x\0/srv/x.??????", "/srv/x\0/srv/x.abcdef"]), ["/srv/x\0/srv/x.??????"]);
        assert_eq!(joined(&["/srv/x.??????", "/srv/x.abcde"]).len(), 2, "it is shorter");
    }

    #[test]
    fn each_secret_is_named() {
        let keys = ["@{HOME}/.ssh/key1", "@{HOME}/.ssh/key2", "@{HOME}/.ssh/key3"];
        assert_eq!(joined(&keys), keys);
    }

    #[test]
    fn what_is_allowed_for_all_files_needs_no_rule_for_ones_own() {
        let request = |rights: &[&str]| {
            Request::new(Kind::File, rights.iter().map(ToString::to_string)).with(Key::Path, "/srv/a")
        };
        let of = |own: &[&str], all: &[&str]| {
            let named =
                [(Names::of(true, "/srv/a"), request(own)), (Names::of(false, "/srv/a"), request(all))];
            let rights = |request: Request| request.access.into_iter().collect::<String>();
            join(named.into())
                .0
                .into_iter()
                .map(|(names, request)| (names.owner, rights(request)))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&["r"], &["r"]), [(false, "r".to_owned())]);
        assert_eq!(of(&["a"], &["w"]), [(false, "w".to_owned())]);
        assert_eq!(of(&["r", "w"], &["r"]), [(false, "r".to_owned()), (true, "w".to_owned())]);
    }

    #[test]
    fn links_are_joined_by_either_name() {
        let links = ["/srv/new\0/srv/x8Kq2Z", "/srv/new\0/srv/Rr09ab", "/srv/new\0/srv/zzTop1"];
        assert_eq!(joined(&links), ["/srv/new\0/srv/??????"]);
        let links = ["/a/1\0/b/job1", "/a/1\0/b/job2", "/a/1\0/b/job3"];
        assert_eq!(joined(&links), ["/a/1\0/b/job[0-9]*"]);
        let (links, files) = (["/srv/1\0/b", "/srv/2\0/b"], ["/srv/3"]);
        assert_eq!(joined(&[&links[..], &files[..]].concat()).len(), 3, "a link and a file are not alike");
    }
}
