use std::{fs::File, io::Write as _, os::unix::fs::MetadataExt as _};

use proptest::prelude::*;

use super::*;

fn file() -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len((WORDS * size_of::<u64>()) as u64).unwrap();
    file
}

fn repeated(number: u64) -> Repeated {
    let repeats = Repeats { count: number + 7, first: 1, last: 2, pids: vec![3, u32::MAX] };
    Repeated { number, after: number + 1, first: number, repeats }
}

#[test]
fn what_was_kept_is_there_after_the_process() {
    let file = file();
    let mut ledger = Ledger::create(&file).unwrap();
    ledger.keep(0, b"first", 16);
    ledger.keep(1, b"the second", 40);
    ledger.note(&repeated(0));
    ledger.listener().listen();
    ledger.listen_as(4711);
    drop(ledger);
    let (_, left) = Ledger::open(&file).unwrap();
    assert_eq!(left.records, [(0, b"first"[..].into()), (1, b"the second"[..].into())]);
    assert_eq!(left.repeats, [repeated(0)]);
    assert_eq!((left.taken, left.ring, left.pid), (2, 40, 4711));
    assert!((1..=Clock::since_boot()).contains(&left.listened));
    assert_eq!(left.commit, Commit::default());
}

#[test]
fn what_is_certain_is_there_no_more() {
    let file = file();
    let mut ledger = Ledger::create(&file).unwrap();
    for number in 0..4 {
        ledger.keep(number, &number.to_ne_bytes(), 0);
        ledger.note(&repeated(number));
    }
    let commit = Commit { settled: 3, repeated: 2, ..Commit::default() };
    ledger.commit(&commit, 1);
    let (_, left) = Ledger::open(&file).unwrap();
    assert_eq!(left.commit, commit);
    assert_eq!(left.records.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(left.repeats, [repeated(2), repeated(3)]);

    let commit = Commit { settled: 4, repeated: 4, ..Commit::default() };
    ledger.commit(&commit, 4);
    let (mut ledger, left) = Ledger::open(&file).unwrap();
    assert_eq!((left.commit, left.records.len(), left.repeats.len(), left.taken), (commit, 0, 0, 4));
    ledger.keep(4, b"next", 8);
    assert_eq!(Ledger::open(&file).unwrap().1.records, [(4, b"next"[..].into())]);
}

#[test]
fn a_record_that_was_kept_but_not_counted_is_counted() {
    let file = file();
    let mut ledger = Ledger::create(&file).unwrap();
    ledger.keep(0, b"first", 16);
    // As if the kill had come right after the log's head was moved.
    ledger.region.set(word::TAKEN, 0);
    ledger.region.set(word::RING, 0);
    let left = Ledger::open(&file).unwrap().1;
    assert_eq!((left.taken, left.ring), (1, 16));
}

#[test]
fn another_versions_ledger_is_refused() {
    let file = file();
    assert!(matches!(Ledger::open(&file), Err(LedgerError::Version)));
    Ledger::create(&file).unwrap().region.set(word::ABI, 1);
    assert!(matches!(Ledger::open(&file), Err(LedgerError::Version)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Where there is no more room, the newest are kept, whole and in order.
    #[test]
    fn the_newest_records_are_kept(lens in prop::collection::vec(0..5000_usize, 1..2500), commits in 0..5_u64) {
        let file = file();
        let mut ledger = Ledger::create(&file).unwrap();
        let byte = |number: u64| number.to_ne_bytes()[0];
        for (number, &len) in (0..).zip(&lens) {
            ledger.keep(number, &vec![byte(number); len], number);
            if commits > 1 && number % commits == 0 {
                ledger.commit(&Commit { settled: number, ..Commit::default() }, number);
            }
        }
        let (_, left) = Ledger::open(&file).unwrap();
        prop_assert!(!left.records.is_empty());
        let first = left.records[0].0;
        for (expected, (number, record)) in (first..).zip(&left.records) {
            prop_assert_eq!(expected, *number);
            prop_assert_eq!(&record[..], &vec![byte(*number); lens[usize::try_from(*number).unwrap()]][..]);
        }
        prop_assert_eq!(left.taken, lens.len() as u64);
        prop_assert_eq!(left.records.last().unwrap().0 + 1, left.taken);
    }

    /// Nothing that stands in a ledger makes its reader panic.
    #[test]
    fn damage_is_survived(words in prop::collection::vec((0..WORDS, any::<u64>()), 0..64), head in 0..2 * LOG as u64) {
        let file = file();
        let mut ledger = Ledger::create(&file).unwrap();
        ledger.keep(0, b"first", 16);
        for (place, word) in words {
            if ![word::MAGIC, word::VERSION, word::ABI].contains(&place) {
                ledger.region.set(place, word);
            }
        }
        ledger.region.set(word::HEAD, head);
        let (mut ledger, left) = Ledger::open(&file).unwrap();
        ledger.keep(left.taken, b"next", 0);
        ledger.commit(&left.commit, left.taken);
    }
}

#[test]
fn an_outputs_mark_tells_what_was_written() {
    let ledger_file = file();
    let ledger = Ledger::create(&ledger_file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let mut lines = File::create(&path).unwrap();
    let mark = ledger.marks().output(1).unwrap();

    let written = |text: &[u8], lines: &mut File| {
        mark.begin(lines, 6, 2);
        lines.write_all(text).unwrap();
        // The kill comes here.
        let mark = ledger.marks().output(1).unwrap();
        mark.recover(folder.path()).unwrap();
        (mark.lines(), lines.metadata().unwrap().len())
    };
    assert_eq!(written(b"", &mut lines), (0, 0), "nothing");
    assert_eq!(written(b"aa\nb", &mut lines), (0, 0), "a part, which is taken back");
    let mut lines = File::options().append(true).open(&path).unwrap();
    assert_eq!(written(b"aa\nbb\n", &mut lines), (2, 6), "all");
    mark.begin(&lines, 6, 2);
    mark.end(2);
    mark.recover(folder.path()).unwrap();
    assert_eq!(mark.lines(), 4, "what was ended counts once");
}

#[test]
fn a_file_that_was_moved_is_found_and_one_that_is_gone_was_written() {
    let ledger_file = file();
    let ledger = Ledger::create(&ledger_file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("events"), folder.path().join("events.1"));
    let mut lines = File::create(&path).unwrap();
    let mark = ledger.marks().output(1).unwrap();
    mark.begin(&lines, 6, 2);
    lines.write_all(b"aa\n").unwrap();
    std::fs::rename(&path, &moved).unwrap();
    mark.recover(folder.path()).unwrap();
    assert_eq!((mark.lines(), std::fs::metadata(&moved).unwrap().size()), (0, 0));

    mark.begin(&lines, 6, 2);
    std::fs::remove_file(&moved).unwrap();
    mark.recover(folder.path()).unwrap();
    assert_eq!(mark.lines(), 2);
}

#[test]
fn there_is_a_mark_for_each_output_until_there_are_too_many() {
    let file = file();
    let ledger = Ledger::create(&file).unwrap();
    for id in 1..=OUTPUTS as u64 {
        ledger.marks().output(id).unwrap().end(id);
    }
    assert!(ledger.marks().output(99).is_none());
    ledger.marks().retain(&[2, 99]);
    assert_eq!(ledger.marks().output(2).unwrap().lines(), 2);
    assert_eq!(ledger.marks().output(99).unwrap().lines(), 0);
}
