//! What object managers in user space write.
//!
//! Parts of a message are in the hands of whom it is about, and no manager escapes them: systemd writes the command line
//! of the process that asked in plain quotes. So each part is looked for only where nobody else can have put one
//! like it:
//!
//! - what libselinux writes itself ([`Avc`]) stands at the beginning and at the very end;
//! - of what a manager adds in between, the first field of a name counts, and nothing counts after a command line.

use std::ops::Range;

use monitor_event::event::{Dbus, Text};

/// What an object manager that asks `SELinux` refused (`avc_audit`, libselinux's `src/avc.c`):
/// `avc:  denied  { send_msg } for FIELDS scontext=... tcontext=... tclass=dbus permissive=0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avc<'a> {
    /// The permissions that were refused.
    pub permissions: Vec<&'a [u8]>,
    /// What the manager adds.
    pub fields: Fields<'a>,
    /// What libselinux adds; `None` if it did not fit into its buffer.
    pub query: Option<Query<'a>>,
}

/// The end of an [`Avc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The subject's context.
    pub subject: &'a [u8],
    /// The object's context.
    pub object: &'a [u8],
    /// The object class.
    pub class: &'a [u8],
    /// Whether it was let pass; `None` where an old libselinux doesn't say.
    pub permissive: Option<bool>,
}

/// libselinux writes a message into so many bytes, one for the NUL among them (`AVC_AUDIT_BUFSIZE`). What doesn't fit is
/// not there, and then the end is somebody else's.
const AVC_BUFFER: usize = 1024;

impl<'a> Avc<'a> {
    /// Reads a message; `None` if it reports no denial.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = without_end_of_libaudit(text);
        let (_prefix, rest) = split_once(text, b":")?;
        let rest = rest.trim_ascii_start().strip_prefix(b"denied")?.trim_ascii_start();
        let (permissions, rest) = match rest.strip_prefix(b"{") {
            Some(rest) => split_once(rest, b"}")?,
            // `avc_dump_av` has a word of its own for none.
            None => (&b""[..], rest.strip_prefix(b"null")?),
        };
        let rest = rest.trim_ascii_start().strip_prefix(b"for")?;
        let (fields, query) = match Query::find(rest) {
            Some((start, query)) if text.len() < AVC_BUFFER - 1 => (&rest[..start], Some(query)),
            _ => (rest, None),
        };
        let permissions = permissions.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty());
        Some(Self { permissions: permissions.collect(), fields: Fields(fields), query })
    }
}

impl<'a> Query<'a> {
    /// Finds the last one, and where it starts.
    fn find(text: &'a [u8]) -> Option<(usize, Self)> {
        let start = find_last(text, b" scontext=")?;
        let mut words = text[start..].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut next = |name: &[u8]| words.next()?.strip_prefix(name)?.strip_prefix(b"=");
        let (subject, object, class) = (next(b"scontext")?, next(b"tcontext")?, next(b"tclass")?);
        let permissive = next(b"permissive").map(|value| value == b"1");
        words.next().is_none().then_some((start, Self { subject, object, class, permissive }))
    }
}

/// What dbus-daemon refused as `AppArmor`'s policy says (`log_message`, dbus's `bus/apparmor.c`):
/// `apparmor="DENIED" operation="dbus_method_call" FIELDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mediated<'a> {
    /// Whether it says `ALLOWED`.
    pub allowed: bool,
    /// All its fields.
    pub fields: Fields<'a>,
}

impl<'a> Mediated<'a> {
    /// Reads a message; `None` if it reports no denial.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let fields = Fields(text);
        let allowed = match fields.get(b"apparmor")? {
            b"DENIED" => false,
            b"ALLOWED" => true,
            _ => return None,
        };
        Some(Self { allowed, fields })
    }
}

/// `name=value name="value"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// What was asked for over D-Bus, by dbus-daemon's names for it.
    #[must_use]
    pub fn dbus<'e>(self, text: impl Fn(&'a [u8]) -> Text<'e>) -> Dbus<'e> {
        let field = |name: &[u8]| self.get(name).map(&text);
        let message_type =
            field(b"msgtype").or_else(|| match self.get(b"operation")?.strip_prefix(b"dbus_")? {
                b"bind" | b"eavesdrop" => None,
                kind => Some(text(kind)),
            });
        Dbus {
            bus: field(b"bus"),
            message_type,
            path: field(b"path"),
            interface: field(b"interface"),
            member: field(b"member"),
            error_name: field(b"error_name"),
            name: field(b"name").or_else(|| field(b"dest")).or_else(|| field(b"service")),
        }
    }

    /// The value of the first field of this name that nobody else can have written.
    #[must_use]
    pub fn get(self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// As [`Self::get`], if it is a decimal number.
    #[must_use]
    pub fn number(self, name: &[u8]) -> Option<u32> {
        str::from_utf8(self.get(name)?).ok()?.parse().ok()
    }

    fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, value) = split_once(rest.trim_ascii_start(), b"=")?;
            let (value, after) = if let Some(quoted) = value.strip_prefix(b"\"") {
                split_once(quoted, b"\"")?
            } else {
                let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
                value.split_at(end)
            };
            // Whoever asked wrote its command line, and what seems to follow it.
            rest = if name == b"cmdline" { b"" } else { after };
            Some((name, value))
        })
        .take_while(|(name, _)| !name.iter().any(u8::is_ascii_whitespace))
    }
}

/// Takes off what libaudit puts after each message (`audit_log_user_avc_message`, libaudit's `audit_logging.c`), and the
/// line end, or the colon of old versions, before it.
fn without_end_of_libaudit(text: &[u8]) -> &[u8] {
    let end = find_last(text, b" exe=").unwrap_or(text.len());
    let text = text[..end].trim_ascii_end();
    text.strip_suffix(b" :").unwrap_or(text)
}

fn split_once<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let Range { start, end } = find(text, separator)?;
    Some((&text[..start], &text[end..]))
}

fn find(text: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = text.windows(part.len()).position(|window| window == part)?;
    Some(start..start + part.len())
}

fn find_last(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // As dbus 1.14.10 and systemd 252 sent them, on Linux 7.3.4.
    const DBUS: &[u8] = b"avc:  denied  { send_msg } for msgtype=method_call \
        interface=org.freedesktop.DBus.Introspectable member=Introspect dest=org.freedesktop.login1 spid=298 tpid=195 \
        scontext=system_u:system_r:avahi_t:s0 tcontext=system_u:system_r:systemd_logind_t:s0 tclass=dbus permissive=1\n \
        exe=\"/usr/bin/dbus-daemon\" sauid=100 hostname=? addr=? terminal=?";
    const SYSTEMD: &[u8] = b"avc:  denied  { reload } for auid=n/a uid=0 gid=0 \
        path=\"/etc/systemd/system/probe.service\" cmdline=\"\" function=\"bus_unit_method_start_generic\" \
        scontext=system_u:system_r:initrc_t:s0 tcontext=system_u:object_r:etc_t:s0 tclass=service permissive=0\n \
        exe=\"/usr/lib/systemd/systemd\" sauid=0 hostname=? addr=? terminal=?";
    const APPARMOR: &[u8] = b"apparmor=\"DENIED\" operation=\"dbus_method_call\"  bus=\"system\" \
        path=\"/org/freedesktop/login1\" interface=\"org.freedesktop.DBus.Introspectable\" member=\"Introspect\" \
        mask=\"send\" name=\"org.freedesktop.login1\" pid=251 label=\"caller\" peer_pid=199 peer_label=\"unconfined\" \
        info=\"No such file or directory\"\n exe=\"/usr/bin/dbus-daemon\" sauid=100 hostname=? addr=? terminal=?";

    #[test]
    fn what_dbus_daemon_writes_of_selinux() {
        let avc = Avc::parse(DBUS).unwrap();
        assert_eq!(avc.permissions, [b"send_msg"]);
        assert_eq!(avc.fields.get(b"member"), Some(&b"Introspect"[..]));
        assert_eq!(avc.fields.number(b"tpid"), Some(195), "the last before the contexts");
        assert_eq!(
            avc.query,
            Some(Query {
                subject: b"system_u:system_r:avahi_t:s0",
                object: b"system_u:system_r:systemd_logind_t:s0",
                class: b"dbus",
                permissive: Some(true),
            })
        );
    }

    #[test]
    fn what_systemd_writes() {
        let avc = Avc::parse(SYSTEMD).unwrap();
        assert_eq!(avc.fields.number(b"auid"), None, "n/a");
        assert_eq!(avc.fields.get(b"path"), Some(&b"/etc/systemd/system/probe.service"[..]));
        assert_eq!(avc.fields.get(b"exe"), None, "libaudit's, of the manager");
        assert_eq!(avc.query.unwrap().permissive, Some(false));
    }

    #[test]
    fn what_dbus_daemon_writes_of_apparmor() {
        let mediated = Mediated::parse(APPARMOR).unwrap();
        assert!(!mediated.allowed);
        assert_eq!(mediated.fields.get(b"path"), Some(&b"/org/freedesktop/login1"[..]));
        assert_eq!(mediated.fields.number(b"peer_pid"), Some(199));
        assert_eq!(mediated.fields.get(b"info"), Some(&b"No such file or directory"[..]));
    }

    #[test]
    fn a_grant_or_a_notice_is_no_denial() {
        let granted = b"avc:  granted  { send_msg } for spid=1 scontext=a tcontext=b tclass=dbus";
        assert_eq!(Avc::parse(granted), None);
        assert_eq!(Avc::parse(b"avc:  op=load_policy lsm=selinux seqno=2 res=1"), None);
        assert_eq!(Mediated::parse(b"apparmor=\"STATUS\" operation=\"x\""), None);
    }

    #[test]
    fn without_permissions_or_mode() {
        let avc =
            Avc::parse(b"uavc:  denied  null for  scontext=a:b:c tcontext=d:e:f tclass=x_event").unwrap();
        assert_eq!(avc.permissions, [b""; 0]);
        assert_eq!(avc.query.unwrap().permissive, None);
    }

    /// A message of systemd about a process with this command line, in libselinux's buffer.
    fn of_command_line(command_line: &str) -> Vec<u8> {
        let mut text = format!(
            "avc:  denied  {{ stop }} for auid=7 uid=0 gid=0 path=\"/a.service\" cmdline=\"{command_line}\" function=\"f\" \
             scontext=real_u:r:t tcontext=real_u:object_r:t tclass=service permissive=0"
        )
        .into_bytes();
        text.truncate(AVC_BUFFER - 1);
        text.extend_from_slice(b"\n exe=\"/usr/lib/systemd/systemd\" sauid=0 hostname=? addr=? terminal=?\0");
        text
    }

    const FORGED: &str = "x\" uid=9 path=\"/b.service\" scontext=evil_u:r:t tcontext=evil_u:r:t tclass=evil permissive=1\n \
                          exe=\"/evil\" sauid=0";

    #[test]
    fn what_x_wrote_in_2011() {
        let avc = Avc::parse(
            b"avc:  denied  { getattr } for request=X11:GetWindowAttributes comm=firefox resid=1e00003 restype=WINDOW \
              scontext=staff_u:staff_r:mozilla_t:s0 tcontext=staff_u:object_r:xserver_t:s0 tclass=x_drawable : \
              exe=\"/usr/bin/Xorg\" (sauid=0, hostname=?, addr=?, terminal=?)",
        );
        assert_eq!(avc.and_then(|avc| avc.query).map(|query| query.class), Some(&b"x_drawable"[..]));
    }

    #[test]
    fn a_command_line_can_forge_nothing() {
        let text = of_command_line(FORGED);
        let avc = Avc::parse(&text).unwrap();
        assert_eq!(avc.fields.number(b"uid"), Some(0));
        assert_eq!(avc.fields.get(b"path"), Some(&b"/a.service"[..]));
        let query = avc.query.unwrap();
        assert_eq!((query.subject, query.permissive), (&b"real_u:r:t"[..], Some(false)));
    }

    #[test]
    fn a_command_line_that_pushes_the_end_out_of_the_buffer_can_forge_nothing() {
        for padding in 0..AVC_BUFFER {
            let text = of_command_line(&(FORGED.to_owned() + &" ".repeat(padding)));
            let query = Avc::parse(&text).unwrap().query;
            assert!(query.is_none_or(|query| query.subject == b"real_u:r:t"), "{padding}");
        }
    }

    /// What messages are made of.
    const WORDS: &[&str] = &[
        "avc:",
        "denied",
        "granted",
        "{",
        "}",
        "null",
        "for",
        " ",
        "  ",
        "\"",
        "=",
        "\n",
        "\0",
        " scontext=a:b",
        " tcontext=",
        " tclass=dbus",
        " permissive=1",
        " exe=",
        "cmdline=\"",
        "pid=1",
        "spid=4294967296",
        "apparmor=\"DENIED\"",
        "apparmor=\"ALLOWED\"",
        "operation=\"dbus_bind\"",
        "label=\"é\"",
        "x",
    ];

    /// Texts of such parts.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in message()) {
            if let Some(avc) = Avc::parse(&text) {
                prop_assert!(avc.fields.iter().count() <= text.len());
            }
            if let Some(mediated) = Mediated::parse(&text) {
                prop_assert!(mediated.fields.get(b"apparmor").is_some());
            }
        }

        #[test]
        fn no_command_line_changes_what_libselinux_says(command_line in message()) {
            let text = of_command_line(&String::from_utf8_lossy(&command_line));
            if let Some(query) = Avc::parse(&text).unwrap().query {
                prop_assert_eq!(query.subject, b"real_u:r:t");
                prop_assert_eq!(query.permissive, Some(false));
            }
        }
    }
}
