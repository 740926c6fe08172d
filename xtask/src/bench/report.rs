//! The README and the plots, made of what was kept.

use std::path::Path;

use super::{Part, kept, run::Run};

mod cost;
mod path;
mod profile;
mod soak;
mod storm;

/// The names and contents of the files that tell of the results in `folder`.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut readme = HEAD.to_owned();
    let mut files = Vec::new();
    if let Some(allowed) = kept(folder, Part::Allow)? {
        cost::write_allowed(&mut readme, &allowed)?;
    }
    if let Some(denials) = kept(folder, Part::Denial)? {
        files.push(("denial.svg", cost::write_denials(&mut readme, &denials)?));
    }
    if let Some(paths) = kept(folder, Part::Path)? {
        files.extend(path::write(&mut readme, &paths)?);
    }
    if let Some(storms) = kept(folder, Part::Storm)? {
        storm::write(&mut readme, &storms)?;
    }
    if let Some(soak) = kept(folder, Part::Soak)? {
        soak::write(&mut readme, &soak)?;
    }
    if let Some(profile) = kept(folder, Part::Profile)? {
        profile::write(&mut readme, &profile)?;
    }
    files.push(("README.md", reflowed(&readme)));
    Ok(files)
}

/// The text with its paragraphs' lines as long as the repository's Markdown may be.
fn reflowed(text: &str) -> String {
    const LENGTH: usize = 120;
    let stands = |line: &str| line.is_empty() || line.starts_with(['#', '|', '!']);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if stands(line) {
            lines.push(line.to_owned());
            continue;
        }
        // Lines of one paragraph follow each other.
        let mut begins = lines.last().is_none_or(|last| stands(last));
        for word in line.split(' ') {
            match lines.last_mut() {
                Some(last) if !begins && last.chars().count() + 1 + word.chars().count() <= LENGTH => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
            begins = false;
        }
    }
    lines.join("\n") + "\n"
}

const HEAD: &str = "\
# What denyd costs, and what it keeps

`cargo xtask bench` measures this and writes this folder. Each part has its raw data beside it, as JSON.

All figures but the last section's are of emulated guests. Where they are instructions, they are exact: the guest's clocks count them, so that
other work on the machine changes nothing. What emulation can't tell: how long a processor takes for an instruction.
It knows no caches, no branch prediction and no second core that works at the same time, and no interrupt is as
expensive as it really is. So compare the ratios within a table, and take no figure for a promise.
";

/// When and where.
fn ran(run: &Run) -> String {
    let Run { time, commit, processor, processors, load, emulator } = run;
    let time = time.strftime("%Y-%m-%d %H:%M UTC");
    format!(
        "Measured {time} at commit `{commit}`, on {processors} × {processor},\n{emulator}; the load before was {load}.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_where_they_must_and_nothing_else() {
        let row = format!("| {} |", "cell ".repeat(40));
        let text = format!("# Title\n\nshort\nlines {}\n\n{row}\n{row}\n", "word ".repeat(30).trim_end());
        let lines = reflowed(&text);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!((lines[0], lines[1], lines.len()), ("# Title", "", 7));
        assert!(lines[2].starts_with("short lines word") && lines[2].len() <= 120, "{lines:?}");
        assert!(lines[3].starts_with("word") && lines[4].is_empty(), "{lines:?}");
        assert_eq!([lines[5], lines[6]], [row.trim_end(), row.trim_end()]);
    }
}
