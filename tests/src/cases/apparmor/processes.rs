//! Signals, tracing, limits and capabilities.

use std::fs;

use rustix::process::{Resource, Signal};

use super::{BARE, case, denied, denied_of_bare};
use crate::{
    case::{Case, Step},
    confinement::Confinement,
    operation::{file, process, system},
    scene,
};

/// A capability that `bare` hasn't. `AppArmor` reports each capability of a profile once, so each has one case.
fn capability(name: &'static str, capability: &'static str, when: Step) -> Case {
    let event = denied_of_bare("capable")
        .field("object.kind", "capability")
        .field("object.capability", capability)
        .set("action.permissions", [capability]);
    case(name).confined_by(BARE).when(when).fails_with(libc::EPERM).expect(event)
}

pub(super) fn cases() -> Vec<Case> {
    [others(), itself()].concat()
}

fn others() -> Vec<Case> {
    vec![
        case("apparmor_denied_signal")
            .given(|scene| scene.stand(&[]))
            .confined_by(BARE)
            .when(|scene| process::kill(scene.number("target")?, Signal::USR1))
            .expect(
                denied_of_bare("signal")
                    .field("action.signal", "usr1")
                    .field("action.denied_mask", "send")
                    .field("object.label", "unconfined")
                    .fact("object.process.pid", "target")
                    .absent("subject.not_process"),
            ),
        case("apparmor_denied_realtime_signal")
            .given(|scene| scene.stand(&[]))
            .confined_by(BARE)
            .when(|scene| process::kill_with_number(scene.number("target")?, libc::SIGRTMIN() + 3))
            .expect(
                // glibc keeps the first two real-time signals to itself, the kernel counts them.
                denied_of_bare("signal").field("action.signal", "rtmin+5"),
            ),
        case("apparmor_denied_signal_by_the_receiver")
            .given(|scene| scene.stand(&["--apparmor", "target"]))
            .confined_by(Confinement::Apparmor("signaller"))
            .when(|scene| process::kill(scene.number("target")?, Signal::TERM))
            .expect(
                denied("signal")
                    .field("subject.label", "target")
                    .field("action.signal", "term")
                    .field("action.denied_mask", "receive")
                    .field("object.label", "signaller")
                    .field("subject.not_process", true)
                    .field("process.label", "signaller")
                    .fact("object.process.pid", "target")
                    .field("object.process.comm", "actor"),
            ),
        case("apparmor_denied_trace")
            .given(|scene| scene.stand(&[]))
            .confined_by(BARE)
            .when(|scene| process::trace(scene.number("target")?))
            .expect(
                denied_of_bare("ptrace")
                    .field("action.denied_mask", "trace")
                    .field("object.label", "unconfined")
                    .fact("object.process.pid", "target"),
            ),
        case("apparmor_denied_look_at_another_process_by_both_sides")
            .given(|scene| scene.stand(&["--apparmor", "target"]))
            .when(|scene| fs::read_link(format!("/proc/{}/exe", scene.number::<i32>("target")?)).map(drop))
            .expect(denied("ptrace").field("action.denied_mask", "read").field("object.label", "target"))
            .expect(
                denied("ptrace")
                    .field("subject.label", "target")
                    .field("action.denied_mask", "readby")
                    .field("object.label", "app")
                    .field("subject.not_process", true)
                    .field("process.label", "app"),
            ),
        case("apparmor_denied_trace_by_the_traced")
            .given(|scene| scene.stand(&["--apparmor", "target"]))
            .confined_by(Confinement::Apparmor("signaller"))
            .when(|scene| process::trace(scene.number("target")?))
            .expect(
                denied("ptrace")
                    .field("subject.label", "target")
                    .field("action.denied_mask", "tracedby")
                    .field("object.label", "signaller")
                    .field("subject.not_process", true)
                    .field("process.label", "signaller")
                    .fact("object.process.pid", "target"),
            ),
    ]
}

fn itself() -> Vec<Case> {
    vec![
        case("apparmor_denied_rlimit_reports_the_value")
            .when(|_| process::limit(Resource::Nofile, 128))
            .expect(denied("setrlimit").field("action.rlimit", "nofile").field("action.rlimit_value", 128)),
        capability("apparmor_denied_capability_sys_time", "sys_time", |_| system::set_clock()),
        capability("apparmor_denied_capability_sys_pacct", "sys_pacct", |_| system::stop_accounting()),
        capability("apparmor_denied_capability_setuid", "setuid", |_| process::become_user(1000)),
        capability("apparmor_denied_capability_setgid", "setgid", |_| process::become_group(1000)),
        capability("apparmor_denied_capability_sys_module", "sys_module", |_| system::load_module()),
        capability("apparmor_denied_capability_sys_chroot", "sys_chroot", |_| {
            Ok(rustix::process::chroot("/srv")?)
        }),
        // The only case with sys_admin: on old kernels the second denial of a capability to a profile isn't reported.
        capability("apparmor_denied_two_capabilities_are_two_events", "bpf", |_| system::create_bpf_map())
            .expect(denied_of_bare("capable").field("object.capability", "sys_admin")),
        case("apparmor_denied_override_of_permission_bits")
            .given(|_| scene::private_file_of_another("/srv/open/private-file"))
            .confined_by(BARE)
            .when(|_| file::open_to_write("/srv/open/private-file").map(drop))
            .expect(
                denied_of_bare("capable")
                    .field("object.capability", "dac_override")
                    .field("object.path", "/srv/open/private-file")
                    .field("object.path_root", "mount_namespace"),
            ),
    ]
}
