use std::collections::BTreeSet;

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::output::spec::Target;

#[track_caller]
fn error(text: &str) -> String {
    let error = Config::parse(text, Path::new("denyd.toml")).expect_err(text).to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[track_caller]
fn config(text: &str) -> Config {
    Config::parse(text, Path::new("denyd.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_empty_file_and_no_file_are_the_defaults() {
    assert_eq!(config(""), Config::default());
    assert_eq!(config(DEFAULT_FILE), Config::default());
}

/// The default file with its keys in force, but for the examples of outputs.
fn in_force() -> String {
    let (before, _examples) = DEFAULT_FILE.split_once("#[[output]]").unwrap();
    let is_key = |line: &str| {
        line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_lowercase()))
    };
    before
        .lines()
        .map(|line| if is_key(line) && !line.ends_with(" =") { &line[1..] } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn what_the_default_file_says_is_the_default() {
    assert_eq!(config(&in_force()), Config::default());
}

#[test]
fn the_default_file_has_every_key() {
    let keys = |text: &str| -> BTreeSet<String> {
        // serde names the keys of a struct when it meets one that is not among them.
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let file = in_force();
    for (table, unknown) in
        [("", "colour = 1"), ("[names]", "colour = 1"), ("[metrics]", "colour = 1"), ("[fold]", "colour = 1")]
    {
        for key in keys(&error(&format!("{table}\n{unknown}"))) {
            let is_there = [format!("\n{key} ="), format!("\n#{key} ="), format!("[{key}]")];
            let there = is_there.iter().any(|text| file.contains(text));
            assert!(there || ["colour", "output"].contains(&key.as_str()), "{key}");
        }
    }
}

#[test]
fn the_examples_of_outputs_are_right_and_have_every_kind_and_key() {
    let (_, examples) = DEFAULT_FILE.split_once("#[[output]]").unwrap();
    let examples =
        format!("[[output]]{}", examples.replace("\n#", "\n")).replace("\"collector\" ", "\"root\" ");
    let outputs = config(&examples).outputs;
    let names: Vec<_> = outputs.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["stdout", "file", "unix", "journald", "syslog", "otlp"]);
    // What is written there for a key that has a default is that default.
    for (kind, spec) in names.iter().zip(&outputs) {
        if !["file", "unix"].contains(kind) {
            assert_eq!(&config(&format!("[[output]]\nkind = \"{kind}\"")).outputs[0], spec);
        }
    }
}

#[test]
fn an_unknown_key_names_the_nearest_and_its_line() {
    for (text, message) in [
        (
            "silent = true\nringsize = 1",
            "denyd.toml, line 2: unknown key `ringsize`: did you mean `ring_size`?",
        ),
        ("[names]\nwait = \"1s\"\nwiat = 1", "denyd.toml, line 3: unknown key `wiat`: did you mean `wait`?"),
        ("[name]\n", "denyd.toml, line 1: unknown key `name`: did you mean `names`?"),
        (
            "[[output]]\nkind = \"stdout\"\nqueu = 1",
            "denyd.toml, line 3: unknown key `queu`: did you mean `queue`?",
        ),
    ] {
        assert_eq!(error(text), message);
    }
    assert!(error("colour = 1").contains("there are `sources`, `silent`"));
}

#[test]
fn a_wrong_value_says_what_is_right() {
    for (text, parts) in [
        ("sources = [\"selinx\"]", ["line 1", "there is no \"selinx\": did you mean \"selinux\"?"]),
        ("sources = []", ["line 1", "name at least one source"]),
        ("silent = \"yes\"", ["line 1", "expected a boolean"]),
        ("ring_size = \"100K\"", ["line 1", "102400 is not a power of two"]),
        ("ring_size = -4", ["line 1", "a size such as \"4M\""]),
        ("[names]\nwait = \"100\"", ["line 2", "give a time with its unit"]),
        ("[names]\nruntime_sockets = [\"/run/x\"]", ["line 2", "start with `docker:`"]),
        ("silent = ", ["line 1", ""]),
        ("[[output]]\nkind = \"fil\"", ["line 2", "did you mean \"file\"?"]),
        ("[[output]]\nname = \"x\"", ["", "missing field `kind`"]),
        ("\n[[output]]\nkind = \"file\"", ["line 2", "needs the key `path`"]),
        ("[[output]]\nkind = \"file\"\npath = \"x\"", ["line 1", "must be absolute"]),
        (
            "[[output]]\nkind = \"stdout\"\npath = \"/x\"",
            ["line 1", "it has name, filter, queue, advice, format"],
        ),
        ("[[output]]\nkind = \"stdout\"\nqueue = 0", ["line 1", "from 1 to 1048576"]),
        ("[[output]]\nkind = \"stdout\"\nname = \"A b\"", ["line 1", "lowercase letters"]),
        ("[[output]]\nkind = \"stdout\"\nfilter = \"modul == 1\"", ["line 3", "did you mean `module`?"]),
        ("[[output]]\nkind = \"syslog\"\naddress = \"udp:x\"", ["line 1", "a host and a port"]),
        ("[[output]]\nkind = \"otlp\"\naddress = \"localhost\"", ["line 1", "http://HOST:PORT"]),
        ("[[output]]\nkind = \"unix\"\npath = \"/x\"\nowner = \"no such user\"", ["line 1", "no user"]),
        ("[[output]]\nkind = \"journald\"\n[[output]]\nkind = \"journald\"", ["", "give one another `name`"]),
    ] {
        let error = error(text);
        assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
    }
}

#[test]
fn outputs_are_what_they_say() {
    let config = config(
        "[[output]]\nkind = \"file\"\nname = \"siem\"\npath = \"/var/log/x\"\nqueue = 7\nadvice = true\nfilter = 'module == \"selinux\"'",
    );
    let [spec] = &config.outputs[..] else { panic!("{config:?}") };
    assert_eq!((spec.name.as_str(), spec.queue, spec.advice), ("siem", 7, true));
    assert_eq!(spec.filter.as_ref().map(crate::filter::Filter::text), Some("module == \"selinux\""));
    assert!(matches!(&spec.target, Target::File { path, .. } if path == Path::new("/var/log/x")));
}

#[test]
fn what_needs_a_restart_is_named() {
    let (old, new) =
        (config(""), config("silent = true\n[names]\nwait = \"1s\"\n[[output]]\nkind = \"stdout\""));
    assert_eq!(old.fixed_that_differ(&new), ["silent", "names.wait"]);
}

#[test]
fn only_the_usual_file_need_not_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let message = Config::read(Some(&path)).unwrap_err().to_string();
    assert!(message.starts_with("cannot read the configuration "), "{message}");
    fs::write(&path, "silent = true").unwrap();
    assert!(Config::read(Some(&path)).unwrap().silent);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_damaged_file_is_taken_or_refused_in_one_line(
        edits in prop::collection::vec((any::<Index>(), "[\\[\\]=\"'#a-z0-9\n.-]{0,2}"), 1..4),
    ) {
        let mut text = in_force();
        for (place, put) in edits {
            let place = place.index(text.len());
            text.replace_range(text.floor_char_boundary(place)..text.ceil_char_boundary(place + 1), &put);
        }
        if let Err(error) = Config::parse(&text, Path::new("denyd.toml")) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
