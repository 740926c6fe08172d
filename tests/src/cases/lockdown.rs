//! Lockdown: what a kernel booted with `lockdown=integrity` refuses even to root.

use std::{fs, io};

use crate::{
    case::{Case, Module, Step},
    confinement::Confinement,
    expectation::Expectation,
    machine::Machine,
    operation::{process, system},
};

/// The kernel's message has only the name of the thread, so each case has one of its own.
fn case(name: &'static str, before: Step, reason: &'static str, text: &'static str, when: Step) -> Case {
    Case::new(Module::Lockdown, name, Confinement::None)
        .before(before)
        .when(when)
        .fails_with(libc::EPERM)
        .expect(
            Expectation::denied()
                .action("lockdown", [reason])
                .field("object.kind", "kernel")
                .field("object.lockdown_reason", reason)
                .field("action.info", text)
                .field("action.errno", libc::EPERM),
        )
        .without_record("lockdown writes to the kernel's log, not to audit")
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "lockdown_denied_raw_memory",
            |_| process::name(c"raw-memory"),
            "dev_mem",
            "/dev/mem,kmem,port",
            |_| fs::File::open("/dev/mem").map(drop),
        ),
        case(
            "lockdown_denied_unsigned_module",
            |_| process::name(c"module"),
            "module_signature",
            "unsigned module loading",
            |_| system::load_module(),
        ),
        case(
            "lockdown_denied_kexec",
            |_| process::name(c"kexec"),
            "kexec",
            "kexec of unsigned images",
            |_| system::load_kernel(),
        ),
        case(
            "lockdown_denied_debugfs",
            |_| process::name(c"debugfs"),
            "debugfs",
            "debugfs access",
            |_| debugfs(),
        ),
    ];
    if Machine::tested() == Machine::X86_64 {
        cases.push(case(
            "lockdown_denied_ports",
            |_| process::name(c"ports"),
            "ioport",
            "raw io port access",
            |_| system::ask_for_port(0x80),
        ));
    }
    cases
}

/// Opens a file of debugfs that may be written.
fn debugfs() -> io::Result<()> {
    fs::OpenOptions::new().write(true).open("/sys/kernel/debug/sched/verbose").map(drop)
}
