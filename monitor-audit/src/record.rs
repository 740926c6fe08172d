//! Audit records, as the kernel's log has them.

use std::{collections::BTreeSet, num::ParseIntError};

use crate::untrusted::from_hexadecimal;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system call during which the other records of the same serial number came about.
    SystemCall,
    /// A denial by `SELinux` or `AppArmor`.
    Denial,
    /// A denial by Landlock.
    LandlockDenial,
    /// A denial by IPE.
    IpeDenial,
    /// What `SELinux` refused, if that is no decision about permissions.
    SelinuxError,
    /// A system call that seccomp refused or logged.
    Seccomp,
    /// A change of `SELinux`'s policy: a load, a switch of its mode, a boolean.
    Change,
    /// What an object manager in user space told; its words are the field `msg`.
    Manager,
    /// Another.
    Other(u32),
}

/// `AUDIT_MAC_STATUS` (include/uapi/linux/audit.h).
const STATUS: u32 = 1404;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub kind: Kind,
    /// Its serial number, which all records of one event share.
    pub serial: u64,
    /// `SELinux`: the permissions in braces.
    pub permissions: BTreeSet<String>,
    /// The other fields, in their order.
    pub fields: Vec<(String, Field)>,
    /// The line.
    pub line: String,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// In quotes.
    Quoted(String),
    /// Without: a number, a context, or bytes in hexadecimal.
    Bare(String),
}

/// Why a line can't be read, though it is an audit record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The part before the fields is not as it should be.
    #[error("an audit record without {0}")]
    Head(&'static str),
    /// A number isn't one.
    #[error(transparent)]
    Number(#[from] ParseIntError),
    /// A field that stands twice, where a name may hold what looks like a field.
    #[error("the field {0} twice: a name in the line may look like one")]
    Twice(String),
    /// Something between the fields.
    #[error("neither a field nor the end: `{0}`")]
    Field(String),
}

impl Record {
    /// Reads a line of the kernel's log; `None` if it is no audit record.
    ///
    /// # Errors
    ///
    /// Fails if it is one, but can't be read.
    #[must_use]
    pub fn parse(line: &str) -> Option<Result<Self, RecordError>> {
        Some(Self::parse_record(line, line.strip_prefix("audit: type=")?))
    }

    fn parse_record(line: &str, rest: &str) -> Result<Self, RecordError> {
        let (kind, rest) = rest.split_once(" audit(").ok_or(RecordError::Head("type"))?;
        let (stamp, rest) = rest.split_once("):").ok_or(RecordError::Head("time"))?;
        let (_, serial) = stamp.split_once(':').ok_or(RecordError::Head("serial number"))?;
        let kind = match kind.parse()? {
            1107 => Kind::Manager,
            1300 => Kind::SystemCall,
            1326 => Kind::Seccomp,
            1400 => Kind::Denial,
            1401 => Kind::SelinuxError,
            1403 | STATUS | 1405 => Kind::Change,
            1420 => Kind::IpeDenial,
            1423 => Kind::LandlockDenial,
            other => Kind::Other(other),
        };
        let (rest, told) = match rest.split_once(" msg='") {
            Some((rest, told)) if kind == Kind::Manager => (rest, Some(told.trim_end_matches('\''))),
            _ => (rest, None),
        };
        let (permissions, rest) = split_permissions(rest);
        let mut fields = fields(rest)?;
        // IPE's switch of its mode, for which it writes a record without fields, too.
        let is_ipes =
            fields.is_empty() || fields.iter().any(|(name, field)| name == "lsm" && field.bare() == "ipe");
        let kind = if kind == Kind::Change && is_ipes { Kind::Other(STATUS) } else { kind };
        fields.extend(told.map(|told| ("msg".to_owned(), Field::Quoted(told.to_owned()))));
        Ok(Self { kind, serial: serial.parse()?, permissions, fields, line: line.to_owned() })
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find_map(|(known, field)| (known == name).then_some(field))
    }

    /// The field of this name, if it is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.field(name)?.number()
    }

    /// Whether it reports a denial, not of a grant or a change of policy.
    #[must_use]
    pub fn is_denial(&self) -> bool {
        match self.kind {
            Kind::Denial => {
                let verdict = self.field("apparmor").map(Field::bare);
                !self.permissions.is_empty() || matches!(verdict, Some("DENIED" | "ALLOWED" | "KILLED"))
            }
            Kind::LandlockDenial | Kind::IpeDenial | Kind::SelinuxError | Kind::Seccomp => true,
            Kind::SystemCall | Kind::Manager | Kind::Change | Kind::Other(_) => false,
        }
    }

    /// Whether it reports what events report: a denial, or a change of a policy.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.is_denial() || self.kind == Kind::Change
    }

    /// Whether it reports a change of `AppArmor`'s policy that took place.
    #[must_use]
    pub fn is_change(&self) -> bool {
        // With an error nothing was changed; and the only thing that there is to say of a success is that it was none,
        // because the profile was the same.
        self.field("apparmor").map(Field::bare) == Some("STATUS")
            && self.field("operation").is_some_and(|operation| operation.bare().starts_with("profile_"))
            && self.field("error").is_none()
            && self.field("info").is_none()
    }
}

impl Field {
    /// The value as it stands.
    #[must_use]
    pub fn bare(&self) -> &str {
        match self {
            Self::Quoted(value) | Self::Bare(value) => value,
        }
    }

    /// The value of a field that may hold any bytes. Audit writes them in quotes if they are harmless, and in hexadecimal
    /// if not (`audit_log_n_untrustedstring`, `kernel/audit.c`).
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Quoted(value) => value.as_bytes().to_vec(),
            Self::Bare(value) => from_hexadecimal(value).unwrap_or_else(|| value.as_bytes().to_vec()),
        }
    }

    /// The value if it is a number, decimal or (after `0x`) hexadecimal.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        let value = self.bare();
        match value.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => value.parse().ok(),
        }
    }
}

/// Takes `avc:  denied  { read write } for ` off.
pub(crate) fn split_permissions(rest: &str) -> (BTreeSet<String>, &str) {
    let denied = rest.trim_start().strip_prefix("avc:").map(str::trim_start).and_then(|rest| {
        let (permissions, rest) =
            rest.strip_prefix("denied")?.trim_start().strip_prefix('{')?.split_once('}')?;
        Some((permissions, rest.trim_start().strip_prefix("for")?))
    });
    match denied {
        Some((permissions, rest)) => (permissions.split_whitespace().map(str::to_owned).collect(), rest),
        None => (BTreeSet::new(), rest),
    }
}

pub(crate) fn fields(mut rest: &str) -> Result<Vec<(String, Field)>, RecordError> {
    let mut fields = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(fields);
        }
        let (name, value) = rest
            .split_once('=')
            .filter(|(name, _)| !name.contains(' '))
            .ok_or_else(|| RecordError::Field(rest.to_owned()))?;
        let (field, after) = if let Some(quoted) = value.strip_prefix('"') {
            let (value, after) = quoted.split_once('"').ok_or_else(|| RecordError::Field(rest.to_owned()))?;
            (Field::Quoted(value.to_owned()), after)
        } else {
            let (value, after) = split_bare(name, value);
            (Field::Bare(value.to_owned()), after)
        };
        fields.push((name.to_owned(), field));
        rest = after;
    }
}

/// Splits a value without quotes from what follows it.
fn split_bare<'a>(name: &str, rest: &'a str) -> (&'a str, &'a str) {
    // AppArmor's labels end with the profile's mode: `subj=docker-default (enforce) pid=1`. Before 5.19, the label of a
    // stack of modules began with another `=` (`audit_log_task_context`, kernel/audit.c).
    let is_label = matches!(name, "subj" | "obj");
    let rest = if is_label { rest.strip_prefix('=').unwrap_or(rest) } else { rest };
    let (value, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let mode = after.strip_prefix('(').and_then(|mode| mode.split_once(')')).map(|(mode, _)| mode);
    match mode {
        Some(mode) if is_label && mode.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            let (label, after) = rest.split_at(value.len() + " ()".len() + mode.len());
            (label, after)
        }
        _ => (value, after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Record {
        Record::parse(line).unwrap().unwrap()
    }

    #[test]
    fn reads_an_selinux_denial() {
        let record = parse(
            "audit: type=1400 audit(1795322866.140:4): avc:  denied  { read write } for  pid=160 comm=\"actor\" \
             capability=2  scontext=u:r:t:s0 permissive=0",
        );
        assert_eq!(record.kind, Kind::Denial);
        assert!(record.is_denial());
        assert_eq!(record.serial, 4);
        assert_eq!(record.permissions, ["read", "write"].map(str::to_owned).into());
        let names: Vec<_> = record.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["pid", "comm", "capability", "scontext", "permissive"]);
        assert_eq!(record.number("pid"), Some(160));
    }

    #[test]
    fn reads_bytes_in_hexadecimal_and_text_with_spaces() {
        let record = parse(
            "audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" info=\"Failed name lookup - disconnected path\" \
             error=-13 name=2F636166E920FF5C0A",
        );
        assert!(record.is_denial());
        assert_eq!(record.field("info").unwrap().bytes(), b"Failed name lookup - disconnected path");
        assert_eq!(record.number("error"), Some(-13));
        assert_eq!(record.field("name").unwrap().bytes(), b"/caf\xe9 \xff\\\n");
    }

    #[test]
    fn a_label_of_apparmors_has_its_mode() {
        // As posted in snapd's tracker, from Ubuntu 22.04.
        let record = parse(
            "audit: type=1326 audit(1646152506.741:60): auid=1000 ses=4 subj==snap.firefox.firefox (enforce) pid=2750 \
             comm=\"MainThread\" sig=0 arch=c000003e syscall=314 compat=0 ip=0x7f365b5d589d code=0x50000",
        );
        assert_eq!(record.field("subj").map(Field::bare), Some("snap.firefox.firefox (enforce)"));
        assert_eq!((record.number("pid"), record.number("syscall")), (Some(2750), Some(314)));
        let label = |text: &str| {
            let fields = fields(text).unwrap();
            fields.into_iter().map(|(name, field)| (name, field.bare().to_owned())).collect::<Vec<_>>()
        };
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(label("subj=docker-default (enforce)"), [owned("subj", "docker-default (enforce)")]);
        assert_eq!(label("subj=unconfined pid=1"), [owned("subj", "unconfined"), owned("pid", "1")]);
        assert!(fields("comm=a (enforce) pid=1").is_err(), "of labels alone");
        assert!(fields("subj=a (Or so) pid=1").is_err(), "of a mode alone");
    }

    #[test]
    fn reads_what_an_object_manager_told() {
        let record = parse(
            "audit: type=1107 audit(1.2:3): pid=189 uid=100 auid=4294967295 ses=4294967295 subj=system_u:system_r:d_t:s0 \
             msg='avc:  denied  { send_msg } for  spid=298 scontext=a tcontext=b tclass=dbus permissive=1",
        );
        assert_eq!((record.kind, record.number("pid")), (Kind::Manager, Some(189)));
        let told = "avc:  denied  { send_msg } for  spid=298 scontext=a tcontext=b tclass=dbus permissive=1";
        assert_eq!(record.field("msg").unwrap().bare(), told);
        assert!(!record.is_denial(), "not one of the kernel's");
    }

    #[test]
    fn ipes_switch_is_no_change_of_selinux() {
        let kind = |fields: &str| parse(&format!("audit: type=1404 audit(1.2:3): {fields}")).kind;
        assert_eq!(kind("enforcing=0 old_enforcing=1 lsm=selinux res=1"), Kind::Change);
        assert_eq!(kind("enforcing=0 old_enforcing=1 lsm=ipe res=1"), Kind::Other(1404));
        assert_eq!(kind(""), Kind::Other(1404));
    }

    #[test]
    fn a_grant_or_a_loaded_profile_is_no_denial() {
        let status =
            "audit: type=1400 audit(1.2:3): apparmor=\"STATUS\" operation=\"profile_load\" name=\"app\"";
        assert!(!parse(status).is_denial());
        let line = "audit: type=1400 audit(1.2:3): avc:  granted  { read } for  pid=1";
        assert_eq!(
            Record::parse(line),
            Some(Err(RecordError::Field("avc:  granted  { read } for  pid=1".into())))
        );
        assert_eq!(Record::parse("random: crng init done"), None);
    }
}
