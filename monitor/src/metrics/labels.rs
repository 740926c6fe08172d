//! What an event's properties become as label values: a bounded set, as far as the machine's policy and units are one.
//!
//! Names that are made anew for each process, container or session lose what tells these apart. What still grows
//! without bound meets the budget (see [`super::series`]).

use std::{borrow::Cow, fmt::Write as _};

use crate::event::{Action, ChangeKind, Event, Module, Subject, Unit};

/// What stands for the values that found no room.
pub const OTHER: &str = "(other)";
/// What stands for a value that should be there and can't be read.
const UNKNOWN: &str = "(unknown)";
/// What stands for the part of a name that tells one of many.
const ANY: &str = "*";
/// Bytes of a label's value, at most.
pub const MAX_LEN: usize = 128;
/// This many hexadecimal digits in a row are an id, not a word.
const ID_DIGITS: usize = 12;

/// Writes who asked: the type of an SELinux context, the name of an AppArmor profile. Empty where the module has neither.
pub(super) fn subject(module: Module, subject: &Subject<'_>, to: &mut String) {
    let Some(label) = subject.label.as_deref() else { return };
    match module {
        Module::Selinux => {
            // user:role:type, and then the level, which may have more colons.
            push(label.split(':').nth(2).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN), to);
        }
        Module::Apparmor => {
            let start = to.len();
            if let Some(namespace) = subject.namespace.as_deref() {
                to.push(':');
                push_without_ids(namespace, to);
                to.push_str("://");
            }
            profile(label, to);
            bound(to, start);
        }
        _ => {}
    }
}

/// Writes a profile's name. The children that complain mode makes for unknown programs (`null-...`, `aa_null_profile`,
/// security/apparmor/policy.c) count as one.
fn profile(name: &str, to: &mut String) {
    for (nth, part) in name.split("//").enumerate() {
        if nth > 0 {
            to.push_str("//");
        }
        if part.starts_with("null-") {
            to.push_str("null-");
            to.push_str(ANY);
            return;
        }
        push_without_ids(part, to);
    }
}

/// Writes the unit. Templates stand for their instances, and a transient unit (a session, a container, `systemd-run`) for
/// all of its kind.
pub(super) fn unit(unit: Option<&Unit<'_>>, to: &mut String) {
    let Some(name) = unit.and_then(|unit| unit.name.as_deref().or(unit.slice.as_deref())) else { return };
    let start = to.len();
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    if let Some((template, _instance)) = stem.split_once('@') {
        push_without_ids(template, to);
        to.push('@');
    } else if let Some((first, _rest)) = stem.split_once('-')
        && (kind == "scope" || first == "run")
    {
        push_without_ids(first, to);
        to.push('-');
        to.push_str(ANY);
    } else if kind == "slice" && stem.bytes().any(|byte| byte.is_ascii_digit()) {
        // user-1000.slice, kubepods-burstable-podUID.slice
        let end = stem.find(|c: char| c.is_ascii_digit()).unwrap_or(stem.len());
        let end = stem[..end].rfind('-').map_or(end, |dash| dash + 1);
        push(&stem[..end], to);
        to.push_str(ANY);
    } else {
        push_without_ids(stem, to);
    }
    if !kind.is_empty() {
        to.push('.');
        push(kind, to);
    }
    bound(to, start);
}

/// Writes the object's class.
pub(super) fn class(action: &Action<'_>, to: &mut String) {
    push(action.class.as_deref().unwrap_or_default(), to);
}

/// Writes the operation, or the permissions where the module has no operations.
pub(super) fn operation(action: &Action<'_>, to: &mut String) {
    let start = to.len();
    if let Some(operation) = action.operation.as_deref() {
        push(operation, to);
    } else {
        for (nth, permission) in action.permissions.iter().enumerate() {
            if nth > 0 {
                to.push(' ');
            }
            push(permission, to);
        }
    }
    bound(to, start);
}

/// What changes most: the module, what of it, and what it is then.
pub(super) const EXPECTED_CHANGES: [(Module, ChangeKind, &str); 13] = [
    (Module::Selinux, ChangeKind::Mode, "enforcing"),
    (Module::Selinux, ChangeKind::Mode, "permissive"),
    (Module::Selinux, ChangeKind::Policy, NEW),
    (Module::Selinux, ChangeKind::Boolean, "on"),
    (Module::Selinux, ChangeKind::Boolean, "off"),
    (Module::Apparmor, ChangeKind::Mode, "enforce"),
    (Module::Apparmor, ChangeKind::Mode, "complain"),
    (Module::Apparmor, ChangeKind::Mode, "kill"),
    (Module::Apparmor, ChangeKind::Profile, "enforce"),
    (Module::Apparmor, ChangeKind::Profile, "complain"),
    (Module::Apparmor, ChangeKind::Profile, "kill"),
    (Module::Apparmor, ChangeKind::Profile, "unconfined"),
    (Module::Apparmor, ChangeKind::Profile, GONE),
];

/// What has no name of its own: a policy, a mask.
const NEW: &str = "new";
/// What is not there any more.
const GONE: &str = "gone";

/// What changed, as events have it.
pub(super) fn changed(what: ChangeKind) -> &'static str {
    match what {
        ChangeKind::Mode => "mode",
        ChangeKind::AuditMode => "audit_mode",
        ChangeKind::Policy => "policy",
        ChangeKind::Boolean => "boolean",
        ChangeKind::Profile => "profile",
    }
}

/// What a policy's change made of what it changed: the few modes and values that there are.
pub(super) fn changed_to(after: Option<&str>) -> &'static str {
    const KNOWN: [&str; 10] = [
        "enforcing",
        "permissive",
        "disabled",
        "on",
        "off",
        "enforce",
        "complain",
        "kill",
        "unconfined",
        "prompt",
    ];
    match after {
        None => GONE,
        Some(after) => KNOWN.into_iter().find(|known| *known == after).unwrap_or(NEW),
    }
}

/// The verdict's name, as events have it.
pub(super) fn verdict(event: &Event<'_>) -> &'static str {
    match event.verdict {
        Some(crate::event::Verdict::Permitted) => "permitted",
        // A denial has a verdict.
        _ => "denied",
    }
}

/// Writes a text without control characters, at most [`MAX_LEN`] bytes of it.
fn push(text: &str, to: &mut String) {
    let start = to.len();
    if text.bytes().any(|byte| byte.is_ascii_control()) || text.chars().any(char::is_control) {
        // Writing to a String can't fail.
        let _infallible = write!(to, "{}", crate::text::printable(text));
    } else {
        to.push_str(text);
    }
    bound(to, start);
}

/// Writes a text in which ids (UUIDs, long hexadecimal numbers) are [`ANY`].
fn push_without_ids(text: &str, to: &mut String) {
    push(&without_ids(text), to);
}

fn without_ids(text: &str) -> Cow<'_, str> {
    let mut found: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    let part_of_id = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    while at < bytes.len() {
        // An id starts where a word does, and has a digit.
        if !bytes[at].is_ascii_hexdigit() || (at > 0 && bytes[at - 1].is_ascii_alphanumeric()) {
            at += 1;
            continue;
        }
        let len = bytes[at..].iter().position(|byte| !part_of_id(byte)).unwrap_or(bytes.len() - at);
        let run = text[at..at + len].trim_end_matches('-');
        let end = at + run.len();
        let is_word_end = bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if is_word_end && is_id(run) {
            let text_without = found.get_or_insert_with(String::new);
            text_without.push_str(&text[copied..at]);
            text_without.push_str(ANY);
            copied = end;
            at = end;
        } else {
            // On to the next word of the run.
            at += run.find('-').map_or(run.len().max(1), |dash| dash + 1);
        }
    }
    match found {
        None => Cow::Borrowed(text),
        Some(mut without) => {
            without.push_str(&text[copied..]);
            Cow::Owned(without)
        }
    }
}

/// Whether these hexadecimal digits and dashes are an id: a UUID, or a long number.
fn is_id(run: &str) -> bool {
    let uuid = run.len() == 36 && run.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let number =
        run.len() >= ID_DIGITS && !run.contains('-') && run.bytes().any(|byte| byte.is_ascii_digit());
    uuid || number
}

/// Cuts what was written since `start` to [`MAX_LEN`] bytes.
fn bound(to: &mut String, start: usize) {
    if to.len() - start > MAX_LEN {
        let end = to.floor_char_boundary(start + MAX_LEN - '…'.len_utf8());
        to.truncate(end);
        to.push('…');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut text = String::new();
        write(&mut text);
        text
    }

    fn subject_of(of: Module, label: &str) -> String {
        let who = Subject { label: Some(label.into()), ..Subject::default() };
        written(|to| subject(of, &who, to))
    }

    fn unit_of(name: &str) -> String {
        let it = Unit { name: Some(name.into()), ..Unit::default() };
        written(|to| unit(Some(&it), to))
    }

    #[test]
    fn an_selinux_subject_is_its_type() {
        let subject = |label| subject_of(Module::Selinux, label);
        assert_eq!(subject("system_u:system_r:container_t:s0:c12,c900"), "container_t");
        assert_eq!(subject("system_u:system_r:httpd_t"), "httpd_t");
        assert_eq!(subject("damaged"), "(unknown)");
    }

    #[test]
    fn an_apparmor_subject_is_its_profile_without_what_is_made_for_one_process() {
        let subject = |label| subject_of(Module::Apparmor, label);
        assert_eq!(subject("/usr/sbin/nginx"), "/usr/sbin/nginx");
        assert_eq!(subject("firefox//sandbox"), "firefox//sandbox");
        assert_eq!(subject("demo//null-/usr/bin/x//null-/usr/bin/y"), "demo//null-*");
        assert_eq!(subject("demo//null-2f//&unconfined"), "demo//null-*");
        assert_eq!(subject("libvirt-5a3a2c1e-0b1d-4f7e-9d3c-0123456789ab"), "libvirt-*");
        assert_eq!(subject("docker-default"), "docker-default");
        assert_eq!(subject("bad-cafe-decade"), "bad-cafe-decade", "words that look like digits stay");
        let who = Subject {
            label: Some("unconfined".into()),
            namespace: Some("lxd-web_<var-lib-lxd>".into()),
            ..Subject::default()
        };
        let named = written(|to| super::subject(Module::Apparmor, &who, to));
        assert_eq!(named, ":lxd-web_<var-lib-lxd>://unconfined");
    }

    #[test]
    fn a_transient_unit_counts_by_its_kind() {
        for (name, unit) in [
            ("nginx.service", "nginx.service"),
            ("getty@tty1.service", "getty@.service"),
            ("user@1000.service", "user@.service"),
            ("session-12.scope", "session-*.scope"),
            ("init.scope", "init.scope"),
            ("run-u17.service", "run-*.service"),
            ("docker-0f3e.scope", "docker-*.scope"),
            ("user-1000.slice", "user-*.slice"),
            ("system.slice", "system.slice"),
            ("NetworkManager-wait-online.service", "NetworkManager-wait-online.service"),
            ("snap-core20-1974.mount", "snap-core20-1974.mount"),
        ] {
            assert_eq!(unit_of(name), unit);
        }
    }

    #[test]
    fn the_operation_is_the_modules_own_or_else_the_permissions() {
        let mut action = Action { permissions: vec!["read".into(), "open".into()], ..Action::default() };
        assert_eq!(written(|to| operation(&action, to)), "read open");
        action.operation = Some("exec".into());
        assert_eq!(written(|to| operation(&action, to)), "exec");
    }

    proptest! {
        #[test]
        fn a_value_is_bounded_and_has_no_control_character(name in "\\PC{0,300}|[a-z@.\\-0-9\n]{0,300}") {
            for value in [unit_of(&name), subject_of(Module::Apparmor, &name), subject_of(Module::Selinux, &name)] {
                prop_assert!(value.len() <= MAX_LEN, "{} bytes", value.len());
                prop_assert!(!value.contains(char::is_control));
            }
        }
    }
}
