//! The process that is refused.
//!
//! It talks with the actor over its standard input and output, a line at a time, so that the actor can look at it
//! before and after the operation while it stands still:
//! the facts of the scene → these and what the process adds, `ready` → `go` → the outcome → end of input.

use std::{
    io::{self, BufRead as _, StdinLock, Write as _},
    path::Path,
};

use anyhow::{Context as _, ensure};

use crate::{
    case::{Case, Outcome},
    cases,
    confinement::Confinement,
    operation::{file, process},
    scene::Scene,
};

/// What the actor hears once the process is confined.
pub const READY: &str = "ready";
/// What the process then waits for.
pub const GO: &str = "go";

/// Plays a case as far as the outcome; `entered` tells that the confinement was entered by executing this program.
///
/// # Errors
/// Fails if the case can't be played; what the operation gives is the outcome, and no error.
pub fn act(name: &str, entered: bool) -> anyhow::Result<()> {
    let case = cases::by_name(name).with_context(|| format!("there is no case {name}"))?;
    let mut input = io::stdin().lock();
    if case.confinement.needs_exec() && !entered {
        case.confinement.enter().context("cannot be confined")?;
        file::execute_self(&["act", name, "--entered"])?;
    }
    let mut scene = Scene::from_facts(serde_json::from_str(&read_line(&mut input)?)?);
    prepare(&case, &mut scene)?;
    say(&serde_json::to_string(&scene.facts)?)?;
    say(READY)?;
    ensure!(read_line(&mut input)? == GO, "the actor gave up");
    let outcome = match (case.when)(&mut scene) {
        Ok(()) => Outcome::Done,
        Err(error) => match error.raw_os_error() {
            Some(errno) => Outcome::Errno(errno),
            None => Outcome::Broken(error.to_string()),
        },
    };
    say(&serde_json::to_string(&outcome)?)?;
    // The actor looks once more, then closes the pipe.
    read_line(&mut input)?;
    Ok(())
}

fn prepare(case: &Case, scene: &mut Scene) -> anyhow::Result<()> {
    (case.before)(scene).context("the step before confinement failed")?;
    if case.uid != 0 {
        process::become_group(case.uid)?;
        process::become_user(case.uid)?;
    }
    if !case.confinement.needs_exec() {
        case.confinement.enter().context("cannot be confined")?;
    }
    Ok(())
}

/// Stands there, confined, until nobody listens any more.
///
/// # Errors
/// Fails if it can't be confined.
pub fn stand(confinement: &Confinement) -> anyhow::Result<()> {
    confinement.enter().context("cannot be confined")?;
    wait()
}

/// As [`stand`], as another user, who may trace it.
///
/// # Errors
/// Fails if it can't become that user.
pub fn stand_as(uid: u32) -> anyhow::Result<()> {
    process::become_group(uid)?;
    process::become_user(uid)?;
    process::be_traceable()?;
    wait()
}

fn wait() -> anyhow::Result<()> {
    say(READY)?;
    let mut input = io::stdin().lock();
    while !read_line(&mut input)?.is_empty() {}
    Ok(())
}

/// What anybody can try by hand: forbids this process to write, and to read anything but the system itself, then
/// reads and writes the paths.
///
/// # Errors
/// Fails if the kernel has no Landlock.
pub fn try_under_landlock(paths: &[std::path::PathBuf]) -> anyhow::Result<()> {
    use crate::landlock::{Layer, fs};
    let layer = Layer::new().forbid_fs(fs::READ_FILE | fs::WRITE_FILE | fs::READ_DIR);
    let layer = layer.allow_beneath("/usr", fs::READ_FILE | fs::READ_DIR);
    layer.enforce().context("cannot be confined by Landlock")?;
    for path in paths {
        tell("read", path, file::open_to_read(path));
        tell("write", path, file::open_to_write(path));
    }
    Ok(())
}

fn tell<T>(what: &str, path: &Path, result: io::Result<T>) {
    match result {
        Ok(_) => println!("{what} {}: allowed", path.display()),
        Err(error) => println!("{what} {}: {error}", path.display()),
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

fn read_line(input: &mut StdinLock<'_>) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
