//! Names that have to be looked up: the known ones, those that were asked for, and how long to wait for these.
//!
//! Lookups happen elsewhere, on a thread or in a task, since they may block or take long. A [`Cache`] hands out
//! questions and takes answers through bounded queues, asks for nothing twice at a time, and never blocks.

use std::{collections::HashMap, fmt, future::pending, hash::Hash, num::NonZeroUsize, time::Duration};

use lru::LruCache;
use tokio::{sync::mpsc, time::Instant};

/// Names that are kept; the one that was not needed for the longest time goes first.
pub(super) const KNOWN_LIMIT: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not 0");
/// Names that may be asked for at the same time.
pub(super) const PENDING_LIMIT: usize = 64;
/// How long a name is taken for true.
pub(super) const KNOWN_FOR: Duration = Duration::from_mins(5);
/// How long it is taken for true that there is no such name.
pub(super) const UNKNOWN_FOR: Duration = Duration::from_secs(30);
/// How long a lookup that failed is not tried again.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(10);

const LATE: &str = "its name did not come in time";
const NOT_ASKED: &str = "too many names were being looked up";

/// How a lookup ended: a name, that there is none, or why neither could be had.
pub type Answer<V> = Result<Option<V>, Box<str>>;

/// The end where names are looked up.
#[derive(Debug)]
pub struct Requests<K, V> {
    /// What to look up.
    pub questions: mpsc::Receiver<K>,
    /// Where the answers go. It has room for the answer to every question.
    pub answers: mpsc::Sender<(K, Answer<V>)>,
}

/// What became of the questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Names that were asked for.
    pub asked: u64,
    /// Answers that came after the time that an event waits.
    pub late: u64,
    /// Lookups that failed.
    pub failed: u64,
    /// Names that were not asked for, because too many already were.
    pub refused: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "asked {}", self.asked)?;
        for (name, count) in [("late", self.late), ("failed", self.failed), ("not asked", self.refused)] {
            if count != 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        Ok(())
    }
}

/// Names that have to be looked up; see the [module](self).
pub(super) struct Cache<K, V> {
    known: LruCache<K, Known<V>>,
    pending: HashMap<K, Instant>,
    questions: mpsc::Sender<K>,
    answers: mpsc::Receiver<(K, Answer<V>)>,
    wait: Duration,
    counts: Counts,
}

struct Known<V> {
    answer: Answer<V>,
    until: Instant,
}

impl<K: Clone + Eq + Hash, V> Cache<K, V> {
    /// A cache of [`KNOWN_LIMIT`] names that lets an event wait this long, and the end where its names are looked up.
    pub(super) fn new(wait: Duration) -> (Self, Requests<K, V>) {
        Self::with_capacity(KNOWN_LIMIT, wait)
    }

    /// As [`Self::new`], of so many names.
    pub(super) fn with_capacity(known: NonZeroUsize, wait: Duration) -> (Self, Requests<K, V>) {
        let (ask, questions) = mpsc::channel(PENDING_LIMIT);
        let (answer, answers) = mpsc::channel(PENDING_LIMIT);
        let cache = Self {
            known: LruCache::new(known),
            pending: HashMap::new(),
            questions: ask,
            answers,
            wait,
            counts: Counts::default(),
        };
        (cache, Requests { questions, answers: answer })
    }

    /// Asks for a name if it is not known, and says whether to wait for it.
    ///
    /// No event waits for longer than the set time. While an answer is late, none waits for any: what is slow for one
    /// name is slow for all.
    pub(super) fn want(&mut self, key: &K, now: Instant) -> bool {
        if self.pending.contains_key(key) {
            return self.is_worth_waiting(key, now);
        }
        if self.known.get(key).is_some_and(|known| now < known.until) {
            return false;
        }
        self.known.pop(key);
        if self.pending.len() >= PENDING_LIMIT || self.questions.try_send(key.clone()).is_err() {
            self.counts.refused += 1;
            return false;
        }
        self.counts.asked += 1;
        self.pending.insert(key.clone(), now);
        self.is_worth_waiting(key, now)
    }

    fn is_worth_waiting(&self, key: &K, now: Instant) -> bool {
        self.waits_until(key).is_some_and(|until| now < until)
    }

    /// Until when an event waits for this name, if it is still to come: until some answer is late.
    pub(super) fn waits_until(&self, key: &K) -> Option<Instant> {
        if !self.pending.contains_key(key) {
            return None;
        }
        self.pending.values().min().map(|&first| first + self.wait)
    }

    /// The name, if there is one, or why it can't be had. [`Self::want`] comes before.
    pub(super) fn get(&self, key: &K) -> Result<Option<&V>, &str> {
        if self.pending.contains_key(key) {
            return Err(LATE);
        }
        let known = self.known.peek(key).ok_or(NOT_ASKED)?;
        known.answer.as_ref().map(Option::as_ref).map_err(|reason| &**reason)
    }

    /// Waits for an answer, and takes it. Cancelling it loses nothing.
    pub(super) async fn answered(&mut self) {
        match self.answers.recv().await {
            Some((key, answer)) => self.take(key, answer),
            // Nobody looks anything up any more.
            None => pending().await,
        }
    }

    /// Takes the answers that are there.
    pub(super) fn take_answers(&mut self) {
        while let Ok((key, answer)) = self.answers.try_recv() {
            self.take(key, answer);
        }
    }

    fn take(&mut self, key: K, answer: Answer<V>) {
        let now = Instant::now();
        // An answer to what nobody asked is nothing to rely on.
        let Some(asked) = self.pending.remove(&key) else { return };
        self.counts.late += u64::from(asked + self.wait <= now);
        self.counts.failed += u64::from(answer.is_err());
        let valid_for = match &answer {
            Ok(Some(_)) => KNOWN_FOR,
            Ok(None) => UNKNOWN_FOR,
            Err(_) => FAILED_FOR,
        };
        self.known.put(key, Known { answer, until: now + valid_for });
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}

impl<K: Eq + Hash, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("known", &self.known.len())
            .field("pending", &self.pending.len())
            .field("wait", &self.wait)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const WAIT: Duration = Duration::from_millis(100);

    fn cache() -> (Cache<u32, &'static str>, Requests<u32, &'static str>) {
        Cache::new(WAIT)
    }

    fn want(cache: &mut Cache<u32, &'static str>, key: u32) -> bool {
        cache.want(&key, Instant::now())
    }

    /// Asks for a name, and answers.
    async fn learn(
        cache: &mut Cache<u32, &'static str>,
        requests: &mut Requests<u32, &'static str>,
        key: u32,
        answer: Answer<&'static str>,
    ) {
        want(cache, key);
        assert_eq!(requests.questions.try_recv(), Ok(key));
        requests.answers.try_send((key, answer)).unwrap();
        cache.answered().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_asked_for_once_and_known_for_a_time() {
        let (mut cache, mut requests) = cache();
        assert!(want(&mut cache, 7));
        assert!(want(&mut cache, 7), "another event waits for the same answer");
        assert_eq!(cache.get(&7), Err(LATE));
        assert_eq!((requests.questions.recv().await, requests.questions.is_empty()), (Some(7), true));
        requests.answers.send((7, Ok(Some("seven")))).await.unwrap();
        cache.answered().await;
        assert!(!want(&mut cache, 7));
        assert_eq!(cache.get(&7), Ok(Some(&"seven")));

        advance(KNOWN_FOR).await;
        assert!(want(&mut cache, 7), "it may be another by now");
        assert_eq!(cache.get(&7), Err(LATE), "and the old one is not told");
        assert_eq!(cache.counts(), Counts { asked: 2, ..Counts::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_is_no_name_and_that_it_failed_is_known_for_a_shorter_time() {
        let (mut cache, mut requests) = cache();
        learn(&mut cache, &mut requests, 1, Ok(None)).await;
        learn(&mut cache, &mut requests, 2, Err("it is broken".into())).await;
        assert_eq!((cache.get(&1), cache.get(&2)), (Ok(None), Err("it is broken")));
        advance(FAILED_FOR).await;
        assert!((!want(&mut cache, 1)) && want(&mut cache, 2));
        advance(UNKNOWN_FOR.saturating_sub(FAILED_FOR)).await;
        want(&mut cache, 1);
        assert_eq!((requests.questions.recv().await, requests.questions.recv().await), (Some(2), Some(1)));
        assert_eq!(cache.counts().failed, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_is_late() {
        let (mut cache, requests) = cache();
        assert!(want(&mut cache, 1));
        assert!(cache.is_worth_waiting(&1, Instant::now()));
        advance(WAIT).await;
        assert!(!cache.is_worth_waiting(&1, Instant::now()));
        assert!(!want(&mut cache, 1));
        assert!(!want(&mut cache, 2), "nor for another name meanwhile");
        assert!(!want(&mut cache, 2));
        requests.answers.send((1, Ok(Some("one")))).await.unwrap();
        advance(Duration::from_millis(1)).await;
        cache.answered().await;
        assert_eq!(cache.get(&1), Ok(Some(&"one")), "a late answer is kept");
        assert!(want(&mut cache, 3), "and then it is worth waiting again");
        assert_eq!(cache.counts(), Counts { asked: 3, late: 1, ..Counts::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_is_bounded() {
        let (mut cache, requests) = cache();
        let limit = u32::try_from(PENDING_LIMIT).unwrap();
        assert!((0..limit).all(|key| want(&mut cache, key)));
        assert!(!want(&mut cache, limit));
        assert_eq!(cache.get(&limit), Err(NOT_ASKED));
        assert_eq!(cache.counts().refused, 1);
        drop(requests.questions);
        for key in 0..limit {
            requests.answers.try_send((key, Ok(None))).expect("there is room for every answer");
        }
        cache.take_answers();
        assert!(!want(&mut cache, limit), "nobody looks names up any more");
        assert_eq!(cache.counts().refused, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_is_bounded() {
        let (mut cache, mut requests) = cache();
        let limit = u32::try_from(KNOWN_LIMIT.get()).unwrap();
        for key in 0..limit {
            learn(&mut cache, &mut requests, key, Ok(Some("x"))).await;
        }
        want(&mut cache, 0);
        learn(&mut cache, &mut requests, limit, Ok(Some("x"))).await;
        assert_eq!(cache.get(&0), Ok(Some(&"x")), "it was needed just now");
        assert_eq!(cache.get(&1), Err(NOT_ASKED), "this one was not");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_asked_for_is_dropped() {
        let (mut cache, requests) = cache();
        requests.answers.send((9, Ok(Some("nine")))).await.unwrap();
        cache.answered().await;
        assert_eq!(cache.get(&9), Err(NOT_ASKED));
    }
}
