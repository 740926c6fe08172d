//! Processes that are refused one thing again and again, and count it.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    io::{self, Read as _, Write as _},
    num::NonZeroU32,
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use rustix::net::AddressFamily;
use serde::{Deserialize, Serialize};

use crate::{
    case::Module,
    cases,
    confinement::Confinement,
    operation::{file, process, socket},
    scene,
};

/// What every process of the flood tries to write; where it lacks a capability, its root is to be the folder.
pub const PATH: &str = "/srv/flood/secret";
/// The folder of [`PATH`].
const FOLDER: &str = "/srv/flood";
/// The user of the flood's first process.
const FIRST_UID: u32 = 3000;
/// The user of the process that is refused once, in the middle of the flood.
pub const QUIET_UID: u32 = 2999;

/// How much there is of it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Extent {
    /// Processes at the same time.
    #[arg(long)]
    pub processes: NonZeroU32,
    /// How often each is refused.
    #[arg(long)]
    pub each: u32,
    /// Users that the processes are of; if they are more than the processes, each is several in turn.
    #[arg(long, default_value = "1")]
    pub users: NonZeroU32,
    /// How often a second each is refused; without it, as often as it can be.
    #[arg(long)]
    pub rate: Option<NonZeroU32>,
    /// Whether they are refused what the policy keeps out of the log.
    #[arg(long)]
    pub silent: bool,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flooded {
    /// How often each user was refused, the one of the middle not among them.
    pub refused: Vec<(u32, u64)>,
    /// The process that was refused once.
    pub quiet: u32,
    /// When it was about to be, in nanoseconds since 1970.
    pub quiet_at: u64,
}

impl Extent {
    /// The users that a process is in turn.
    fn users_of(&self, process: u32) -> Vec<u32> {
        let users = self.users.get();
        let first = process % users;
        (first..users)
            .step_by(self.processes.get().min(users) as usize)
            .map(|user| FIRST_UID + user)
            .collect()
    }

    /// How often each user is refused.
    fn refused(&self) -> BTreeMap<u32, u64> {
        let mut refused = BTreeMap::new();
        for process in 0..self.processes.get() {
            let users = self.users_of(process);
            let (rounds, rest) = (self.each as usize / users.len(), self.each as usize % users.len());
            for (position, &user) in users.iter().enumerate() {
                *refused.entry(user).or_default() += rounds as u64 + u64::from(position < rest);
            }
        }
        refused
    }
}

/// Has processes refused by `module`. When half of them are halfway, one more is, once.
///
/// # Errors
/// Fails if they can't be started, or one was not refused.
pub fn flood(module: Module, extent: Extent) -> anyhow::Result<Flooded> {
    let Extent { processes, each, rate, silent, .. } = extent;
    let refusal = Refusal { module, silent };
    refusal.set_up()?;
    refusal.confinement().enter()?;
    // They start together: when the last one is there, the pipe closes.
    let (start, hold) = io::pipe()?;
    let (mut halves, half) = io::pipe()?;
    let mut hold = Some(hold);
    let mut children = Vec::new();
    for index in 0..processes.get() {
        let hold = &mut hold;
        let users = extent.users_of(index);
        children.push(process::fork(|| {
            *hold = None;
            (&start).read_to_end(&mut Vec::new())?;
            be_refused(refusal, each, &users, rate, || (&half).write_all(b"."))
        })?);
    }
    drop((hold, half));
    let some = usize::try_from(processes.get().div_ceil(2))?;
    halves.read_exact(&mut vec![0; some]).context("processes of the flood failed")?;
    let (mut told, tell) = io::pipe()?;
    let quiet = process::fork_and_wait(|| {
        process::become_user(QUIET_UID)?;
        let at = SystemTime::now();
        refusal.happen(0)?;
        let since = at.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        (&tell).write_all(&since.as_nanos().to_ne_bytes())
    })?;
    let mut quiet_at = [0; size_of::<u128>()];
    told.read_exact(&mut quiet_at)?;
    let quiet_at = u64::try_from(u128::from_ne_bytes(quiet_at))?;
    for child in children {
        process::wait(child)?;
    }
    Ok(Flooded { refused: extent.refused().into_iter().collect(), quiet, quiet_at })
}

/// Makes what is refused.
///
/// # Errors
/// Fails if it can't be made.
pub(super) fn set_up(module: Module) -> anyhow::Result<()> {
    scene::file(PATH)?;
    // Anybody may write it, so that only the module refuses.
    fs::set_permissions(PATH, Permissions::from_mode(0o666))?;
    match module {
        Module::Selinux => scene::label(PATH, "secret_t")?,
        Module::Landlock => scene::directory("/srv/open")?,
        _ => {}
    }
    Ok(())
}

/// What the processes of a flood are refused.
#[derive(Clone, Copy)]
struct Refusal {
    module: Module,
    /// Whether nothing is logged of it.
    silent: bool,
}

impl Refusal {
    /// Makes what is refused.
    ///
    /// # Errors
    /// Fails if it can't be made, or the module refuses nothing silently.
    fn set_up(self) -> anyhow::Result<()> {
        set_up(self.module)?;
        match self.module {
            Module::Selinux if self.silent => Ok(scene::label(PATH, "quiet_t")?),
            Module::Apparmor => Ok(()),
            module if self.silent => anyhow::bail!("{} refuses nothing silently", module.name()),
            _ => Ok(()),
        }
    }

    /// What the processes are confined by.
    fn confinement(self) -> Confinement {
        match self.module {
            Module::Apparmor if self.silent => Confinement::Apparmor("flooded"),
            module => cases::default_confinement(module),
        }
    }

    /// Is refused, as a process is this time: by AppArmor's silent rules a file and a socket in turn, for which the kernel
    /// has two functions.
    ///
    /// # Errors
    /// Fails if it isn't refused, or for another reason.
    fn happen(self, time: u32) -> io::Result<()> {
        match self.module {
            Module::Apparmor if self.silent && time % 2 == 1 => {
                must_be(libc::EACCES, socket::udp(AddressFamily::INET6).map(drop))
            }
            module => be_refused_once(module),
        }
    }
}

fn be_refused(
    refusal: Refusal,
    times: u32,
    users: &[u32],
    rate: Option<NonZeroU32>,
    halfway: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let mut halfway = Some(halfway);
    let alone = if let [user] = users { Some(*user) } else { None };
    alone.map_or(Ok(()), process::become_user)?;
    let begin = Instant::now();
    for (done, &user) in (0..times).zip(users.iter().cycle()) {
        if let Some(halfway) = halfway.take_if(|_| done == times / 2) {
            halfway()?;
        }
        if let Some(rate) = rate {
            let due = begin + Duration::from_secs(1) * done / rate.get();
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        match alone {
            Some(_) => refusal.happen(done)?,
            None => process::as_real_user(user, || refusal.happen(done))?,
        }
    }
    Ok(())
}

/// Is refused what the flood is.
///
/// # Errors
/// Fails if it isn't refused, or for another reason.
pub(super) fn be_refused_once(module: Module) -> io::Result<()> {
    match module {
        Module::Capability => must_be(libc::EPERM, rustix::process::chroot(FOLDER).map_err(Into::into)),
        _ => must_be(libc::EACCES, file::open_to_write(PATH).map(drop)),
    }
}

/// Whether what was done was refused with this error.
fn must_be(refusal: i32, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error() == Some(refusal) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(io::ErrorKind::Other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(processes: u32, users: u32, each: u32) -> Vec<(u32, u64)> {
        let number = |number| NonZeroU32::new(number).unwrap();
        let extent =
            Extent { processes: number(processes), each, users: number(users), rate: None, silent: false };
        extent.refused().into_iter().map(|(user, count)| (user - FIRST_UID, count)).collect()
    }

    #[test]
    fn processes_share_users_and_users_share_processes() {
        assert_eq!(refused(5, 2, 10), [(0, 30), (1, 20)]);
        assert_eq!(refused(1, 3, 10), [(0, 4), (1, 3), (2, 3)]);
        assert_eq!(refused(2, 5, 7), [(0, 3), (1, 4), (2, 2), (3, 3), (4, 2)]);
    }
}
