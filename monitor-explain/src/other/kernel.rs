//! What a setting of the kernel forbids, or a program on an LSM hook.

use monitor_event::event::Event;

use super::{Context, draft, setting};
use crate::finding::{Cause, Draft, Remedy, RemedyKind};

pub(super) fn yama(event: &Event<'_>) -> Draft {
    let what = event.action.operation.as_deref().unwrap_or("ptrace").to_owned();
    let mut draft = draft(event, Cause::Setting, &what, "kernel.yama.ptrace_scope forbids it");
    if let Some(scope) = event.action.ptrace_scope {
        let meaning = match scope {
            0 => "any process of the same user",
            1 => "its own descendants, and who has asked for it by prctl(PR_SET_PTRACER)",
            2 => "only who has CAP_SYS_PTRACE",
            _ => "nobody",
        };
        draft = draft.because(format!("kernel.yama.ptrace_scope was {scope}: a process may trace {meaning}"));
        match scope {
            1 => {
                draft = draft.remedy(Remedy::new(
                    RemedyKind::Setting,
                    "start the program under the debugger, or run the debugger as root: that needs no setting",
                ));
            }
            3 => return draft.because("3 can't be lowered until the machine is booted again"),
            _ => {}
        }
    }
    let remedy = Remedy::new(RemedyKind::Setting, "lower it while you debug, and set it back")
        .run("sysctl kernel.yama.ptrace_scope=0")
        .warn("it weakens the machine: any process may then trace others of its user");
    draft.remedy(remedy)
}

/// What lockdown keeps from whom, by the kernel's names of the reasons, and what does instead.
const REASONS: &[(&str, &str)] = &[
    ("module_signature", "sign the module, and enrol the key (mokutil --import)"),
    ("dev_mem", "use what the kernel offers of it in /sys or /proc"),
    ("efi_test", "boot without lockdown for the test"),
    ("kexec", "load a signed kernel with kexec_file_load (kexec -s)"),
    ("hibernation", "hibernation needs a machine without lockdown; suspend works"),
    ("pci_access", "use a driver (vfio-pci) and not /sys/bus/pci or /proc/bus/pci"),
    ("ioport", "use a driver"),
    ("msr", "read with `perf`, which is allowed; writing is not"),
    ("acpi_tables", "put the table into the initramfs of a machine without lockdown"),
    ("device_tree", "load a signed device tree at boot"),
    ("pcmcia_cis", "there is nothing instead"),
    ("tiocsserial", "leave port and interrupt of the serial line as they are"),
    ("module_parameters", "leave out parameters that name hardware addresses"),
    ("mmiotrace", "trace with `perf` or ftrace"),
    (
        "debugfs",
        "read what /sys and /proc have of it; debugfs may be read only where its files have mode 0400",
    ),
    ("xmon_wr", "boot without xmon"),
    ("bpf_write_user", "write a program that does not change other programs' memory"),
    ("dbg_write_kernel", "debug the kernel on a machine without lockdown"),
    ("rtas_error_injection", "inject errors on a machine without lockdown"),
    ("kcore", "lockdown=integrity allows it, confidentiality does not"),
    ("kprobes", "lockdown=integrity allows it, confidentiality does not"),
    ("bpf_read_kernel", "lockdown=integrity allows it, confidentiality does not"),
    ("dbg_read_kernel", "lockdown=integrity allows it, confidentiality does not"),
    ("perf", "lockdown=integrity allows it, confidentiality does not"),
    ("tracefs", "lockdown=integrity allows it, confidentiality does not"),
    ("xmon_rw", "lockdown=integrity allows it, confidentiality does not"),
    ("xfrm_secret", "lockdown=integrity allows it, confidentiality does not"),
];

pub(super) fn lockdown(event: &Event<'_>) -> Draft {
    let reason = event.object.lockdown_reason.as_deref().unwrap_or("it");
    let mut draft = draft(event, Cause::Setting, &format!("use {reason}"), "the kernel is locked down");
    if let Some(info) = event.action.info.as_deref().filter(|info| *info != reason) {
        draft = draft.because(format!("the kernel's reason: {info}"));
    }
    if let Some((_, instead)) = REASONS.iter().find(|(known, _)| *known == reason) {
        draft = draft.remedy(Remedy::new(RemedyKind::Setting, *instead));
    }
    draft.remedy(
        Remedy::new(
            RemedyKind::Setting,
            "boot with lockdown=none; under Secure Boot it must be switched off for that",
        )
        .warn("it weakens the machine: root may then change the running kernel"),
    )
}

pub(super) fn ipe(event: &Event<'_>) -> Draft {
    let mut draft = setting(event, "IPE's policy does not trust the file")
        .because("IPE trusts what its policy's properties say: dm-verity, fs-verity, the initramfs");
    if let Some(rule) = event.action.info.as_deref() {
        let which = if rule.starts_with("DEFAULT") {
            "no rule of the policy was for it, so its default held"
        } else {
            "the rule that refused"
        };
        draft = draft.because(format!("{which}: {rule}"));
    }
    draft.remedy(Remedy::new(
        RemedyKind::Setting,
        "run the file from where the policy trusts it, or deploy a signed policy that allows it",
    ))
}

/// The program by which systemd keeps units from file systems (`src/core/bpf/restrict_fs`).
const RESTRICT_FILE_SYSTEMS: &str = "restrict_files";

pub(super) fn bpf(event: &Event<'_>, context: &Context<'_>) -> Draft {
    let programs = &event.action.bpf_programs;
    let named: Vec<String> = programs
        .iter()
        .map(|program| format!("{} {}", program.id, program.name.as_deref().unwrap_or("without a name")))
        .collect();
    let mut draft = setting(event, "a BPF program on an LSM hook refused it");
    if named.is_empty() {
        draft = draft.because("only who loaded the program knows why: `bpftool prog` shows it");
    } else {
        draft = draft.because(format!(
            "one of these did: {}; `bpftool prog show id ID` shows who has it",
            named.join(", ")
        ));
    }
    let is_systemds = programs
        .iter()
        .any(|program| program.name.as_deref().is_some_and(|name| name.starts_with(RESTRICT_FILE_SYSTEMS)));
    if is_systemds {
        draft = draft.because("systemd loads such a program for RestrictFileSystems=");
        draft = match &context.unit {
            Some(unit) if unit.get("RestrictFileSystems").is_some() => draft
                .because(format!("{} sets RestrictFileSystems={}", unit.name, unit.get("RestrictFileSystems").unwrap_or_default()))
                .remedy(Remedy::new(
                    RemedyKind::Setting,
                    format!("name the file system in RestrictFileSystems= of {}: `stat -f -c %T PATH` shows which it is", unit.name),
                )),
            _ => draft.remedy(context.directive("RestrictFileSystems= names the file system")),
        };
    }
    draft
}
