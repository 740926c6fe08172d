//! IPE's events, whole, as in `golden`.

use monitor_common::{
    Flags, Ipe, ObjectKind, SourceId,
    chunk::{ChunkKind, FLAG_ABSOLUTE},
};
use zerocopy::IntoBytes as _;

use crate::{
    golden::golden,
    support::{Builder, file, object},
};

#[test]
fn denied_execution_has_the_default_that_refused() {
    let body = Ipe { operation: 0, hook: 0, matched: 1, enforcing: 1, object: file(ObjectKind::File) };
    let record =
        Builder::new(SourceId::Ipe, &body).flagged(ChunkKind::ObjectPath, FLAG_ABSOLUTE, b"y\0x\0lib\0var\0");
    golden("ipe", record.task_chunks());
}

#[test]
fn permitted_load_has_the_rule_with_its_digest() {
    let body = Ipe { operation: 2, hook: 4, matched: 0, enforcing: 0, object: file(ObjectKind::File) };
    let record = Builder::new(SourceId::Ipe, &body)
        .flag(Flags::PERMITTED)
        .chunk(ChunkKind::IpeProperties, [0_u32, 2].as_bytes())
        .chunk(ChunkKind::DigestAlgorithm, b"sha256")
        .chunk(ChunkKind::Digest, &[0xab; 32]);
    golden("ipe_permitted", record.task_chunks());
}

#[test]
fn numbers_that_the_kernel_does_not_name_are_missing() {
    let object = object(ObjectKind::None);
    let body = Ipe { operation: 9, hook: 9, matched: 9, enforcing: Ipe::UNKNOWN, object };
    golden("ipe_unknown", Builder::new(SourceId::Ipe, &body).task_chunks());
}
