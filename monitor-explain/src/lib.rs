//! Says why a security module refused, and what to do: many [denials](denials::Denials) become few
//! [findings](finding::Finding), each with one cause, its evidence, and remedies. What it reads (policies, denials, names in
//! them) is untrusted: any bytes give an answer or an error, never a panic. It needs no privilege and no daemon.

mod advice;
pub mod apparmor;
pub mod change;
pub mod denials;
pub mod finding;
mod other;
pub mod place;
pub mod report;
pub mod selinux;
mod unit;

use finding::{Draft, Finding};
use monitor_event::event::{Event, Module};

use self::{
    denials::{Denials, Seen},
    place::Place,
    selinux::advice::session::{self, Sessions},
};

/// What is to be said about denials; what explains the most comes first.
#[must_use]
pub fn explain(denials: &Denials, place: &Place) -> Vec<Finding> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut known = std::collections::HashMap::new();
    let sessions = Sessions::of(denials);
    for seen in denials.iter() {
        // It was written by us from an event; nothing is said of what is none.
        let Ok(event) = serde_json::from_str::<Event<'_>>(&seen.event) else { continue };
        let draft = judge(&event, seen, place, &sessions);
        let at = *known.entry(draft.key.clone()).or_insert(drafts.len());
        match drafts.get_mut(at) {
            Some(same) => same.merge(draft),
            None => drafts.push(draft),
        }
    }
    let mut findings: Vec<Finding> =
        session::join(drafts, place).into_iter().map(|draft| draft.finish(place)).collect();
    findings.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.summary.cmp(&other.summary)));
    findings
}

fn judge(event: &Event<'_>, seen: &Seen, place: &Place, sessions: &Sessions) -> Draft {
    let mut draft = match event.module {
        Module::Selinux => selinux::advice::judge(event, seen, place, sessions),
        Module::Apparmor => apparmor::judge(event, seen, place),
        _ => other::judge(event, seen, place),
    };
    // What is done here helps no other machine.
    if place.is_elsewhere(&event.host) {
        draft.key.push_str("\0elsewhere");
    }
    draft.add(event, seen);
    draft
}
