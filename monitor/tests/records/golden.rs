//! Each source's events, whole: records in, JSON out, compared with the files in `golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p monitor --test records` writes the files anew; look at the difference then.

mod apparmor;
mod kernel;
mod landlock;
mod others;
mod selinux;
mod userspace;

use std::{fs, path::Path};

use monitor::{
    event::Event,
    source::{DecodeError, decode},
};
use monitor_common::{
    Apparmor, ApparmorPolicy, BpfLsm, Capability, Flags, Landlock, LandlockRequest, Lockdown, Object,
    ObjectKind, ParameterId, PolicyChange, Seccomp, SeccompAction, SeccompCall, SeccompUnlogged, SeccompWay,
    Selinux, SelinuxPolicy, Socket, SourceId, TaskField, Tomoyo, TomoyoRequest, Userspace, Yama,
    chunk::{ChunkKind, FLAG_ABSOLUTE, FLAG_AMBIGUOUS, FLAG_CUT, FLAG_DELETED, FLAG_FAULT, FLAG_INTERNAL},
};
use serde::Serialize;
use zerocopy::FromZeros as _;

use crate::{
    schema,
    support::{Builder, SECOND, categories, context, file, object, padded, tables, tcp_socket},
};

/// Decodes the record and compares the event with `golden/NAME.json`.
#[track_caller]
pub(crate) fn golden(name: &str, record: Builder) {
    let record = record.build();
    let tables = tables();
    let event = decode(&record, &tables).unwrap();
    let line = serde_json::to_string(&event).unwrap();
    assert!(!line.contains('\n'), "an event is one line");
    let back: Event<'_> = serde_json::from_str(&line).unwrap();
    assert_eq!(back, event, "an event can be read back");
    assert_eq!(schema::faults(&serde_json::from_str(&line).unwrap()), [""; 0], "an event follows the schema");

    compare(name, &event);
}

/// Compares what is made of an event with `golden/NAME.json`.
#[track_caller]
pub(crate) fn compare(name: &str, made: &impl Serialize) {
    let json = serde_json::to_string_pretty(made).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &json).unwrap();
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: set UPDATE_GOLDEN=1 to write it", path.display()));
    assert_eq!(json, expected, "{}", path.display());
}
