use proptest::prelude::*;

use super::*;

fn event() -> Event<'static> {
    serde_json::from_str(
        r#"{"schema":2,"time":"2026-03-01T10:00:00.5Z","host":"web1","kind":"denial","module":"selinux",
        "verdict":"denied","silent":false,
        "action":{"class":"file","permissions":["read","open"]},
        "subject":{"label":"system_u:system_r:httpd_t:s0"},
        "object":{"kind":"file","path":"/etc/shadow","inode":18446744073709551615,"deleted":true},
        "process":{"pid":42,"tid":43,"comm":"nginx","uid":0,"ancestors":[
            {"pid":7,"comm":"sshd","uid":1000},{"pid":1,"comm":"systemd","uid":0}]}}"#,
    )
    .unwrap()
}

#[track_caller]
fn matches(text: &str) -> bool {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(&event())
}

#[track_caller]
fn error(text: &str) -> String {
    Filter::parse(text).expect_err(text).to_string()
}

#[test]
fn what_is_true_matches() {
    for text in [
        "true",
        r#"module == "selinux""#,
        r#""selinux" == module"#,
        r#"module != "apparmor""#,
        "!silent",
        "silent == false",
        "object.deleted",
        "process.uid == 0",
        "process.pid > 41 && process.pid >= 42 && process.pid < 43 && 43 > process.pid && process.tid <= 43",
        "object.inode == 18446744073709551615u",
        r#"process.comm in ["httpd", "nginx"]"#,
        r#""read" in action.permissions"#,
        r#"object.path.startsWith("/etc/") && object.path.endsWith("ow") && object.path.contains("sha")"#,
        r#"subject.label.matches("^[^:]+:[^:]+:httpd_t(:|$)")"#,
        r#"object.path.glob("/etc/*")"#,
        r#"object.path.glob("/**/shadow")"#,
        "has(object.path) && has(process.ancestors) && !has(object.target)",
        r#"time > timestamp("2026-03-01T10:00:00Z") && time < timestamp("2026-03-01T12:00:01+01:00") || false"#,
        r#"process.ancestors.exists(a, a.comm == "sshd" && a.uid == 1000)"#,
        r#"action.permissions.exists(p, p.startsWith("op"))"#,
    ] {
        assert!(matches(text), "{text}");
    }
}

#[test]
fn what_is_false_does_not() {
    for text in [
        "false",
        "silent",
        r#"module == "apparmor""#,
        r#""write" in action.permissions"#,
        r#"object.path.glob("/*")"#,
        r#"process.comm.matches("^ginx")"#,
        "process.uid > 0",
        r#"time >= timestamp("2026-03-01T10:00:01Z")"#,
        // Of two different ancestors.
        r#"process.ancestors.exists(a, a.comm == "sshd" && a.uid == 0)"#,
    ] {
        assert!(!matches(text), "{text}");
    }
}

#[test]
fn every_comparison_of_an_absent_field_is_false() {
    for text in [
        r#"object.target == "x""#,
        "process.loginuid == 0",
        "process.loginuid < 5 || process.loginuid >= 5",
        r#"container.name.startsWith("")"#,
        r#"changes.exists(c, c.what == "mode")"#,
        "changes.exists(c, true)",
    ] {
        assert!(!matches(text), "{text}");
        assert!(matches(&format!("!({text})")), "{text}");
    }
    assert!(matches(r#"object.target != "x""#));
}

#[test]
fn an_error_says_where_and_what_is_near() {
    for (text, message) in [
        (
            r#"module == "selinux" && object.pth == "/x""#,
            "character 24: an event has no field `object.pth`: did you mean `object.path`?",
        ),
        (r#"comm == "x""#, "character 1: an event has no field `comm`: did you mean `process.comm`?"),
        (r#"module == "selinx""#, "character 11: `module` is never \"selinx\": did you mean `selinux`?"),
        ("module == selinux", "character 11: an event has no field `selinux`"),
        (r#"process.uid == "0""#, "character 16: `process.uid` is a number: write it without quotes"),
        (
            "process.comm == 3",
            "character 17: `process.comm` is a string: write its value in quotes, such as \"x\"",
        ),
        (
            r#"process.comm.startwith("x")"#,
            "character 23: there is no function `startwith()`: did you mean `startsWith`?",
        ),
        ("process.comm", "character 8: this alone is neither true nor false: compare it with something"),
        (
            r#"process.ancestors.exists(a, a.com == "x")"#,
            "character 29: an event has no field `a.com`: did you mean `a.comm`?",
        ),
        ("process.pid + 1 == 2", "character 17: one side must be a field"),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
    for (text, part) in [
        ("module == ", "character 1"),
        ("(silent", "character "),
        (r#"object.path.matches("(")"#, "unclosed group"),
        (r#"object.path.glob("[")"#, "character 18: "),
        (r#"time > timestamp("noon")"#, "character "),
        (r#"process.cmdline[0] == "x""#, "one side must be a field"),
        ("process.ancestors.all(a, a.uid == 0)", "only exists()"),
        ("process.ancestors.exists(a, silent)", "only its element"),
        (r#"process.ancestors == "x""#, "is a list"),
        ("", "character 1"),
    ] {
        let error = error(text);
        assert!(error.contains(part), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_filter_is_bounded() {
    assert!(error(&"!".repeat(5000)).contains("4096 characters at most"));
    assert!(error(&format!("{}silent{}", "(".repeat(100), ")".repeat(100))).contains("nested too deep"));
    let many = vec!["silent"; 65].join(" || ");
    assert!(error(&many).contains("64 comparisons at most"));
    assert!(!matches(&vec!["silent"; 64].join(" || ")));
    assert!(error(r#"process.comm.matches("(a{1000}){1000}")"#).contains("size limit"));
}

#[test]
fn every_field_can_be_asked() {
    for path in fields::EVENT.paths() {
        // CEL's has() is for fields of something.
        if path.contains('.') {
            Filter::parse(&format!("has({path})")).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error(text in "[ -~\n\u{e9}]{0,60}") {
        let _either = Filter::parse(&text);
    }

    #[test]
    fn any_words_of_the_language_are_a_filter_or_an_error(words in prop::collection::vec(
        prop::sample::select(vec![
            "module", "process", ".", "comm", "(", ")", "[", "]", "{", "}", "==", "!=", "<", "&&", "||", "!", "in",
            "\"x\"", "'", "0", "-1", "1.5", "9999999999999999999999", "0xz", "b'x'", "has", "exists", "a", ",", "?", ":",
            "true", "null", "timestamp", "\\", "//", "r\"", "\"\"\"", "map", "all",
        ]), 0..14)) {
        let _either = Filter::parse(&words.join(" "));
        let _either = Filter::parse(&words.concat());
    }
}
