//! `SELinux`. The types and domains are those of `policy/selinux.cil`: `no_X_t` lacks the permission X alone.

mod files;
mod labels;
mod policy;
mod processes;
mod silent;
mod sockets;
mod system;
mod ways;

use crate::{
    case::{Case, Module},
    confinement::Confinement,
    expectation::Expectation,
};

/// Free in all that concerns itself.
pub(super) const APP: Confinement = Confinement::Selinux(APP_CONTEXT);
const APP_CONTEXT: &str = "system_u:system_r:app_t:s0";

/// Without capabilities and rights over itself.
const BARE: Confinement = Confinement::Selinux(BARE_CONTEXT);
const BARE_CONTEXT: &str = "system_u:system_r:bare_t:s0";

/// Without sockets.
const NETLESS: Confinement = Confinement::Selinux(NETLESS_CONTEXT);
const NETLESS_CONTEXT: &str = "system_u:system_r:netless_t:s0";

/// As [`APP`], but permissive.
const PERMISSIVE: Confinement = Confinement::Selinux("system_u:system_r:permissive_t:s0");

const INIT_CONTEXT: &str = "system_u:system_r:init_t:s0";
const TARGET_CONTEXT: &str = "system_u:system_r:target_t:s0";
const BASE: &str = "system_u:object_r:base_t:s0";
const STAGE: &str = "system_u:object_r:stage_t:s0";
const SECRET: &str = "system_u:object_r:secret_t:s0";

pub(super) fn cases() -> Vec<Case> {
    [
        files::cases(),
        labels::cases(),
        policy::cases(),
        processes::cases(),
        silent::cases(),
        sockets::cases(),
        system::cases(),
        ways::cases(),
    ]
    .concat()
}

fn case(name: &'static str) -> Case {
    Case::new(Module::Selinux, name, APP)
}

/// A denial of [`APP`].
fn denied<const N: usize>(class: &'static str, permissions: [&'static str; N]) -> Expectation {
    Expectation::denied().action(class, permissions).field("subject.label", APP_CONTEXT)
}

/// A denial of [`BARE`] against itself.
fn denied_of_bare<const N: usize>(class: &'static str, permissions: [&'static str; N]) -> Expectation {
    denied(class, permissions).field("subject.label", BARE_CONTEXT).field("object.label", BARE_CONTEXT)
}
