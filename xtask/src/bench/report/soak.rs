//! The soak.

use std::fmt::Write as _;

use anyhow::Context as _;

use super::ran;
use crate::bench::{
    account,
    soak::Soak,
    spread::{grouped, significant},
};

/// Writes of it.
pub(super) fn write(readme: &mut String, soak: &Soak) -> anyhow::Result<()> {
    let Soak { run, kernel, each, rounds, account } = soak;
    let number = |name: &str| account::number(account, name);
    let [first, .., last] = rounds.as_slice() else { anyhow::bail!("a soak of less than two rounds") };
    #[expect(clippy::cast_precision_loss, reason = "they are minutes at most")]
    let minutes = significant((last[0] - first[0]) as f64 / 6000.0);
    writeln!(
        readme,
        "\n## A soak\n\n{}\n\
         In a guest with kernel {kernel}, SELinux and two processors, denyd tells {} denials in each of {} rounds, over \
         {minutes} minutes of the guest, keeps them in its history, and is asked for events, advice and its status after \
         each round. It told {}, and lost {}. Its heap, in MiB:\n\n\
         | after | MiB |\n\
         |---|---|",
        ran(run),
        grouped(&each.to_string()),
        rounds.len(),
        grouped(&number("emitted").to_string()),
        grouped(&number("lost").to_string()),
    )?;
    let parts = 6.min(rounds.len());
    for part in 1..=parts {
        let round = rounds.len() * part / parts;
        let [_, memory] =
            round.checked_sub(1).and_then(|place| rounds.get(place)).context("no such round")?;
        #[expect(clippy::cast_precision_loss, reason = "it is megabytes at most")]
        let memory = significant(*memory as f64 / 1024.0);
        writeln!(readme, "| round {round} | {memory} |")?;
    }
    Ok(())
}
