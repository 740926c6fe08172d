//! A capability that a process does not have.

use std::ops::ControlFlow;

use monitor_event::event::Event;

use super::{Context, draft};
use crate::{
    finding::{Cause, Draft, Remedy, RemedyKind},
    unit::Unit,
};

/// What usually needs a capability.
const NEEDED: &[(&str, &str)] = &[
    ("chown", "changing a file's owner"),
    (
        "dac_override",
        "writing or executing a file whose mode forbids it: its owner or mode is wrong more often than not",
    ),
    (
        "dac_read_search",
        "reading a file or folder whose mode forbids it: its owner or mode is wrong more often than not",
    ),
    ("fowner", "changing mode, times or attributes of another's file"),
    ("fsetid", "keeping the set-user-id bit of a file that is changed"),
    ("kill", "signals to another user's processes"),
    ("setgid", "changing groups, as a service does that gives up root"),
    ("setuid", "changing the user, as a service does that gives up root"),
    ("setpcap", "giving capabilities away, or out of the bounding set"),
    ("linux_immutable", "`chattr +i`"),
    (
        "net_bind_service",
        "listening on a port below 1024; net.ipv4.ip_unprivileged_port_start can lower that",
    ),
    ("net_broadcast", "nothing: the kernel no longer asks for it"),
    ("net_admin", "interfaces, routes, firewalls, and some socket options"),
    ("net_raw", "ping and raw packets; net.ipv4.ping_group_range allows ping without"),
    ("ipc_lock", "locking memory; LimitMEMLOCK= may do instead"),
    ("ipc_owner", "another user's System V IPC"),
    ("sys_module", "loading kernel modules"),
    ("sys_rawio", "ports, /dev/mem, and commands to disks"),
    ("sys_chroot", "chroot"),
    ("sys_ptrace", "looking into other users' processes"),
    ("sys_pacct", "process accounting"),
    ("sys_admin", "mounts, name spaces, and much else"),
    ("sys_boot", "reboot"),
    ("sys_nice", "a higher priority; LimitNICE= may do instead"),
    ("sys_resource", "raising limits, or using what is kept for root; LimitXXX= of the unit may do instead"),
    ("sys_time", "setting the clock"),
    ("sys_tty_config", "terminals' settings"),
    ("mknod", "making device nodes"),
    ("lease", "leases on another's file"),
    ("audit_write", "writing to audit's log, as programs do that log users in"),
    ("audit_control", "audit's rules, and the login user of a process"),
    ("setfcap", "giving capabilities to files"),
    ("mac_override", "passing by Smack's policy"),
    ("mac_admin", "changing AppArmor's or Smack's policy, or SELinux labels that it does not know"),
    ("syslog", "the kernel's log and its addresses"),
    ("wake_alarm", "timers that wake the machine"),
    ("block_suspend", "keeping the machine awake"),
    ("audit_read", "audit's log over netlink"),
    ("perfmon", "performance counters and tracing"),
    ("bpf", "loading BPF programs"),
    ("checkpoint_restore", "checkpoints of processes"),
];

/// Settings of a unit that take capabilities away, and which.
const PROTECTING: &[(&str, &[&str])] = &[
    ("ProtectClock", &["sys_time", "wake_alarm"]),
    ("ProtectKernelModules", &["sys_module"]),
    ("ProtectKernelLogs", &["syslog"]),
    ("PrivateDevices", &["mknod", "sys_rawio"]),
];

/// Each is much of what root may do.
pub(crate) const POWERFUL: [&str; 10] = [
    "sys_admin",
    "sys_module",
    "sys_rawio",
    "sys_ptrace",
    "dac_override",
    "dac_read_search",
    "mac_admin",
    "mac_override",
    "sys_boot",
    "bpf",
];

/// With it, one may get all the others, or past what they guard.
fn is_dangerous(name: &str) -> bool {
    POWERFUL.contains(&name) || matches!(name, "setuid" | "setfcap")
}

pub(super) fn judge(event: &Event<'_>, context: &Context<'_>) -> Draft {
    let name = event.object.capability.as_deref().unwrap_or("unknown");
    let what = format!("use the capability {name}");
    let mut draft = draft(event, Cause::Capability, &what, "the process does not have it")
        .because("no policy refused it; many programs only try, and work without");
    let Some((_, needed)) = NEEDED.iter().find(|(known, _)| *known == name) else { return draft };
    draft = draft.because(format!("{name} is for: {needed}"));
    if let Some(path) = event.object.path.as_deref().filter(|_| name.starts_with("dac_")) {
        draft = draft.remedy(Remedy::new(
            RemedyKind::Setting,
            format!("put owner and mode of {path} right, or those of a folder on the way: `namei -l {path}` shows them"),
        ));
    }
    let upper = format!("CAP_{}", name.to_uppercase());
    let warned = |remedy: Remedy| {
        if is_dangerous(name) {
            remedy.warn(format!("{name}: who has it can become as good as root"))
        } else {
            remedy
        }
    };
    if event.container.is_some() {
        return draft.remedy(warned(container(&upper)));
    }
    let Some(unit) = &context.unit else {
        draft = draft.remedy(warned(context.directive(&format!(
            "AmbientCapabilities={upper}, and CapabilityBoundingSet= must not leave it out"
        ))));
        return draft.remedy(warned(container(&upper)));
    };
    let lower = upper.to_lowercase();
    let has = |list: &str| list.split_whitespace().any(|item| item == lower);
    let is_missing = unit.leaves_out("CapabilityBoundingSet", &lower);
    let protecting: Vec<&str> = protecting(unit, name).collect();
    let is_bounded = is_missing && (protecting.is_empty() || is_bounded_besides(unit));
    if is_bounded {
        draft = draft.because(format!("CapabilityBoundingSet= of {} leaves it out", unit.name));
    }
    for property in &protecting {
        draft = draft.because(format!("{} sets {property}=yes, which takes {name} away", unit.name));
    }
    let mut directives = Vec::new();
    if !unit.is_root() && !unit.get("AmbientCapabilities").is_some_and(has) {
        let user = unit.get("User").unwrap_or("a user of its own");
        draft = draft.because(format!("{} runs as {user}, who has no capabilities", unit.name));
        directives.push(format!("AmbientCapabilities={upper}"));
    }
    if is_bounded {
        directives.push(format!("CapabilityBoundingSet={upper}"));
    }
    directives.extend(protecting.iter().map(|property| format!("{property}=no")));
    if !directives.is_empty() {
        let mut remedy = warned(unit.set(&directives.join("\n")));
        if let Some(property) = protecting.first() {
            remedy = remedy.note(format!("{property}= does more than that: `man systemd.exec` says what"));
        }
        if unit.get("ActiveState") == Some("failed") {
            draft = draft.because(format!("{} has failed", unit.name));
        } else {
            remedy = remedy
                .warn(format!("{} has not failed without it: look first whether it is needed", unit.name));
        }
        return draft.remedy(remedy);
    }
    if unit.get("PrivateUsers") == Some("yes") {
        return draft
            .because(format!(
                "{} sets PrivateUsers=yes: it has capabilities for its own name spaces only",
                unit.name
            ))
            .remedy(unit.set("PrivateUsers=no").warn("root of the unit is then root of the machine"));
    }
    match unit.allowed(context.last, draft) {
        ControlFlow::Break(allowed) => allowed,
        ControlFlow::Continue(draft) => draft.because(format!(
            "{} leaves it in: the process gave it up itself, or it was wanted in a user name space that is not its own",
            unit.name
        )),
    }
}

/// The settings of a unit that take a capability away.
fn protecting(unit: &Unit, name: &str) -> impl Iterator<Item = &'static str> {
    PROTECTING
        .iter()
        .filter(move |(property, taken)| taken.contains(&name) && unit.get(property) == Some("yes"))
        .map(|(property, _)| *property)
}

/// Whether the bounding set lacks more than other settings take away. A set that the unit itself does not have must not be
/// named: it would be all that the unit gets.
fn is_bounded_besides(unit: &Unit) -> bool {
    let is_missing = |name: &str| unit.leaves_out("CapabilityBoundingSet", &format!("cap_{name}"));
    NEEDED.iter().any(|(name, _)| is_missing(name) && protecting(unit, name).next().is_none())
}

fn container(upper: &str) -> Remedy {
    let name = upper.trim_start_matches("CAP_");
    Remedy::new(RemedyKind::Setting, format!("in a container: --cap-add={name}"))
}
