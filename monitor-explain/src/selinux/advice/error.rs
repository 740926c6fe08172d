//! What the kernel refused that is no decision about permissions: a context that is none, and a change of one.

use monitor_event::event::{Event, Module};

use super::transition;
use crate::{
    denials::Seen,
    finding::{Cause, Draft, Remedy, RemedyKind},
    place::Place,
    selinux::policy::{Context, ContextError, Invalid, Policy},
};

/// What is said where no policy can be asked.
pub(super) const NO_POLICY: &str = "there is no policy to ask: give one with --policy FILE";

/// What is no decision about permissions, or lacks a word.
pub(super) fn judge(event: &Event<'_>, seen: &Seen, place: &Place) -> Draft {
    let Some(operation) = event.action.operation.as_deref() else {
        let summary = "a denial without labels, class or named permissions";
        return Draft::new(Module::Selinux, Cause::Unknown, "", summary)
            .because("without these, no policy can be asked");
    };
    let label = |label: &Option<std::borrow::Cow<'_, str>>| label.as_deref().unwrap_or("unknown").to_owned();
    let (from, to) = (label(&event.subject.label), label(&event.object.label));
    let found = match (operation, &event.object.unknown_label) {
        ("security_bounded_transition", _) => transition::bounded(event, seen, place, &from, &to),
        ("security_validate_transition", _) => relabelled(event, place, &from, &to),
        (_, Some(context)) => no_context(event, place, operation, context),
        (_, None) => {
            let summary = format!("{operation}: {from} was refused {to}, and the record does not say why");
            Draft::new(Module::Selinux, Cause::Unknown, format!("{operation} {from} {to}"), summary)
        }
    };
    match &place.policy {
        Some((_, file)) => found.because(format!("checked against {}", file.display())),
        None => found.because(NO_POLICY),
    }
}

/// A process was refused to change an object's context, whatever the rules allow.
fn relabelled(event: &Event<'_>, place: &Place, old: &str, new: &str) -> Draft {
    let class = event.action.class.as_deref().unwrap_or("object");
    let process = event.process.label.as_deref();
    let who = process.unwrap_or("a process");
    let draft = |cause, why: &str| {
        let summary = format!("{who} was refused to change a {class} from {old} to {new}: {why}");
        Draft::new(Module::Selinux, cause, format!("validate {who} {class} {old} {new}"), summary)
    };
    let why = "a constraint on changes of contexts forbids it; no rule helps";
    let Some((policy, _)) = &place.policy else { return draft(Cause::Constraint, why) };
    let Some(process) = process else {
        return draft(Cause::Constraint, why).because("not checked: the record does not say who tried it");
    };
    let contexts = [old, new, process].map(|text| policy.context(text));
    let ([Ok(old), Ok(new), Ok(process)], Some(class)) = (&contexts, policy.class(class)) else {
        let mut found = draft(Cause::Constraint, why);
        for error in contexts.iter().filter_map(|context| context.as_ref().err()) {
            found = found.because(format!("not checked: {error}"));
        }
        return found;
    };
    match policy.forbids_change(old, new, process, class) {
        Some(violation) => draft(Cause::Constraint, why)
            .because(format!("constraint: {}", policy.constraint_text(violation.constraint))),
        None => draft(Cause::Allowed, "by now the policy allows it").remedy(Remedy::again()),
    }
}

/// A context that the policy has not, or whose parts do not go together.
fn no_context(event: &Event<'_>, place: &Place, operation: &str, context: &str) -> Draft {
    let draft = |cause, why: &str| {
        let summary = format!("{operation}: {context} is no context of the policy{why}");
        Draft::new(Module::Selinux, cause, format!("{operation} {context}"), summary)
    };
    let Some((policy, _)) = &place.policy else {
        return draft(Cause::Unknown, "")
            .because("not checked: a word of it may be unknown, or its parts may not go together");
    };
    match policy.context(context) {
        Ok(known) => {
            let why = ", by which it was refused; it is one by now";
            draft(Cause::Allowed, why).because(by_now(policy, &known)).remedy(Remedy::again())
        }
        Err(ContextError::Invalid(error @ (Invalid::Type { .. } | Invalid::Role { .. }))) => {
            let found = draft(Cause::Role, &format!(": {error}"));
            match &error {
                Invalid::Type { role, type_ } => found.remedy(of_role(event, role, type_)),
                _ => found,
            }
        }
        Err(error @ ContextError::Type(_)) => draft(Cause::Unknown, &format!(": {error}"))
            .because("the module that had the type may be gone, or the label is misspelt"),
        Err(error) => draft(Cause::Unknown, &format!(": {error}")),
    }
}

fn by_now(policy: &Policy, context: &Context) -> String {
    format!("the policy has the type {}, for this role and user", policy.symbols.types.name(context.type_))
}

/// What to do where a role may not have a type. Both are names that the policy has.
fn of_role(event: &Event<'_>, role: &str, type_: &str) -> Remedy {
    let rule = format!("role {role} types {type_};");
    let is_of_system = role == "system_r" || event.action.class.as_deref() != Some("process");
    let text = if is_of_system {
        format!("if the role is to have the type, add a module with `{rule}`")
    } else {
        format!(
            "have systemd start it (systemctl, run_init), which has the role system_r; or, if {role} is to run it, add a module with `{rule}`"
        )
    };
    Remedy::new(RemedyKind::Setting, text)
}
