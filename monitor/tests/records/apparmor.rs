//! What is particular to AppArmor: what a record means where the kernel doesn't say it outright.

use monitor::{
    event::{Event, ObjectKind, Verdict},
    source::{Tables, decode},
};
use monitor_common::{
    Apparmor, ObjectKind as Kind, SourceId,
    chunk::{ChunkKind, FLAG_CUT},
};
use zerocopy::FromZeros as _;

use crate::support::{Builder, Bytes, tables};

fn record(
    operation: &[u8],
    body: impl FnOnce(&mut Apparmor),
    chunks: impl FnOnce(Builder) -> Builder,
) -> Bytes {
    let mut record = Apparmor::new_zeroed();
    record.audit_type = 2;
    record.error = -13;
    record.object.kind = Kind::None as u8;
    body(&mut record);
    let builder = Builder::new(SourceId::Apparmor, &record).chunk(ChunkKind::Operation, operation);
    chunks(builder.chunk(ChunkKind::Profile, b"p")).task_chunks().build()
}

fn event<'a>(record: &'a Bytes, tables: &'a Tables) -> Event<'a> {
    decode(record, tables).unwrap()
}

#[test]
fn an_old_kernels_check_of_an_open_socket_is_not_taken_for_a_files() {
    let mask = |body: &mut Apparmor| {
        body.requested = 2;
        body.denied = 2;
        body.details[..4].copy_from_slice(&1_u32.to_le_bytes());
        // `net.peer_sk`, which is where a file's owner would be.
        body.details[8..16].copy_from_slice(&0xffff_8880_dead_beef_u64.to_le_bytes());
    };
    let (record, tables) = (record(b"file_perm", mask, |record| record), tables());
    let event = event(&record, &tables);
    assert_eq!(event.action.class.as_deref(), Some("net"));
    assert_eq!(event.action.denied_mask.as_deref(), Some("send"));
    assert_eq!(event.object.kind, ObjectKind::Socket);
    assert_eq!(event.object.socket_type.as_deref(), Some("stream"));
    assert_eq!(event.object.owner, None);
}

#[test]
fn a_change_of_profile_is_about_a_profile_and_no_file() {
    let mask = |body: &mut Apparmor| {
        body.class = 2;
        body.requested = 0x4000_0000;
        body.denied = 0x4000_0000;
    };
    let (record, tables) =
        (record(b"change_profile", mask, |record| record.chunk(ChunkKind::Name, b"other")), tables());
    let event = event(&record, &tables);
    assert_eq!(event.object.kind, ObjectKind::Other);
    assert_eq!(event.object.name.as_deref(), Some("other"));
    assert_eq!((event.object.path, event.object.owner), (None, None));
    assert_eq!(event.action.permissions, ["change_profile"]);
    assert_eq!(event.action.denied_mask, None);
}

#[test]
fn a_long_name_keeps_its_end_and_says_that_it_is_cut() {
    let mask = |body: &mut Apparmor| {
        body.class = 2;
        body.requested = 4;
        body.denied = 4;
    };
    let (record, tables) =
        (record(b"open", mask, |record| record.flagged(ChunkKind::Name, FLAG_CUT, b"ng/path")), tables());
    let event = event(&record, &tables);
    assert_eq!(event.object.path.as_deref(), Some("ng/path"), "its end is there");
    assert!(event.object.path_cut);
    assert_eq!(event.object.path_root, None);
    assert_eq!(event.missing, []);
}

#[test]
fn complain_mode_hides_a_refusal_from_the_caller_and_no_other_error() {
    for (error, errno) in [(-13, None), (-1, None), (-2, Some(2))] {
        let allowed = |body: &mut Apparmor| {
            body.audit_type = 1;
            body.class = 2;
            body.requested = 4;
            body.denied = 4;
            body.error = error;
        };
        let (record, tables) =
            (record(b"open", allowed, |record| record.chunk(ChunkKind::Name, b"/x")), tables());
        let event = event(&record, &tables);
        assert_eq!((event.verdict, event.action.errno), (Some(Verdict::Permitted), errno));
    }
}
