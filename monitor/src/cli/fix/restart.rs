//! Restarting services, so that they try again and have what was changed.

use std::{collections::BTreeSet, fs};

use super::{say_line, tools::Tools};
use crate::{cli::failure::Failure, enrich::cgroup};

/// Restarts units, each once, or says that it is to be done, if denyd may not. Gives whether all of them started.
pub(super) fn units(units: &BTreeSet<&str>, may: bool, tools: &Tools) -> Result<bool, Failure> {
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = unit_of(&cgroups);
    if units.is_empty() && may {
        say_line("nothing was restarted: no service is named")?;
    }
    let mut all = true;
    for &unit in units {
        let words = ["systemctl", "restart", "--", unit].map(str::to_owned);
        if !may || own.as_deref() == Some(unit) {
            let or = if may { ", not from within, which would end denyd, too" } else { ", or --restart" };
            say_line(&format!(
                "{unit} runs as before until it is restarted: {}{or}",
                shell_words::join(&words)
            ))?;
            continue;
        }
        match tools.run(&words) {
            Ok(()) => say_line(&format!("{unit} was restarted"))?,
            Err(error) => {
                all = false;
                say_line(&format!("{unit} did not start: {error}"))?;
            }
        }
    }
    Ok(all)
}

/// The unit of a process whose `/proc/PID/cgroup` has this.
fn unit_of(cgroups: &str) -> Option<String> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    // As it stands in events.
    let path = path.replace('\\', r"\\");
    cgroup::read(&path).0?.name.map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_process_is_told_by_its_cgroup() {
        for (cgroups, unit) in [
            ("0::/system.slice/app@a\\x2db.service\n", Some(r"app@a\x2db.service")),
            (
                "1:name=systemd:/other.service\n0::/user.slice/user-0.slice/session-1.scope\n",
                Some("session-1.scope"),
            ),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(unit_of(cgroups).as_deref(), unit, "{cgroups}");
        }
    }
}
