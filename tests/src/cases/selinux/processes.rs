//! Processes: signals, tracing, scheduling, transitions; and what a process asks of itself.

use std::fs;

use rustix::process::{Resource, Signal};

use super::{APP_CONTEXT, BARE, TARGET_CONTEXT, case, denied, denied_of_bare};
use crate::{
    case::{Case, Step},
    expectation::Expectation,
    operation::{file, process},
    scene::labelled_program,
};

/// A case about a process of the domain `target_t`.
fn on_target(name: &'static str, permission: &'static str, when: Step) -> Case {
    case(name).given(|scene| scene.stand(&["--selinux", TARGET_CONTEXT])).when(when).expect(
        denied("process", [permission])
            .field("object.label", TARGET_CONTEXT)
            .field("object.kind", "process")
            .fact("object.process.pid", "target")
            .field("object.process.exe", "/usr/local/bin/actor")
            .absent("missing"),
    )
}

/// A capability that the kernel asks `SELinux` for, and no more.
fn capability(name: &'static str, capability: &'static str, when: Step) -> Case {
    let event = denied_of_bare("capability", [capability])
        .field("object.kind", "capability")
        .field("object.capability", capability)
        // The caller gets EPERM; SELinux's own answer would be EACCES.
        .absent("action.errno");
    case(name).confined_by(BARE).when(when).fails_with(libc::EPERM).expect(event)
}

pub(super) fn cases() -> Vec<Case> {
    [others(), transitions(), itself()].concat()
}

fn others() -> Vec<Case> {
    vec![
        on_target("selinux_denied_signal", "signal", |s| process::kill(s.number("target")?, Signal::TERM)),
        on_target("selinux_denied_kill", "sigkill", |s| process::kill(s.number("target")?, Signal::KILL)),
        on_target("selinux_denied_stop", "sigstop", |s| process::kill(s.number("target")?, Signal::STOP)),
        on_target("selinux_denied_test_for_existence", "signull", |s| {
            process::test_kill(s.number("target")?)
        }),
        on_target("selinux_denied_trace", "ptrace", |s| process::trace(s.number("target")?)),
        on_target("selinux_denied_renice", "setsched", |s| process::renice(s.number("target")?)),
        on_target("selinux_denied_getsched", "getsched", |s| process::ask_scheduling(s.number("target")?)),
        on_target("selinux_denied_getpgid", "getpgid", |s| {
            rustix::process::getpgid(Some(process::by_id(s.number("target")?)?))?;
            Ok(())
        }),
        on_target("selinux_denied_getsession", "getsession", |s| {
            rustix::process::getsid(Some(process::by_id(s.number("target")?)?))?;
            Ok(())
        }),
        case("selinux_denied_look_at_another_process")
            .given(|scene| scene.stand(&["--selinux", TARGET_CONTEXT]))
            .when(|scene| fs::read_link(format!("/proc/{}/exe", scene.number::<i32>("target")?)).map(drop))
            .expect(denied("file", ["read"]).field("object.label", TARGET_CONTEXT)),
    ]
}

fn transitions() -> Vec<Case> {
    vec![
        case("selinux_denied_dynamic_transition")
            .when(|_| file::overwrite("/proc/thread-self/attr/current", TARGET_CONTEXT))
            .expect(denied("process", ["dyntransition"]).field("object.label", TARGET_CONTEXT)),
        case("selinux_denied_transition_by_exec")
            .given(|_| labelled_program("/srv/bin/transition", "stage_t"))
            .when(|_| {
                file::overwrite("/proc/thread-self/attr/exec", TARGET_CONTEXT)?;
                file::execute("/srv/bin/transition")
            })
            .expect(
                denied("process", ["transition"])
                    .field("object.label", TARGET_CONTEXT)
                    .field("object.kind", "process")
                    .field("object.executable.path", "/srv/bin/transition")
                    .field("object.executable.path_root", "mount_namespace")
                    .absent("object.path"),
            ),
        case("selinux_denied_setcurrent_of_a_bare_domain")
            .confined_by(BARE)
            .when(|_| file::overwrite("/proc/thread-self/attr/current", APP_CONTEXT))
            .expect(denied_of_bare("process", ["setcurrent"])),
        case("selinux_denied_setexec")
            .confined_by(BARE)
            .when(|_| file::overwrite("/proc/thread-self/attr/exec", APP_CONTEXT))
            .expect(denied_of_bare("process", ["setexec"])),
        case("selinux_denied_setfscreate")
            .confined_by(BARE)
            .when(|_| file::overwrite("/proc/thread-self/attr/fscreate", "system_u:object_r:stage_t:s0"))
            .expect(denied_of_bare("process", ["setfscreate"])),
    ]
}

fn itself() -> Vec<Case> {
    vec![
        case("selinux_denied_rlimit")
            .confined_by(BARE)
            .when(|_| process::limit(Resource::Nofile, 64))
            .expect(denied_of_bare("process", ["setrlimit"])),
        case("selinux_denied_setpgid")
            .confined_by(BARE)
            .when(|_| Ok(rustix::process::setpgid(None, None)?))
            .expect(denied_of_bare("process", ["setpgid"])),
        case("selinux_denied_setcap")
            .confined_by(BARE)
            .when(|_| {
                let sets = rustix::thread::capabilities(None)?;
                Ok(rustix::thread::set_capabilities(None, sets)?)
            })
            .expect(denied_of_bare("process", ["setcap"])),
        capability("selinux_denied_setuid_as_capability", "setuid", |_| process::become_user(1000)),
        capability("selinux_denied_setgid_as_capability", "setgid", |_| process::become_group(1000)),
        case("selinux_denied_as_an_ordinary_user")
            .given(|_| {
                crate::scene::labelled_file("/srv/data/of-user", "secret_t")?;
                std::os::unix::fs::chown("/srv/data/of-user", Some(1234), Some(1234))
            })
            .as_user(1234)
            .when(|_| file::open_to_write("/srv/data/of-user").map(drop))
            .expect(
                Expectation::denied()
                    .action("file", ["write"])
                    .path("/srv/data/of-user")
                    .field("object.owner", 1234)
                    .field("process.uid", 1234)
                    .field("process.euid", 1234)
                    .field("process.fsuid", 1234)
                    .field("process.gid", 1234),
            ),
    ]
}
