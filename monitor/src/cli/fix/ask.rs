//! Asking whether a change may be made.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use crate::cli::failure::Failure;

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// No, and ask for nothing more.
    Quit,
}

/// Who answers.
pub(super) enum Asker {
    /// `--yes`: to all that is not dangerous.
    Yes,
    /// `--dry-run`: to nothing.
    No,
    /// Whoever sits at the terminal.
    Terminal,
    /// Nobody.
    Nobody,
}

impl Asker {
    /// The one who answers, where `--yes` was given or not.
    pub(super) fn new(yes: bool) -> Self {
        if yes {
            Self::Yes
        } else if io::stdin().is_terminal() {
            Self::Terminal
        } else {
            Self::Nobody
        }
    }

    /// One who agrees to nothing.
    pub(super) fn no() -> Self {
        Self::No
    }

    /// Asks.
    ///
    /// # Errors
    ///
    /// If there is nobody to ask, or the terminal can't be read.
    pub(super) fn ask(&mut self, question: &str, is_dangerous: bool) -> Result<Answer, Failure> {
        match self {
            Self::Yes if is_dangerous => {
                super::say_line("  left out, since it is dangerous: run it without --yes to be asked")?;
                Ok(Answer::No)
            }
            Self::Yes => Ok(Answer::Yes),
            Self::No => Ok(Answer::No),
            Self::Nobody => Err(Failure::Unasked),
            Self::Terminal => {
                print!("{question} [y/N/q] ");
                io::stdout().flush().map_err(Failure::Stdout)?;
                read(&mut io::stdin().lock()).map_err(Failure::Runtime)
            }
        }
    }
}

/// Reads an answer. What is no yes is a no; the end of the input ends the questions.
fn read(input: &mut impl BufRead) -> io::Result<Answer> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(Answer::Quit);
    }
    Ok(match &*line.trim().to_ascii_lowercase() {
        "y" | "yes" => Answer::Yes,
        "q" | "quit" => Answer::Quit,
        _ => Answer::No,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (text, answer) in [
            ("y\n", Answer::Yes),
            ("Yes\n", Answer::Yes),
            ("\n", Answer::No),
            ("yes please\n", Answer::No),
            ("q\n", Answer::Quit),
            ("", Answer::Quit),
        ] {
            assert_eq!(read(&mut text.as_bytes()).unwrap(), answer, "{text:?}");
        }
    }

    #[test]
    fn nobody_to_ask_is_an_error_and_yes_leaves_out_what_is_dangerous() {
        assert!(matches!(Asker::Nobody.ask("?", false), Err(Failure::Unasked)));
        assert_eq!(Asker::Yes.ask("?", true).unwrap(), Answer::No);
        assert_eq!(Asker::Yes.ask("?", false).unwrap(), Answer::Yes);
    }
}
