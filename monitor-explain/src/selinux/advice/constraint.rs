//! What a constraint forbids, with a rule or without: users, roles, levels.

use monitor_event::event::Event;

use super::{container, draft, label, question::Question, relabel};
use crate::{
    change::Change,
    finding::{Cause, Draft, Remedy, RemedyKind},
    place::Place,
    selinux::{
        policy::{Attribute, Policy},
        query::Violation,
    },
};

const CONTAINER: &str = "the object has the level of another container: mount the volume with :Z (for one container) or \
                         :z (for several)";

const GUEST: &str = "the object has the level of another guest: if both are to use the disk, make it `shareable` in both \
                     guests' XML; if not, let no other guest have it, and shut this one down and start it again, so that \
                     libvirt labels it";

const CLASSIFIED: &str = "leave it refused; whoever is to have it gets the clearance for that (semanage login -m -r, \
                          semanage user -m -r)";

/// Whether the new label's level is not at least the old one's. Where there is one sensitivity only, categories tell
/// containers and guests apart, and classify nothing.
fn declassifies(policy: &Policy, old: &str, new: &str) -> bool {
    let range = |label: &str| policy.context(label).ok().map(|context| context.range);
    let has_sensitivities = policy.symbols.levels.iter().count() > 1;
    // What the policy can't read was not judged either.
    let is_lower = range(old).zip(range(new)).is_some_and(|(old, new)| !new.high.dominates(&old.high));
    has_sensitivities && is_lower
}

/// Says what differs that would have to be the same, and whether the object has what it should have.
pub(super) fn judge(
    event: &Event<'_>,
    question: &Question<'_>,
    policy: &Policy,
    place: &Place,
    obstacles: &[Violation<'_>],
) -> Draft {
    let part = |label: &str, attribute: Attribute| {
        let mut parts = label.splitn(4, ':');
        let nth = match attribute {
            Attribute::User => 0,
            Attribute::Role => 1,
            Attribute::Type => 2,
            Attribute::Level => 3,
        };
        parts.nth(nth).unwrap_or("none").to_owned()
    };
    let differing: Vec<Attribute> = obstacles.iter().flat_map(Violation::differing).collect();
    let names: Vec<(&str, Attribute)> = [
        ("user", Attribute::User),
        ("role", Attribute::Role),
        ("level", Attribute::Level),
        ("type", Attribute::Type),
    ]
    .into_iter()
    .filter(|(_, attribute)| differing.contains(attribute))
    .collect();
    let values = |name: &str, attribute| {
        let (source, target) = (part(question.source, attribute), part(question.target, attribute));
        format!("{name} {source} on {target}")
    };
    let differs: Vec<String> = names
        .iter()
        .filter(|(_, attribute)| *attribute != Attribute::Type)
        .map(|(name, attribute)| values(name, *attribute))
        .collect();
    let what = if differs.is_empty() { "the types".to_owned() } else { differs.join(", ") };
    let mut draft =
        draft(question, Cause::Constraint, &format!("a constraint forbids it ({what}); no rule helps"));
    for violation in obstacles {
        draft = draft.because(format!("constraint: {}", policy.constraint_text(violation.constraint)));
    }
    if differing.contains(&Attribute::Level) {
        if container::is_domain(question.source_type, Some(policy)) {
            return draft.remedy(Remedy::new(RemedyKind::Setting, CONTAINER));
        }
        if question.source_type.starts_with("svirt_") {
            return draft
                .because("libvirt gives each guest a level of its own, and its disks the same")
                .remedy(Remedy::new(RemedyKind::Setting, GUEST));
        }
    }
    if let Some(wrong) = label::whole(event, question, policy, place) {
        let (path, context) = (&wrong.place.path, &wrong.context);
        if wrong.on_disk.as_ref() == Some(context) {
            return relabel::corrected(question, format!("{path} has the label {context} by now"));
        }
        let text = "give it the label that file contexts have for it, user and level included";
        let mut remedy = Remedy::new(RemedyKind::Relabel, text).change(Change::Relabel {
            path: path.clone(),
            recursive: false,
            whole: true,
        });
        draft = draft.because(format!(
            "file contexts have {context} for {path} ({}), with which it is allowed",
            wrong.pattern
        ));
        if declassifies(policy, question.target, context) {
            remedy = remedy
                .warn("it lowers the file's level: whoever may only read the lower one may read it then");
            draft = draft
                .because("the level is the file's classification, and the refusal is what it is for")
                .remedy(Remedy::new(RemedyKind::Refuse, CLASSIFIED));
        }
        return draft.remedy(remedy);
    }
    draft
}
