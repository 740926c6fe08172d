//! What one name tells by itself.

use super::{LONGEST, NUMBER, RANDOM, has_escapes, made};
use crate::apparmor::{danger, generated::is_of_libvirt, own, request::Request};

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
const OF_SESSIONS: [(&str, &str); 3] = [("user-", ".slice"), (r"user\@", ".service"), ("session-", ".scope")];
/// Folders of temporary files.
const TEMPORARY: [&str; 2] = ["/tmp/", "/var/tmp/"];
/// How many hexadecimal digits the id of a container has.
const CONTAINER: usize = 64;
/// How many hexadecimal digits the kernel's choice of a name for a socket has, and how many systemd's.
const CHOSEN: usize = 5;
const COOKIE: usize = 16;
/// Where shared memory is, and how many digits a number has there, at least, that a program made up.
const SHARED_MEMORY: &str = "/dev/shm/";
const MADE_UP: usize = 7;
/// Where files are none that programs make.
const OF_KERNEL: [&str; 3] = ["@{PROC}/", "/proc/", "@{sys}/"];

/// A path with globs for what is known to be another each time; `other` is the second name of a link, as it is.
pub(in crate::apparmor) fn of_one(path: &str, other: Option<&str>, request: &Request) -> Option<String> {
    // Which program is executed must stay clear.
    if request.executes().is_some() {
        return None;
    }
    let mut glob = path.to_owned();
    if !has_escapes(path) {
        glob = of_place(path).or_else(|| of_temporary_folder(path)).unwrap_or(glob);
        glob = made::with_sums(&glob, |length| length == CONTAINER);
        let is_new = makes(path, request);
        glob = of_name(&glob, |name| {
            made::of_file_without_name(name)
                .or_else(|| is_new.then(|| made::of_new_file(name, other)).flatten())
        })
        .unwrap_or(glob);
        let is_object = is_new && !danger::is_secret(path);
        glob = is_object.then(|| made::of_object(&glob)).flatten().unwrap_or(glob);
    }
    glob = own::without(&glob, &request.own).unwrap_or(glob);
    Some(glob).filter(|glob| glob != path)
}

/// Whether the file may be one that is made for it.
fn makes(path: &str, request: &Request) -> bool {
    let is_device = path.starts_with("/dev/") && !path.starts_with(SHARED_MEMORY);
    let may_be = !is_device && !OF_KERNEL.iter().any(|folder| path.starts_with(folder));
    may_be && ["w", "a", "l"].iter().any(|right| request.access.contains(*right))
}

/// The path with another last name.
fn of_name(path: &str, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let whole = path.strip_suffix('/').unwrap_or(path);
    let (folder, name) = whole.split_at(whole.rfind('/')? + 1);
    Some(format!("{folder}{}{}", change(name)?, &path[whole.len()..]))
}

/// By the folder that it is in.
fn of_place(path: &str) -> Option<String> {
    for before in NUMBERED.into_iter().chain(COUNTED) {
        // Not every profile has the variables.
        let plain = before.replace("@{PROC}", "/proc").replace("@{pid}", NUMBER);
        let plain = plain.replace("@{run}", "/run").replace("@{sys}", "/sys");
        let Some((before, rest)) =
            [before, &plain].into_iter().find_map(|before| Some((before, path.strip_prefix(before)?)))
        else {
            continue;
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = &rest[digits..];
        // systemd-logind's `5.ref` is open as long as the session lasts.
        if digits > 0 && (after.is_empty() || after.starts_with('/') || after == ".ref") {
            return Some(format!("{before}{NUMBER}{after}"));
        }
    }
    if path.starts_with(SHARED_MEMORY) {
        return of_shared_memory(path);
    }
    let groups = path.strip_prefix(CGROUPS)?;
    let names: Vec<String> = groups.split('/').map(of_cgroup).collect();
    Some(format!("{CGROUPS}{}", names.join("/"))).filter(|glob| glob != path)
}

/// Shared memory with a long number, which a program made up: `PostgreSQL.2890123456`, `pulse-shm-1234567890`.
fn of_shared_memory(path: &str) -> Option<String> {
    let before = path.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_it = path.len() - before.len() >= MADE_UP && before.ends_with(['.', '-', '_']);
    is_it.then(|| format!("{before}{NUMBER}"))
}

/// A control group's name with a glob for the number of a user, a session, or the process that a scope was made for.
fn of_cgroup(name: &str) -> String {
    let number = |(before, after): &(&str, &str)| {
        let digits = name.strip_prefix(before)?.strip_suffix(after)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("{before}{NUMBER}{after}"))
    };
    // `app-gnome-firefox-4711.scope`
    let of_scope = || {
        let (before, digits) = name.strip_suffix(".scope")?.rsplit_once('-')?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("{before}-{NUMBER}.scope"))
    };
    OF_SESSIONS.iter().find_map(number).or_else(of_scope).unwrap_or_else(|| name.to_owned())
}

/// A folder or file in `/tmp` whose name `mkstemp` made up, and what is in it.
fn of_temporary_folder(path: &str) -> Option<String> {
    let folder = TEMPORARY.into_iter().find(|folder| path.starts_with(folder))?;
    let rest = &path[folder.len()..];
    let (name, after) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    Some(format!("{folder}{}{after}", made::of_mkstemp(name, RANDOM..=LONGEST)?))
}

/// The label of a profile that is written for one machine of libvirt's, or one version of Podman's, for all of them.
pub(in crate::apparmor) fn of_label(label: &str) -> Option<String> {
    if is_of_libvirt(label) {
        return Some("libvirt-*".to_owned());
    }
    let version = label.strip_prefix("containers-default-")?;
    let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_version.then(|| "containers-default-*".to_owned())
}

/// The name of an abstract socket with globs for what is known to be another each time: what the kernel chooses if a program
/// chooses none, and what systemd's programs do (`5f1b2a3c4d5e6f70/bus/systemctl/system`, `userdb-4b1c3dd9a0f1e2c3`).
pub(in crate::apparmor) fn of_address(address: &str, request: &Request) -> Option<String> {
    if has_escapes(address) {
        return None;
    }
    let is_chosen = address.len() == CHOSEN && address.bytes().all(|byte| byte.is_ascii_hexdigit());
    let glob = if is_chosen {
        "[0-9a-f]".repeat(CHOSEN)
    } else {
        made::with_sums(address, |length| length == COOKIE)
    };
    let glob = of_temporary_folder(&glob).unwrap_or(glob);
    let glob = own::without(&glob, &request.own).unwrap_or(glob);
    Some(glob).filter(|glob| glob != address)
}

/// The path of an object on D-Bus with globs for its numbers: of a device, a job, a session (`_31`).
pub(in crate::apparmor) fn of_object(path: &str, request: &Request) -> Option<String> {
    let of_name = |name: &str| {
        let number = name.strip_prefix('_').unwrap_or(name);
        let is_number = number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        if is_number { format!("{}{NUMBER}", &name[..name.len() - number.len()]) } else { name.to_owned() }
    };
    if has_escapes(path) {
        return None;
    }
    let glob = path.split('/').map(of_name).collect::<Vec<_>>().join("/");
    let glob = own::without(&glob, &request.own).unwrap_or(glob);
    Some(glob).filter(|glob| glob != path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apparmor::request::{Key, Kind};

    fn of(path: &str, right: &str) -> Option<String> {
        of_one(path, None, &Request::new(Kind::File, [right.to_owned()]).with(Key::Path, path))
    }

    #[test]
    fn what_is_another_each_time_by_its_place_is_a_glob_at_once() {
        for (path, glob) in [
            ("/dev/pts/3", Some("/dev/pts/[0-9]*")),
            ("/dev/pts/ptmx", None),
            ("/dev/shm/PostgreSQL.2890123456", Some("/dev/shm/PostgreSQL.[0-9]*")),
            ("/dev/shm/ring-2048", None),
            ("@{PROC}/@{pid}/fd/12", Some("@{PROC}/@{pid}/fd/[0-9]*")),
            ("/proc/[0-9]*/fd/12", Some("/proc/[0-9]*/fd/[0-9]*")),
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
            (
                r"@{sys}/fs/cgroup/user\@1000.service/app.slice/app-gnome-firefox-77.scope/cpu.max",
                Some(
                    r"@{sys}/fs/cgroup/user\@[0-9]*.service/app.slice/app-gnome-firefox-[0-9]*.scope/cpu.max",
                ),
            ),
            ("@{sys}/fs/cgroup/system.slice/session-a.scope/cpu.max", None),
            ("/tmp/tmp.bQ3zP0aXy1", Some("/tmp/tmp.??????????")),
            ("/tmp/ssh-6bXhPz0QWe3x/agent.77", Some("/tmp/ssh-????????????/agent.77")),
            ("/tmp/tmpk3x_0a2b.json", Some("/tmp/tmp????????.json")),
            ("/tmp/ccR1aBcd.o", Some("/tmp/cc??????.o")),
            ("/var/tmp/tmpk3x_0a2b/x", Some("/var/tmp/tmp????????/x")),
            ("/tmp/tmp.directory1", None),
            ("/srv/tmp.bQ3zP0aXy1", None),
            ("/etc/passwd", None),
            (
                "@{sys}/fs/cgroup/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope/x",
                Some("@{sys}/fs/cgroup/system.slice/docker-[0-9a-f]*.scope/x"),
            ),
            ("/srv/0123456789abcdef0123456789abcdef", None),
        ] {
            assert_eq!(of(path, "r").as_deref(), glob, "{path}");
        }
    }

    #[test]
    fn a_profile_that_is_written_for_one_machine_is_any_of_its_kind() {
        for (label, glob) in [
            ("libvirt-7cf29f14-a170-4e33-bece-1f1e4c7e10b7", Some("libvirt-*")),
            ("containers-default-0.44.4", Some("containers-default-*")),
            ("libvirt-dbus", None),
            ("containers-default-mine", None),
            ("docker-default", None),
        ] {
            assert_eq!(of_label(label).as_deref(), glob);
        }
    }

    #[test]
    fn the_numbers_of_an_object_are_globs() {
        let request = Request::new(Kind::Dbus, ["send".to_owned()]);
        for (path, glob) in [
            (
                "/org/freedesktop/NetworkManager/Devices/3",
                Some("/org/freedesktop/NetworkManager/Devices/[0-9]*"),
            ),
            ("/org/freedesktop/login1/session/_31", Some("/org/freedesktop/login1/session/_[0-9]*")),
            (
                "/org/freedesktop/portal/desktop/request/1_77/t",
                Some("/org/freedesktop/portal/desktop/request/[0-9]*/t"),
            ),
            ("/org/freedesktop/login1", None),
            ("/", None),
        ] {
            assert_eq!(of_object(path, &request).as_deref(), glob);
        }
    }

    #[test]
    fn addresses_that_are_made_up_are_globs() {
        let request = Request::new(Kind::Unix, ["bind".to_owned()]);
        for (address, glob) in [
            ("0001a", Some("[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]")),
            ("userdb-4b1c3dd9a0f1e2c3", Some("userdb-[0-9a-f]*")),
            ("5f1b2a3c4d5e6f70/bus/systemctl/system", Some("[0-9a-f]*/bus/systemctl/system")),
            ("/tmp/dbus-Xq2RtPz01A", Some("/tmp/dbus-??????????")),
            ("/tmp/.X11-unix/X0", None),
            ("cafe", None),
        ] {
            assert_eq!(of_address(address, &request).as_deref(), glob);
        }
    }
}
