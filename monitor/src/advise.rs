//! Advice for single events, as `tail` and `top` show it and outputs have it.

use std::{fs, num::NonZeroUsize};

use lru::LruCache;
use monitor_event::event::{Advice, Event, Fingerprint, Kind, Module, Verdict};
use monitor_explain::{denials::Denials, finding::Cause, place::Place};

/// How many denials are known at once.
const KNOWN: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not 0");
/// The kernel's status page, of which the fourth word changes when the policy or a boolean does.
const STATUS: &str = "/sys/fs/selinux/status";

/// What two denials have in common for which the advice is the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    fingerprint: Fingerprint,
    verdict: Option<Verdict>,
    subject: Option<Box<str>>,
    object: Option<Box<str>>,
}

type Known = Option<Box<Advice<'static>>>;

/// Says what to do about denials of this machine.
#[derive(Debug)]
pub(crate) struct Adviser {
    /// Reads what there is to check denials with.
    read: fn() -> Place,
    /// What was read, when the first denial came.
    place: Option<Place>,
    /// The state of the policy for which all of this holds.
    policy: Option<[u8; 4]>,
    known: LruCache<Key, Known>,
    host: String,
}

impl Adviser {
    /// One that may look at all that its user may.
    pub(crate) fn new() -> Self {
        Self::reading(Place::here)
    }

    /// One that looks at what denyd's service may.
    pub(crate) fn of_service() -> Self {
        Self::reading(Place::of_service)
    }

    fn reading(read: fn() -> Place) -> Self {
        let host = crate::host::name().to_string_lossy().into_owned();
        Self { read, place: None, policy: None, known: LruCache::new(KNOWN), host }
    }

    /// What to do about it. None is given for another machine's denial, whose policy is not here.
    pub(crate) fn advise(&mut self, event: &Event<'_>) -> Known {
        if event.kind != Kind::Denial || event.host != self.host {
            return None;
        }
        if event.module == Module::Selinux {
            self.follow_policy();
        }
        let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(Into::into);
        let key = event.fingerprint.map(|fingerprint| Key {
            fingerprint,
            verdict: event.verdict,
            subject: text(&event.subject.label),
            object: text(&event.object.label),
        });
        if let Some(known) = key.as_ref().and_then(|key| self.known.get(key)) {
            return known.clone();
        }
        let place = self.place.get_or_insert_with(self.read);
        let mut denials = Denials::with_room(1);
        denials.add_event(event);
        let findings = monitor_explain::explain(&denials, place);
        let finding = findings.first()?;
        let advice = Some(Box::new(finding.advice()));
        // A label on disk may change at any time.
        let may_change = matches!(finding.cause, Cause::Label | Cause::CustomPath | Cause::Allowed);
        if let Some(key) = key.filter(|_| !may_change) {
            self.known.put(key, advice.clone());
        }
        advice
    }

    /// Forgets what held for another policy.
    fn follow_policy(&mut self) {
        let page = fs::read(STATUS).unwrap_or_default();
        let policy = page.get(12..16).and_then(|word| word.try_into().ok());
        if policy != self.policy {
            self.policy = policy;
            self.place = None;
            self.known.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = include_str!("../tests/golden/seccomp_errno.json");

    #[test]
    fn a_denial_of_this_machine_has_advice_and_one_of_another_has_none() {
        let mut adviser = Adviser::new();
        let mut event: Event<'_> = serde_json::from_str(EVENT).unwrap();
        assert_eq!(adviser.advise(&event), None);
        event.host = adviser.host.clone().into();
        let advice = adviser.advise(&event).unwrap();
        assert_eq!((&*advice.cause, advice.remedy.as_deref()), ("sandbox", Some("setting")));
        assert_eq!(adviser.known.len(), 1);
        assert_eq!(adviser.advise(&event), Some(advice));
    }
}
