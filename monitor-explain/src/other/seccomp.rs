//! Whose filter refused a system call, and what lets it through.

use std::ops::ControlFlow;

use monitor_event::event::Event;

use super::{Context, draft, syscall_groups};
use crate::finding::{Cause, Draft, Remedy, RemedyKind};

/// Settings of a unit that forbid calls besides `SystemCallFilter=`, and the calls.
const SETTINGS: &[(&str, &[&str])] = &[
    ("RestrictNamespaces", &["unshare", "clone", "clone3", "setns"]),
    ("MemoryDenyWriteExecute", &["mmap", "mmap2", "mprotect", "pkey_mprotect", "shmat"]),
    ("RestrictRealtime", &["sched_setscheduler", "sched_setattr"]),
    (
        "RestrictSUIDSGID",
        &[
            "chmod",
            "fchmod",
            "fchmodat",
            "fchmodat2",
            "open",
            "openat",
            "openat2",
            "creat",
            "mknod",
            "mknodat",
            "mkdir",
            "mkdirat",
        ],
    ),
    ("LockPersonality", &["personality"]),
    ("ProtectKernelModules", &["init_module", "finit_module", "delete_module"]),
    ("ProtectKernelLogs", &["syslog"]),
    (
        "ProtectClock",
        &["adjtimex", "clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64", "settimeofday"],
    ),
    ("ProtectHostname", &["sethostname", "setdomainname"]),
    ("PrivateDevices", &["ioperm", "iopl", "pciconfig_iobase", "pciconfig_read", "pciconfig_write"]),
    ("ProtectKernelTunables", &["_sysctl"]),
];

/// What no service should be allowed without a thought.
const DANGEROUS: &[(&str, &str)] = &[
    ("@module", "it may load code into the kernel"),
    ("@raw-io", "it may reach the machine's devices past the kernel"),
    ("@reboot", "it may end the machine, or start another kernel"),
    ("@swap", "it may make the machine write memory to where it likes"),
    ("@mount", "it may change what files there are for others"),
    ("@debug", "it may read and change other processes"),
    ("@cpu-emulation", "exploits use it, programs of today do not"),
    ("@obsolete", "programs of today do not use it"),
    ("@clock", "it may set the machine's clock"),
];

pub(super) fn judge(event: &Event<'_>, context: &Context<'_>) -> Draft {
    let action = &event.action;
    let name = action.syscall.as_deref().filter(|name| !name.starts_with("syscall_"));
    let number = action.syscall_number.map(|number| format!("system call {number}"));
    let call = name.map(str::to_owned).or(number).unwrap_or_else(|| "a system call".to_owned());
    let decided = action.seccomp_action.as_deref();
    if decided == Some("log") {
        return logged(event, &call);
    }
    let mut draft = draft(event, Cause::Sandbox, &format!("call {call}"), "a seccomp filter forbids it");
    if decided == Some("user_notif") {
        draft = draft.because(
            "the filter left it to its supervisor: a container's runtime, or the sandbox that started it",
        );
    }
    if let Some(decided) = action.seccomp_action.as_deref() {
        draft = draft.because(format!("the filter decided: {decided}"));
    }
    let Some(call) = name else {
        return draft.because(
            "the kernel does not say who installed the filter: the program itself, systemd, or a container",
        );
    };
    let group = syscall_groups::of(call);
    if let Some(group) = group {
        let usual = if syscall_groups::is_of_services(call) { ", which @system-service has" } else { "" };
        draft = draft.because(format!("systemd's group {group} holds {call}{usual}"));
    }
    let danger = DANGEROUS.iter().find(|(dangerous, _)| group == Some(dangerous)).map(|(_, danger)| *danger);
    let warned = |remedy: Remedy| match danger {
        Some(danger) => remedy.warn(format!("{call}: {danger}")),
        None => remedy,
    };
    if let Some(snap) = snap(event) {
        return draft.because("snapd writes the filters of snaps, by their interfaces").remedy(warned(
            Remedy::new(RemedyKind::Setting, "connect the interface that the snap needs")
                .run(format!("snap connections {}", shell_words::quote(snap))),
        ));
    }
    if event.container.is_some() {
        return draft
            .because("the process is in a container, whose runtime installs a filter")
            .remedy(warned(container(call)));
    }
    let Some(unit) = &context.unit else {
        draft = draft.because(
            "the kernel does not say who installed the filter: the program itself, systemd, or a container",
        );
        draft = draft.remedy(warned(context.directive(&format!("SystemCallFilter={call} allows it"))));
        return draft.remedy(warned(container(call)));
    };
    if unit.leaves_out("SystemCallFilter", call) {
        let kind = if unit.get("SystemCallFilter").is_some_and(|list| list.starts_with('~')) {
            "names it"
        } else {
            "leaves it out"
        };
        return draft
            .because(format!("SystemCallFilter= of {} {kind}", unit.name))
            .remedy(warned(unit.set(&format!("SystemCallFilter={call}"))));
    }
    let is_foreign = !matches!(action.syscall_arch.as_deref(), None | Some("x86_64" | "aarch64"));
    if is_foreign && unit.get("SystemCallArchitectures").is_some() {
        return draft
            .because(format!("SystemCallArchitectures= of {} leaves the architecture out", unit.name))
            .remedy(warned(unit.set("SystemCallArchitectures=")));
    }
    if matches!(call, "socket" | "socketpair")
        && unit.get("RestrictAddressFamilies").is_some_and(|list| list != "~")
    {
        return draft
            .because(format!("{} sets RestrictAddressFamilies={}", unit.name, unit.get("RestrictAddressFamilies").unwrap_or_default()))
            .remedy(Remedy::new(
                RemedyKind::Setting,
                format!("name the family that it needs in RestrictAddressFamilies= of {}; the filter does not tell which it was", unit.name),
            ));
    }
    let setting = SETTINGS.iter().find(|(property, calls)| {
        calls.contains(&call) && unit.get(property).is_some_and(|value| value != "no")
    });
    match setting {
        Some((property, _)) => draft
            .because(format!("{} sets {property}={}", unit.name, unit.get(property).unwrap_or_default()))
            .remedy(warned(unit.set(&format!("{property}=no")))),
        None => match unit.allowed(context.last, draft) {
            ControlFlow::Break(allowed) => allowed,
            ControlFlow::Continue(draft) => draft
                .because(format!(
                    "nothing that {} sets forbids it: the filter is the program's own",
                    unit.name
                ))
                .remedy(Remedy::new(
                    RemedyKind::Setting,
                    "only the program can allow itself more: look in its options or configuration",
                )),
        },
    }
}

/// A call that a filter let pass, and told.
fn logged(event: &Event<'_>, call: &str) -> Draft {
    let who = super::who(event);
    let summary = format!("{who} calls {call}: a seccomp filter lets it, and logs it");
    Draft::new(event.module, Cause::Sandbox, format!("{who} logs {call}"), summary)
        .because("the filter decided: log; nothing was refused")
}

/// The snap that a process is of, by its AppArmor label (`snap.NAME.APP`) or where its program lies.
fn snap<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let by_label = event.process.label.as_deref().and_then(|label| label.strip_prefix("snap."));
    let by_path = || event.process.exe.as_deref()?.strip_prefix("/snap/");
    let name = by_label.or_else(by_path)?.split(['.', '/']).next()?;
    (!name.is_empty()).then_some(name)
}

fn container(call: &str) -> Remedy {
    Remedy::new(
        RemedyKind::Setting,
        format!("in a container: a seccomp profile that allows {call} (--security-opt seccomp=FILE)"),
    )
}
