//! A program that does not run in the domain that was made for it.

use std::{ops::ControlFlow, time::SystemTime};

use monitor_event::event::Event;

use super::{draft, folder::File, label, question::Question};
use crate::{
    denials::Seen,
    finding::{Cause, Draft, Remedy, RemedyKind},
    place::Place,
    selinux::{
        file_contexts::FileKind,
        policy::{Context, Policy},
        query::{Answer, Cause as Answered, TransitionKind},
    },
    unit,
};

/// Domains in which a service runs that was not given one of its own.
const STARTERS: [&str; 3] = ["init_t", "initrc_t", "unconfined_service_t"];

/// What to do where it is not known who set it.
const OTHER: &str =
    "have it started without no_new_privs (NoNewPrivileges= of its unit, setpriv, a container's option)";

/// Says whether a transition of domains is what failed.
pub(super) fn judge(
    event: &Event<'_>,
    question: &Question<'_>,
    seen: &Seen,
    policy: &Policy,
    place: &Place,
) -> Option<Draft> {
    if question.class == "process2" {
        return no_new_privs(event, question, seen, place);
    }
    missed(event, question, policy, place)
}

/// The kernel's record of the same refusal, which has whole contexts and no permission.
pub(super) fn bounded(event: &Event<'_>, seen: &Seen, place: &Place, from: &str, to: &str) -> Draft {
    let found = Draft::new(
        monitor_event::event::Module::Selinux,
        Cause::Transition,
        format!("{from} {to}"),
        format!("{from} may not become {to} with no_new_privs, on a nosuid mount, or in a thread of its own"),
    )
    .because("the new type is not bounded by the old one")
    .because(privileges(place, from, to));
    match of_unit(event, seen, place, found) {
        ControlFlow::Break(found) | ControlFlow::Continue(found) => found,
    }
}

/// Whether the policy lets the domain change all the same, under which condition of the two.
fn privileges(place: &Place, from: &str, to: &str) -> String {
    const PERMISSIONS: [&str; 2] = ["nnp_transition", "nosuid_transition"];
    let Some((policy, _)) = &place.policy else {
        return "not checked: whether the policy allows nnp_transition or nosuid_transition".to_owned();
    };
    if !policy.has_capability("nnp_nosuid_transition") {
        return "the policy does not ask for nnp_transition (policycap nnp_nosuid_transition)".to_owned();
    }
    let ask = |permission| policy.ask(from, to, "process2", permission);
    match PERMISSIONS.map(ask) {
        [Err(error), _] | [_, Err(error)] => format!("not checked: {error}"),
        [Ok(nnp), Ok(nosuid)] => {
            let allows = |answer: &Answer<'_>| matches!(answer.cause, Answered::Allowed);
            match (allows(&nnp), allows(&nosuid)) {
                (true, true) => {
                    "the policy allows nnp_transition and nosuid_transition: by now, or a thread asked for it (setcon)"
                }
                (true, false) => "the policy allows nnp_transition, not nosuid_transition: the mount is nosuid",
                (false, true) => "the policy allows nosuid_transition, not nnp_transition: no_new_privs is set",
                (false, false) => "the policy allows neither nnp_transition nor nosuid_transition",
            }
            .to_owned()
        }
    }
}

/// What forbids a program to get more rights also forbids it another domain, unless the policy says otherwise.
fn no_new_privs(event: &Event<'_>, question: &Question<'_>, seen: &Seen, place: &Place) -> Option<Draft> {
    let target = question.target_type;
    if question.asks("nosuid_transition") {
        let why = format!("the program is on a nosuid mount, and runs without changing to {target}");
        let text = "put the program on a file system that is not mounted nosuid, or mount that without it";
        return Some(draft(question, Cause::Transition, &why).remedy(Remedy::new(RemedyKind::Setting, text)));
    }
    if !question.asks("nnp_transition") {
        return None;
    }
    let why = format!("no_new_privs is set, and the program runs without changing to {target}");
    Some(match of_unit(event, seen, place, draft(question, Cause::Transition, &why)) {
        ControlFlow::Break(found) => found,
        ControlFlow::Continue(found) => found.remedy(Remedy::new(RemedyKind::Setting, OTHER)),
    })
}

/// What is said where the unit sets `no_new_privs`, or does not set it any more.
fn of_unit(event: &Event<'_>, seen: &Seen, place: &Place, found: Draft) -> ControlFlow<Draft, Draft> {
    match unit::service(event).and_then(|name| place.unit(&event.host, &name)) {
        Some(unit) if unit.get("NoNewPrivileges") == Some("yes") => ControlFlow::Break(
            found
                .because(format!("{} has NoNewPrivileges=yes", unit.name))
                .because("without it, programs with set-user-id that the unit starts get their rights again")
                .remedy(unit.set("NoNewPrivileges=no")),
        ),
        Some(unit) => unit
            .allowed(seen.last.map(SystemTime::from), found)
            .map_continue(|found| found.because(format!("{} does not set NoNewPrivileges=", unit.name))),
        None => ControlFlow::Continue(found),
    }
}

/// A program that file contexts label as the entry into a domain, and that runs in that of what started it.
fn missed(event: &Event<'_>, question: &Question<'_>, policy: &Policy, place: &Place) -> Option<Draft> {
    let is_elsewhere = event.subject.not_process || event.container.is_some();
    if !STARTERS.contains(&question.source_type) || is_elsewhere {
        return None;
    }
    let path = event.process.exe.as_deref().filter(|path| path.starts_with('/'))?;
    let file = File { path, kind: Some(FileKind::Regular), contexts: place.contexts.as_ref()? };
    let wanted = file.contexts.find(&file.bytes(), file.kind).ok()??.context?;
    let domain = domain_of(policy, question, wanted)?;
    let entry = label::type_of(wanted);
    let why = format!("{path} should run as {domain}, and does not");
    let found = draft(question, Cause::Transition, &why)
        .because(format!("file contexts have {entry} for {path}, by which it would have become {domain}"));
    let restart = Remedy::new(RemedyKind::Setting, format!("restart it, so that it becomes {domain}"));
    let found = match label::on_disk(event, place, path) {
        Some(label) if label::type_of(&label) == entry => {
            return Some(
                found
                    .because(format!("{path} has the label {entry} by now: it was started before, or without a transition (no_new_privs, nosuid, runcon)"))
                    .remedy(restart),
            );
        }
        Some(label) => found.because(format!("{path} has the label {label} on disk")),
        None => found.because(format!("which label {path} has on disk by now is not known here")),
    };
    let text = format!("put the program's label right, and restart it, so that it becomes {domain}");
    Some(found.remedy(Remedy::new(RemedyKind::Relabel, text).change(file.itself().relabel())))
}

/// The domain that a program with this label gets from the subject, or from systemd, if it is another than the subject's.
fn domain_of<'p>(policy: &'p Policy, question: &Question<'_>, entry: &str) -> Option<&'p str> {
    let entry = policy.context(entry).ok()?;
    let process = policy.class("process")?;
    let source = policy.context(question.source).ok()?;
    let init = policy.type_("init_t").map(|type_| Context { type_, ..source.clone() });
    let domain = |from: &Context| {
        let to = policy.transition(TransitionKind::New, from, &entry, process, None).type_;
        (to != from.type_ && to != source.type_).then(|| policy.symbols.types.name(to))
    };
    domain(&source).or_else(|| init.as_ref().and_then(domain))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{denials::Denials, unit::Units};

    /// What is said of nginx, which sh was to start with `no_new_privs`, where systemd shows this of its unit: of the
    /// decision, and of the record that has no permission.
    fn found(shown: &str) -> [Draft; 2] {
        let text = json!({
            "schema": 2, "time": "2026-01-01T00:00:00Z", "host": "here", "kind": "denial", "module": "selinux",
            "verdict": "denied", "silent": false, "process": {"pid": 7, "comm": "sh"}, "unit": {"name": "app.service"},
            "subject": {"label": "u:r:initrc_t:s0"}, "object": {"kind": "process", "label": "u:r:httpd_t:s0"},
            "action": {"class": "process2", "permissions": ["nnp_transition"]},
        })
        .to_string();
        let event = serde_json::from_str(&text).unwrap();
        let mut denials = Denials::default();
        denials.add(&event, true, None);
        let units = Units::with("app.service", shown);
        let place = Place { here: true, host: "here".to_owned(), units, ..Place::default() };
        let question = Question::of(&event).unwrap();
        let seen = denials.iter().next().unwrap();
        let decision = no_new_privs(&event, &question, seen, &place).unwrap();
        [decision, bounded(&event, seen, &place, question.source, question.target)]
    }

    #[test]
    fn a_unit_that_lets_privileges_come_by_now_is_not_to_be_changed_again() {
        for sets in found("LoadState=loaded\nNoNewPrivileges=yes\n") {
            let restart = sets.finding.remedies[0].commands.last().map(String::as_str);
            assert_eq!(
                (sets.finding.cause, restart),
                (Cause::Transition, Some("systemctl restart app.service"))
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("denyd.conf");
        std::fs::write(&file, "[Service]\nNoNewPrivileges=no\n").unwrap();
        // It was just now, and the denial before.
        for changed in found(&format!("LoadState=loaded\nDropInPaths={}\n", file.display())) {
            let kind = changed.finding.remedies[0].kind;
            assert_eq!((changed.finding.cause, kind), (Cause::Allowed, RemedyKind::Nothing));
        }
        let [decision, record] = found("LoadState=loaded\n").map(|draft| draft.finding);
        assert_eq!((decision.cause, &*decision.remedies[0].text), (Cause::Transition, OTHER));
        // That may be of a mount, too.
        assert_eq!(record.remedies, []);
    }
}
