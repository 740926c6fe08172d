//! What object managers in user space refuse: dbus-daemon and systemd.

use serde_json::{Value, json};
use tests::{
    audit::{Field, Kind, Record},
    expectation::{Expectation, lookup},
};
use xtask::vm::Module;

use super::{Seen, Step};

/// Makes a D-Bus connection, and a call over it once `/run/go` is read.
pub(super) const CALLER: &str = include_str!("caller.py");

pub(super) const STEPS: [Step; 3] = [
    Step {
        name: "dbus_daemon_refuses_what_selinux_does_not_allow",
        module: Module::Selinux,
        script: "
            cp /usr/bin/dbus-send /usr/local/bin/avahi-ask
            chcon -t avahi_exec_t /usr/local/bin/avahi-ask
            ask() {
                known $1 runcon system_u:system_r:avahi_t:s0 /usr/local/bin/avahi-ask --system --print-reply \\
                    --dest=org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.DBus.Introspectable.Introspect
            }
            fact logind $(systemctl show --property MainPID --value systemd-logind)
            ask refused && exit 1
            setenforce 0
            ask permitted || exit 1
            setenforce 1
            rm /usr/local/bin/avahi-ask
        ",
        files: &[],
        check: |seen| {
            let wanted = |expectation: Expectation| {
                expectation
                    .field("module", "selinux")
                    .field("subject.label", "system_u:system_r:avahi_t:s0")
                    .field("object.label", "system_u:system_r:systemd_logind_t:s0")
                    .field("object.kind", "dbus")
                    .field("object.dbus.message_type", "method_call")
                    .field("object.dbus.interface", "org.freedesktop.DBus.Introspectable")
                    .field("object.dbus.member", "Introspect")
                    .field("object.dbus.name", "org.freedesktop.login1")
                    .action("dbus", ["send_msg"])
            };
            for (known, expectation) in
                [("refused", Expectation::denied()), ("permitted", Expectation::permitted())]
            {
                let logind = seen.number("logind")?;
                let wanted = wanted(expectation).field("object.process", json!({ "pid": logind }));
                let process = json!({ "pid": seen.number(known)? });
                seen.told(&wanted.field("process", process), "dbus-daemon")?;
            }
            Ok(())
        },
    },
    Step {
        name: "systemd_refuses_what_selinux_does_not_allow",
        module: Module::Selinux,
        script: "
            cat >/etc/systemd/system/probe.service <<'end'
            [Service]
            ExecStart=/bin/sleep infinity
            ExecReload=/bin/true
            end
            chcon -t etc_t /etc/systemd/system/probe.service
            systemctl daemon-reload
            systemctl start probe
            systemctl reload probe && exit 1
            systemctl stop probe
            rm /etc/systemd/system/probe.service
        ",
        files: &[],
        check: |seen| {
            let wanted = Expectation::denied()
                .field("module", "selinux")
                .field("subject.label", "system_u:system_r:initrc_t:s0")
                .field("object.label", "system_u:object_r:etc_t:s0")
                .field("object.kind", "unit")
                .field("object.path", "/etc/systemd/system/probe.service")
                .field("process", json!({ "euid": 0, "euser": "root", "egid": 0, "egroup": "root" }))
                .action("service", ["reload"]);
            seen.told(&wanted, "systemd")
        },
    },
    // Debian 12's parser makes no profiles whose D-Bus rules newer kernels enforce. dbus-daemon asks about them all
    // the same, and refuses what it gets no answer for.
    Step {
        name: "dbus_daemon_refuses_what_apparmor_has_no_answer_for",
        module: Module::Apparmor,
        script: "
            cat >/run/profile <<'end'
            abi <abi/3.0>,
            include <tunables/global>
            profile caller {
                file,
                unix,
                network,
            }
            end
            apparmor_parser --add /run/profile
            mkfifo /run/connected /run/go
            fact logind $(systemctl show --property MainPID --value systemd-logind)
            known caller aa-exec -p caller -- python3 /share/caller.py &
            cat /run/connected
            apparmor_parser --remove /run/profile
            : >/run/go
            wait $!
        ",
        files: &[("caller.py", CALLER)],
        check: |seen| {
            let (caller, logind) = (seen.number("caller")?, seen.number("logind")?);
            let wanted = Expectation::denied()
                .field("module", "apparmor")
                .field("action.operation", "dbus_method_call")
                .field("object.kind", "dbus")
                .field("object.dbus.bus", "system")
                .field("object.dbus.message_type", "method_call")
                .field("object.dbus.path", "/org/freedesktop/login1")
                .field("object.dbus.interface", "org.freedesktop.DBus.Introspectable")
                .field("object.dbus.member", "Introspect");
            let sends = wanted
                .clone()
                .action("dbus", ["send"])
                .field("action.info", "No such file or directory")
                .field("subject.label", "caller")
                .field("object.label", "unconfined")
                .field("object.dbus.name", "org.freedesktop.login1")
                .field("process", json!({ "pid": caller }))
                .field("object.process", json!({ "pid": logind }));
            seen.told(&sends, "dbus-daemon")?;
            let receives = wanted
                .action("dbus", ["receive"])
                .field("subject.label", "unconfined")
                .field("object.label", "caller")
                .field("process", json!({ "pid": logind }))
                .field("object.process", json!({ "pid": caller }));
            seen.told(&receives, "dbus-daemon")
        },
    },
];

impl Seen<'_> {
    /// Whether an object manager refused what is expected, as often as audit has it and in audit's words.
    fn told(&self, expectation: &Expectation, manager: &str) -> Result<(), String> {
        let facts = std::collections::BTreeMap::new();
        let managers: Vec<_> =
            self.session.events.iter().filter(|event| event["manager"]["comm"] == manager).collect();
        let fitting: Vec<_> =
            managers.iter().filter(|event| expectation.mismatches(event, &facts).is_empty()).collect();
        let Some(first) = fitting.first() else {
            let nearest = managers.iter().map(|event| (expectation.mismatches(event, &facts), event));
            let nearest = nearest.min_by_key(|(mismatches, _)| mismatches.len());
            return Err(format!("no such event; the nearest: {nearest:#?}"));
        };
        // systemd may ask more than once; repeats come as one event with their count.
        let records = records_of(first, &self.session.records);
        let denials: u64 = fitting.iter().map(|event| event["count"].as_u64().unwrap_or(1)).sum();
        if denials != records.len() as u64 {
            return Err(format!("{denials} denials, and audit has {records:#?}"));
        }
        fitting.into_iter().try_for_each(|event| same_as_record(event, &self.session.records))
    }
}

/// A message of the kernel's log up to its first newline.
fn first_line(message: &str) -> &str {
    message.split_once("\\x0a").map_or(message, |(line, _)| line)
}

/// Audit's records that have the words of an event's message.
fn records_of<'a>(event: &Value, records: &'a [Record]) -> Vec<&'a Record> {
    // The kernel's log has a line of it, or writes the newline as `/dev/kmsg` does (kernel/printk/printk.c).
    let message = lookup(event, "action.message").and_then(Value::as_str).unwrap_or_default();
    let line = message.lines().next().unwrap_or_default();
    let is_it = |record: &&Record| {
        record.kind == Kind::Manager
            && record.field("msg").is_some_and(|said| first_line(said.bare()) == line)
    };
    records.iter().filter(is_it).collect()
}

/// Whether audit's record of the message says the same.
fn same_as_record(event: &Value, records: &[Record]) -> Result<(), String> {
    let records = records_of(event, records);
    let record = records.first().ok_or_else(|| format!("audit has no record of {}", event["action"]))?;
    for (name, field) in [("pid", "manager.pid"), ("uid", "manager.uid")] {
        if lookup(event, field).and_then(Value::as_i64) != record.number(name) {
            return Err(format!("{field} is not that of {}", record.line));
        }
    }
    let label = record.field("subj").map(Field::bare);
    if lookup(event, "manager.label").and_then(Value::as_str) != label {
        return Err(format!("manager.label is not that of {}", record.line));
    }
    Ok(())
}
