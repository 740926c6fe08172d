//! The parts that the actor has other processes of the same program play.
//!
//! Their command lines are the actor's own business, and hundreds of them start in an emulated guest, so they are read
//! without clap, which would take longer than all the rest.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum as _;

use super::{
    act, allowed,
    lengths::{self, Lengths},
    manager, standing, storm,
};
use crate::{case::Module, confinement::Confinement};

/// A part.
pub enum Part {
    /// The process of one case; whether it has entered its confinement by executing this program.
    Act(String, bool),
    /// A process for others to act on.
    Stand(Confinement),
    /// The same, of this user, who may trace it as far as Linux itself is concerned.
    StandAs(u32),
    /// One program's part of a storm: how many processes, and the first one's user.
    Burst(Module, u32, u32),
    /// A process that stands still before it is refused: its user.
    BeRefused(Module, u32),
    /// A process that hides what it can: how long that is, and what it is refused to write.
    Hide(Module, Box<Lengths>, PathBuf),
    /// A process that claims to be an object manager.
    Claim(Module),
    /// The workload that is allowed.
    Work(Module),
}

impl Part {
    /// Reads a command line; `None` if it is for the actor itself.
    #[must_use]
    pub fn parse(arguments: &[String]) -> Option<anyhow::Result<Self>> {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Some(match arguments[..] {
            ["act", name] => Ok(Self::Act(name.to_owned(), false)),
            ["act", name, "--entered"] => Ok(Self::Act(name.to_owned(), true)),
            ["stand"] => Ok(Self::Stand(Confinement::None)),
            ["stand", "--user", uid] => uid.parse().map(Self::StandAs).map_err(Into::into),
            ["stand", "--selinux", context] => {
                Ok(Self::Stand(Confinement::Selinux(context.to_owned().leak())))
            }
            ["stand", "--apparmor", profile] => {
                Ok(Self::Stand(Confinement::Apparmor(profile.to_owned().leak())))
            }
            ["burst", name, count, first] => Self::burst(name, count, first),
            ["be-refused", name, uid] => Self::be_refused(name, uid),
            ["hide", name, lengths, path, _] => Self::hide(name, lengths, path),
            ["claim", name] => module(name).map(Self::Claim),
            ["work", name] => module(name).map(Self::Work),
            _ => return None,
        })
    }

    fn burst(name: &str, count: &str, first: &str) -> anyhow::Result<Self> {
        Ok(Self::Burst(module(name)?, count.parse()?, first.parse()?))
    }

    fn be_refused(name: &str, uid: &str) -> anyhow::Result<Self> {
        Ok(Self::BeRefused(module(name)?, uid.parse()?))
    }

    fn hide(name: &str, lengths: &str, path: &str) -> anyhow::Result<Self> {
        Ok(Self::Hide(module(name)?, serde_json::from_str(lengths)?, path.into()))
    }

    /// Plays it.
    ///
    /// # Errors
    /// As the part does.
    pub fn play(self) -> anyhow::Result<()> {
        match self {
            Self::Act(name, entered) => act::act(&name, entered),
            Self::Stand(confinement) => act::stand(&confinement),
            Self::StandAs(uid) => act::stand_as(uid),
            Self::Burst(module, count, first_uid) => storm::burst(module, count, first_uid),
            Self::BeRefused(module, uid) => standing::stand(module, uid),
            Self::Hide(module, lengths, path) => lengths::be_refused(module, &lengths, &path),
            Self::Claim(module) => manager::claim(module),
            Self::Work(module) => allowed::work(module),
        }
    }
}

fn module(name: &str) -> anyhow::Result<Module> {
    Module::from_str(name, false).ok().with_context(|| format!("there is no module {name}"))
}
