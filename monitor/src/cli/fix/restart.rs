//! Restarting services, so that they try again and have what was changed.

use std::collections::BTreeSet;

use super::{say_line, tools::Tools};
use crate::cli::failure::Failure;

/// Restarts units, each once, or says that it is to be done, if denyd may not. Gives whether all of them started.
pub(super) fn units(units: &BTreeSet<&str>, may: bool, tools: &Tools) -> Result<bool, Failure> {
    if units.is_empty() && may {
        say_line("no service is named by these denials: nothing was restarted")?;
    }
    let mut all = true;
    for &unit in units {
        let words = ["systemctl", "restart", "--", unit].map(str::to_owned);
        if !may {
            say_line(&format!(
                "{unit} runs as before until it is restarted: {}, or --restart",
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
