//! The profile.

use std::fmt::Write as _;

use super::ran;
use crate::bench::{
    account,
    profile::{Load, Profile},
    spread::{grouped, significant},
};

/// Writes of it.
pub(super) fn write(readme: &mut String, Profile { run, loads, functions }: &Profile) -> anyhow::Result<()> {
    writeln!(
        readme,
        "\n## The reader under load\n\n{}\n\
         Not in a guest, but on the machine itself: denyd watches failed checks of capabilities, and writes each as an event\n\
         into a file. Its processor time for one event, all its threads together:\n\n\
         | denials a second | events | lost | µs in user space | µs in the kernel |\n\
         |---|---|---|---|---|",
        ran(run)
    )?;
    for load in loads {
        let Load { rate, account, time } = load;
        let number = |name: &str| account::number(account, name);
        let emitted = number("emitted");
        #[expect(clippy::cast_precision_loss, reason = "they are seconds and millions at most")]
        let [user, kernel] = time.map(|time| significant(time as f64 * 1e4 / emitted as f64));
        writeln!(
            readme,
            "| {} | {} | {} | {user} | {kernel} |",
            rate.map_or("all there can be".to_owned(), |rate| grouped(&rate.to_string())),
            grouped(&emitted.to_string()),
            grouped(&number("lost").to_string()),
        )?;
    }
    writeln!(
        readme,
        "\n![Flame graph of denyd under load](profile.svg)\n\n\
         The functions that run most often in the last row, without those that they call:\n\n\
         | function | of denyd's time |\n\
         |---|---|"
    )?;
    for (name, share) in functions {
        writeln!(readme, "| `{name}` | {} % |", significant(share * 100.0))?;
    }
    Ok(())
}
