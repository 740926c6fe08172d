//! Errors in the command line, in one line: the cause, and what to do.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::say;

/// Prints what clap has to say: help as it is, an error in one line.
pub(super) fn report(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Where nobody reads the help, there is nobody to tell so.
            let _unread = error.print();
        }
        _ => say(line(error)),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
}

fn line(error: &clap::Error) -> String {
    let text = error.to_string();
    // Then come the possible values, tips and usage. A line's end may also be part of what was typed.
    let end = ["\n\n", "\n  ["].into_iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    let cause = text[..end].trim_end();
    let cause = cause.strip_prefix("error: ").unwrap_or(cause);
    format!("{cause}: {}", advice(error))
}

fn advice(error: &clap::Error) -> String {
    let suggested =
        [ContextKind::SuggestedValue, ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    if let Some(nearest) = suggested.into_iter().find_map(|kind| nearest(error.get(kind)?)) {
        return format!("did you mean `{nearest}`?");
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            format!("choose from {}", values.join(", "))
        }
        _ => "see `denyd --help`".to_owned(),
    }
}

/// The best of clap's suggestions, which stands last.
fn nearest(value: &ContextValue) -> Option<&str> {
    match value {
        ContextValue::String(value) => Some(value),
        ContextValue::Strings(values) => values.last().map(String::as_str),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn usage(args: &[&str]) -> String {
        line(&Cli::try_parse_from(args).unwrap_err())
    }

    #[test]
    fn an_unknown_source_names_the_nearest() {
        assert_eq!(
            usage(&["denyd", "run", "--source", "landlock,selinx"]),
            "invalid value 'selinx' for '--source <NAME>': did you mean `selinux`?",
        );
        let unknown = usage(&["denyd", "run", "--source", "xyz"]);
        let choices = "invalid value 'xyz' for '--source <NAME>': choose from default, all, selinux, apparmor, landlock, \
                       capability, ";
        assert!(unknown.starts_with(choices), "{unknown}");
    }

    #[test]
    fn an_unknown_flag_names_the_nearest() {
        assert_eq!(
            usage(&["denyd", "run", "--sorce", "all"]),
            "unexpected argument '--sorce' found: did you mean `--source`?",
        );
        assert_eq!(usage(&["denyd", "chek"]), "unrecognized subcommand 'chek': did you mean `check`?",);
        assert_eq!(usage(&["denyd", "run", "x"]), "unexpected argument 'x' found: see `denyd --help`");
    }

    #[test]
    fn a_wrong_size_says_what_is_right() {
        assert_eq!(
            usage(&["denyd", "run", "--ring-size", "100K"]),
            "invalid value '100K' for '--ring-size <BYTES>': 102400 is not a power of two: see `denyd --help`",
        );
    }
}
