//! What the help promises, for every verb.

use clap::CommandFactory as _;

use super::*;

/// denyd's own name and help's end, and those of every verb.
fn helps() -> Vec<(String, String)> {
    let denyd = Cli::command();
    let help = |command: &clap::Command| {
        let end =
            command.get_after_help().unwrap_or_else(|| panic!("{} has no examples", command.get_name()));
        (command.get_name().to_owned(), end.to_string())
    };
    denyd.get_subcommands().map(help).chain([help(&denyd)]).collect()
}

/// The lines of a help's end that are under this head.
fn under<'h>(help: &'h str, head: &str) -> Vec<&'h str> {
    let after = help.lines().skip_while(|line| !line.starts_with(head)).skip(1);
    after.take_while(|line| line.starts_with("  ")).collect()
}

/// The first command of a line of a shell script, without what explains it: that stands after two spaces.
fn first_command(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    let end = line.char_indices().find(|&(_, char)| {
        let ends = quote.is_none() && ("|<>&;".contains(char) || (char, before) == (' ', ' '));
        match quote {
            None if "'\"".contains(char) => quote = Some(char),
            Some(open) if char == open => quote = None,
            _ => {}
        }
        before = char;
        ends
    });
    &line[..end.map_or(line.len(), |(at, _)| at)]
}

#[test]
fn a_shell_takes_a_line_so() {
    for (line, command) in [
        ("denyd top --by unit     which services", "denyd top --by unit "),
        ("denyd run --filter 'a  == \"b\" && c' | jq .x", "denyd run --filter 'a  == \"b\" && c' "),
        ("denyd config default >denyd.toml", "denyd config default "),
    ] {
        assert_eq!(first_command(line), command);
    }
}

#[test]
fn every_example_is_understood() {
    for (name, help) in helps() {
        let lines: Vec<_> = under(&help, "Example").into_iter().map(str::trim_start).collect();
        let examples = lines.iter().filter(|line| line.starts_with("denyd "));
        let mut count = 0;
        for example in examples {
            let words = shell_words::split(first_command(example)).unwrap();
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{name}: {example}: {error}");
            }
            assert!(
                name == "denyd" || words[1] == name,
                "an example of `{name}` is of another verb: {example}"
            );
            count += 1;
        }
        assert!(count > 0, "{name} has no example:\n{help}");
    }
}

#[test]
fn every_verb_says_what_its_exit_status_means() {
    for (name, help) in helps() {
        let statuses = under(&help, "Exit status:");
        let numbers: Vec<u8> =
            statuses.iter().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
        assert!(numbers.starts_with(&[0]) && numbers.is_sorted(), "{name}: {help}");
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}
