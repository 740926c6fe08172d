//! What denyd says when it starts, and when it ends.

use std::{cmp::Reverse, fmt};

use monitor_api::snapshot::SubjectNow;
use monitor_common::SourceId;

use super::say;
use crate::{
    accounting::Account,
    kernel::{Counters, Report, SourceReport, State},
    pipeline::Done,
    source,
};

/// Says where every denial of the attached sources went; if programs are pinned, they go on.
pub(super) fn summarise(
    report: &Report,
    misses: &[u64; SourceId::ALL.len()],
    counters: &Counters,
    done: &Done,
    pinned: bool,
) {
    let Done { tallies, names, .. } = done;
    for source in watched(report) {
        let kernel = counters.by_source(source, misses[source as usize]);
        let account = Account::new(source, &kernel, &tallies.by_source(source));
        say(if pinned { account.that_goes_on() } else { account });
    }
    if tallies.unattributed() != 0 {
        say(format_args!("{} records were too damaged to tell their source", tallies.unattributed()));
    }
    for (what, counts) in names.iter().filter(|(_, counts)| counts.asked != 0) {
        say(format_args!("names of {what}: {counts}"));
    }
}

/// Subjects that are named one by one.
const NAMED: usize = 5;

/// Says who lost most for want of room in the ring buffer.
pub(super) fn most_lost(mut losses: Vec<SubjectNow>) -> impl Iterator<Item = String> {
    losses.sort_by_key(|subject| Reverse(subject.lost));
    let named = if losses.len() == NAMED + 1 { NAMED + 1 } else { NAMED };
    let others = losses.split_off(losses.len().min(named));
    let lost: u64 = others.iter().map(|subject| subject.lost).sum();
    let others = (!others.is_empty()).then(|| format!("lost, of {} others: {lost}", others.len()));
    losses.into_iter().map(|subject| format!("lost, of {subject}")).chain(others)
}

fn watched(report: &Report) -> impl Iterator<Item = SourceId> {
    let attached = |(_, source): &(_, &SourceReport)| matches!(source.state, State::Attached { .. });
    SourceId::ALL.into_iter().zip(&report.sources).filter(attached).map(|(id, _)| id)
}

/// The line that says that denyd is ready, for what.
pub(super) struct Watching<'a> {
    /// What was attached, and what not.
    pub report: &'a Report,
    /// How many programs.
    pub programs: usize,
}

impl fmt::Display for Watching<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = watched(self.report).map(|id| source::by_id(id).name).collect();
        let plural = if self.programs == 1 { "" } else { "s" };
        write!(f, "watching {} ({} program{plural} attached)", names.join(", "), self.programs)?;
        let mut separator = "; not: ";
        for source in &self.report.sources {
            let why = match &source.state {
                State::Attached { .. } => continue,
                State::Inactive => "not active on this kernel",
                State::NotSelected { silent: true, .. } => "not asked for by --silent",
                State::NotSelected { .. } => "not asked for",
                State::Failed { .. } => "could not be attached, see `denyd check`",
            };
            write!(f, "{separator}{} ({why})", source.name)?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_lost_most_are_named() {
        let subject = |uid: u32, path: Option<&str>| SubjectNow {
            uid,
            cgroup: 42,
            path: path.map(str::to_owned),
            lost: uid.into(),
        };
        let losses = vec![subject(1, None), subject(7, Some("/a")), subject(2, None)];
        let all = ["lost, of uid 7 in /a: 7", "lost, of uid 2 in id:42: 2", "lost, of uid 1 in id:42: 1"];
        assert_eq!(most_lost(losses).collect::<Vec<_>>(), all);
        let many = (1..=8).map(|uid| subject(uid, None)).collect();
        assert_eq!(most_lost(many).last().unwrap(), "lost, of 3 others: 6");
    }

    /// A report in which these sources have these states, and the others are missing.
    fn report(states: impl IntoIterator<Item = (SourceId, State)>) -> Report {
        let sources = states.into_iter().map(|(id, state)| SourceReport {
            name: source::by_id(id).name,
            state,
            failed: Vec::new(),
            missing: Vec::new(),
        });
        Report { kernel: String::new(), modules: Vec::new(), sources: sources.collect(), notes: Vec::new() }
    }

    #[test]
    fn the_first_line_says_what_is_watched_and_what_is_not() {
        let attached = || State::Attached { hooks: Vec::new(), caveat: None };
        let report = report([
            (SourceId::Selinux, attached()),
            (SourceId::Apparmor, State::Inactive),
            (SourceId::Landlock, attached()),
            (SourceId::Capability, State::NotSelected { cost: Some("much"), silent: false }),
        ]);
        assert_eq!(
            Watching { report: &report, programs: 3 }.to_string(),
            "watching selinux, landlock (3 programs attached); not: apparmor (not active on this kernel), \
             capability (not asked for)",
        );
    }
}
