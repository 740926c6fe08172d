//! Variables that profiles use for what differs from machine to machine (`/etc/apparmor.d/tunables`).

use super::{
    glob::{Glob, Variables},
    request::{Key, Request},
    rule::Rule,
};

/// The rule with variables in its path, as far as they are known and the path is one that they stand for.
pub(super) fn apply(rule: Rule, request: &Request, variables: Option<&Variables>) -> Rule {
    let Rule::File { owner, path, letters } = rule else { return rule };
    let changed = in_path(&path);
    let stands_for_it = |variables| {
        let pattern = Glob::of_path(changed.trim_matches('"'), variables);
        request.get(Key::Path).is_some_and(|path| pattern.matches(path))
    };
    let path = if variables.is_none_or(stands_for_it) { changed } else { path };
    Rule::File { owner, path, letters }
}

fn in_path(path: &str) -> String {
    let (quote, inner) = match path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) {
        Some(inner) => ("\"", inner),
        None => ("", path),
    };
    let changed = unquoted(inner).unwrap_or_else(|| inner.to_owned());
    format!("{quote}{changed}{quote}")
}

fn unquoted(path: &str) -> Option<String> {
    let numbered = |rest: &str, variable: &str| {
        let (number, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| if rest.is_empty() { format!("{variable}/") } else { format!("{variable}/{rest}") })
    };
    if let Some(rest) = path.strip_prefix("/proc/") {
        let Some(rest) = numbered(rest, "@{pid}") else { return Some(format!("@{{PROC}}/{rest}")) };
        let rest = match rest.split_once("/task/") {
            Some((process, thread)) => {
                let thread = numbered(thread, "@{tid}").unwrap_or_else(|| thread.to_owned());
                format!("{process}/task/{thread}")
            }
            None => rest,
        };
        return Some(format!("@{{PROC}}/{rest}"));
    }
    let run = path.strip_prefix("/run/").or_else(|| path.strip_prefix("/var/run/"));
    if let Some(rest) = run {
        let of_user = rest.strip_prefix("user/").and_then(|rest| numbered(rest, "@{uid}"));
        let rest = of_user.map_or_else(|| rest.to_owned(), |rest| format!("user/{rest}"));
        return Some(format!("@{{run}}/{rest}"));
    }
    if let Some(rest) = path.strip_prefix("/sys/") {
        return Some(format!("@{{sys}}/{rest}"));
    }
    if let Some((folder, rest)) = path.strip_prefix("/usr/lib/").and_then(|rest| rest.split_once('/'))
        && ["-linux-gnu", "-linux-gnueabihf"].iter().any(|end| folder.ends_with(end))
    {
        return Some(format!("/usr/lib/@{{multiarch}}/{rest}"));
    }
    if let Some((_, rest)) = path.strip_prefix("/home/").and_then(|rest| rest.split_once('/')) {
        return Some(format!("@{{HOME}}/{rest}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_machine_to_machine_is_a_variable() {
        for (path, wanted) in [
            ("/proc/1234/status", "@{PROC}/@{pid}/status"),
            ("/proc/1234/task/77/comm", "@{PROC}/@{pid}/task/@{tid}/comm"),
            ("/proc/sys/vm/overcommit_memory", "@{PROC}/sys/vm/overcommit_memory"),
            ("/proc/1234/", "@{PROC}/@{pid}/"),
            ("/run/user/1000/bus", "@{run}/user/@{uid}/bus"),
            ("/var/run/x.pid", "@{run}/x.pid"),
            ("/home/ann/.config/x", "@{HOME}/.config/x"),
            ("\"/home/ann/a b\"", "\"@{HOME}/a b\""),
            ("/sys/class/net/", "@{sys}/class/net/"),
            ("/usr/lib/x86_64-linux-gnu/a.so", "/usr/lib/@{multiarch}/a.so"),
            ("/home/x", "/home/x"),
            ("/etc/passwd", "/etc/passwd"),
        ] {
            assert_eq!(in_path(path), wanted);
        }
    }
}
