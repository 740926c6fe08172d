//! Processes that are refused one thing again and again, and count it.

use std::{
    fs::{self, Permissions},
    io::{self, Read as _, Write as _},
    num::NonZeroU32,
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    case::Module,
    cases,
    operation::{file, process},
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
    /// Users that the processes are of.
    #[arg(long, default_value = "1")]
    pub users: NonZeroU32,
    /// How often a second each is refused; without it, as often as it can be.
    #[arg(long)]
    pub rate: Option<NonZeroU32>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flooded {
    /// How often each user was refused, the one of the middle not among them.
    pub refused: Vec<(u32, u64)>,
    /// The process that was refused once.
    pub quiet: u32,
}

/// Has processes refused by `module`. When half of them have ended, one more is, once.
///
/// # Errors
/// Fails if they can't be started, or one was not refused.
pub fn flood(module: Module, extent: Extent) -> anyhow::Result<Flooded> {
    let Extent { processes, each, users, rate } = extent;
    scene::file(PATH)?;
    // Anybody may write it, so that only the module refuses.
    fs::set_permissions(PATH, Permissions::from_mode(0o666))?;
    match module {
        Module::Selinux => scene::label(PATH, "secret_t")?,
        Module::Landlock => scene::directory("/srv/open")?,
        _ => {}
    }
    cases::default_confinement(module).enter()?;
    // They start together: when the last one is there, the pipe closes.
    let (start, hold) = io::pipe()?;
    let (mut ends, end) = io::pipe()?;
    let mut hold = Some(hold);
    let mut children = Vec::new();
    for index in 0..processes.get() {
        let hold = &mut hold;
        children.push(process::fork(|| {
            process::become_user(FIRST_UID + index % users)?;
            *hold = None;
            (&start).read_to_end(&mut Vec::new())?;
            be_refused(module, each, rate)?;
            (&end).write_all(b".")
        })?);
    }
    drop((hold, end));
    let half = usize::try_from(processes.get().div_ceil(2))?;
    ends.read_exact(&mut vec![0; half]).context("processes of the flood failed")?;
    let quiet = process::fork_and_wait(|| {
        process::become_user(QUIET_UID)?;
        be_refused(module, 1, None)
    })?;
    for child in children {
        process::wait(child)?;
    }
    let refused = (0..users.get()).map(|user| {
        let of_user = (user..processes.get()).step_by(users.get() as usize).count() as u64;
        (FIRST_UID + user, of_user * u64::from(each))
    });
    Ok(Flooded { refused: refused.collect(), quiet })
}

fn be_refused(module: Module, times: u32, rate: Option<NonZeroU32>) -> io::Result<()> {
    let begin = Instant::now();
    for done in 0..times {
        if let Some(rate) = rate {
            let due = begin + Duration::from_secs(1) * done / rate.get();
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let (result, refusal) = match module {
            Module::Capability => (rustix::process::chroot(FOLDER).map_err(Into::into), libc::EPERM),
            _ => (file::open_to_write(PATH).map(drop), libc::EACCES),
        };
        match result {
            Err(error) if error.raw_os_error() == Some(refusal) => {}
            Err(error) => return Err(error),
            Ok(()) => return Err(io::ErrorKind::Other.into()),
        }
    }
    Ok(())
}
