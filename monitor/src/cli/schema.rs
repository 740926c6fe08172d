//! `denyd schema`: prints the JSON Schema of events.

use clap::Args;

use super::{failure::Failure, print};

const AFTER_HELP: &str = "\
Example:
  denyd schema >event.schema.json

It is that of this version of denyd. A newer one may know more fields.

Exit status:
  0  it was printed
  1  standard output was closed or full
  2  the command line is wrong";

/// Print the JSON Schema of the lines that `denyd run` prints.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Schema {}

impl Schema {
    /// Prints it.
    #[expect(clippy::unused_self, reason = "as the other verbs")]
    pub(super) fn run(&self) -> Result<(), Failure> {
        // Made from the types of `crate::event`; a test there holds it against them.
        print(include_str!("../../../docs/event.schema.json"))
    }
}
