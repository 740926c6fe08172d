//! Running other programs so that a failure says what was run and what it printed.

use std::{
    ffi::OsStr,
    io::Write as _,
    process::{Command, ExitStatus, Output, Stdio},
    thread,
};

/// How many of a failed program's last lines an error shows.
const LINES_SHOWN: usize = 15;

/// Why a program could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started at all.
    #[error("cannot run `{program}`: {source}")]
    Start {
        /// The program's name.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ran and reported failure.
    #[error("`{command}` failed ({status}){output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed, each line on its own and indented.
        output: String,
    },
}

/// Runs `command` without input and returns what it printed to standard output.
///
/// # Errors
/// When it can't be started or reports failure; the error carries its last lines.
pub fn capture(command: &mut Command) -> Result<Vec<u8>, ProcessError> {
    command.stdin(Stdio::null());
    let output = command.output().map_err(|source| start_error(command, source))?;
    check(command, output)
}

/// Like [`capture`], as text.
///
/// # Errors
/// As for [`capture`].
pub fn read(command: &mut Command) -> Result<String, ProcessError> {
    capture(command).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs `command` with `input` on its standard input and returns what it printed to standard output.
///
/// # Errors
/// As for [`capture`].
pub fn filter(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, ProcessError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| start_error(command, source))?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        // A program that stops reading reports why by its status.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })
    .map_err(|source| start_error(command, source))?;
    check(command, output)
}

/// Runs `command` on this terminal.
///
/// # Errors
/// As for [`capture`]; what it printed has been seen already.
pub fn show(command: &mut Command) -> Result<(), ProcessError> {
    let status = command.status().map_err(|source| start_error(command, source))?;
    if status.success() {
        return Ok(());
    }
    Err(ProcessError::Failed { command: command_line(command), status, output: String::new() })
}

fn check(command: &Command, output: Output) -> Result<Vec<u8>, ProcessError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let mut printed = output.stdout;
    printed.extend(output.stderr);
    Err(ProcessError::Failed {
        command: command_line(command),
        status: output.status,
        output: last_lines(&String::from_utf8_lossy(&printed), LINES_SHOWN),
    })
}

/// The last `count` lines of `text`, each preceded by a newline and an indent.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().flat_map(|line| ["\n    ", line]).collect()
}

fn start_error(command: &Command, source: std::io::Error) -> ProcessError {
    ProcessError::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn command_line(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_last_words() {
        let error = capture(Command::new("sh").args(["-c", "echo reason >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sh -c"), "{text}");
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.ends_with("\n    reason"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = capture(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().starts_with("cannot run `no-such-program`"), "{error}");
    }

    #[test]
    fn filter_passes_input_through() {
        let input = vec![b'x'; 1 << 20];
        assert_eq!(filter(&mut Command::new("cat"), &input).unwrap(), input);
    }
}
