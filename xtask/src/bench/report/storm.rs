//! Storms.

use std::fmt::Write as _;

use super::ran;
use crate::bench::{
    account,
    spread::{grouped, significant},
    storm::{Storm, Storms},
};

/// Writes of storms.
pub(super) fn write(readme: &mut String, Storms { run, storms }: &Storms) -> anyhow::Result<()> {
    writeln!(readme, "\n## Storms\n\n{}", ran(run))?;
    writeln!(
        readme,
        "Processes are refused the same by SELinux, as fast as the guest can, as 200 users in turn; audit is off. Each denial must be \
         in the account, and be told of its user. In the middle of the storm, a process of another user is refused once.\n"
    )?;
    writeln!(
        readme,
        "| kernel | CPUs | processes | denials | a second | events | lost | exact, by user too | the single one after |\n\
         |---|---|---|---|---|---|---|---|---|"
    )?;
    for storm in storms.iter().filter(|storm| storm.rate.is_none()) {
        let Storm { kernel, processors, processes, denials, .. } = storm;
        writeln!(
            readme,
            "| {kernel} | {processors} | {processes} | {} | {} | {} | {} | {} | {} |",
            grouped(&denials.to_string()),
            rate(storm),
            grouped(&storm.events.iter().sum::<u64>().to_string()),
            lost(storm),
            exact(storm),
            storm
                .quiet_seconds
                .map_or("not read".to_owned(), |seconds| format!("{} ms", significant(seconds * 1e3))),
        )?;
    }
    writeln!(
        readme,
        "\nWithout folding, at a server's rates, each denial is an event. The sources named `-silent` have what the \
         policy keeps out of the log:\n\n\
         | kernel | CPUs | source | options | processes | denials | aimed at, a second | reached | lost | exact, by user too |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    )?;
    for storm in storms {
        let Storm { kernel, processors, processes, denials, source, options, .. } = storm;
        if let Some(aim) = storm.rate {
            let denials = grouped(&denials.to_string());
            writeln!(
                readme,
                "| {kernel} | {processors} | `{source}` | `{options}` | {processes} | {denials} | {aim} | {} | {} | {} |",
                rate(storm),
                lost(storm),
                exact(storm),
            )?;
        }
    }
    Ok(())
}

fn rate(storm: &Storm) -> String {
    #[expect(clippy::cast_precision_loss, reason = "there are not that many denials")]
    let denials = storm.timed as f64;
    significant(denials / storm.seconds)
}

/// How many were lost, and why.
fn lost(storm: &Storm) -> String {
    let number = |name: &str| account::number(&storm.account, name);
    let reasons =
        storm.account.iter().filter(|(name, count)| **count > 0 && !ACCOUNTED.contains(&name.as_str()));
    let reasons: Vec<_> = reasons.map(|(name, count)| format!("{name} {count}")).collect();
    if reasons.is_empty() {
        return number("lost").to_string();
    }
    format!("{} ({})", number("lost"), reasons.join(", "))
}

/// What is no reason of a loss in an account.
const ACCOUNTED: [&str; 7] = ["seen", "emitted", "folded", "lost", "cut", "read faults", "not folded"];

fn exact(storm: &Storm) -> String {
    if storm.faults.is_empty() { "yes".to_owned() } else { format!("**no**: {}", storm.faults.join("; ")) }
}
