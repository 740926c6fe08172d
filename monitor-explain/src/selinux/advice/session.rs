//! What a permissive domain did and was not refused: one go, in which one label is the cause of all.

use std::collections::{BTreeSet, HashMap};

use monitor_event::event::{Event, Verdict};

use super::{candidates, module::Allow, question::Question};
use crate::{
    change::Change,
    denials::Denials,
    finding::{Cause, Draft, RemedyKind},
    place::Place,
    selinux::policy::Policy,
};

/// A machine, a subject's context and an object's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    host: Box<str>,
    source: Box<str>,
    target: Box<str>,
}

/// A denial that was only logged.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pair: Pair,
    /// Whether the object's path is known.
    has_path: bool,
}

/// All that was only logged.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<Pair, Vec<Allow>>);

impl Sessions {
    pub(crate) fn of(denials: &Denials) -> Self {
        let mut sessions = Self::default();
        // Most are not, and are not read for it.
        for seen in denials.iter().filter(|seen| seen.event.contains("\"permitted\"")) {
            let Ok(event) = serde_json::from_str::<Event<'_>>(&seen.event) else { continue };
            let (Some(question), true) = (Question::of(&event), is_permitted(&event)) else { continue };
            let own = sessions.0.entry(pair(&event, &question)).or_default();
            let allow = question.allow();
            if !own.iter_mut().any(|known| known.join(&allow)) {
                own.push(allow);
            }
        }
        sessions
    }

    /// What else the subject was not refused on this label.
    pub(super) fn beside(&self, event: &Event<'_>, question: &Question<'_>) -> &[Allow] {
        let own = is_permitted(event).then(|| self.0.get(&pair(event, question))).flatten();
        own.map(Vec::as_slice).unwrap_or_default()
    }
}

fn is_permitted(event: &Event<'_>) -> bool {
    event.verdict == Some(Verdict::Permitted)
}

fn pair(event: &Event<'_>, question: &Question<'_>) -> Pair {
    Pair { host: (&*event.host).into(), source: question.source.into(), target: question.target.into() }
}

/// Which part of a session a denial is, if it is one.
pub(super) fn part(event: &Event<'_>, question: &Question<'_>) -> Option<Part> {
    let has_path = event.object.path.as_deref().is_some_and(|path| path.starts_with('/'));
    is_permitted(event).then(|| Part { pair: pair(event, question), has_path })
}

/// Puts together what one label is the cause of.
pub(crate) fn join(drafts: Vec<Draft>, place: &Place) -> Vec<Draft> {
    let Some((policy, _)) = &place.policy else { return drafts };
    let mut joined: Vec<Draft> = Vec::with_capacity(drafts.len());
    let mut leaders: HashMap<Pair, Vec<usize>> = HashMap::new();
    let mut followers = Vec::new();
    for draft in drafts {
        let Some(pair) = draft.session.as_ref().map(|part| part.pair.clone()) else {
            joined.push(draft);
            continue;
        };
        if is_follower(&draft) {
            followers.push((pair, draft));
            continue;
        }
        let known = leaders.entry(pair).or_default();
        let same = known.iter().find(|at| joined.get(**at).is_some_and(|own| have_same_remedy(own, &draft)));
        if let Some(own) = same.and_then(|at| joined.get_mut(*at)) {
            absorb(own, draft);
        } else {
            known.push(joined.len());
            joined.push(draft);
        }
    }
    for (pair, draft) in followers {
        let known = leaders.get(&pair).map(Vec::as_slice).unwrap_or_default();
        let leads = |at: &&usize| joined.get(**at).is_some_and(|leader| leads(leader, &draft, policy));
        let mut fitting = known.iter().filter(leads);
        // Which of several it belongs to is not known.
        let only = fitting.next().filter(|_| fitting.next().is_none());
        match only.and_then(|at| joined.get_mut(*at)) {
            Some(leader) => absorb(leader, draft),
            None => joined.push(draft),
        }
    }
    joined
}

/// Whether all that is known of the object is its label, so that it was not asked whether that is right.
fn is_follower(draft: &Draft) -> bool {
    let has_path = draft.session.as_ref().is_some_and(|part| part.has_path);
    let is_file = draft.asked.as_ref().is_some_and(|asked| {
        matches!(&*asked.class, "file" | "dir" | "lnk_file" | "sock_file" | "fifo_file")
    });
    !has_path && is_file && matches!(draft.finding.cause, Cause::NoRule | Cause::Boolean)
}

fn have_same_remedy(one: &Draft, other: &Draft) -> bool {
    let changes = |draft: &Draft| draft.finding.remedies.first().map(|best| best.changes.clone());
    let is_label = |change: &Change| matches!(change, Change::Relabel { .. } | Change::FileContext { .. });
    changes(one).is_some_and(|own| own.iter().any(is_label) && Some(own) == changes(other))
}

/// Whether the object got its label from the folder that another denial was about, so that the remedy of that is its own.
fn leads(leader: &Draft, follower: &Draft, policy: &Policy) -> bool {
    let (Some(type_), Some(asked), Some(part)) = (&leader.gives, &follower.asked, &follower.session) else {
        return false;
    };
    let is_of_folder = leader.asked.as_ref().is_some_and(|own| own.class == "dir")
        || leader.finding.remedies.iter().flat_map(|remedy| &remedy.changes).any(Change::is_recursive);
    let (own, other) = (&leader.finding, &follower.finding);
    let is_same_time = own.first <= other.first && other.last <= own.last;
    let question = Question {
        source: &part.pair.source,
        target: &part.pair.target,
        source_type: &asked.source,
        target_type: &asked.target,
        class: &asked.class,
        permissions: asked.permissions.iter().map(String::as_str).collect(),
        ioctl: None,
        beside: &[],
    };
    is_of_folder && is_same_time && candidates::is_allowed(&question, policy, type_)
}

const SAME_TIME: &str =
    "what came without a path was at the same time, on the same label: it is taken to be of that folder";

/// Joins what has another class. A boolean that helps only one of the two is none for both.
fn absorb(draft: &mut Draft, mut other: Draft) {
    if is_follower(&other) {
        other.finding.remedies.retain(|remedy| remedy.kind != RemedyKind::FileContext);
        other.finding.evidence = vec![SAME_TIME.to_owned()];
    }
    let booleans = |draft: &Draft| -> BTreeSet<String> {
        let of_draft = draft.finding.remedies.iter().filter(|remedy| remedy.kind == RemedyKind::Boolean);
        of_draft.map(|remedy| remedy.text.clone()).collect()
    };
    let both = &booleans(draft) & &booleans(&other);
    draft.merge(other);
    draft.finding.remedies.retain(|remedy| remedy.kind != RemedyKind::Boolean || both.contains(&remedy.text));
}
