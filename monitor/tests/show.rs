//! Every form of every event under test, compared with the files in `golden/show/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p monitor --test show` writes the files anew; look at the difference then.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;
use monitor::{
    event::Event,
    show::{Form, Look, Rule, rule},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The events of the golden tests, by name.
fn recorded() -> Vec<(String, String)> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut events: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    events.sort();
    assert!(events.len() > 30, "{} events", events.len());
    events
}

fn look(form: Form) -> Look {
    Look { form, colour: false, width: None, zone: TimeZone::UTC }
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let path = folder().join("show").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: set UPDATE_GOLDEN=1 to write it", path.display()));
    assert_eq!(text, expected, "{}", path.display());
}

/// All events in one form, each below its name.
fn shown(look: &Look, count: u64) -> String {
    let show = |(name, json): &(String, String)| {
        let event: Event<'_> = serde_json::from_str(json).unwrap();
        format!("== {name}\n{}", look.show(&event, count))
    };
    recorded().iter().map(show).collect()
}

#[test]
fn the_short_line_says_when_who_what_and_why() {
    golden("short.txt", &shown(&look(Form::Short), 1));
}

#[test]
fn the_short_line_has_colours_and_a_count() {
    golden("short_colour.txt", &shown(&Look { colour: true, ..look(Form::Short) }, 12));
}

#[test]
fn the_short_line_fits_into_eighty_columns() {
    let text = shown(&Look { width: Some(80), ..look(Form::Short) }, 12);
    for line in text.lines().filter(|line| !line.starts_with("==")) {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
    golden("short_80.txt", &text);
}

#[test]
fn the_message_is_the_line_without_the_time() {
    golden("cat.txt", &shown(&look(Form::Cat), 1));
}

#[test]
fn verbose_has_every_field() {
    golden("verbose.txt", &shown(&look(Form::Verbose), 1));
}

#[test]
fn json_is_the_event_as_it_was() {
    for (name, json) in recorded() {
        let event: Event<'_> = serde_json::from_str(&json).unwrap();
        let line = look(Form::Json).show(&event, 12);
        assert_eq!(line.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Event<'_>>(&line).unwrap(), event, "{name}");
        let pretty = look(Form::JsonPretty).show(&event, 12);
        assert_eq!(serde_json::from_str::<Event<'_>>(&pretty).unwrap(), event, "{name}");
    }
    let (_, recorded) = &recorded()[0];
    let event: Event<'_> = serde_json::from_str(recorded).unwrap();
    assert_eq!(look(Form::JsonPretty).show(&event, 1), *recorded, "in the order of docs/events.md");
}

#[test]
fn the_rule_is_what_a_policy_would_need() {
    golden("rule.txt", &shown(&look(Form::Rule), 1));
}

#[test]
fn a_terminal_gets_no_control_character_and_a_policy_no_line_break() {
    for (name, json) in recorded() {
        let mut event: Event<'_> = serde_json::from_str(&json).unwrap();
        let hostile = "x\x1b[2J\r\n}; allow a b:c d;\u{9b}\u{202e}";
        event.process.comm = Some(hostile.into());
        event.object.path = Some(hostile.into());
        event.object.label = Some(format!("u:r:{hostile}:s0").into());
        event.subject.label = Some(format!("u:r:{hostile}:s0").into());
        event.action.class = Some(hostile.into());
        event.action.permissions = vec![hostile.into()];
        event.action.info = Some(hostile.into());
        event.host = hostile.into();
        for form in [Form::Short, Form::Cat, Form::Verbose, Form::Rule] {
            let text = look(form).show(&event, 2);
            let bad = text.chars().find(|&c| c != '\n' && (c.is_control() || c == '\u{202e}'));
            assert_eq!(bad, None, "{name} {form:?}: {text:?}");
            assert!(form == Form::Verbose || text.lines().count() == 1, "{name} {form:?}: {text:?}");
        }
    }
}

#[test]
fn what_cannot_be_in_a_policy_gets_no_rule() {
    let (_, json) = recorded().into_iter().find(|(name, _)| name == "selinux_file").unwrap();
    let mut event: Event<'_> = serde_json::from_str(&json).unwrap();
    assert!(matches!(rule(&event), Rule::Policy { .. }));
    event.object.label = Some("u:r:a; };:s0".into());
    assert!(matches!(rule(&event), Rule::None(_)));

    let (_, json) = recorded().into_iter().find(|(name, _)| name == "apparmor_file").unwrap();
    let mut event: Event<'_> = serde_json::from_str(&json).unwrap();
    for (path, rule_text) in [
        ("/srv/a b*", Some("\"/srv/a b\\*\" w,")),
        ("/srv/plain", Some("/srv/plain w,")),
        ("/srv/new\nline", None),
        ("relative", None),
    ] {
        event.object.path = Some(path.into());
        let found = match rule(&event) {
            Rule::Policy { rule, .. } => Some(rule),
            Rule::None(_) => None,
        };
        assert_eq!(found.as_deref(), rule_text, "{path}");
    }
}

#[test]
fn a_link_that_would_have_more_rights_than_its_file_needs_a_rule_for_the_file() {
    let (_, json) = recorded().into_iter().find(|(name, _)| name == "apparmor_file").unwrap();
    let mut event: Event<'_> = serde_json::from_str(&json).unwrap();
    event.action.operation = Some("link".into());
    event.object.path = Some("/srv/new".into());
    event.object.target = Some("/srv/old".into());
    for (mask, wanted) in [("l", "link /srv/new -> /srv/old,"), ("k", "/srv/old k,")] {
        event.action.denied_mask = Some(mask.into());
        let Rule::Policy { rule, .. } = rule(&event) else { panic!("no rule for {mask}") };
        assert_eq!(rule, wanted);
    }
}

#[test]
fn a_note_is_told_from_events() {
    let look = look(Form::Short);
    assert_eq!(look.note("3 events are lost here"), "-- 3 events are lost here --\n");
    let narrow = Look { width: Some(10), ..look };
    assert_eq!(narrow.note("3 events are lost here"), "-- 3 even…\n");
}
