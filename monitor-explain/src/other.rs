//! What Landlock, seccomp, Yama, lockdown and the others forbade, and which setting usually grants it.

use monitor_event::event::{Event, Module};

use crate::finding::{Cause, Draft, Remedy, RemedyKind};

/// Says why a denial was, and what to do.
pub(crate) fn judge(event: &Event<'_>) -> Draft {
    match event.module {
        Module::Landlock => landlock(event),
        Module::Seccomp => seccomp(event),
        Module::Capability => capability(event),
        Module::Yama => yama(event),
        Module::Lockdown => lockdown(event),
        Module::Tomoyo => tomoyo(event),
        Module::Ipe => setting(event, "IPE's policy does not trust the file")
            .because("IPE trusts what its policy's properties say: dm-verity, fs-verity, the initramfs")
            .remedy(Remedy::new(
                RemedyKind::Setting,
                "run the file from where the policy trusts it, or deploy a signed policy that allows it",
            )),
        Module::Bpf | Module::Selinux | Module::Apparmor => {
            setting(event, "a BPF program on an LSM hook refused it")
                .because("only who loaded the program knows why: `bpftool prog` shows it")
        }
    }
}

/// Who asked: the program, or at least the thread's name.
fn who<'e>(event: &'e Event<'_>) -> &'e str {
    let process = &event.process;
    process.exe.as_deref().or(process.comm.as_deref()).unwrap_or("a process")
}

fn draft(event: &Event<'_>, cause: Cause, what: &str, why: &str) -> Draft {
    let who = who(event);
    Draft::new(event.module, cause, format!("{who} {what}"), format!("{who} may not {what}: {why}"))
}

fn setting(event: &Event<'_>, why: &str) -> Draft {
    let what =
        event.action.operation.as_deref().or(event.action.class.as_deref()).unwrap_or("do it").to_owned();
    draft(event, Cause::Setting, &what, why)
}

/// The unit, where the event has it, for a drop-in.
fn directive(event: &Event<'_>, setting: &str) -> Remedy {
    match event.unit.as_ref().and_then(|unit| unit.name.as_deref()).filter(|name| name.ends_with(".service"))
    {
        Some(unit) => {
            Remedy::new(RemedyKind::Setting, format!("if the unit sets it: {setting} in a drop-in"))
                .run(format!("systemctl edit {}", shell_words::quote(unit)))
        }
        None => Remedy::new(RemedyKind::Setting, format!("in a systemd unit: {setting}")),
    }
}

fn landlock(event: &Event<'_>) -> Draft {
    let what = event.action.permissions.join(" ");
    let domain = event.subject.domain.as_deref().unwrap_or("unknown");
    draft(event, Cause::Sandbox, &what, "it has restricted itself with Landlock")
        .because(format!(
            "the Landlock domain {domain} has no rule for it; the record LANDLOCK_DOMAIN says who made it"
        ))
        .remedy(Remedy::new(
            RemedyKind::Setting,
            "only the program that made the domain can allow more: look in its options or configuration",
        ))
}

fn seccomp(event: &Event<'_>) -> Draft {
    let action = &event.action;
    let number = action.syscall_number.map(|number| format!("system call {number}"));
    let call =
        action.syscall.as_deref().map(str::to_owned).or(number).unwrap_or_else(|| "a system call".to_owned());
    let mut draft = draft(event, Cause::Sandbox, &format!("call {call}"), "a seccomp filter forbids it");
    if let Some(decided) = action.seccomp_action.as_deref() {
        draft = draft.because(format!("the filter decided: {decided}"));
    }
    draft = draft.because(
        "the kernel does not say who installed the filter: the program itself, systemd, or a container",
    );
    if let Some(call) = action.syscall.as_deref().filter(|name| !name.starts_with("syscall_")) {
        draft = draft.remedy(directive(event, &format!("SystemCallFilter={call} allows it")));
        draft = draft.remedy(Remedy::new(
            RemedyKind::Setting,
            format!("in a container: a seccomp profile that allows {call} (--security-opt seccomp=FILE)"),
        ));
    }
    draft
}

fn capability(event: &Event<'_>) -> Draft {
    let name = event.object.capability.as_deref().unwrap_or("unknown");
    let draft = draft(
        event,
        Cause::Capability,
        &format!("use the capability {name}"),
        "the process does not have it",
    )
    .because("no policy refused it; many programs only try, and work without");
    if name == "unknown" {
        return draft;
    }
    let upper = name.to_uppercase();
    draft
        .remedy(directive(
            event,
            &format!("AmbientCapabilities=CAP_{upper}, and CapabilityBoundingSet= must not leave it out"),
        ))
        .remedy(Remedy::new(RemedyKind::Setting, format!("in a container: --cap-add={upper}")))
}

fn yama(event: &Event<'_>) -> Draft {
    let what = event.action.operation.as_deref().unwrap_or("ptrace").to_owned();
    let mut draft = draft(event, Cause::Setting, &what, "kernel.yama.ptrace_scope forbids it");
    if let Some(scope) = event.action.ptrace_scope {
        draft = draft.because(format!("kernel.yama.ptrace_scope was {scope}"));
        if scope == 3 {
            return draft.because("3 can't be lowered until the machine is booted again");
        }
    }
    let remedy = Remedy::new(RemedyKind::Setting, "lower it while you debug, and set it back")
        .run("sysctl kernel.yama.ptrace_scope=0")
        .warn("it weakens the machine: any process may then trace others of its user");
    draft.remedy(remedy)
}

fn lockdown(event: &Event<'_>) -> Draft {
    let reason = event.object.lockdown_reason.as_deref().unwrap_or("it");
    draft(event, Cause::Setting, &format!("use {reason}"), "the kernel is locked down").remedy(
        Remedy::new(
            RemedyKind::Setting,
            "boot with lockdown=none; under Secure Boot it must be switched off for that",
        )
        .warn("it weakens the machine: root may then change the running kernel"),
    )
}

fn tomoyo(event: &Event<'_>) -> Draft {
    let domain = event.subject.label.as_deref().unwrap_or("unknown");
    let draft = Draft::new(
        Module::Tomoyo,
        Cause::Profile,
        domain,
        format!("the domain {domain} has no line that allows it"),
    );
    match event.action.info.as_deref().filter(|line| !line.chars().any(char::is_control)) {
        Some(line) => {
            let mut remedy = Remedy::new(RemedyKind::Rules, "add the line to the domain's policy");
            remedy.rules.push(line.to_owned());
            draft.remedy(remedy)
        }
        None => draft.because("TOMOYO did not tell what is missing"),
    }
}
