//! The report for people: a line for each module, with each step.

use std::{fmt, time::Duration};

use monitor_api::snapshot::LossNow;

use super::{
    Report, Stop, Tested, Verdict,
    judge::{Fate, Reached},
};
use crate::{accounting::write_lost, text::printable};

pub(super) struct Text<'a> {
    pub(super) report: &'a Report,
    /// How long was waited.
    pub(super) wait: Duration,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, wait } = self;
        report.modules.iter().try_for_each(|tested| {
            write!(f, "{}: ", tested.module.name())?;
            let line = Line { tested, wait: *wait }.to_string();
            writeln!(f, "{}", printable(&line))
        })?;
        if !report.not_watched.is_empty() {
            let names: Vec<_> = report.not_watched.iter().map(|module| module.name()).collect();
            writeln!(f, "not watched: {}", names.join(", "))?;
        }
        if !report.daemon {
            writeln!(f, "no daemon running, so no outputs or metrics to test")?;
        }
        let stopped = report.modules.iter().filter(|tested| tested.result == Verdict::Stopped).count();
        match report.result {
            Verdict::Arrived => writeln!(f, "all that was caused arrived"),
            Verdict::Stopped => {
                let all = report.modules.iter().filter(|tested| tested.result != Verdict::Skipped).count();
                writeln!(f, "STOPPED: {stopped} of {all} did not arrive everywhere")
            }
            Verdict::Skipped => writeln!(f, "nothing could be caused, so nothing is known"),
        }
    }
}

/// What there is to say of a module.
struct Line<'a> {
    tested: &'a Tested,
    wait: Duration,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tested, wait } = self;
        if let Some(why) = &tested.skipped {
            return write!(f, "skipped: {why}");
        }
        let mut steps = Vec::new();
        match (&tested.tried, &tested.refused) {
            (Some(what), Some(how)) => steps.push(format!("refused by the kernel ({what}: {how})")),
            (Some(what), None) => steps.push(format!("let pass by the kernel ({what})")),
            (None, _) => {}
        }
        if let Some(after) = tested.event_after_ms {
            steps.push(format!("event after {after:.1} ms"));
        }
        for (fate, said) in [(Fate::Written, "written by"), (Fate::Filtered, "not wanted by the filter of")] {
            let names: Vec<_> = tested
                .outputs
                .iter()
                .filter(|reached| reached.fate == fate)
                .map(|reached| reached.output.as_str())
                .collect();
            if !names.is_empty() {
                steps.push(format!("{said} {}", names.join(", ")));
            }
        }
        if tested.in_metrics == Some(true) {
            steps.push("counted in metrics".to_owned());
        }
        match &tested.stopped {
            Some(Stop::Output) => {
                let wrong = tested.outputs.iter().filter(|reached| !reached.fate.is_right());
                steps.extend(wrong.map(|reached| AtOutput { reached, wait: *wait }.to_string()));
            }
            Some(stop) => steps.push(WhereStopped { stop, wait: *wait }.to_string()),
            None => {}
        }
        f.write_str(&steps.join("; "))
    }
}

/// What went wrong at an output.
struct AtOutput<'a> {
    reached: &'a Reached,
    wait: Duration,
}

impl fmt::Display for AtOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reached: Reached { output, fate }, wait } = self;
        write!(f, "STOPPED at the output {output}: ")?;
        match fate {
            Fate::Lost { reasons, of } => {
                write_losses(f, reasons)?;
                if *of > 1 {
                    write!(f, " of the {of} events that came")?;
                }
                f.write_str(": ")?;
                let is = |name| reasons.iter().any(|loss| loss.reason == name);
                f.write_str(match () {
                    () if is("queue_full") => {
                        "what takes its events is too slow or gone, or its `queue` too short"
                    }
                    () if is("too_large") => "what takes its events takes no event of this size",
                    () => {
                        "what it writes to does not take events: denyd's log says why (journalctl -u denyd)"
                    }
                })
            }
            Fate::Waiting { queued, capacity } => write!(
                f,
                "not written after {} s, {queued} of {capacity} wait: what takes its events is not there or does not take \
                 them, denyd's log says why (journalctl -u denyd)",
                wait.as_secs()
            ),
            // Nothing went wrong.
            Fate::Written | Fate::Filtered => Ok(()),
        }
    }
}

fn write_losses(f: &mut fmt::Formatter<'_>, losses: &[LossNow]) -> fmt::Result {
    write_lost(f, losses.iter().map(|loss| (loss.reason.as_str(), loss.count)))
}

/// Where it stopped, if not at one output.
struct WhereStopped<'a> {
    stop: &'a Stop,
    wait: Duration,
}

impl fmt::Display for WhereStopped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stop, wait } = self;
        let wait = wait.as_secs();
        match stop {
            Stop::Kernel => write!(
                f,
                "STOPPED in the kernel: no program of denyd has seen it after {wait} s; restart denyd, and see `denyd check`"
            ),
            Stop::Lost { reasons } => {
                f.write_str("STOPPED between the kernel and denyd: ")?;
                write_losses(f, reasons)?;
                f.write_str(
                    ": denials come faster than denyd reads them, or can't be read; raise `ring_size`",
                )
            }
            Stop::Pending => {
                write!(f, "STOPPED in denyd: it has seen it, and no event came of it in {wait} s")
            }
            Stop::Socket => {
                write!(
                    f,
                    "STOPPED at denyd's socket: the event was handed to the outputs, and did not come here in {wait} s"
                )
            }
            // Each output says it.
            Stop::Output => Ok(()),
            Stop::Filters => {
                f.write_str("STOPPED at the filters: no output wants it, see `filter` in the configuration")
            }
            Stop::Metrics => f.write_str("STOPPED at the metrics: they don't count it; restart denyd"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Module;

    fn tested(outputs: &[(&str, Fate)]) -> Tested {
        Tested {
            tried: Some("list /".to_owned()),
            refused: Some("Permission denied (os error 13)".to_owned()),
            event_after_ms: Some(0.42),
            outputs: outputs
                .iter()
                .map(|(output, fate)| Reached { output: (*output).to_owned(), fate: fate.clone() })
                .collect(),
            in_metrics: Some(true),
            ..Tested::new(Module::Landlock)
        }
    }

    fn said(tested: Tested) -> String {
        let report =
            Report { result: tested.result, daemon: true, modules: vec![tested], not_watched: Vec::new() };
        Text { report: &report, wait: Duration::from_secs(5) }.to_string()
    }

    #[test]
    fn a_tired_person_reads_one_line_a_module() {
        let tested = tested(&[("stdout", Fate::Written), ("siem", Fate::Filtered), ("file", Fate::Written)]);
        assert_eq!(
            said(tested),
            "landlock: refused by the kernel (list /: Permission denied (os error 13)); event after 0.4 ms; written by \
             stdout, file; not wanted by the filter of siem; counted in metrics\nall that was caused arrived\n"
        );
    }

    #[test]
    fn it_says_where_it_stopped_and_what_to_do() {
        let reasons = vec![LossNow { reason: "failed".to_owned(), count: 1 }];
        let stuck = tested(&[
            ("stdout", Fate::Written),
            ("file", Fate::Lost { reasons, of: 1 }),
            ("siem", Fate::Waiting { queued: 3, capacity: 8 }),
        ]);
        let said = said(stuck.stop(Stop::Output));
        for part in [
            "written by stdout; ",
            "STOPPED at the output file: lost 1 (failed 1): what it writes to does not take events",
            "STOPPED at the output siem: not written after 5 s, 3 of 8 wait",
            "\nSTOPPED: 1 of 1 did not arrive everywhere\n",
        ] {
            assert!(said.contains(part), "{part}:\n{said}");
        }
    }

    #[test]
    fn what_a_daemon_says_can_not_move_the_cursor() {
        assert!(!said(tested(&[("\x1b[2J", Fate::Written)])).contains('\x1b'));
    }
}
