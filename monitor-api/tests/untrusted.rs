//! Whatever is sent to the socket is read or refused, and what is read can be sent again.

use monitor_api::protocol::{Line, Request};
use proptest::{prelude::*, sample::Index};

/// Lines as clients and daemons send them, to begin with.
const LINES: [&str; 6] = [
    r#"{"version":2,"selection":{"module":["selinux"],"filter":"process.comm == \"nginx\""},"last":10,"follow":true}"#,
    r#"{"version":2,"since":"2026-11-28T10:00:00Z","until":"2026-11-28T11:00:00Z","explain":true}"#,
    r#"{"version":2,"last":0,"status":{}}"#,
    r#"{"denyd":{"lost":12}}"#,
    r#"{"denyd":{"error":{"reason":"busy","message":"full"}}}"#,
    r#"{"schema":2,"time":"2026-11-28T10:00:00Z"}"#,
];

/// A byte put in place of one, before one, or one taken away.
#[derive(Clone, Debug)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(br#"{}[]":,0-e\"#.as_slice())];
    prop_oneof![
        (any::<Index>(), byte.clone()).prop_map(|(place, byte)| Edit::Replace(place, byte)),
        (any::<Index>(), byte).prop_map(|(place, byte)| Edit::Insert(place, byte)),
        any::<Index>().prop_map(Edit::Remove),
    ]
}

/// One of the lines with a few edits.
fn line() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(LINES.as_slice()), prop::collection::vec(edit(), 0..4)).prop_map(|(line, edits)| {
        let mut line = line.as_bytes().to_vec();
        for edit in edits {
            match edit {
                Edit::Replace(place, byte) => {
                    let place = place.index(line.len());
                    line[place] = byte;
                }
                Edit::Insert(place, byte) => line.insert(place.index(line.len()), byte),
                Edit::Remove(place) => drop(line.remove(place.index(line.len()))),
            }
        }
        line
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5000) })]

    #[test]
    fn any_line_is_read_or_refused(line in prop_oneof![line(), prop::collection::vec(any::<u8>(), 0..64)]) {
        let _line = Line::parse(&line);
        match Request::parse(&line) {
            Ok(request) => {
                let again = Request::parse(&request.line());
                prop_assert_eq!(again.as_ref(), Ok(&request));
                let _compiled = request.selection.compile();
            }
            Err(refusal) => prop_assert!(!refusal.message.is_empty()),
        }
    }
}

#[test]
fn the_lines_to_begin_with_are_right() {
    for line in &LINES[..3] {
        let request = Request::parse(line.as_bytes());
        assert!(
            request.as_ref().is_ok_and(|request| request.selection.compile().is_ok()),
            "{line}: {request:?}"
        );
    }
    for line in &LINES[3..] {
        assert!(Line::parse(line.as_bytes()).is_ok(), "{line}");
    }
}
