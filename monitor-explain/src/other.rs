//! What Landlock, seccomp, Yama, lockdown and the others forbade, and which setting usually grants it.

pub(crate) mod capability;
mod kernel;
mod seccomp;
mod syscall_groups;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::SystemTime};

use monitor_event::event::{Event, Module};

use crate::{
    denials::Seen,
    finding::{Cause, Draft, Remedy, RemedyKind},
    place::Place,
    unit::{self, Unit},
};

/// Where the process of a denial runs.
struct Context<'e> {
    event: &'e Event<'e>,
    /// When it was refused the last time.
    last: Option<SystemTime>,
    /// What its unit sets, if that could be asked.
    unit: Option<Arc<Unit>>,
}

impl Context<'_> {
    /// The remedy that a unit sets something, where it is not known what it sets.
    fn directive(&self, setting: &str) -> Remedy {
        match unit::service(self.event) {
            Some(unit) => {
                Remedy::new(RemedyKind::Setting, format!("if the unit sets it: {setting} in a drop-in"))
                    .run(format!("systemctl edit {}", shell_words::quote(&unit)))
            }
            None => Remedy::new(RemedyKind::Setting, format!("in a systemd unit: {setting}")),
        }
    }
}

/// Says why a denial was, and what to do.
pub(crate) fn judge(event: &Event<'_>, seen: &Seen, place: &Place) -> Draft {
    let unit = unit::service(event).and_then(|name| place.unit(&event.host, &name));
    let context = Context { event, last: seen.last.map(SystemTime::from), unit };
    match event.module {
        Module::Landlock => landlock(event),
        Module::Seccomp => seccomp::judge(event, &context),
        Module::Capability => capability::judge(event, &context),
        Module::Yama => kernel::yama(event),
        Module::Lockdown => kernel::lockdown(event),
        Module::Tomoyo => tomoyo(event),
        Module::Ipe => kernel::ipe(event),
        Module::Bpf | Module::Selinux | Module::Apparmor => kernel::bpf(event, &context),
    }
}

/// Who asked: the program, or at least the thread's name.
fn who<'e>(event: &'e Event<'_>) -> &'e str {
    let process = &event.process;
    let command = process.cmdline.first().map(|command| &**command);
    process.exe.as_deref().or(process.comm.as_deref()).or(command).unwrap_or("a process")
}

fn draft(event: &Event<'_>, cause: Cause, what: &str, why: &str) -> Draft {
    let who = who(event);
    // What is said of one unit need not hold for another.
    let unit = event.unit.as_ref().and_then(|unit| unit.name.as_deref()).unwrap_or_default();
    Draft::new(event.module, cause, format!("{who} {what}\0{unit}"), format!("{who} may not {what}: {why}"))
}

fn setting(event: &Event<'_>, why: &str) -> Draft {
    let what =
        event.action.operation.as_deref().or(event.action.class.as_deref()).unwrap_or("do it").to_owned();
    draft(event, Cause::Setting, &what, why)
}

fn landlock(event: &Event<'_>) -> Draft {
    let what = event.action.permissions.join(" ");
    let domain = event.subject.domain.as_deref().unwrap_or("unknown");
    let draft = draft(event, Cause::Sandbox, &what, "it is restricted with Landlock")
        .because(format!("the Landlock domain {domain} has no rule for it"));
    let by_itself =
        "only the program that made the domain can allow more: look in its options or configuration";
    let remedy = |text: String| Remedy::new(RemedyKind::Setting, text);
    match event.subject.same_exec {
        Some(true) => draft
            .because(format!(
                "{} made the domain itself: it has not executed another program since",
                who(event)
            ))
            .remedy(remedy(by_itself.to_owned())),
        Some(false) => {
            let started = event.process.ancestors.first();
            let by = started
                .map_or("what started it", |ancestor| ancestor.exe.as_deref().unwrap_or(&ancestor.comm));
            draft
                .because(format!(
                    "{} is not the program that made the domain: that was one that ran before it in this process, or what started it ({by})",
                    who(event)
                ))
                .remedy(remedy(format!("give the sandbox that started {} a rule for it", who(event))))
        }
        None => draft
            .because("the record LANDLOCK_DOMAIN in audit's log says who made it")
            .remedy(remedy(by_itself.to_owned())),
    }
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
