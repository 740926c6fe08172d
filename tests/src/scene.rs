//! The scene of a case: what the actor sets up around the one process that is refused.
//!
//! The same scene exists twice. The actor's own holds what must outlive the operation (processes, listeners); its
//! facts go to the confined process, which adds the descriptors that it opened before it was confined.

use std::{
    any::Any,
    collections::HashMap,
    fs::{self, Permissions},
    io::{self, BufRead as _, BufReader},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::fs::PermissionsExt as _,
    },
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::fs::{XattrFlags, setxattr};
use serde_json::Value;

use crate::report::{Facts, ProcessFacts};

/// The scene of a case.
#[derive(Default)]
pub struct Scene {
    /// What is known of it by name.
    pub facts: Facts,
    held: HashMap<&'static str, OwnedFd>,
    kept: Vec<Box<dyn Any>>,
}

impl Scene {
    /// The scene as the actor passed it on.
    #[must_use]
    pub fn from_facts(facts: Facts) -> Self {
        Self { facts, ..Self::default() }
    }

    /// Notes a fact.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// A fact that is a number.
    ///
    /// # Errors
    /// Fails if there is no such number.
    pub fn number<T: TryFrom<i64>>(&self, name: &str) -> io::Result<T> {
        let number = self.facts.get(name).and_then(Value::as_i64).and_then(|number| number.try_into().ok());
        number.ok_or_else(|| io::Error::other(format!("the scene has no number `{name}`")))
    }

    /// Keeps something alive until the case is over.
    pub fn keep(&mut self, thing: impl Any) {
        self.kept.push(Box::new(thing));
    }

    /// Holds a descriptor for the operation to use.
    pub fn hold(&mut self, name: &'static str, descriptor: impl Into<OwnedFd>) {
        self.held.insert(name, descriptor.into());
    }

    /// A descriptor that was held.
    ///
    /// # Errors
    /// Fails if there is none of that name.
    pub fn held(&self, name: &str) -> io::Result<BorrowedFd<'_>> {
        let held = self.held.get(name).map(|descriptor| descriptor.as_fd());
        held.ok_or_else(|| io::Error::other(format!("the scene holds no `{name}`")))
    }

    /// Starts another process that just stands there, confined as `confinement` says (arguments of `actor stand`),
    /// and notes it as the facts `target`, `target_comm` and `target_exe`.
    ///
    /// # Errors
    /// Fails if it can't be started or confined.
    pub fn stand(&mut self, confinement: &[&str]) -> io::Result<()> {
        let standing = Standing::start(confinement)?;
        let process = ProcessFacts::read(standing.0.id())?;
        self.set("target", process.pid);
        self.set("target_comm", process.comm);
        self.set("target_exe", process.exe);
        self.keep(standing);
        Ok(())
    }
}

/// A process that stands there until it is dropped.
struct Standing(Child);

impl Standing {
    fn start(confinement: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let child =
            command.arg("stand").args(confinement).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut standing = Self(child);
        let mut ready = String::new();
        let output = standing.0.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        BufReader::new(output).read_line(&mut ready)?;
        if ready != "ready\n" {
            return Err(io::Error::other(format!("`actor stand {}` failed", confinement.join(" "))));
        }
        Ok(standing)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        // It ends with its input. To kill it might be refused, for that is what some targets are for.
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Makes a directory and those above it.
///
/// # Errors
/// Fails as `mkdir` does, except that the directory may be there.
pub fn directory(path: impl AsRef<Path>) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Makes a file of a few bytes, and the directories above it.
///
/// # Errors
/// Fails as `open` and `write` do.
pub fn file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, "content\n")
}

/// Gives a file an `SELinux` label: a whole context, or only a type.
///
/// # Errors
/// Fails as `setxattr` does: the policy must know the label.
pub fn label(path: impl AsRef<Path>, label: &str) -> io::Result<()> {
    let context =
        if label.contains(':') { label.to_owned() } else { format!("system_u:object_r:{label}:s0") };
    let value = format!("{context}\0");
    Ok(setxattr(path.as_ref(), "security.selinux", value.as_bytes(), XattrFlags::empty())?)
}

/// A [`file()`] with a [`label()`].
///
/// # Errors
/// As both.
pub fn labelled_file(path: impl AsRef<Path>, type_or_context: &str) -> io::Result<()> {
    file(path.as_ref())?;
    label(path, type_or_context)
}

/// A [`directory`] with a [`label()`].
///
/// # Errors
/// As both.
pub fn labelled_directory(path: impl AsRef<Path>, type_or_context: &str) -> io::Result<()> {
    directory(path.as_ref())?;
    label(path, type_or_context)
}

/// A [`labelled_file`] that everybody may execute as far as its mode says.
///
/// # Errors
/// As both.
pub fn labelled_program(path: impl AsRef<Path>, type_or_context: &str) -> io::Result<()> {
    program(path.as_ref())?;
    label(path, type_or_context)
}

/// A file that everybody may execute as far as its mode says. (It is no real program: nobody gets that far.)
///
/// # Errors
/// As [`file()`].
pub fn program(path: impl AsRef<Path>) -> io::Result<()> {
    file(path.as_ref())?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// A file that only user 1000 may read and write, so that root needs a capability.
///
/// # Errors
/// As [`file()`].
pub fn private_file_of_another(path: impl AsRef<Path>) -> io::Result<()> {
    file(path.as_ref())?;
    std::os::unix::fs::chown(path.as_ref(), Some(1000), None)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
}
