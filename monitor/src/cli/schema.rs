//! `denyd schema`: prints the JSON Schema of events, or of what `denyd explain` prints.

use clap::{Args, ValueEnum};

use super::{failure::Failure, print};

const AFTER_HELP: &str = "\
Examples:
  denyd schema >event.schema.json              of events
  denyd schema explain >explain.schema.json    of what `denyd explain --json` prints

It is that of this version of denyd. A newer one may know more fields.

Exit status:
  0  it was printed
  1  standard output was closed or full
  2  the command line is wrong";

/// Print the JSON Schema of the lines that `denyd run` prints, or of what `denyd explain` does.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Schema {
    /// Whose schema.
    #[arg(value_enum, value_name = "OF", default_value_t = Of::Event)]
    of: Of,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// An event, as `denyd run` prints it.
    Event,
    /// The findings of `denyd explain --json`.
    Explain,
}

impl Schema {
    /// Prints it.
    pub(super) fn run(&self) -> Result<(), Failure> {
        // Made from the types, against which tests hold them.
        print(match self.of {
            Of::Event => include_str!("../../../docs/event.schema.json"),
            Of::Explain => include_str!("../../../docs/explain.schema.json"),
        })
    }
}
