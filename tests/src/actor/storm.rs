//! Many processes that are refused once and exit at once.

use std::{
    fs::{self, Permissions},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::copy_self;
use crate::{
    case::Module,
    cases,
    operation::{file, process},
    scene,
};

/// One process of a storm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drop {
    /// Its process id.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// The program that it ran.
    pub exe: PathBuf,
}

/// What every process of the storm tries to write.
pub const PATH: &str = "/srv/storm/secret";
/// The programs of a storm: copies of the actor, so that not all processes run the same.
const PROGRAMS: [&str; 4] =
    ["/srv/storm/one", "/srv/storm/two", "/srv/storm/bin/three", "/srv/storm/bin/four"];
const FIRST_UID: u32 = 2000;

/// Has `count` processes refused by `module`, and reports each.
///
/// # Errors
/// Fails if the storm can't be set up, or a process was not refused.
pub fn storm(
    module: Module,
    count: u32,
    mut report: impl FnMut(Drop) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    scene::directory("/srv/open")?;
    scene::file(PATH)?;
    // Anybody may write it, so that only the module refuses.
    fs::set_permissions(PATH, Permissions::from_mode(0o666))?;
    if module == Module::Selinux {
        scene::label(PATH, "secret_t")?;
    }
    let each = count / u32::try_from(PROGRAMS.len())?;
    ensure!(each > 0 && count.is_multiple_of(each), "{count} processes can't be shared by the programs");
    for (program, first) in PROGRAMS.iter().zip((FIRST_UID..).step_by(usize::try_from(each)?)) {
        copy_self(Path::new(program))?;
        let mut child = Command::new(program)
            .args(["burst", module.name(), &each.to_string(), &first.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        for line in BufReader::new(child.stdout.take().context("no pipe")?).lines() {
            report(serde_json::from_str(&line?)?)?;
        }
        ensure!(child.wait()?.success(), "{program} failed");
    }
    Ok(())
}

/// The part of a storm that one program plays: confines itself, then forks `count` times.
///
/// # Errors
/// Fails if it can't be confined, or a process was not refused.
pub fn burst(module: Module, count: u32, first_uid: u32) -> anyhow::Result<()> {
    cases::default_confinement(module).enter()?;
    let exe = std::env::current_exe()?;
    let mut output = io::stdout().lock();
    for uid in first_uid..first_uid + count {
        let pid = process::fork_and_wait(|| {
            process::become_user(uid)?;
            match file::open_to_write(PATH) {
                Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(()),
                Err(error) => Err(error),
                Ok(_) => Err(io::ErrorKind::Other.into()),
            }
        })?;
        serde_json::to_writer(&mut output, &Drop { pid, uid, exe: exe.clone() })?;
        output.write_all(b"\n")?;
    }
    Ok(())
}
