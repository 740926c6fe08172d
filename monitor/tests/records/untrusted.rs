//! Whatever bytes come: an event or an error, and never a panic.

use monitor::source::{DecodeError, decode};
use monitor_common::{
    ABI, Apparmor, ApparmorPolicy, BpfLsm, Capability, Flags, Ipe, Landlock, Lockdown, ObjectKind, Seccomp,
    SeccompUnlogged, Selinux, SelinuxPolicy, SourceId, Tomoyo, Userspace, Yama,
    chunk::{ChunkHead, ChunkKind},
};
use proptest::prelude::*;
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::{
    formats, schema,
    support::{Builder, Bytes, context, tables},
};

fn good_record() -> Bytes {
    let mut body = Selinux::new_zeroed();
    body.object.kind = ObjectKind::Inode as u8;
    Builder::new(SourceId::Selinux, &body)
        .chunk(ChunkKind::SubjectContext, &context(1, "u:r:t:s0:s0"))
        .task_chunks()
        .build()
}

#[test]
fn a_record_that_is_cut_anywhere_is_an_error() {
    let record = good_record();
    let tables = tables();
    assert!(decode(&record, &tables).is_ok());
    for len in 0..record.len() {
        let cut = Bytes::new(&record[..len]);
        assert!(
            matches!(decode(&cut, &tables), Err(DecodeError::NoHead { .. } | DecodeError::Size { .. })),
            "{len} bytes",
        );
    }
}

#[test]
fn room_that_a_program_reserved_and_did_not_fill_is_ignored() {
    let record = good_record();
    let tables = tables();
    let longer = Bytes::new(&[&*record, &[0xaa; 100]].concat());
    assert_eq!(decode(&longer, &tables), decode(&record, &tables));
}

#[test]
fn an_unknown_source_is_an_error() {
    let record = Builder::new(SourceId::Selinux, &Selinux::new_zeroed()).head(|head| head.source = 200);
    assert_eq!(decode(&record.build(), &tables()), Err(DecodeError::UnknownSource(200)));
}

#[test]
fn a_record_too_short_for_its_body_is_an_error() {
    let record = Builder::new(SourceId::Apparmor, &[0_u8; 16]).build();
    let source_id = SourceId::Apparmor;
    assert_eq!(decode(&record, &tables()), Err(DecodeError::NoBody { source_id, len: 16 }));
}

#[test]
fn a_damaged_chunk_is_an_error() {
    let capability = || Builder::new(SourceId::Capability, &Capability::new_zeroed());
    let decode = |record: Builder| decode(&record.build(), &tables()).map(drop).unwrap_err();
    assert_eq!(
        decode(capability().chunk(ChunkKind::Ancestor, b"short")),
        DecodeError::ChunkForm(ChunkKind::Ancestor)
    );
    assert_eq!(
        decode(capability().chunk(ChunkKind::CategoriesLow, &[0; 64])),
        DecodeError::ChunkForm(ChunkKind::CategoriesLow),
        "categories of no context",
    );
    let beyond = ChunkHead { kind: ChunkKind::Exe as u8, flags: 0, len: 1000.into() };
    let unknown = ChunkHead { kind: 255, flags: 0, len: 0.into() };
    let with = |head: ChunkHead| [Capability::new_zeroed().as_bytes(), head.as_bytes()].concat();
    let raw = |bytes: Vec<u8>| Builder::new(SourceId::Capability, bytes.as_slice());
    assert_eq!(decode(raw(with(beyond))), DecodeError::ChunkCut);
    assert_eq!(decode(raw(with(unknown))), DecodeError::UnknownChunk(255));
}

/// The kinds of chunks that there are, and one that there isn't.
const KINDS: [u8; 44] = [
    1, 2, 3, 4, 5, 6, 16, 17, 18, 19, 20, 32, 33, 34, 35, 36, 37, 38, 40, 48, 49, 50, 51, 52, 53, 54, 55, 56,
    57, 58, 59, 60, 64, 72, 112, 113, 21, 22, 5, 32, 33, 35, 36, 99,
];

/// Bytes of the form of a record of this source, with anything in them.
fn record(source: SourceId) -> impl Strategy<Value = Bytes> {
    let body = match source {
        SourceId::Apparmor | SourceId::ApparmorSilent => size_of::<Apparmor>(),
        SourceId::Selinux | SourceId::SelinuxSilent => size_of::<Selinux>(),
        SourceId::SelinuxPolicy => size_of::<SelinuxPolicy>(),
        SourceId::ApparmorPolicy => size_of::<ApparmorPolicy>(),
        SourceId::Landlock => size_of::<Landlock>(),
        SourceId::Capability => size_of::<Capability>(),
        SourceId::Seccomp => size_of::<Seccomp>(),
        SourceId::SeccompUnlogged => size_of::<SeccompUnlogged>(),
        SourceId::Yama => size_of::<Yama>(),
        SourceId::Lockdown => size_of::<Lockdown>(),
        SourceId::Tomoyo => size_of::<Tomoyo>(),
        SourceId::Ipe => size_of::<Ipe>(),
        SourceId::BpfLsm => size_of::<BpfLsm>(),
        SourceId::SelinuxUserspace | SourceId::ApparmorUserspace | SourceId::SelinuxError => {
            size_of::<Userspace>()
        }
    };
    let body = prop::collection::vec(prop_oneof![Just(0_u8), 0_u8..24, any::<u8>()], body);
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        prop::collection::vec(any::<u8>(), 64),
        prop::collection::vec(any::<u8>(), 32),
        Just(context(9, "u:r:t:s0:s1")),
    ];
    let chunk = (prop::sample::select(KINDS.as_slice()), any::<u8>(), bytes);
    let chunks = prop::collection::vec(chunk, 0..12);
    (body, chunks, any::<u16>(), any::<u64>(), any::<u64>()).prop_map(
        move |(mut bytes, chunks, flags, time, missing)| {
            for (kind, flags, chunk) in chunks {
                let len = u16::try_from(chunk.len()).unwrap().into();
                bytes.extend_from_slice(ChunkHead { kind, flags, len }.as_bytes());
                bytes.extend_from_slice(&chunk);
            }
            let record = Builder::new(source, bytes.as_slice());
            record
                .head(|head| {
                    head.flags = Flags::from_bits_retain(flags);
                    head.time = time;
                    head.missing = missing;
                })
                .build()
        },
    )
}

#[test]
fn a_record_of_another_version_is_refused() {
    let record = Builder::new(SourceId::Capability, &[0_u8; 64]).head(|head| head.abi = ABI + 1).build();
    let tables = tables();
    let error = decode(&record, &tables).unwrap_err().to_string();
    assert_eq!(error, format!("the record is of version {}, and this denyd reads version {ABI}", ABI + 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _any = decode(&Bytes::new(&bytes), &tables());
    }

    #[test]
    fn any_record_is_decoded_to_one_line_that_can_be_read_back_or_refused(
        bytes in prop::sample::select(SourceId::ALL.as_slice()).prop_flat_map(record),
    ) {
        let tables = tables();
        if let Ok(event) = decode(&bytes, &tables) {
            let line = serde_json::to_string(&event).unwrap();
            prop_assert!(!line.contains('\n'));
            let back: monitor::event::Event<'_> = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&back, &event);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_event_follows_the_schemas_of_all_formats(
        bytes in prop::sample::select(SourceId::ALL.as_slice()).prop_flat_map(record),
    ) {
        let tables = tables();
        if let Ok(event) = decode(&bytes, &tables) {
            prop_assert_eq!(schema::faults(&serde_json::to_value(&event).unwrap()), [""; 0]);
            prop_assert_eq!(formats::faults(&event), [""; 0]);
        }
    }
}
