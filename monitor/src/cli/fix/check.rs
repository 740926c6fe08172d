//! Whether a change helped, and what it opened.

use std::{
    fmt,
    time::{Duration, Instant},
};

use monitor_api::{
    client::{Client, Read},
    protocol::{Control, Line, Request},
};
use monitor_explain::{
    finding::{Cause, Finding, RemedyKind},
    place::Place,
    report::Report,
    selinux::advice::module::Allow,
};

use super::{plan::Plan, step::Step};
use crate::{
    cli::{failure::Failure, listen::Listen},
    event::Event,
};

/// How many rules are named.
const NAMED: usize = 5;

/// What became of a finding's denials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They would be allowed.
    Gone,
    /// They would still be refused.
    Refused(String),
    /// It can't be told from what is on disk or loaded.
    Unknown,
}

impl Outcome {
    /// What became of it, as the same denials are explained after the change.
    pub(super) fn of(before: &Finding, after: &Report) -> Self {
        let is_same = |finding: &&Finding| {
            finding.module == before.module
                && finding.fingerprints.iter().any(|one| before.fingerprints.contains(one))
        };
        let mut outcome = Self::Unknown;
        for finding in after.findings.iter().filter(is_same) {
            let best = finding.remedies.first();
            match (finding.cause, best.map(|best| best.kind)) {
                (Cause::Allowed, _) | (_, Some(RemedyKind::Nothing)) => outcome = Self::Gone,
                (_, Some(RemedyKind::Reload)) => {}
                // A setting takes hold at the next start, and the policy says nothing of it.
                _ if is_set(before) && best.is_none_or(|best| Some(best) != before.remedies.first()) => {}
                _ => return Self::Refused(finding.summary.clone()),
            }
        }
        outcome
    }

    /// Whether it did not help.
    pub(super) fn is_still_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// Whether the best remedy was a setting.
fn is_set(finding: &Finding) -> bool {
    finding.remedies.first().is_some_and(|best| best.kind == RemedyKind::Setting)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("checked: it would be allowed now"),
            Self::Refused(why) => write!(f, "it would still be refused: {why}"),
            Self::Unknown => f.write_str(
                "whether it would be allowed now could not be checked: try it, or use --restart or --wait",
            ),
        }
    }
}

/// What SELinux's policy allows now and did not before, beyond what the plans said.
pub(super) fn opened(before: &Place, now: &Place, plans: &[&Plan]) -> Vec<String> {
    let (Some((old, _)), Some((new, _))) = (&before.policy, &now.policy) else { return Vec::new() };
    let steps: Vec<&Step> = plans.iter().flat_map(|plan| &plan.steps).collect();
    let asked: Vec<&Allow> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Module(rules) => Some(rules),
            _ => None,
        })
        .flatten()
        .collect();
    let is_asked = |rule: &Allow| {
        asked.iter().any(|own| {
            (&own.source, &own.class) == (&rule.source, &rule.class)
                && own.target == rule.target
                && rule.permissions.is_subset(&own.permissions)
        })
    };
    let opened = new.opened_since(old);
    let (own, beyond): (Vec<_>, Vec<_>) = opened.into_iter().partition(is_asked);
    let mut lines = Vec::new();
    if beyond.is_empty() {
        lines.push(match own.len() {
            0 => "no rule of the policy was added: nothing else is allowed".to_owned(),
            count => format!("the policy has {count} more rules, those above: nothing else is allowed"),
        });
        return lines;
    }
    lines.push(format!("the policy has {} more rules that hold:", own.len() + beyond.len()));
    for rule in beyond.iter().take(NAMED).flat_map(Allow::te) {
        lines.push(format!("  {rule}"));
    }
    if let Some(more) = beyond.len().checked_sub(NAMED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} others"));
    }
    lines
}

/// Watches whether the same is refused again.
pub(super) struct Watch {
    client: Client,
    wait: Duration,
}

impl Watch {
    /// Watches from now on.
    pub(super) fn start(listen: &Listen, wait: Duration) -> Result<Self, Failure> {
        let request = Request { last: Some(0), follow: true, ..Request::default() };
        let client = listen.open(true, false)?.ask(&request)?;
        Ok(Self { client, wait })
    }

    /// Waits for one of these findings' denials until the time is up. Gives what is to be said, and whether one came.
    pub(super) fn finish(mut self, findings: &[&Finding]) -> Result<(String, bool), Failure> {
        let end = Instant::now() + self.wait;
        let known = |event: &Event<'_>| {
            let fingerprint = event.fingerprint.map(|fingerprint| fingerprint.to_string());
            findings
                .iter()
                .find(|finding| fingerprint.as_ref().is_some_and(|one| finding.fingerprints.contains(one)))
        };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok((format!("not refused again within {:?}", self.wait), false));
            }
            self.client.set_patience(Some(left)).map_err(Failure::Runtime)?;
            match self.client.read()? {
                Read::Line(Line::Event(line)) => {
                    let event = serde_json::from_slice::<Event<'_>>(line).ok();
                    if let Some(finding) = event.as_ref().and_then(known) {
                        return Ok((format!("refused again: {}", finding.summary), true));
                    }
                }
                Read::Line(Line::Control(Control::Error(refusal))) => {
                    return Err(monitor_api::client::ClientError::Refused(refusal).into());
                }
                Read::Closed => {
                    return Ok(("the daemon has ended: nothing more is watched".to_owned(), false));
                }
                Read::Line(_) | Read::Quiet => {}
            }
        }
    }
}
