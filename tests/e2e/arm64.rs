//! A sample of what `cargo xtask test --arch arm64` runs: this program runs itself, for a guest that emulates arm64.

use std::{env, process::Command, sync::Arc};

use libtest_mimic::Trial;
use tests::machine;

use crate::plan::{Booted, Plan};

/// The trials: those of system calls, whose numbers are the machine's own, on the newest kernel.
const SAMPLE: &str = "7/seccomp/";

/// The environment variable that says so to the program that runs the sample: denyd is built without what no trial of
/// the sample needs, which takes half as long.
pub(crate) const IN_SAMPLE: &str = "DENYD_E2E_SAMPLE";

/// Adds the sample.
pub(crate) fn plan(plan: &mut Plan) {
    let booted = Booted::new("arm64-sample", run);
    let guest = Arc::clone(&booted);
    let trial =
        Trial::test("7/arm64/denied_system_calls_are_reported", move || Ok(guest.outcome().copied()?));
    plan.add_guest(&booted, vec![trial]);
}

fn run() -> Result<(), String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(this).arg(SAMPLE).env(machine::VARIABLE, "arm64").env(IN_SAMPLE, "1").output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    // None at all would be all of them, too.
    if output.status.success() && said.lines().any(|line| line.ends_with("... ok")) {
        return Ok(());
    }
    Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}
