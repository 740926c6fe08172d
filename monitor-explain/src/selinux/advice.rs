//! Why SELinux refused, by the policy, and what to do, in the order of experts: the label, a boolean, a port, and a
//! module last.

mod boolean;
mod candidates;
mod chroot;
mod constraint;
mod container;
mod custom;
mod danger;
mod error;
mod folder;
mod home;
mod label;
pub mod module;
pub(crate) mod order;
mod port;
mod purpose;
mod question;
mod relabel;
pub(crate) mod session;
mod sibling;
mod transition;
mod volume;

use monitor_event::event::{Event, Module, Verdict};

use self::{label::Label, module::Allow, question::Question, session::Sessions};
use crate::{
    change::Change,
    denials::Seen,
    finding::{ASKED, Cause, Draft, Remedy, RemedyKind},
    place::Place,
    selinux::{
        policy::{ClassId, Context, Policy},
        query::{Cause as Answered, Operation, QuestionError},
    },
};

/// Says why a denial was, and what to do.
pub(crate) fn judge(event: &Event<'_>, seen: &Seen, place: &Place, sessions: &Sessions) -> Draft {
    let Some(mut question) = Question::of(event) else { return error::judge(event, seen, place) };
    question.beside = sessions.beside(event, &question);
    let mut draft = ask(event, &question, seen, place);
    danger::hint(&mut draft, event, &question, seen.syscall.as_deref());
    draft.asked = Some(question.allow());
    draft.session = session::part(event, &question);
    // What is remedied otherwise is another finding: a remedy of several denials helps all of them.
    for remedy in draft.finding.remedies.iter().filter(|remedy| remedy.kind != RemedyKind::Module) {
        draft.key.push_str(&remedy.text);
        draft.key.extend(remedy.warnings.iter().map(String::as_str));
    }
    if event.verdict == Some(Verdict::Permitted) {
        draft.key.push_str(" permitted");
        draft.finding.summary = draft.finding.summary.replacen(" was refused ", " would be refused ", 1);
        draft = draft
            .because("it was permitted: the domain or the machine was permissive, and it was only logged");
    }
    for (whose, label) in [("subject", &event.subject.unknown_label), ("object", &event.object.unknown_label)]
    {
        if let Some(label) = label {
            draft = draft
                .because(format!("the {whose} carries the context {label}, which the policy did not know"));
        }
    }
    if event.silent {
        draft = draft.because("a dontaudit rule keeps it from audit's log");
    }
    draft
}

/// A draft about the types and the class, with the permissions left open.
fn draft(question: &Question<'_>, cause: Cause, why: &str) -> Draft {
    let Question { source_type, target_type, class, .. } = question;
    let target = if source_type == target_type { "its own domain" } else { target_type };
    Draft::new(
        Module::Selinux,
        cause,
        format!("{source_type} {target_type} {class} {why}"),
        format!("{source_type} was refused {class} {ASKED} on {target}: {why}"),
    )
}

fn ask(event: &Event<'_>, question: &Question<'_>, seen: &Seen, place: &Place) -> Draft {
    let policy = place.policy.as_ref().map(|(policy, _)| policy);
    let contained = container::judge(event, question, policy);
    // Shells of a container's image have a label for containers.
    let is_mount = contained.is_some() && question.target_type == "shell_exec_t";
    let refusal = danger::refusal(event, question, seen.syscall.as_deref(), policy)
        .filter(|refusal| refusal.cause != Cause::Attack || !is_mount);
    let Some((policy, file)) = &place.policy else {
        if let Some(refusal) = refusal {
            return danger::refuse(question, refusal);
        }
        if let Some(found) = contained {
            return found.because("there was no policy to check it with");
        }
        let why = "it could not be checked why";
        let remedy =
            modular(question).warn("not checked: a label, a boolean or a constraint may be the cause");
        return draft(question, Cause::Unchecked, why).because(error::NO_POLICY).remedy(remedy);
    };
    let by = format!("checked against {}", file.display());
    let (source, target, class, mask) = match question.numbers(policy) {
        Ok(numbers) => numbers,
        Err(error) => {
            let found = contained.map(|found| found.because(error.to_string()));
            return found.unwrap_or_else(|| unknown(question, &error)).because(by);
        }
    };
    let decision = policy.decide(&source, &target, class);
    let mut draft = if decision.allowed & mask == mask {
        allowed(question, policy, (&source, &target, class))
    } else if let Some(refusal) = refusal {
        danger::refuse_unless_meant(question, refusal, policy, (&source, &target, class, mask))
    } else if let Some(found) = contained {
        found
    } else {
        let refused = refused(question, policy);
        refused_draft(event, &refused, seen, policy, place, (&source, &target, class))
    };
    if policy.is_permissive(source.type_) {
        draft = draft
            .because(format!("{} is permissive in this policy: it is only logged", question.source_type));
    }
    draft.because(by)
}

/// The question with only those permissions that are refused.
fn refused<'e>(question: &Question<'e>, policy: &Policy) -> Question<'e> {
    let is_refused = |permission: &&&str| {
        policy
            .ask(question.source, question.target, question.class, permission)
            .is_ok_and(|answer| !matches!(answer.cause, Answered::Allowed))
    };
    let permissions = question.permissions.iter().filter(is_refused).copied().collect();
    Question { permissions, ..question.clone() }
}

fn unknown(question: &Question<'_>, error: &QuestionError) -> Draft {
    draft(question, Cause::Unknown, "the policy does not know a word of it")
        .because(error.to_string())
        .because("the log may be of a machine with another policy, or a module was removed since")
}

type Numbers<'a> = (&'a Context, &'a Context, ClassId);

/// The policy allows the permissions; the ioctl may be refused all the same.
fn allowed(question: &Question<'_>, policy: &Policy, (source, target, class): Numbers<'_>) -> Draft {
    let Some(ioctl) = question.ioctl.filter(|_| question.asks("ioctl")) else {
        return nothing(question);
    };
    let decision = policy.decide_extended(source, target, class, Operation::Ioctl(ioctl));
    if decision.allows() {
        return nothing(question);
    }
    let why = "extended permissions leave this ioctl out";
    let mut remedy = modular(question);
    for allow in &mut remedy.allows {
        allow.ioctls.insert(ioctl);
    }
    draft(question, Cause::Extended, why)
        .because(format!("ioctl {ioctl:#06x} is not among those that allowxperm rules allow"))
        .remedy(remedy)
}

fn nothing(question: &Question<'_>) -> Draft {
    draft(question, Cause::Allowed, "by now the policy allows it")
        .remedy(Remedy::again())
        .because("the policy, a boolean or the label has changed since, or the policy asked is not the one that refused")
}

fn refused_draft(
    event: &Event<'_>,
    question: &Question<'_>,
    seen: &Seen,
    policy: &Policy,
    place: &Place,
    (source, target, class): Numbers<'_>,
) -> Draft {
    let answers: Vec<_> = question
        .permissions
        .iter()
        .filter_map(|permission| {
            policy.ask(question.source, question.target, question.class, permission).ok()
        })
        .collect();
    let mask = answers.iter().fold(0, |mask, answer| mask | answer.permission);
    let obstacles = policy.obstacles(source, target, class, mask);
    if !obstacles.is_empty() {
        return constraint::judge(event, question, policy, place, &obstacles);
    }
    for answer in &answers {
        match answer.cause {
            Answered::Role { from, to } => {
                let name = |role| policy.symbols.roles.name(role).to_owned();
                let (from, to) = (name(from), name(to));
                return draft(question, Cause::Role, &format!("the role {from} may not become {to}"))
                    .because(format!("there is no rule `allow {from} {to};` for roles"));
            }
            Answered::Bounds { source, target } => {
                let name = |type_| policy.symbols.types.name(type_).to_owned();
                let (bound, of) = (name(source), name(target));
                return draft(
                    question,
                    Cause::Bounds,
                    &format!("{bound}, which bounds it, may not do it to {of}"),
                )
                .because("what bounds a type must be allowed all that the type may do");
            }
            _ => {}
        }
    }
    let silent = answers.iter().any(|answer| answer.silent);
    let mut draft = no_rule(event, question, seen, policy, place, (source, target, class, mask));
    if silent {
        draft = draft.because("a dontaudit rule hides it from audit's log");
    }
    draft
}

fn modular(question: &Question<'_>) -> Remedy {
    let allow: Allow = question.allow();
    let mut remedy = Remedy::new(RemedyKind::Module, "a policy module with exactly what was refused");
    remedy.allows.push(allow);
    remedy.warnings = danger::warnings(question);
    remedy
}

fn no_rule(
    event: &Event<'_>,
    question: &Question<'_>,
    seen: &Seen,
    policy: &Policy,
    place: &Place,
    (source, target, class, mask): (&Context, &Context, ClassId, u32),
) -> Draft {
    let mut module = bounded(policy, source, modular(question));
    // Without extended permissions, the rule would allow every ioctl.
    if let Some(ioctl) = question.ioctl.filter(|_| policy.version >= 30 && question.asks("ioctl")) {
        for allow in &mut module.allows {
            allow.ioctls.insert(ioctl);
        }
    }
    match transition::judge(event, question, seen, policy, place) {
        Some(found) if found.finding.cause == Cause::Allowed => return found,
        Some(found) => return found.remedy(module),
        None => {}
    }
    let (mut notes, mut unplaced) = (Vec::new(), None);
    let told = |found| chroot::tell(found, event, question, place);
    match label::of(event, question, policy, place) {
        Label::Corrected(why) => return relabel::corrected(question, why),
        Label::Wrong(wrong) => return told(relabel::mislabelled(question, wrong)),
        Label::LocalRule { place, pattern, label_type, wanted } => {
            let why =
                format!("a local rule of file contexts gives it the wrong label, it should be {wanted}");
            let text = "remove the local rule, and put the labels right";
            let found = draft(question, Cause::Label, &why)
                .because(format!(
                    "file_contexts.local has {label_type} for {pattern}, and the policy {wanted}"
                ))
                .because(format!("with {wanted}, the policy allows it"))
                .remedy(
                    Remedy::new(RemedyKind::FileContext, text)
                        .change(Change::FileContextGone { pattern, label_type })
                        .change(place.relabel()),
                );
            return told(found);
        }
        Label::Homes { path, type_ } => return told(relabel::homes(question, &path, &type_)),
        Label::Custom(mut custom) => {
            let numbers = (source, target, class, mask);
            // What is of a home stays so, where a boolean is for homes.
            let is_of_home = custom.candidates.is_of_home && boolean::has_own(policy, numbers);
            custom.candidates.is_clear &= !is_of_home;
            let is_local = custom.reason == label::Reason::LocalRule;
            let mut found = told(relabel::custom(question, custom));
            // The folder gets the label: it is the file in it that tells whether it is the one.
            if let Some(path) = label::other(event, place).filter(|_| !is_local) {
                found = relabel::other(found, path);
            }
            return boolean::add(found, policy, numbers).remedy(module);
        }
        Label::Unplaced => {
            notes.push("the denial has no path: not known which label the file should have".to_owned());
            unplaced = Some(relabel::unplaced(event, question, policy));
        }
        Label::Fine(note) => notes.extend(note),
    }
    let mut found = match port::of(event, question, policy) {
        Some(port) if port.type_ != question.target_type => {
            let now =
                format!("{} port {} has the type {} in this policy", port.protocol, port.number, port.type_);
            if port.allowed {
                return draft(question, Cause::Allowed, "by now its port has a label that is made for it")
                    .because(now)
                    .remedy(Remedy::again());
            }
            notes.push(now);
            draft(question, Cause::NoRule, "no rule allows it")
        }
        Some(port) if !port.candidates.is_empty() && !port.own => {
            let names = port.candidates.join(", ");
            let mut found = draft(question, Cause::Port, "the port has no label of its own");
            if let Some(first) = port.candidates.first() {
                let text = format!(
                    "give {} port {} a label that is made for it, such as {first}",
                    port.protocol, port.number
                );
                let mut remedy = Remedy::new(RemedyKind::Port, text).change(Change::Port {
                    protocol: port.protocol.to_owned(),
                    port: port.number,
                    label_type: first.clone(),
                });
                if port.candidates.len() > 1 {
                    remedy =
                        remedy.warn(format!("these would do, too; choose by what listens there: {names}"));
                }
                found = found
                    .because(format!("{} may do it to ports of {names}", question.source_type))
                    .remedy(remedy);
            }
            found
        }
        _ => draft(question, Cause::NoRule, "no rule allows it"),
    };
    found = boolean::add(found, policy, (source, target, class, mask));
    let of_boolean = |remedy: &Remedy| match &*remedy.changes {
        [Change::Booleans { states }] => Some(boolean::is_last_resort(states, question.target_type)),
        _ => None,
    };
    let last_resorts: Vec<bool> = found.finding.remedies.iter().filter_map(of_boolean).collect();
    let has_boolean = !last_resorts.is_empty();
    if has_boolean && question.ioctl.is_some() {
        found = found.because("whether extended permissions allow the ioctl then was not checked");
    }
    if last_resorts.contains(&false) && found.finding.cause == Cause::NoRule {
        let mut other = draft(question, Cause::Boolean, "a boolean switches the rule off");
        other.finding.remedies = found.finding.remedies;
        other.finding.evidence = found.finding.evidence;
        found = other;
    }
    found = notes.into_iter().fold(found, Draft::because);
    found.finding.remedies.extend(unplaced);
    found.remedy(module)
}

/// Says of a module that it needs more where the type is bounded.
fn bounded(policy: &Policy, source: &Context, module: Remedy) -> Remedy {
    let bounds = policy.symbols.types.get(source.type_).and_then(|type_| type_.bounds);
    match bounds {
        Some(bounds) => {
            let name = policy.symbols.types.name(bounds);
            module.warn(format!(
                "{name} bounds the type and must be allowed the same, or the rule has no effect"
            ))
        }
        None => module,
    }
}
