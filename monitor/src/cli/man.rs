//! `denyd man`: writes the man pages, made from the help of every verb and from the default configuration.

mod page;

use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory as _};

use super::{Cli, failure::Failure};
use crate::config::DEFAULT_FILE;

const AFTER_HELP: &str = "\
Examples:
  denyd man /usr/share/man

It writes man1/denyd.1, man1/denyd-VERB.1 for every verb, and man5/denyd.toml.5.

Exit status:
  0  all were written
  1  one could not be written
  2  the command line is wrong";

/// Write the man pages, for packagers.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Man {
    /// The folder that has, or gets, man1 and man5.
    folder: PathBuf,
}

impl Man {
    /// Writes them.
    pub(super) fn run(&self) -> Result<(), Failure> {
        pages().into_iter().try_for_each(|page| {
            let path = self.folder.join(format!("man{}", page.section)).join(page.file_name());
            let folder = path.parent().unwrap_or(&self.folder);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&path, page.text))
                .map_err(|error| Failure::Man { path, error })
        })
    }
}

/// A man page.
struct Page {
    name: String,
    section: u8,
    text: String,
}

impl Page {
    fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

/// Every page: of denyd, of each verb, and of the configuration.
fn pages() -> Vec<Page> {
    let mut denyd = Cli::command().disable_help_subcommand(true);
    denyd.build();
    let verbs: Vec<_> = denyd.get_subcommands().cloned().collect();
    let names: Vec<_> = verbs.iter().map(|verb| format!("denyd-{}", verb.get_name())).collect();
    let others = names.iter().map(|name| format!("{name}(1)")).chain(["denyd.toml(5)".to_owned()]);
    let mut pages = vec![Page {
        name: "denyd".to_owned(),
        section: 1,
        text: page::of_command(denyd, &others.collect::<Vec<_>>()),
    }];
    for (verb, name) in verbs.into_iter().zip(names) {
        let text = page::of_command(verb, &["denyd(1)".to_owned(), "denyd.toml(5)".to_owned()]);
        pages.push(Page { name, section: 1, text });
    }
    pages.push(Page {
        name: "denyd.toml".to_owned(),
        section: 5,
        text: page::of_configuration(DEFAULT_FILE),
    });
    pages
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;

    /// The text as a reader has it: roff's escapes of dashes and backslashes taken back.
    fn plain(page: &Page) -> String {
        page.text.replace("\\-", "-").replace("\\\\", "\\").replace("\\&", "").replace("\\*(Aq", "'")
    }

    #[test]
    fn every_verb_has_a_page_with_every_option() {
        let pages = pages();
        for verb in Cli::command().get_subcommands() {
            let name = format!("denyd-{}", verb.get_name());
            let page = pages.iter().find(|page| page.name == name).unwrap_or_else(|| panic!("{name}"));
            let text = plain(page);
            for option in verb.get_arguments() {
                let written =
                    option.get_long().map_or_else(|| option.get_id().to_string(), |long| format!("--{long}"));
                assert!(text.contains(&written), "{name}: {written}\n{text}");
            }
            for part in
                [".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH \"EXIT STATUS\"", ".SH \"SEE ALSO\""]
            {
                assert!(text.contains(part), "{name}: {part}\n{text}");
            }
            for line in verb.get_after_help().unwrap().to_string().lines() {
                assert!(text.contains(line.trim()) || line.ends_with(':'), "{name}: {line}\n{text}");
            }
        }
    }

    #[test]
    fn every_key_of_the_configuration_is_in_its_page() {
        let pages = pages();
        let page = pages.iter().find(|page| page.section == 5).unwrap();
        let text = plain(page);
        for line in DEFAULT_FILE.lines() {
            let words = line.trim_start_matches('#').trim();
            // Paragraphs are joined, and broken by whoever shows them.
            assert!(text.replace('\n', " ").contains(words), "{words}\n{text}");
        }
    }

    #[test]
    fn a_formatter_has_no_complaint() {
        for page in pages() {
            let groff = Command::new("groff")
                .args(["-Kutf8", "-man", "-Tutf8", "-ww", "-z"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            // Where there is none, nothing is claimed.
            let Ok(mut groff) = groff else { return };
            groff.stdin.take().unwrap().write_all(page.text.as_bytes()).unwrap();
            let output = groff.wait_with_output().unwrap();
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", page.file_name());
        }
    }
}
