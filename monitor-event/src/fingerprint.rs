//! What makes two denials the same, whenever and on whatever host they happen.
//!
//! A fingerprint is XXH64 with seed 0, in hexadecimal, of these texts, each followed by a NUL, of which those that an event
//! doesn't have are empty:
//!
//! 1. [`Event::module`];
//! 2. the subject: SELinux's type, AppArmor's namespace and profile joined by `//`, TOMOYO's domain; for the other modules,
//!    and where there is no label, the path of the executable, or else the thread's name;
//! 3. of [`Event::action`]: class, operation, permissions in alphabetical order joined by spaces, system call, seccomp's
//!    action, ioctl command, signal, limit, mount options;
//! 4. of [`Event::object`]: kind, label (SELinux's type), path (see below), name, target, destination and source (the
//!    address, a colon, the port), abstract name, executable of the process, capability, lockdown's reason, IPC key, key's
//!    description, kernel module, class of the anonymous inode, netlink message, mount's source and type, D-Bus interface,
//!    member and name; a socket's family, type and protocol.
//!
//! No process id, time, inode or level is among them. In a path, a number between two slashes behind `/proc`, and one in
//! brackets (`socket:[4711]`), stands as `N`.

use std::{borrow::Cow, fmt, io::Write as _, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh64::xxh64;

use crate::event::{Action, Dbus, Endpoint, Event, Kind, Module, Object, Word};

/// A denial's fingerprint; see the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// That of an event; none, if nothing was refused.
    #[must_use]
    pub fn new(event: &Event<'_>) -> Option<Self> {
        if event.kind == Kind::Policy {
            return None;
        }
        let mut texts = Texts(Vec::with_capacity(ROOM));
        texts.add(Some(event.module.name()));
        texts.subject(event);
        texts.action(&event.action);
        texts.object(event.module, &event.object);
        Some(Self(xxh64(&texts.0, 0)))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 16 hexadecimal digits")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(FingerprintError)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Fingerprint {
    fn schema_name() -> Cow<'static, str> {
        "Fingerprint".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What makes a denial the same as others, on whatever host: 16 hexadecimal digits.",
            "type": "string",
            "pattern": "^[0-9a-f]{16}$",
        })
    }
}

/// Bytes that are enough for most events' texts.
const ROOM: usize = 512;

/// The texts, one after another: hashing them at once is much quicker than each for itself.
struct Texts(Vec<u8>);

impl Texts {
    fn add(&mut self, text: Option<&str>) {
        self.part(text.unwrap_or_default());
        self.end();
    }

    fn number(&mut self, number: Option<impl fmt::Display>) {
        if let Some(number) = number {
            self.shown(number);
        }
        self.end();
    }

    /// A part of a text.
    fn part(&mut self, part: &str) {
        self.0.extend_from_slice(part.as_bytes());
    }

    /// A part of a text, as it is displayed.
    fn shown(&mut self, part: impl fmt::Display) {
        // Writing to a Vec can't fail.
        let _infallible = write!(self.0, "{part}");
    }

    fn end(&mut self) {
        self.0.push(0);
    }

    fn subject(&mut self, event: &Event<'_>) {
        let label = event.subject.label.as_deref().map(|label| without_level(event.module, label));
        let namespace = event.subject.namespace.as_deref().filter(|_| label.is_some());
        if let Some(namespace) = namespace {
            self.part(namespace);
            self.part("//");
        }
        let process = &event.process;
        self.add(label.or(process.exe.as_deref()).or(process.comm.as_deref()));
    }

    fn action(&mut self, action: &Action<'_>) {
        self.add(action.class.as_deref());
        self.add(action.operation.as_deref());
        let mut permissions: Vec<_> = action.permissions.iter().map(AsRef::as_ref).collect();
        permissions.sort_unstable();
        for (nth, permission) in permissions.into_iter().enumerate() {
            self.part(if nth > 0 { " " } else { "" });
            self.part(permission);
        }
        self.end();
        self.add(action.syscall.as_deref());
        self.add(action.seccomp_action.as_deref());
        self.number(action.ioctl_command);
        self.add(action.signal.as_deref());
        self.add(action.rlimit.as_deref());
        self.add(action.mount_options.as_deref());
    }

    fn object(&mut self, module: Module, object: &Object<'_>) {
        self.shown(Word(object.kind));
        self.end();
        self.add(object.label.as_deref().map(|label| without_level(module, label)));
        self.add(object.path.as_deref().map(without_instance).as_deref());
        self.add(object.name.as_deref().map(without_instance).as_deref());
        self.add(object.target.as_deref());
        self.endpoint(object.destination.as_ref());
        self.endpoint(object.source.as_ref());
        self.add(object.abstract_name.as_deref());
        self.add(
            object.process.as_ref().and_then(|process| process.exe.as_deref().or(process.comm.as_deref())),
        );
        self.add(object.capability.as_deref());
        self.add(object.lockdown_reason.as_deref());
        self.number(object.ipc_key);
        self.add(object.key_description.as_deref());
        self.add(object.kernel_module.as_deref());
        self.add(object.anon_class.as_deref());
        self.number(object.netlink_message);
        self.add(object.mount_source.as_deref());
        self.add(object.mount_type.as_deref());
        let none = Dbus::default();
        let dbus = object.dbus.as_ref().unwrap_or(&none);
        self.add(dbus.interface.as_deref());
        self.add(dbus.member.as_deref());
        // A unique name (`:1.42`) is another each time.
        self.add(dbus.name.as_deref().filter(|name| !name.starts_with(':')));
        self.add(object.family.as_deref());
        self.add(object.socket_type.as_deref());
        self.add(object.protocol.as_deref());
    }

    fn endpoint(&mut self, endpoint: Option<&Endpoint<'_>>) {
        let Some(Endpoint { address, port }) = endpoint else { return self.add(None) };
        self.part(address.as_deref().unwrap_or_default());
        self.part(":");
        self.number(*port);
    }
}

/// The type of an SELinux context; another module's label as it is.
fn without_level(module: Module, label: &str) -> &str {
    match module {
        Module::Selinux => label.split(':').nth(2).unwrap_or(label),
        _ => label,
    }
}

/// A path without the numbers that tell one process, pipe or socket from another.
fn without_instance(path: &str) -> Cow<'_, str> {
    if let Some((start, number)) = path.strip_suffix(']').and_then(|start| start.rsplit_once('['))
        && is_number(number)
    {
        return Cow::Owned(format!("{start}[N]"));
    }
    let Some(rest) = path.strip_prefix("/proc/") else { return Cow::Borrowed(path) };
    let mut names = rest.split('/').map(|name| if is_number(name) { "N" } else { name });
    let first = names.next().unwrap_or_default();
    Cow::Owned(names.fold(format!("/proc/{first}"), |path, name| path + "/" + name))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(subject: &str, path: &str, pid: u32, inode: u64) -> String {
        format!(
            r#"{{"schema":2,"time":"2026-01-01T00:00:0{}Z","host":"h{pid}","kind":"denial","module":"selinux",
            "verdict":"denied","silent":false,"action":{{"class":"file","permissions":["read","open"]}},
            "subject":{{"label":"{subject}"}},"object":{{"kind":"file","label":"system_u:object_r:var_t:s0:c{pid}",
            "path":"{path}","inode":{inode}}},"process":{{"pid":{pid},"comm":"x"}}}}"#,
            pid % 10
        )
    }

    fn fingerprint(text: &str) -> Fingerprint {
        Fingerprint::new(&serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn neither_process_nor_inode_time_host_or_level_makes_another_denial() {
        let one = fingerprint(&event("system_u:system_r:app_t:s0:c1,c2", "/srv/a", 7, 100));
        let other = fingerprint(&event("system_u:system_r:app_t:s0:c3,c4", "/srv/a", 8, 200));
        assert_eq!(one, other);
    }

    #[test]
    fn subject_object_and_permissions_make_another_denial() {
        let text = event("u:r:app_t:s0", "/srv/a", 7, 100);
        let one = fingerprint(&text);
        for (from, to) in [
            ("app_t", "web_t"),
            ("/srv/a", "/srv/b"),
            (r#""read","open""#, r#""read""#),
            ("var_t", "tmp_t"),
            (r#""class":"file""#, r#""class":"dir""#),
            (r#""class":"file""#, r#""class":"file","mount_options":"ro""#),
            (r#""kind":"file""#, r#""kind":"file","family":"inet""#),
            (r#""kind":"file""#, r#""kind":"file","socket_type":"dgram""#),
            (r#""kind":"file""#, r#""kind":"file","protocol":"udp""#),
        ] {
            assert!(text.contains(from), "{from}");
            assert_ne!(fingerprint(&text.replace(from, to)), one, "{to}");
        }
    }

    #[test]
    fn the_order_of_permissions_makes_no_other_denial() {
        let text = event("u:r:app_t:s0", "/srv/a", 7, 100);
        assert_eq!(fingerprint(&text.replace(r#""read","open""#, r#""open","read""#)), fingerprint(&text));
    }

    #[test]
    fn numbers_of_processes_and_sockets_are_left_out_of_paths() {
        for (path, without) in [
            ("/proc/17/task/18/mem", "/proc/N/task/N/mem"),
            ("/proc/sys/net/ipv4", "/proc/sys/net/ipv4"),
            ("/proc/17", "/proc/N"),
            ("socket:[4711]", "socket:[N]"),
            ("/srv/17/a[b]", "/srv/17/a[b]"),
            ("", ""),
        ] {
            assert_eq!(without_instance(path), without);
        }
    }

    /// It is documented, so that other programs can compute it.
    #[test]
    fn a_fingerprint_stays_what_it_is() {
        let texts = ["selinux", "app_t", "file", "", "open read"];
        let mut bytes = texts.join("\0").into_bytes();
        // What follows the permissions: six texts of the action, then the object's.
        bytes.extend(b"\0\0\0\0\0\0\0file\0var_t\0/srv/a\0");
        bytes.extend([0; 21]);
        let expected = format!("{:016x}", xxh64(&bytes, 0));
        assert_eq!(fingerprint(&event("u:r:app_t:s0", "/srv/a", 7, 100)).to_string(), expected);
    }

    #[test]
    fn text_and_number_are_one() {
        let one: Fingerprint = "00000000000000ff".parse().unwrap();
        assert_eq!(one, Fingerprint(255));
        assert_eq!(one.to_string(), "00000000000000ff");
        for text in ["", "ff", "00000000000000fg", "+0000000000000ff", "00000000000000fff"] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
    }
}
