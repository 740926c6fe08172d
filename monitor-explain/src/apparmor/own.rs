//! Numbers in names that are the process's own, and so are others each time it is started.

use std::{collections::BTreeSet, ops::RangeInclusive};

use monitor_event::event::Event;

use super::{
    request::{Key, Request},
    widen::NUMBER,
};

/// Smaller ones are of what the kernel starts first, and as often something else.
const SMALLEST: u32 = 100;
/// From here on, no name of something else (`sha256`) is likely to end so.
const LONG: u32 = 1000;
/// Folders are called by them.
const YEARS: RangeInclusive<u32> = 1990..=2099;
/// What stands between two numbers of a name.
const BETWEEN: [char; 3] = ['.', '-', '_'];
/// Folders in which no program makes names: a number there is a version.
const INSTALLED: [&str; 7] = ["/usr/", "/etc/", "/bin/", "/sbin/", "/lib", "/boot/", "/snap/"];
/// What stands before a number that is another thing.
const OTHERS: [&str; 7] = ["uid", "gid", "user-", "user@", "user/", "port", "port-"];

/// What may have such a number in it.
const NAMES: [Key; 7] =
    [Key::Path, Key::Second, Key::Address, Key::PeerAddress, Key::Object, Key::Name, Key::PeerName];

/// The ids of the process and its thread that stand in names of what it asked for.
pub(super) fn of(event: &Event<'_>, request: &Request) -> BTreeSet<u32> {
    let (process, subject) = (&event.process, &event.subject);
    if subject.not_process {
        return BTreeSet::new();
    }
    let accounts = [
        process.uid,
        process.euid,
        process.fsuid,
        process.gid,
        process.egid,
        subject.uid,
        subject.euid,
        subject.fsuid,
        subject.gid,
        subject.egid,
        event.object.owner,
    ];
    let ids = [process.pid, process.tid, process.ns_pid].into_iter().flatten();
    let is_in_a_name = |id: &u32| {
        let one = BTreeSet::from([*id]);
        NAMES.iter().filter_map(|key| request.get(*key)).any(|name| without(name, &one).is_some())
    };
    ids.filter(|id| *id >= SMALLEST && !accounts.contains(&Some(*id))).filter(is_in_a_name).collect()
}

/// The name with a glob in place of each of these numbers, and of what is counted behind it. None if it has none of them.
pub(super) fn without(name: &str, ids: &BTreeSet<u32>) -> Option<String> {
    if INSTALLED.iter().any(|folder| name.starts_with(folder)) {
        return None;
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut changed, mut from, mut counts) = (String::new(), 0, false);
    while let Some(start) = name[from..].find(is_digit).map(|at| from + at) {
        let end = name[start..].find(|c| !is_digit(c)).map_or(name.len(), |at| start + at);
        changed.push_str(&name[from..start]);
        let number = &name[start..end];
        // `org.mozilla.ipc.4711.12`
        let is_counted = counts
            && BETWEEN.contains(&name[from..].chars().next().unwrap_or_default())
            && start == from + 1
            && !name[end..].starts_with(|c: char| c.is_alphanumeric());
        let is_own =
            number.parse().is_ok_and(|id| ids.contains(&id) && is_alone(&name[..start], id, &name[end..]));
        changed.push_str(if is_own || is_counted { NUMBER } else { number });
        counts = is_own;
        from = end;
    }
    changed.push_str(&name[from..]);
    (changed != name).then_some(changed)
}

/// Whether a number with this before and behind it is a name's part of its own, and not a version, a date or a part of a sum.
fn is_alone(before: &str, id: u32, after: &str) -> bool {
    let ends_with_digit = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let of_version = before.strip_suffix('.').is_some_and(ends_with_digit)
        || id < LONG && after.strip_prefix('.').is_some_and(starts_with_digit);
    // `2026-11-29`
    let of_date = after.strip_prefix('-').is_some_and(|rest| {
        rest.split(['/', '.', '_', 'T']).next().is_some_and(|rest| {
            rest.split('-').next().is_some_and(|month| month.len() == 2 && starts_with_digit(month))
        })
    });
    let is_whole = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
    let of_year = is_whole && YEARS.contains(&id);
    let letters = before.len() - before.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let is_begun = match letters {
        // Not within an escape, and no port.
        0 => !before.ends_with(['\\', ':']),
        _ => before.to_ascii_lowercase().ends_with("pid") || letters >= 3 && id >= LONG,
    };
    // GnuPG tries with an `x` whether links can be made.
    let is_ended = after == "x" || !after.starts_with(|c: char| c.is_alphanumeric());
    let is_other = OTHERS.iter().any(|word| {
        // `report-` is no port.
        let start = before.to_ascii_lowercase();
        start.strip_suffix(word).is_some_and(|start| !start.ends_with(|c: char| c.is_ascii_alphabetic()))
    });
    is_begun && is_ended && !of_version && !of_date && !of_year && !is_other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_process_is_a_glob_where_it_is_a_part_of_its_own() {
        for (name, wanted) in [
            ("/run/user/1000/foo.4711", "/run/user/1000/foo.[0-9]*"),
            ("/tmp/app-4711/in", "/tmp/app-[0-9]*/in"),
            ("/tmp/hsperfdata_ann/4711", "/tmp/hsperfdata_ann/[0-9]*"),
            ("/tmp/.java_pid4711", "/tmp/.java_pid[0-9]*"),
            ("/tmp/perf-4711.map", "/tmp/perf-[0-9]*.map"),
            ("/run/samba/msg.lock/4711", "/run/samba/msg.lock/[0-9]*"),
            ("/srv/4711/4711.log", "/srv/[0-9]*/[0-9]*.log"),
            (
                r"/home/ann/.gnupg/.\#lk0x000055d0.host.4711x",
                r"/home/ann/.gnupg/.\#lk0x000055d0.host.[0-9]*x",
            ),
            ("org.kde.dolphin-4711", "org.kde.dolphin-[0-9]*"),
            ("org.mpris.MediaPlayer2.vlc.instance4711", "org.mpris.MediaPlayer2.vlc.instance[0-9]*"),
            ("/var/tmp/job00004711", "/var/tmp/job[0-9]*"),
            ("/dev/shm/org.mozilla.ipc.4711.12", "/dev/shm/org.mozilla.ipc.[0-9]*.[0-9]*"),
            ("/var/tmp/report-4711", "/var/tmp/report-[0-9]*"),
        ] {
            assert_eq!(without(name, &BTreeSet::from([4711])).as_deref(), Some(wanted));
        }
        let own = BTreeSet::from([256]);
        assert_eq!(without("/tmp/.java_pid256", &own).as_deref(), Some("/tmp/.java_pid[0-9]*"));
        assert_eq!(without("/srv/sums.sha256", &own), None);
        assert_eq!(without("/srv/app-256.2", &own), None);
        let own = BTreeSet::from([2026]);
        assert_eq!(without("/srv/photos/2026/x", &own), None);
        assert_eq!(without("/run/app.2026", &own).as_deref(), Some("/run/app.[0-9]*"));
    }

    #[test]
    fn a_number_that_is_another_thing_stays() {
        for name in [
            "/usr/share/app-4711/data",
            "/etc/app.4711",
            "/opt/app-1.4711/bin",
            "/srv/v4711/data",
            "/srv/app:4711",
            "/run/app-port4711",
            "/run/user/4711/bus",
            "/srv/4711-11-29/log",
            "/srv/4711-11.log",
            "/srv/ab4711cd",
            "/srv/14711",
            "/srv/47110",
            "/srv/x4711a",
            r"/srv/a\4711",
        ] {
            assert_eq!(without(name, &BTreeSet::from([4711])), None, "{name}");
        }
    }
}
