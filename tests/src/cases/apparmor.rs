//! `AppArmor`. The profiles are those of `profiles/denyd`.

mod files;
mod modes;
mod mounts;
mod policy;
mod processes;
mod silent;
mod sockets;

use crate::{
    case::{Case, Module},
    confinement::Confinement,
    expectation::Expectation,
};

/// May use files outside /srv/shut, capabilities and the network.
pub(super) const APP: Confinement = Confinement::Apparmor("app");

/// May do nothing.
const BARE: Confinement = Confinement::Apparmor("bare");

pub(super) fn cases() -> Vec<Case> {
    [
        files::cases(),
        modes::cases(),
        mounts::cases(),
        policy::cases(),
        processes::cases(),
        silent::cases(),
        sockets::cases(),
    ]
    .concat()
}

fn case(name: &'static str) -> Case {
    Case::new(Module::Apparmor, name, APP)
}

/// A denial of the profile `app`.
fn denied(operation: &'static str) -> Expectation {
    Expectation::denied().field("action.operation", operation).field("subject.label", "app")
}

/// A denial of the profile `bare`.
fn denied_of_bare(operation: &'static str) -> Expectation {
    denied(operation).field("subject.label", "bare")
}

/// A denial of rights to a file, in `AppArmor`'s letters, all of which were asked for and none granted.
fn denied_file(operation: &'static str, mask: &'static str, path: &'static str) -> Expectation {
    denied(operation)
        .field("object.kind", "file")
        .field("object.path", path)
        .field("action.requested_mask", mask)
        .field("action.denied_mask", mask)
}
