//! Yama: what `kernel.yama.ptrace_scope` forbids.

use std::{fs, io};

use crate::{
    case::{Case, Module, Step},
    confinement::Confinement,
    expectation::Expectation,
    operation::process,
};

/// Sets `kernel.yama.ptrace_scope`: 0 all, 1 descendants, 2 with `CAP_SYS_PTRACE`, 3 nobody, which is final.
fn set_scope(scope: u8) -> io::Result<()> {
    fs::write("/proc/sys/kernel/yama/ptrace_scope", scope.to_string())
}

fn case(name: &'static str, given: Step) -> Case {
    Case::new(Module::Yama, name, Confinement::None)
        .as_user(1000)
        .given(given)
        .fails_with(libc::EPERM)
        .without_record("Yama writes to the kernel's log, not to audit")
}

fn refused(operation: &'static str, scope: u8) -> Expectation {
    Expectation::denied()
        .action("ptrace", [operation])
        .field("action.operation", operation)
        .field("action.ptrace_scope", scope)
        .field("action.errno", libc::EPERM)
        .field("object.kind", "process")
}

fn attach(scope: u8) -> Expectation {
    refused("attach", scope)
        .fact("object.process.pid", "target")
        .fact("object.process.comm", "target_comm")
        .fact("object.process.exe", "target_exe")
        .absent("subject.not_process")
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("yama_denied_trace_of_no_descendant_reports_the_target", |scene| {
            set_scope(1)?;
            scene.stand(&["--user", "1000"])
        })
        .when(|scene| process::trace(scene.number("target")?))
        .expect(attach(1)),
        case("yama_denied_reading_of_anothers_memory", |scene| {
            set_scope(1)?;
            scene.stand(&["--user", "1000"])
        })
        .when(|scene| process::read_memory(scene.number("target")?))
        .expect(attach(1)),
        case("yama_denied_trace_without_the_capability", |scene| {
            set_scope(2)?;
            scene.stand(&["--user", "1000"])
        })
        .when(|scene| process::trace(scene.number("target")?))
        .expect(attach(2)),
        // These come last: 3 can't be taken back.
        case("yama_denied_trace_even_to_root", |scene| {
            set_scope(3)?;
            scene.stand(&[])
        })
        .as_user(0)
        .when(|scene| process::trace(scene.number("target")?))
        .expect(attach(3)),
        case("yama_denied_traceme_is_the_parents", |_| set_scope(3))
            .when(|_| process::let_parent_trace())
            .expect(refused("traceme", 3).field("subject.not_process", true).present("object.process.pid")),
    ]
}
