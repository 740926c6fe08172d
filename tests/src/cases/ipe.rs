//! IPE: what is not from the initramfs may not be run, and no kernel module from elsewhere may be loaded.
//!
//! The stage signs the policy, and puts it in force before denyd starts.

use std::{io, os::fd::AsFd as _};

use crate::{
    case::{Case, Module, Step},
    confinement::Confinement,
    expectation::Expectation,
    operation::{
        file::{self, Mapping},
        system,
    },
    scene,
};

/// The policy. A file of the initramfs is `boot_verified`.
pub const POLICY: &str = "\
policy_name=denyd policy_version=0.0.1
DEFAULT action=ALLOW
DEFAULT op=EXECUTE action=DENY
op=EXECUTE boot_verified=TRUE action=ALLOW
op=KMODULE boot_verified=FALSE action=DENY
";

/// A file system that is not the initramfs.
const ELSEWHERE: &str = "/srv/elsewhere";
const PROGRAM: &str = "/srv/elsewhere/program";
const ENFORCE: &str = "/sys/kernel/security/ipe/enforce";

/// The rule that refuses execution, as IPE names it.
const DEFAULT: &str = "DEFAULT op=EXECUTE action=DENY";

fn case(name: &'static str, when: Step) -> Case {
    Case::new(Module::Ipe, name, Confinement::None).since(6, 12).given(|_| set_up()).when(when)
}

fn set_up() -> io::Result<()> {
    scene::directory(ELSEWHERE)?;
    system::mount_tmpfs("elsewhere", ELSEWHERE)?;
    scene::program(PROGRAM)
}

fn refused(hook: &'static str, operation: &'static str, rule: &'static str) -> Expectation {
    of(Expectation::denied(), hook, operation, rule).field("action.errno", libc::EACCES)
}

fn of(
    expectation: Expectation,
    hook: &'static str,
    operation: &'static str,
    rule: &'static str,
) -> Expectation {
    expectation.action("ipe", [operation]).field("action.operation", hook).field("action.info", rule)
}

/// The cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    vec![
        case("ipe_denied_execution_reports_the_file_and_the_rule", |_| file::execute(PROGRAM))
            .expect(refused("BPRM_CHECK", "EXECUTE", DEFAULT).path(PROGRAM)),
        case("ipe_denied_executable_mapping_reports_the_file", |_| {
            file::map(file::open_to_read(PROGRAM)?.as_fd(), Mapping::Execute)
        })
        .expect(refused("MMAP", "EXECUTE", DEFAULT).path(PROGRAM)),
        case("ipe_denied_mprotect_reports_the_mapped_file", |_| {
            file::map_then_make_executable(file::open_to_read(PROGRAM)?.as_fd(), false)
        })
        .expect(refused("MPROTECT", "EXECUTE", DEFAULT).path(PROGRAM)),
        case("ipe_denied_executable_memory_has_no_file", |_| file::map_writable_and_executable())
            .expect(refused("MMAP", "EXECUTE", DEFAULT).field("object.kind", "none").absent("object.path")),
        case("ipe_denied_module_has_the_rule_that_refused", |_| system::load_module()).expect(refused(
            "KERNEL_LOAD",
            "KMODULE",
            "op=KMODULE boot_verified=FALSE action=DENY",
        )),
        case("ipe_that_only_reports_permits", |_| {
            file::overwrite(ENFORCE, "0")?;
            let mapped = file::map(file::open_to_read(PROGRAM)?.as_fd(), Mapping::Execute);
            file::overwrite(ENFORCE, "1")?;
            mapped
        })
        .succeeds()
        .expect(
            of(Expectation::permitted(), "MMAP", "EXECUTE", DEFAULT).path(PROGRAM).absent("action.errno"),
        ),
    ]
}
