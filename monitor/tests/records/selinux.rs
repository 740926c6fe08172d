//! What is particular to SELinux: contexts that the kernel did not give this time.

use monitor::source::decode;
use monitor_common::{
    ObjectKind, Selinux, SourceId,
    chunk::{ChunkKind, FLAG_CUT},
};
use zerocopy::FromZeros as _;

use crate::support::{Builder, Bytes, categories, context, object, tables};

fn record(chunks: impl FnOnce(Builder) -> Builder) -> Bytes {
    let body = Selinux {
        ssid: 100,
        tsid: 200,
        tclass: 2,
        object: object(ObjectKind::None),
        ..Selinux::new_zeroed()
    };
    chunks(Builder::new(SourceId::Selinux, &body)).task_chunks().build()
}

#[test]
fn a_context_that_was_seen_once_is_known_by_its_sid_later() {
    let tables = tables();
    let seen = record(|record| {
        let text = [&200_u32.to_le_bytes(), b"u:object_r:t_t:s0".as_slice()].concat();
        record
            .chunk(ChunkKind::SubjectContext, &context(100, "u:r:s_t:s0:s0"))
            .chunk(ChunkKind::ObjectContextText, &text)
    });
    decode(&seen, &tables).unwrap();

    let bare = record(|record| record);
    let event = decode(&bare, &tables).unwrap();
    assert_eq!(event.subject.label.as_deref(), Some("u:r:s_t:s0"));
    assert_eq!(event.object.label.as_deref(), Some("u:object_r:t_t:s0"));
    assert_eq!(event.missing, []);
}

#[test]
fn a_damaged_context_is_replaced_by_the_one_that_was_learnt_and_never_learnt_itself() {
    let tables = tables();
    let damaged = record(|record| {
        record.chunk(ChunkKind::SubjectContext, &context(100, "u:r:s_t:s0:s0")).flagged(
            ChunkKind::CategoriesHigh,
            FLAG_CUT,
            &categories(0, 0b11),
        )
    });
    let event = decode(&damaged, &tables).unwrap();
    assert_eq!(event.subject.label, None);
    let missing = event.missing.iter().find(|missing| missing.field == "subject.label").unwrap();
    assert_eq!(missing.reason, "SID 100: its context could not be read whole");

    tables.contexts.learn(100, "u:r:s_t:s0-s0:c0.c1023");
    let event = decode(&damaged, &tables).unwrap();
    assert_eq!(event.subject.label.as_deref(), Some("u:r:s_t:s0-s0:c0.c1023"));
}
