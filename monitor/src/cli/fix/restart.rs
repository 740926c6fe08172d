//! Restarting the services that were refused, so that they try again.

use std::collections::BTreeSet;

use super::{Agreed, say_line, tools::Tools};
use crate::cli::failure::Failure;

/// Restarts the services of the findings, each once. Gives whether all of them started.
pub(super) fn services(agreed: &[Agreed<'_>], tools: &Tools) -> Result<bool, Failure> {
    let units: BTreeSet<&String> = agreed.iter().flat_map(|(_, finding, _)| &finding.units).collect();
    if units.is_empty() {
        say_line("no service is named by these denials: nothing was restarted")?;
    }
    let mut all = true;
    for unit in units {
        let words = ["systemctl", "restart", "--", unit].map(str::to_owned);
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
