//! What is written into a man page.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

/// A verb's page: what clap knows of it, then the sections of its help.
pub(super) fn of_command(command: Command, see_also: &[String]) -> String {
    let after_help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_verbs = command.has_subcommands();
    let man = Man::new(command);
    let mut page = Vec::new();
    // Only a writer could fail, and a `Vec` does not.
    let written = [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ]
    .into_iter()
    .chain(has_verbs.then_some(
        Man::render_subcommands_section as fn(&Man, &mut dyn std::io::Write) -> std::io::Result<()>,
    ))
    .try_for_each(|render| render(&man, &mut page));
    debug_assert!(written.is_ok(), "a vector takes everything");
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let mut more = Roff::new();
    sections(&after_help, &mut more);
    more.control("SH", ["SEE ALSO"]).text([roman(see_also.join(", "))]);
    page.push_str(&more.render());
    page
}

/// The parts of a help's end, each under its head; what has none are notes.
fn sections(after_help: &str, page: &mut Roff) {
    let mut notes = Vec::new();
    for paragraph in after_help.split("\n\n") {
        let (head, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        match head.strip_suffix(':') {
            Some(head) if rest.starts_with("  ") => {
                let head = if head == "Example" { "Examples" } else { head };
                page.control("SH", [head.to_uppercase().as_str()]);
                let (block, after): (Vec<_>, Vec<_>) = rest.lines().partition(|line| line.starts_with("  "));
                let block: Vec<_> =
                    block.into_iter().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
                as_it_is(&block, page);
                if !after.is_empty() {
                    page.control("PP", []).text([roman(after.join(" "))]);
                }
            }
            _ => notes.push(paragraph.lines().collect::<Vec<_>>().join(" ")),
        }
    }
    if !notes.is_empty() {
        page.control("SH", ["NOTES"]);
        for note in notes {
            page.text([roman(note)]).control("PP", []);
        }
    }
}

/// Lines that are not filled, if there are any.
fn as_it_is(lines: &[&str], page: &mut Roff) {
    if !lines.is_empty() {
        page.control("nf", []);
        for line in lines {
            page.text([roman(*line)]);
        }
        page.control("fi", []);
    }
}

/// The page of the configuration: each key with what its comment says.
pub(super) fn of_configuration(file: &str) -> String {
    let mut page = Roff::new();
    page.control("TH", ["denyd.toml", "5"]);
    page.control("SH", ["NAME"]).text([roman("denyd.toml - what denyd watches, and where it reports it")]);
    page.control("SH", ["DESCRIPTION"]);
    for block in file.split("\n\n") {
        let lines: Vec<_> = block.lines().collect();
        let example = lines.iter().position(|line| line.starts_with("#[[")).unwrap_or(lines.len());
        let (lines, example) = lines.split_at(example);
        let (text, keys): (Vec<_>, Vec<_>) =
            lines.iter().copied().partition(|line| *line == "#" || line.starts_with("# "));
        let (tables, keys): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .map(|line: &str| line.trim_start_matches('#'))
            .partition(|line| line.starts_with('['));
        for table in tables {
            page.control("SS", [table]);
        }
        let mut tag = "TP";
        for key in &keys {
            page.control(tag, []).text([bold(*key)]);
            tag = "TQ";
        }
        let text: Vec<_> = text.iter().map(|line| line.strip_prefix("# ").unwrap_or("")).collect();
        for (nth, paragraph) in
            text.split(|line| line.is_empty()).filter(|lines| !lines.is_empty()).enumerate()
        {
            match keys.as_slice() {
                [] => page.control("PP", []),
                _ if nth > 0 => page.control("IP", []),
                _ => &mut page,
            };
            let (list, words): (Vec<_>, Vec<_>) =
                paragraph.iter().copied().partition(|line| line.starts_with("  "));
            page.text([roman(words.join(" "))]);
            as_it_is(&list, &mut page);
        }
        let example: Vec<_> = example.iter().map(|line| line.trim_start_matches('#')).collect();
        as_it_is(&example, &mut page);
    }
    page.control("SH", ["SEE ALSO"]).text([roman("denyd(1), denyd-config(1), denyd-run(1)")]);
    page.render()
}
