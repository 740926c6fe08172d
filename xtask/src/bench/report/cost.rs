//! What is allowed, and a denial in the kernel.

use std::fmt::Write as _;

use super::ran;
use crate::bench::{
    allow::Allowed,
    denial::{Denials, Refused},
    plot::{self, Bar},
    spread::{Spread, significant},
};

/// Writes of the allow path.
pub(super) fn write_allowed(readme: &mut String, Allowed { run, guests }: &Allowed) -> anyhow::Result<()> {
    writeln!(
        readme,
        "\n## What is allowed\n\n{}\n\
         A confined process opens, reads, renames and removes files and sends signals, all of which is allowed.\n\
         Counted are its instructions of a round, in user space and in the kernel. Most rounds have none but their own;\n\
         timers disturb some. All are measured when denyd was started once before: until then, a kernel that has just\n\
         booted takes more instructions for the same.\n\n\
         | kernel | module | least without denyd | least with denyd | difference | median without | median with | runs of denyd's programs |\n\
         |---|---|---|---|---|---|---|---|",
        ran(run)
    )?;
    for guest in guests {
        let (without, with) = (spread(&guest.without, 1), spread(&guest.with, 1));
        let Some((without, with)) = without.zip(with) else { continue };
        writeln!(
            readme,
            "| {} | {} | {} | {} | {:+.4} % | {} | {} | {} of {} programs |",
            guest.kernel,
            guest.module,
            significant(without.least),
            significant(with.least),
            (with.least / without.least - 1.0) * 100.0,
            significant(without.median),
            significant(with.median),
            guest.runs.values().sum::<u64>(),
            guest.runs.len(),
        )?;
    }
    Ok(())
}

/// Writes of denials in the kernel, and draws those of the last kernel.
pub(super) fn write_denials(readme: &mut String, denials: &Denials) -> anyhow::Result<String> {
    let Denials { run, each, guests } = denials;
    writeln!(
        readme,
        "\n## A denial in the kernel\n\n{}\n\
         Counted are the instructions of the refused process for one refused `open`, its own few hundred included: the\n\
         median of {} rounds of {each}, with the least and the largest. Beyond that of the same refusal when nobody watches,\n\
         the share of what audit adds for auditd tells what denyd costs. What the readers do later is not in it, but in the\n\
         next section.\n\n\
         ![Instructions of the refused process](denial.svg)\n\n\
         | kernel | module | watched by | instructions for one | beyond nobody | of what audit for auditd adds |\n\
         |---|---|---|---|---|---|",
        ran(run),
        guests.first().map_or(0, |guest| guest.rounds.len()),
    )?;
    for guest in guests {
        let beyond = |watcher: &str| {
            let like =
                guests.iter().filter(|other| other.kernel == guest.kernel && other.module == guest.module);
            Some(
                like.clone().find(|other| other.watcher == watcher)?.median(*each)?
                    - like.clone().find(|other| other.watcher == "nobody")?.median(*each)?,
            )
        };
        let (Some(one), Some(added), Some(audit)) =
            (spread(&guest.rounds, *each), beyond(&guest.watcher), beyond("auditd"))
        else {
            continue;
        };
        let (added, share) = if guest.watcher == "nobody" {
            (String::new(), String::new())
        } else {
            (significant(added), format!("{:.2}", added / audit))
        };
        writeln!(
            readme,
            "| {} | {} | {} | {one} | {added} | {share} |",
            guest.kernel, guest.module, guest.watcher
        )?;
    }
    let last = guests.last().map(|guest| (&guest.kernel, &guest.module));
    let bars =
        guests.iter().filter(|guest| Some((&guest.kernel, &guest.module)) == last).filter_map(|guest| {
            let one = spread(&guest.rounds, *each)?;
            Some(Bar {
                name: guest.watcher.clone(),
                value: one.median,
                ends: Some((one.least, one.largest)),
                text: significant(one.median),
                ours: guest.watcher.starts_with("denyd"),
            })
        });
    let title = last.map_or(String::new(), |(kernel, module)| {
        format!("A refused open on {kernel}, {module}: instructions of the refused process")
    });
    plot::bars(&title, "instructions", &bars.collect::<Vec<_>>())
}

impl Refused {
    /// Instructions for one denial.
    fn median(&self, each: u32) -> Option<f64> {
        Some(spread(&self.rounds, each)?.median)
    }
}

/// Of one operation.
#[expect(clippy::cast_precision_loss, reason = "they are instructions of milliseconds")]
fn spread(rounds: &[u64], each: u32) -> Option<Spread> {
    Spread::of(rounds.iter().map(|&round| round as f64 / f64::from(each)))
}
