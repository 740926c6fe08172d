//! The comparison of a record with an event.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Field, Kind, Record, text};
use crate::expectation::{lookup, strings};

/// What the event gets wrong, or leaves out, of the record of the same denial; empty if nothing.
#[must_use]
pub fn compare(record: &Record, event: &Value) -> Vec<String> {
    let mut comparison = Comparison { event, mismatches: Vec::new() };
    if !record.permissions.is_empty() {
        comparison.permissions(&record.permissions.iter().map(String::as_str).collect());
    }
    for (name, field) in &record.fields {
        let known = record.kind == Kind::IpeDenial && comparison.of_ipe(name, field)
            || comparison.of_object(name, field)
            || match record.kind {
                Kind::Seccomp => comparison.of_seccomp(name, field),
                Kind::Denial if record.field("apparmor").is_some() => {
                    comparison.of_apparmor(name, field, record)
                }
                Kind::Denial => comparison.of_selinux(name, field),
                Kind::LandlockDenial => comparison.of_landlock(name, field),
                Kind::SelinuxError => comparison.of_selinux_error(name, field),
                Kind::Change => comparison.of_change(name, field, record),
                Kind::IpeDenial | Kind::SystemCall | Kind::Manager | Kind::Other(_) => false,
            };
        if !known {
            comparison.mismatches.push(format!("field `{name}` of the audit record isn't compared"));
        }
    }
    if record.kind == Kind::Denial || record.kind == Kind::LandlockDenial {
        comparison.unaccounted(record);
    }
    comparison.mismatches
}

/// What events say of an object, and the fields of a record of SELinux's, AppArmor's or Landlock's denial, any of which must
/// say it, too.
const ACCOUNTS: [(&str, &[&str]); 20] = [
    ("object.source.address", &["saddr"]),
    ("object.source.port", &["src"]),
    ("object.destination.address", &["daddr"]),
    ("object.destination.port", &["dest"]),
    ("object.interface", &["netif"]),
    ("object.capability", &["capability", "capname"]),
    ("object.ipc_key", &["ipc_key"]),
    ("object.key_serial", &["key_serial"]),
    ("object.key_description", &["key_desc"]),
    ("object.kernel_module", &["kmod"]),
    ("object.anon_class", &["anonclass"]),
    ("object.netlink_message", &["nl-msgtype"]),
    ("object.entry", &["name"]),
    ("object.target", &["target", "trans"]),
    ("object.label", &["tcontext", "peer"]),
    ("subject.label", &["scontext", "profile"]),
    ("subject.domain", &["domain"]),
    ("action.ioctl_command", &["ioctlcmd"]),
    ("action.rlimit", &["rlimit"]),
    ("object.mount_type", &["fstype"]),
];

/// What the event gets wrong about the process of the system call during which it came about.
#[must_use]
pub fn compare_system_call(record: &Record, event: &Value) -> Vec<String> {
    let mut comparison = Comparison { event, mismatches: Vec::new() };
    for (name, field) in &record.fields {
        if !comparison.of_system_call(name, field) {
            comparison.mismatches.push(format!("field `{name}` of the system call's record isn't compared"));
        }
    }
    comparison.mismatches
}

struct Comparison<'a> {
    event: &'a Value,
    mismatches: Vec<String>,
}

/// Each `of_` method compares one field and returns true, or returns false if it doesn't know the field.
impl Comparison<'_> {
    /// Notes what the event says of the denial and the record does not.
    fn unaccounted(&mut self, record: &Record) {
        for (value, fields) in ACCOUNTS {
            let Some(got) = lookup(self.event, value) else { continue };
            // Audit's record of a Landlock denial has no address if the caller gave no family; the case names it then.
            if record.kind == Kind::LandlockDenial && value.starts_with("object.destination.") {
                continue;
            }
            if !fields.iter().any(|field| record.field(field).is_some()) {
                self.mismatches.push(format!("{value}: {got} is in no field of audit's record"));
            }
        }
    }

    /// What the kernel's `common_lsm_audit` writes for all modules (`security/lsm_audit.c`).
    fn of_object(&mut self, name: &str, field: &Field) -> bool {
        match name {
            "pid" => self.number("process.pid", field),
            "comm" => self.text("process.comm", field),
            "path" => self.path(&field.bytes()),
            "dev" => self.text(self.of_file("device"), field),
            // Of an entry in a directory that is the object, the record has the entry's inode, or of a program that is to be
            // executed.
            "ino" if lookup(self.event, "object.entry").is_some() => {}
            "ino" => self.number(self.of_file("inode"), field),
            "capability" => {
                let capability =
                    field.number().and_then(|number| CAPABILITIES.get(usize::try_from(number).ok()?));
                self.equal("object.capability", &json!(capability));
            }
            "capname" => self.text("object.capability", field),
            "ioctlcmd" if self.says_missing("action.ioctl_command") => {}
            "ioctlcmd" => self.number("action.ioctl_command", field),
            "ipc_key" => self.number("object.ipc_key", field),
            "key_serial" => self.number("object.key_serial", field),
            "key_desc" => self.text("object.key_description", field),
            "kmod" => self.text("object.kernel_module", field),
            "anonclass" => self.equal("object.anon_class", &json!(field.bare())),
            "saddr" => self.equal("object.source.address", &json!(field.bare())),
            "src" => self.number("object.source.port", field),
            "daddr" => self.equal("object.destination.address", &json!(field.bare())),
            "dest" => self.number("object.destination.port", field),
            "laddr" => self.equal("object.local.address", &json!(field.bare())),
            "lport" => self.number("object.local.port", field),
            "faddr" => self.equal("object.remote.address", &json!(field.bare())),
            "fport" => self.number("object.remote.port", field),
            "netif" => self.equal("object.interface", &json!(field.bare())),
            "opid" => self.number("object.process.pid", field),
            "ocomm" => self.text("object.process.comm", field),
            "nl-msgtype" => self.number("object.netlink_message", field),
            _ => return false,
        }
        true
    }

    /// Where the event has a value of the file that the record is about: of the program, where the object is the process
    /// that its execution would make.
    fn of_file(&self, value: &str) -> &'static str {
        let names = [
            ("path", "object.path", "object.executable.path"),
            ("inode", "object.inode", "object.executable.inode"),
            ("device", "object.device", "object.executable.device"),
        ];
        let is_program = lookup(self.event, "object.executable").is_some();
        let found = names.into_iter().find(|(name, ..)| *name == value);
        found.map_or("", |(_, file, program)| if is_program { program } else { file })
    }

    /// Whether the event itself says that it lacks this field, and why.
    fn says_missing(&self, field: &str) -> bool {
        let missing = lookup(self.event, "missing").and_then(Value::as_array);
        missing.is_some_and(|missing| missing.iter().any(|one| one["field"] == field))
    }

    /// What `avc_audit_post_callback` adds (`security/selinux/avc.c`).
    fn of_selinux(&mut self, name: &str, field: &Field) -> bool {
        match name {
            "scontext" => self.equal("subject.label", &json!(field.bare())),
            "tcontext" => self.equal("object.label", &json!(field.bare())),
            "tclass" => self.equal("action.class", &json!(field.bare())),
            "srawcon" => self.text("subject.unknown_label", field),
            "trawcon" => self.text("object.unknown_label", field),
            "permissive" => self.verdict(field.bare() == "1"),
            "name" => self.last_component(field),
            _ => return false,
        }
        true
    }

    /// What `SELinux` writes of what is no decision about permissions (`security/selinux/hooks.c`, `ss/services.c`).
    fn of_selinux_error(&mut self, name: &str, field: &Field) -> bool {
        match name {
            "op" => self.equal("action.operation", &json!(field.bare())),
            "reason" => self.equal("action.info", &json!(field.bare())),
            "scontext" | "oldcontext" => self.equal("subject.label", &json!(field.bare())),
            "tcontext" | "newcontext" => self.equal("object.label", &json!(field.bare())),
            "tclass" => self.equal("action.class", &json!(field.bare())),
            "perms" => self.permissions(&field.bare().split(',').collect()),
            "invalid_context" => self.text("object.unknown_label", field),
            "seresult" => self.verdict(field.bare() != "denied"),
            _ => return false,
        }
        true
    }

    /// What `audit_pre` and the callbacks of the classes add (`security/apparmor/audit.c` and others).
    fn of_apparmor(&mut self, name: &str, field: &Field, record: &Record) -> bool {
        match name {
            "apparmor" => self.verdict(field.bare() == "ALLOWED"),
            "operation" => self.text("action.operation", field),
            "class" => self.text("action.class", field),
            "info" => self.text("action.info", field),
            "error" => self.equal("action.errno", &json!(field.number().map(i64::unsigned_abs))),
            "namespace" => self.text("subject.namespace", field),
            "profile" => self.text("subject.label", field),
            "peer" => self.text("object.label", field),
            "name" => self.name(field),
            "target" | "trans" => self.text("object.target", field),
            // Linux 7.3 has other names for those of sockets.
            "requested_mask" | "requested" => self.text("action.requested_mask", field),
            "denied_mask" | "denied" => self.text("action.denied_mask", field),
            "addr" => self.unix_address(field),
            // Those that were judged.
            "fsuid" if lookup(self.event, "subject.fsuid").is_some() => self.number("subject.fsuid", field),
            "fsuid" => self.number("process.fsuid", field),
            "ouid" => self.number("object.owner", field),
            "family" => self.text("object.family", field),
            "sock_type" => self.text("object.socket_type", field),
            "protocol" => self.protocol(field),
            "signal" => self.equal("action.signal", &json!(field.bare())),
            "rlimit" => self.equal("action.rlimit", &json!(field.bare())),
            "value" => self.number("action.rlimit_value", field),
            "fstype" => self.text("object.mount_type", field),
            "srcname" => self.text("object.mount_source", field),
            "flags" => {
                let options = record.field("options").map(|options| format!(", {}", options.bare()));
                let all = format!("{}{}", field.bare(), options.unwrap_or_default());
                self.equal("action.mount_options", &json!(all));
            }
            // Compared with the flags.
            "options" => {}
            _ => return false,
        }
        true
    }

    /// What `landlock_log_denial` adds (`security/landlock/audit.c`).
    fn of_landlock(&mut self, name: &str, field: &Field) -> bool {
        match name {
            "domain" => self.equal("subject.domain", &json!(field.bare())),
            "blockers" => self.permissions(&field.bare().split(',').collect()),
            // What has no path, because it is no longer mounted, has a name.
            "name" => self.last_component(field),
            _ => return false,
        }
        true
    }

    /// What `ipe_audit_match` writes (`security/ipe/audit.c`), as far as it is not as other modules do.
    fn of_ipe(&mut self, name: &str, field: &Field) -> bool {
        match name {
            "ipe_op" => self.permissions(&[field.bare()].into()),
            "ipe_hook" => self.equal("action.operation", &json!(field.bare())),
            "enforcing" => self.verdict(field.bare() == "0"),
            "rule" => self.equal("action.info", &json!(field.bare())),
            // Without a file.
            "path" | "dev" | "ino" if field.bare() == "?" => self.equal("object.kind", &json!("none")),
            _ => return false,
        }
        true
    }

    /// What `audit_seccomp` and `audit_log_task` write (`kernel/auditsc.c`).
    fn of_seccomp(&mut self, name: &str, field: &Field) -> bool {
        match name {
            "auid" => self.optional_id("process.loginuid", field),
            "ses" => self.optional_id("process.session", field),
            "uid" => self.number("process.uid", field),
            "gid" => self.number("process.gid", field),
            "exe" => self.text("process.exe", field),
            // Where no module labels processes, audit has a word for that.
            "subj" if matches!(field.bare(), "=" | "unconfined" | "kernel") => {}
            "subj" => self.text("process.label", field),
            "sig" => self.signal(field),
            "arch" => self.arch(field),
            "syscall" => self.number("action.syscall_number", field),
            // What the architecture already says.
            "compat" => {
                let compat = lookup(self.event, "action.syscall_arch") == Some(&json!("i386"));
                if field.number() != Some(compat.into()) {
                    self.mismatches.push(format!("action.syscall_arch: audit has compat={}", field.bare()));
                }
            }
            "ip" => self.equal("action.instruction_pointer", &json!(field.bare())),
            "code" => self.seccomp_action(field),
            _ => return false,
        }
        true
    }

    /// What `sel_write_enforce`, `sel_write_load` (`security/selinux/selinuxfs.c`) and `security_set_bools`
    /// (`security/selinux/ss/services.c`) write.
    fn of_change(&mut self, name: &str, field: &Field, record: &Record) -> bool {
        let value = field.bare();
        let mode = if value == "0" { "permissive" } else { "enforcing" };
        let state = if value == "0" { "off" } else { "on" };
        match name {
            "enforcing" => self.change("mode", None, "after", mode),
            "old_enforcing" => self.change("mode", None, "before", mode),
            // Compared with its values.
            "bool" => {}
            "val" => self.change("boolean", record.field("bool"), "after", state),
            "old_val" => self.change("boolean", record.field("bool"), "before", state),
            "auid" => self.optional_id("process.loginuid", field),
            "ses" => self.optional_id("process.session", field),
            "lsm" => self.text("module", field),
            // That it succeeded, and that SELinux was and is in force.
            "res" | "enabled" | "old-enabled" => self.equal("kind", &json!("policy")),
            _ => return false,
        }
        true
    }

    /// 0 is no signal.
    fn signal(&mut self, field: &Field) {
        let wanted = match field.number() {
            Some(0) => None,
            Some(9) => Some("kill"),
            Some(31) => Some("sys"),
            _ => Some(field.bare()),
        };
        let got = lookup(self.event, "action.signal").and_then(Value::as_str);
        if got != wanted {
            self.mismatches.push(format!("action.signal: audit has {}, the event {got:?}", field.bare()));
        }
    }

    /// `AUDIT_ARCH_*` (`include/uapi/linux/audit.h`).
    fn arch(&mut self, field: &Field) {
        let wanted = match field.bare() {
            "c000003e" => "x86_64",
            "c00000b7" => "aarch64",
            "40000003" => "i386",
            other => other,
        };
        self.equal("action.syscall_arch", &json!(wanted));
    }

    /// `SECCOMP_RET_*` (`include/uapi/linux/seccomp.h`).
    fn seccomp_action(&mut self, field: &Field) {
        let wanted = match field.bare() {
            "0x80000000" => "kill_process",
            "0x0" => "kill_thread",
            "0x30000" => "trap",
            "0x50000" => "errno",
            "0x7fc00000" => "user_notif",
            "0x7ff00000" => "trace",
            "0x7ffc0000" => "log",
            other => other,
        };
        self.equal("action.seccomp_action", &json!(wanted));
    }

    /// A value of the change of this kind and name.
    fn change(&mut self, what: &str, name: Option<&Field>, key: &str, wanted: &str) {
        let changes = lookup(self.event, "changes").and_then(Value::as_array);
        let name = name.map_or(Value::Null, |name| json!(text(name)));
        let is_meant = |change: &&Value| change["what"] == what && change["name"] == name;
        let got = changes.and_then(|changes| changes.iter().find(is_meant)).map(|change| &change[key]);
        if got != Some(&json!(wanted)) {
            self.mismatches.push(format!("{key} of {what} {name}: audit has {wanted}, the event {got:?}"));
        }
    }

    /// What `audit_log_exit` writes (`kernel/auditsc.c`).
    fn of_system_call(&mut self, name: &str, field: &Field) -> bool {
        match name {
            "pid" => self.number("process.pid", field),
            "ppid" => self.number("process.ppid", field),
            "auid" => self.optional_id("process.loginuid", field),
            "ses" => self.optional_id("process.session", field),
            "uid" => self.number("process.uid", field),
            "euid" => self.number("process.euid", field),
            "fsuid" => self.number("process.fsuid", field),
            "gid" => self.number("process.gid", field),
            "egid" => self.number("process.egid", field),
            "comm" => self.text("process.comm", field),
            "exe" => self.text("process.exe", field),
            // Of the system call and how it ended, events have nothing; nor of these ids and the terminal. The label
            // is that at the end of the call; that at the denial is in the denial's own record.
            "arch" | "syscall" | "success" | "exit" | "a0" | "a1" | "a2" | "a3" | "items" | "key"
            | "suid" | "sgid" | "fsgid" | "tty" | "subj" => {}
            _ => return false,
        }
        true
    }

    fn equal(&mut self, name: &str, wanted: &Value) {
        let got = lookup(self.event, name);
        if got != Some(wanted) {
            let got = got.map_or_else(|| "nothing".to_owned(), Value::to_string);
            self.mismatches.push(format!("{name}: audit has {wanted}, the event {got}"));
        }
    }

    fn number(&mut self, name: &str, field: &Field) {
        self.equal(name, &json!(field.number()));
    }

    fn text(&mut self, name: &str, field: &Field) {
        self.equal(name, &json!(text(field)));
    }

    /// An id that is -1 in audit's record, and absent in the event, if there is none.
    fn optional_id(&mut self, name: &str, field: &Field) {
        if field.bare() != "4294967295" {
            self.number(name, field);
        } else if let Some(got) = lookup(self.event, name) {
            self.mismatches.push(format!("{name}: audit has none, the event {got}"));
        }
    }

    fn verdict(&mut self, permitted: bool) {
        self.equal("verdict", &json!(if permitted { "permitted" } else { "denied" }));
    }

    fn permissions(&mut self, wanted: &BTreeSet<&str>) {
        let got = lookup(self.event, "action.permissions").and_then(strings);
        if got.as_ref() != Some(wanted) {
            self.mismatches.push(format!("action.permissions: audit has {wanted:?}, the event {got:?}"));
        }
    }

    /// A whole path, or the name of a unix socket.
    fn path(&mut self, bytes: &[u8]) {
        if let Some(name) = bytes.strip_prefix(b"\0") {
            return self.equal("object.abstract_name", &json!(format!("@{}", crate::report::escape(name))));
        }
        let (path, deleted) = match bytes.strip_suffix(b" (deleted)") {
            Some(path) => (path, true),
            None => (bytes, false),
        };
        let root = lookup(self.event, "process.root").and_then(Value::as_str).unwrap_or_default();
        let seen = format!("{root}{}", crate::report::escape(path));
        self.equal(self.of_file("path"), &json!(seen));
        if deleted {
            self.equal("object.deleted", &json!(true));
        }
    }

    /// The last component of a path; that of a file system's root is `/`, and so is the path of some mount of it.
    fn last_component(&mut self, field: &Field) {
        let wanted = text(field);
        if lookup(self.event, "object.entry").is_some() {
            return self.text("object.entry", field);
        }
        let path = lookup(self.event, self.of_file("path")).and_then(Value::as_str);
        // What `/proc` names by its inode has no such name.
        let inode = lookup(self.event, "object.inode").and_then(Value::as_u64).unwrap_or_default();
        if path.is_some_and(|path| path.ends_with(&format!(":[{inode}]"))) {
            return;
        }
        // What has a name and no path is `anon_inode:NAME`.
        let name = path.and_then(|path| path.split_once(':').map(|(_, name)| name));
        let got = path.map(|path| path.rsplit('/').next().unwrap_or(path));
        let got = if wanted.starts_with('[') { name } else { got };
        let agrees = if wanted == "/" { path.is_some() } else { got == Some(&wanted) };
        if !agrees {
            self.mismatches.push(format!("object.path: audit has the name {wanted:?}, the event {path:?}"));
        }
    }

    /// `AppArmor`'s name: of a file the path, unless it has none; of anything else its name.
    fn name(&mut self, field: &Field) {
        let is_path =
            lookup(self.event, "object.path").is_some() && lookup(self.event, "object.name").is_none();
        self.text(if is_path { "object.path" } else { "object.name" }, field);
    }

    /// A unix socket's name as `AppArmor` writes it.
    fn unix_address(&mut self, field: &Field) {
        let name = text(field);
        match field.bare() {
            "none" => {
                for field in ["object.path", "object.abstract_name"] {
                    if let Some(got) = lookup(self.event, field) {
                        self.mismatches.push(format!("{field}: audit has none, the event {got}"));
                    }
                }
            }
            bare if bare.starts_with('@') => self.equal("object.abstract_name", &json!(name)),
            _ => self.equal("object.path", &json!(name)),
        }
    }

    /// A number in the record; a name in the event where there is one.
    fn protocol(&mut self, field: &Field) {
        let got = lookup(self.event, "object.protocol").and_then(Value::as_str);
        let internet =
            matches!(lookup(self.event, "object.family").and_then(Value::as_str), Some("inet" | "inet6"));
        let wanted = match field.number() {
            // None is asked for.
            Some(0) => None,
            Some(6) if internet => Some("tcp"),
            Some(17) if internet => Some("udp"),
            _ => Some(field.bare()),
        };
        if got != wanted {
            self.mismatches.push(format!("object.protocol: audit has {wanted:?}, the event {got:?}"));
        }
    }
}

/// The capabilities' names, by number (`linux/capability.h`).
const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str) -> Record {
        Record::parse(line).unwrap().unwrap()
    }

    const SELINUX: &str = "audit: type=1400 audit(1.2:3): avc:  denied  { write } for  pid=7 comm=\"cat\" name=\"y\" \
                           dev=\"tmpfs\" ino=3 scontext=u:r:a:s0 tcontext=u:o:b:s0 tclass=file permissive=0";

    fn event() -> Value {
        json!({
            "verdict": "denied",
            "action": {"class": "file", "permissions": ["write"]},
            "subject": {"label": "u:r:a:s0"},
            "object": {"label": "u:o:b:s0", "path": "/x/y", "device": "tmpfs", "inode": 3},
            "process": {"pid": 7, "comm": "cat"},
        })
    }

    #[test]
    fn an_event_that_says_what_the_record_says_agrees() {
        assert_eq!(compare(&record(SELINUX), &event()), Vec::<String>::new());
    }

    #[test]
    fn each_field_that_differs_is_named() {
        for (pointer, wrong) in [
            ("/verdict", json!("permitted")),
            ("/action/class", json!("dir")),
            ("/action/permissions", json!(["write", "read"])),
            ("/subject/label", json!("u:r:a:s0:c0")),
            ("/object/label", Value::Null),
            ("/object/path", json!("/x/z")),
            ("/object/device", json!("sda")),
            ("/object/inode", json!(4)),
            ("/process/pid", json!(8)),
            ("/process/comm", json!("dog")),
        ] {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = wrong;
            let mismatches = compare(&record(SELINUX), &event);
            assert_eq!(mismatches.len(), 1, "{pointer}: {mismatches:?}");
        }
    }

    /// What real kernels wrote for all cases: `tests/captured/audit-KERNEL-MODULE.log`.
    #[test]
    fn every_field_that_kernels_write_is_compared() {
        for (log, at_least) in [
            (include_str!("../../captured/audit-6.1-apparmor.log"), 40),
            (include_str!("../../captured/audit-6.1-seccomp.log"), 14),
            (include_str!("../../captured/audit-6.1-selinux.log"), 40),
            (include_str!("../../captured/audit-7-apparmor.log"), 40),
            (include_str!("../../captured/audit-7-landlock.log"), 40),
            (include_str!("../../captured/audit-7-seccomp.log"), 14),
            (include_str!("../../captured/audit-7-selinux.log"), 40),
        ] {
            let records: Vec<_> = log.lines().map(record).collect();
            assert!(records.iter().filter(|record| record.is_denial()).count() >= at_least);
            for record in records {
                let mismatches = match record.kind {
                    Kind::SystemCall => compare_system_call(&record, &json!({})),
                    _ => compare(&record, &json!({})),
                };
                assert!(!mismatches.is_empty(), "an event of nothing agrees with {}", record.line);
                let passed_over = mismatches.iter().find(|mismatch| mismatch.contains("isn't compared"));
                assert_eq!(passed_over, None, "{}", record.line);
            }
        }
    }

    #[test]
    fn a_field_that_is_not_known_fails() {
        let line = SELINUX.replace("permissive=0", "permissive=0 newcon=\"x\"");
        assert_eq!(compare(&record(&line), &event()), ["field `newcon` of the audit record isn't compared"],);
    }
}
