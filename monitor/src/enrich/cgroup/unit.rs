//! The systemd unit, found in a path as systemd itself does (`cg_path_get_unit`, `cg_path_get_slice`,
//! `cg_path_get_user_unit` and their like in systemd's `src/basic/cgroup-util.c`).

use std::borrow::Cow;

use crate::event::{Text, Unit};

/// The slice that all others are in.
const ROOT_SLICE: &str = "-.slice";

/// The unit that a cgroup belongs to, by its path without the first slash.
///
/// Names are given as systemd says them: its own escapes are part of them, and no backslash is doubled, since they have
/// no bytes that a [`Text`] must escape.
pub(super) fn find(path: &str) -> Option<Unit<'_>> {
    let Place { slice, name, rest } = place(path);
    if name.is_none() && slice.is_none() {
        return None;
    }
    let instance = |of: &str, suffix: &str| -> Option<&str> {
        name?.strip_prefix(of)?.strip_suffix(suffix).filter(|instance| !instance.is_empty())
    };
    let user = instance("user@", ".service").and_then(uid);
    let runs_units = user.is_some() || instance("capsule@", ".service").is_some();
    let inner = if runs_units { place(rest) } else { Place::default() };
    let slices_user =
        slice.and_then(|slice| slice.strip_prefix("user-")?.strip_suffix(".slice")).and_then(uid);
    Some(Unit {
        name: name.map(said),
        slice: slice_of(name, slice),
        user_unit: inner.name.map(said),
        user_slice: slice_of(inner.name, inner.slice),
        owner: user.or(slices_user),
        session: instance("session-", ".scope").map(said),
    })
}

/// A name as systemd says it.
fn said(name: &str) -> Text<'_> {
    if name.contains('\\') { Cow::Owned(name.replace(r"\\", r"\")) } else { Cow::Borrowed(name) }
}

/// A unit's slice: where the path has none, it is directly in the root slice.
fn slice_of<'a>(name: Option<&str>, slice: Option<&'a str>) -> Option<Text<'a>> {
    slice.or(name.map(|_| ROOT_SLICE)).map(said)
}

/// Where a path stands in one manager's tree.
#[derive(Default)]
struct Place<'a> {
    /// The innermost of the slices that it starts with.
    slice: Option<&'a str>,
    /// The unit after them.
    name: Option<&'a str>,
    /// What follows the unit.
    rest: &'a str,
}

fn place(path: &str) -> Place<'_> {
    let mut place = Place { rest: path, ..Place::default() };
    while !place.rest.is_empty() {
        let (component, rest) = place.rest.split_once('/').unwrap_or((place.rest, ""));
        // systemd puts an underscore before names that the kernel would take for files of its own.
        let component = component.strip_prefix('_').unwrap_or(component);
        match kind(component) {
            Some(Kind::Slice) => place.slice = Some(component),
            Some(Kind::Other) => {
                place.name = Some(component);
                place.rest = rest;
                break;
            }
            None if component.is_empty() => {}
            None => break,
        }
        place.rest = rest;
    }
    place
}

enum Kind {
    Slice,
    Other,
}

/// The types of units whose processes have a cgroup.
const SUFFIXES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// Whether this is the name of a unit, as `unit_name_is_valid` says; templates are none.
fn kind(name: &str) -> Option<Kind> {
    const UNIT_NAME_MAX: usize = 256;
    let (kind, stem) = match name.strip_suffix(".slice") {
        Some(stem) => (Kind::Slice, stem),
        None => (Kind::Other, SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix))?),
    };
    // A doubled backslash is one; a single one stands before the digits of a byte that is no character.
    let stem_bytes = stem.as_bytes();
    let mut at = 0;
    while let Some(&byte) = stem_bytes.get(at) {
        at += match byte {
            b'\\' if stem_bytes.get(at + 1) == Some(&b'\\') => 2,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'-' | b'_' | b'.' | b'@' => 1,
            _ => return None,
        };
    }
    let valid = match stem.split_once('@') {
        None => !stem.is_empty(),
        // A slice has no instances.
        Some((prefix, instance)) => {
            !prefix.is_empty() && !instance.is_empty() && !matches!(kind, Kind::Slice)
        }
    };
    (valid && name.len() < UNIT_NAME_MAX).then_some(kind)
}

/// A user id as systemd writes it in names.
fn uid(digits: &str) -> Option<u32> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, slice, user's unit, user's slice, owner, session.
    type Expected<'a> =
        (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<u32>, Option<&'a str>);

    #[track_caller]
    fn is(path: &str, expected: Expected<'_>) {
        let unit = find(path.strip_prefix('/').unwrap()).unwrap_or_else(|| panic!("{path} has no unit"));
        let text = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
        let found = [&unit.name, &unit.slice, &unit.user_unit, &unit.user_slice, &unit.session].map(text);
        let (name, slice, user_unit, user_slice, owner, session) = expected;
        assert_eq!(
            found,
            [name, slice, user_unit, user_slice, session].map(|text| text.map(str::to_owned)),
            "{path}"
        );
        assert_eq!(unit.owner, owner, "{path}");
    }

    #[test]
    fn a_service_of_the_system() {
        let system = |name, slice| (Some(name), Some(slice), None, None, None, None);
        is("/system.slice/httpd.service", system("httpd.service", "system.slice"));
        is("/system.slice/getty@tty5.service/aaa/bbb", system("getty@tty5.service", "system.slice"));
        is(
            "/system.slice/system-getty.slice/getty@tty1.service",
            system("getty@tty1.service", "system-getty.slice"),
        );
        is("/system.slice/_cpu.service", system("cpu.service", "system.slice"));
        is("/init.scope", system("init.scope", "-.slice"));
        is("/system.slice/dbus.socket", system("dbus.socket", "system.slice"));
    }

    #[test]
    fn a_name_is_what_systemd_says() {
        is(
            r"/system.slice/system-systemd\\x2dfsck.slice/systemd-fsck@dev-disk-by\\x2duuid-1A2B.service",
            (
                Some(r"systemd-fsck@dev-disk-by\x2duuid-1A2B.service"),
                Some(r"system-systemd\x2dfsck.slice"),
                None,
                None,
                None,
                None,
            ),
        );
    }

    #[test]
    fn a_session_and_its_user() {
        is(
            "/user.slice/user-1000.slice/session-67.scope/test",
            (Some("session-67.scope"), Some("user-1000.slice"), None, None, Some(1000), Some("67")),
        );
    }

    #[test]
    fn a_unit_of_a_user() {
        let user =
            |unit, slice| (Some("user@1000.service"), Some("user-1000.slice"), unit, slice, Some(1000), None);
        is(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/dbus-broker.service",
            user(Some("dbus-broker.service"), Some("app.slice")),
        );
        is(
            r"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-f22f14d2-3d44-4304-9879-3fdd0df7b08e.scope",
            user(
                Some("vte-spawn-f22f14d2-3d44-4304-9879-3fdd0df7b08e.scope"),
                Some("app-org.gnome.Terminal.slice"),
            ),
        );
        is(
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            user(Some("init.scope"), Some("-.slice")),
        );
        is("/user.slice/user-1000.slice/user@1000.service", user(None, None));
        is(
            "/user.slice/user-984.slice/user@984.service/user.slice/podman-6696.scope",
            (
                Some("user@984.service"),
                Some("user-984.slice"),
                Some("podman-6696.scope"),
                Some("user.slice"),
                Some(984),
                None,
            ),
        );
        is(
            "/capsule.slice/capsule@lab.service/app.slice/a.service",
            (
                Some("capsule@lab.service"),
                Some("capsule.slice"),
                Some("a.service"),
                Some("app.slice"),
                None,
                None,
            ),
        );
    }

    #[test]
    fn a_slice_alone_is_all_that_is_told() {
        is("/kubepods.slice", (None, Some("kubepods.slice"), None, None, None, None));
        is("/user.slice/user-1006.slice", (None, Some("user-1006.slice"), None, None, Some(1006), None));
        is("/user.slice/user-waldo.slice/x", (None, Some("user-waldo.slice"), None, None, None, None));
        is("/system.slice/getty####@tty6.service/xxx", (None, Some("system.slice"), None, None, None, None));
        is(
            "/user.slice/user-1000.slice/user@.service/a.service",
            (None, Some("user-1000.slice"), None, None, Some(1000), None),
        );
    }

    #[test]
    fn what_systemd_did_not_make_has_no_unit() {
        for path in [
            "/",
            "/docker/788e4174/init.scope",
            "/lxc.payload.web/system.slice/cron.service",
            "/foobar",
            "/.service",
            "/@a.service",
            "/a.timerx",
            r"/\xff.service",
        ] {
            assert_eq!(find(&path[1..]), None, "{path}");
        }
    }

    #[test]
    fn a_uid_is_one_as_systemd_writes_it() {
        assert_eq!(uid("4294967295"), Some(u32::MAX));
        for digits in ["", "01", "+1", "4294967296", "a"] {
            assert_eq!(uid(digits), None, "{digits}");
        }
    }
}
