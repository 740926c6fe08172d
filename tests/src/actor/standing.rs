//! A process that stands still until it has been looked at, is then refused, and exits at once.

use std::{
    fs::{self, Permissions},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};

use super::act::{GO, READY};
use crate::{
    case::{Module, Outcome},
    cases,
    operation::{file, process},
    report::{Facts, ProcessFacts, Report},
    scene,
};

/// What all of them try to write.
pub const PATH: &str = "/srv/standing/secret";

/// Makes the file.
///
/// # Errors
/// As making a file, and giving it a label.
pub fn prepare(module: Module) -> anyhow::Result<()> {
    scene::directory("/srv/open")?;
    scene::file(PATH)?;
    // Anybody may write it, so that only the module refuses.
    fs::set_permissions(PATH, Permissions::from_mode(0o666))?;
    if module == Module::Selinux {
        scene::label(PATH, "secret_t")?;
    }
    Ok(())
}

/// Such a process, or one that it is a child of.
pub struct Standing {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Standing {
    /// Starts it by a command that ends with [`words`].
    ///
    /// # Errors
    /// As `spawn`.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("no pipe")?;
        let output = BufReader::new(child.stdout.take().context("no pipe")?);
        Ok(Self { child, input, output })
    }

    /// The process id of what was started.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it stands.
    ///
    /// # Errors
    /// Fails if it could not be confined.
    pub fn wait(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line.trim_end() == READY, "it could not be confined");
        Ok(())
    }

    /// Looks at it, by its process id, and lets it be refused.
    ///
    /// # Errors
    /// Fails if `/proc` can't be read, or it was not refused.
    pub fn be_refused(mut self, pid: u32, name: &str) -> anyhow::Result<Report> {
        let process = ProcessFacts::read(pid)?;
        let ancestors = process.ancestors()?;
        writeln!(self.input, "{GO}")?;
        ensure!(self.child.wait()?.success(), "{name} was not refused");
        let outcome = Outcome::Errno(libc::EACCES);
        Ok(Report { case: name.to_owned(), outcome, facts: Facts::new(), process, ancestors })
    }

    /// Lets it go.
    ///
    /// # Errors
    /// As `wait`.
    pub fn dismiss(mut self) -> io::Result<()> {
        drop(self.input);
        self.child.wait()?;
        Ok(())
    }
}

/// The words of its command line: what confines it, and its user.
#[must_use]
pub fn words(module: Module, uid: u32) -> [String; 3] {
    ["be-refused".to_owned(), module.name().to_owned(), uid.to_string()]
}

/// What it does.
///
/// # Errors
/// Fails if it can't be confined, or is not refused.
pub fn stand(module: Module, uid: u32) -> anyhow::Result<()> {
    // In a user namespace there may be no other.
    if uid != 0 {
        process::become_group(uid)?;
        process::become_user(uid)?;
    }
    cases::default_confinement(module).enter()?;
    let mut output = io::stdout().lock();
    writeln!(output, "{READY}")?;
    output.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    ensure!(line.trim_end() == GO, "not wanted");
    match file::open_to_write(PATH) {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("it was not refused"),
    }
}
