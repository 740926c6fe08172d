//! What is particular to SELinux: contexts that could not be read whole, changes that are none.

use monitor::source::{DecodeError, decode};
use monitor_common::{
    ObjectKind, Selinux, SelinuxPolicy, SourceId,
    chunk::{ChunkKind, FLAG_CUT},
};
use zerocopy::FromZeros as _;

use crate::support::{Builder, categories, context, object, tables};

#[test]
fn a_damaged_context_is_missing() {
    let body = Selinux {
        ssid: 100,
        tsid: 200,
        tclass: 2,
        object: object(ObjectKind::None),
        ..Selinux::new_zeroed()
    };
    let record = Builder::new(SourceId::Selinux, &body)
        .chunk(ChunkKind::SubjectContext, &context(100, "u:r:s_t:s0:s0"))
        .flagged(ChunkKind::CategoriesHigh, FLAG_CUT, &categories(0, 0b11))
        .task_chunks()
        .build();
    let tables = tables();
    let event = decode(&record, &tables).unwrap();
    assert_eq!((event.subject.label, event.object.label), (None, None));
    let missing: Vec<_> = event.missing.iter().map(|missing| (&*missing.field, &*missing.reason)).collect();
    assert_eq!(
        missing,
        [
            ("subject.label", "SID 100: its context could not be read whole"),
            ("object.label", "SID 200: its context could not be read"),
        ]
    );
}

#[test]
fn a_change_of_an_unknown_kind_is_an_error() {
    let body = SelinuxPolicy { change: 9, ..SelinuxPolicy::new_zeroed() };
    let record = Builder::new(SourceId::SelinuxPolicy, &body).task_chunks().build();
    assert_eq!(decode(&record, &tables()), Err(DecodeError::UnknownChange(9)));
}

#[test]
fn a_boolean_without_a_name_is_an_error() {
    let body = SelinuxPolicy { change: 3, booleans: 1, ..SelinuxPolicy::new_zeroed() };
    for bytes in [b"".as_slice(), b"\x01", b"\x01name"] {
        let record = Builder::new(SourceId::SelinuxPolicy, &body).chunk(ChunkKind::Boolean, bytes).build();
        assert_eq!(decode(&record, &tables()), Err(DecodeError::ChunkForm(ChunkKind::Boolean)));
    }
}
