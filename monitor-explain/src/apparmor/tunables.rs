//! Variables that profiles use for what differs from machine to machine (`/etc/apparmor.d/tunables`).

use super::{
    glob::{Glob, Variables},
    request::Key,
    rule::quoted,
    widen::NUMBER,
};

/// A name as a rule writes it: a path has variables, as far as they are known and it is one that they stand for. Where a
/// variable of a number is not known, any number takes its place.
pub(super) fn in_name(key: Key, name: &str, variables: Option<&Variables>) -> String {
    let plain = quoted(name);
    if !matches!(key, Key::Path | Key::Second) || !name.starts_with('/') {
        return plain;
    }
    let changed = in_path(&plain, &|variable| variables.is_none_or(|known| known.contains_key(variable)));
    let stands_for_it = |variables| Glob::of_path(changed.trim_matches('"'), variables).matches(name);
    if variables.is_none_or(stands_for_it) { changed } else { plain }
}

fn in_path(path: &str, is_known: &dyn Fn(&str) -> bool) -> String {
    let (quote, inner) = match path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) {
        Some(inner) => ("\"", inner),
        None => ("", path),
    };
    let changed = Known { is_known }.unquoted(inner).unwrap_or_else(|| inner.to_owned());
    format!("{quote}{changed}{quote}")
}

/// The variables that there are.
struct Known<'v> {
    is_known: &'v dyn Fn(&str) -> bool,
}

impl Known<'_> {
    /// The variable, or else this.
    fn or<'n>(&self, variable: &'n str, otherwise: &'n str) -> &'n str {
        let name = variable.trim_start_matches("@{").trim_end_matches('}');
        if (self.is_known)(name) { variable } else { otherwise }
    }

    /// What begins with a number, with a variable in its place.
    fn numbered(&self, rest: &str, variable: &str) -> Option<String> {
        let end = rest.find('/').unwrap_or(rest.len());
        let (number, rest) = rest.split_at(end);
        // The first process is always the same.
        let is_number = !matches!(number, "" | "1") && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("{}{rest}", self.or(variable, NUMBER)))
    }

    fn unquoted(&self, path: &str) -> Option<String> {
        if let Some(rest) = path.strip_prefix("/proc/") {
            return Some(format!("{}/{}", self.or("@{PROC}", "/proc"), self.of_process(rest)));
        }
        if let Some((folder, rest)) =
            ["/run/", "/var/run/"].iter().find_map(|folder| Some((folder, path.strip_prefix(folder)?)))
        {
            let of_user = rest.strip_prefix("user/").and_then(|rest| self.numbered(rest, "@{uid}"));
            let rest = of_user.map_or_else(|| rest.to_owned(), |rest| format!("user/{rest}"));
            return Some(format!("{}/{rest}", self.or("@{run}", folder.trim_end_matches('/'))));
        }
        if let Some(rest) = path.strip_prefix("/sys/") {
            return Some(format!("{}/{rest}", self.or("@{sys}", "/sys")));
        }
        if let Some((folder, rest)) = path.strip_prefix("/usr/lib/").and_then(|rest| rest.split_once('/'))
            && ["-linux-gnu", "-linux-gnueabihf"].iter().any(|end| folder.ends_with(end))
        {
            return Some(format!("/usr/lib/{}/{rest}", self.or("@{multiarch}", folder)));
        }
        let (user, rest) = path.strip_prefix("/home/").and_then(|rest| rest.split_once('/'))?;
        Some(format!("{}/{rest}", self.or("@{HOME}", &format!("/home/{user}"))))
    }

    /// What is below `/proc`.
    fn of_process(&self, rest: &str) -> String {
        let Some(process) = self.numbered(rest, "@{pid}") else { return rest.to_owned() };
        match process.split_once("/task/") {
            Some((process, thread)) => {
                let thread = self.numbered(thread, "@{tid}").unwrap_or_else(|| thread.to_owned());
                format!("{process}/task/{thread}")
            }
            None => process,
        }
    }
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
            ("/proc/1234", "@{PROC}/@{pid}"),
            ("/proc/1/comm", "@{PROC}/1/comm"),
            ("/run/user/1000/bus", "@{run}/user/@{uid}/bus"),
            ("/var/run/x.pid", "@{run}/x.pid"),
            ("/home/ann/.config/x", "@{HOME}/.config/x"),
            ("\"/home/ann/a b\"", "\"@{HOME}/a b\""),
            ("/sys/class/net/", "@{sys}/class/net/"),
            ("/usr/lib/x86_64-linux-gnu/a.so", "/usr/lib/@{multiarch}/a.so"),
            ("/home/x", "/home/x"),
            ("/etc/passwd", "/etc/passwd"),
        ] {
            assert_eq!(in_path(path, &|_| true), wanted);
        }
    }
    #[test]
    fn a_number_is_a_glob_where_a_profile_has_no_variable_for_it() {
        for (path, wanted) in [
            ("/proc/1234/task/77/comm", "/proc/[0-9]*/task/[0-9]*/comm"),
            ("/run/user/1000/bus", "@{run}/user/[0-9]*/bus"),
            ("/home/ann/.config/x", "/home/ann/.config/x"),
            ("/sys/class/net/", "/sys/class/net/"),
        ] {
            assert_eq!(in_path(path, &|variable| variable == "run"), wanted);
        }
    }
}
