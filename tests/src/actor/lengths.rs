//! Processes that are refused while all that describes them is as long as they like.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    iter,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    case::Module,
    cases,
    confinement::Confinement,
    operation::{file, process},
    scene,
};

/// Where it all is.
const FOLDER: &str = "/srv/lengths";
/// A name may have so many bytes (`NAME_MAX`).
const NAME_MAX: usize = 255;
/// What is executed may have a single argument of so many bytes (`MAX_ARG_STRLEN`).
const ARGUMENT_MAX: usize = 100_000;

/// How long everything is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    /// Folders of the working directory, with names of 255 bytes.
    pub cwd: usize,
    /// Bytes of arguments.
    pub arguments: usize,
    /// Bytes of the file's name.
    pub name: usize,
    /// Folders that the file is in.
    pub folders: usize,
    /// Bytes of each folder's name.
    pub folder: usize,
    /// Processes between the actor and the one that is refused.
    pub ancestors: usize,
    /// SELinux: categories of the process and the file, the first so many.
    pub categories: usize,
}

/// A process that was refused, and what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hidden {
    /// How long everything was.
    pub lengths: Lengths,
    /// Its process id.
    pub pid: u32,
    /// The file that it may not write.
    pub path: PathBuf,
}

/// Each extreme alone, all together, and a number of mixtures, which are the same each time.
#[must_use]
pub fn combinations() -> Vec<Lengths> {
    let short = Lengths { cwd: 0, arguments: 0, name: 1, folders: 0, folder: 1, ancestors: 0, categories: 0 };
    let long = Lengths {
        cwd: 13,
        arguments: ARGUMENT_MAX,
        name: NAME_MAX,
        folders: 14,
        folder: NAME_MAX,
        ancestors: 12,
        categories: 1024,
    };
    let mut all = vec![
        short.clone(),
        Lengths { cwd: long.cwd, ..short.clone() },
        Lengths { arguments: long.arguments, ..short.clone() },
        Lengths { name: long.name, ..short.clone() },
        Lengths { folders: long.folders, folder: long.folder, ..short.clone() },
        Lengths { folders: 70, folder: 3, ..short.clone() },
        Lengths { ancestors: long.ancestors, ..short.clone() },
        Lengths { categories: long.categories, ..short },
        long.clone(),
        Lengths { folders: 70, folder: 50, ..long },
    ];
    // A linear congruential generator: the constants are those of Numerical Recipes.
    let numbers = iter::successors(Some(20_261_127_u32), |last| {
        Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    });
    let mut numbers = numbers.map(|number| usize::try_from(number >> 8).unwrap_or(0));
    let mut below = |limit: usize| numbers.next().unwrap_or(0) % limit;
    all.extend(
        iter::repeat_with(|| Lengths {
            cwd: below(14),
            arguments: below(ARGUMENT_MAX),
            name: 1 + below(NAME_MAX),
            folders: below(24),
            folder: 1 + below(150),
            ancestors: below(13),
            categories: below(1025),
        })
        .take(14),
    );
    all
}

/// Has a process refused by `module` for each combination.
///
/// # Errors
/// Fails if that can't be set up, or one was not refused.
pub fn hide(module: Module, mut report: impl FnMut(Hidden) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for (number, lengths) in combinations().into_iter().enumerate() {
        let path = Path::new(FOLDER).join(number.to_string()).join(names(lengths.folders, lengths.folder));
        let path = path.join("n".repeat(lengths.name));
        scene::file(&path).with_context(|| format!("{lengths:?}"))?;
        if module == Module::Selinux {
            scene::label(&path, &context("object_r:secret_t", lengths.categories))?;
        }
        let cwd = names(lengths.cwd, NAME_MAX);
        let mut child = Command::new(std::env::current_exe()?)
            .args(["hide", module.name(), &serde_json::to_string(&lengths)?])
            .arg(&path)
            .arg("x".repeat(lengths.arguments))
            .current_dir(in_folders(&cwd)?)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no pipe")?).read_line(&mut line)?;
        ensure!(child.wait()?.success(), "no process was refused with {lengths:?}");
        report(Hidden { lengths, pid: line.trim_end().parse()?, path })?;
    }
    Ok(())
}

/// The process: forks as often as it has to, and is refused in the last.
///
/// # Errors
/// Fails if it can't be confined, or is not refused.
pub fn be_refused(module: Module, lengths: &Lengths, path: &Path) -> anyhow::Result<()> {
    if let Some(ancestors) = lengths.ancestors.checked_sub(1) {
        let next = Lengths { ancestors, ..lengths.clone() };
        process::fork_and_wait(|| be_refused(module, &next, path).map_err(io::Error::other))?;
        return Ok(());
    }
    match module {
        Module::Selinux => {
            let context = context("system_r:app_t", lengths.categories);
            Confinement::Selinux(context.leak()).enter()?;
        }
        _ => cases::default_confinement(module).enter()?,
    }
    let error = file::open_to_write(path).err().context("it was not refused")?;
    ensure!(error.raw_os_error() == Some(libc::EACCES), "{error}");
    println!("{}", std::process::id());
    Ok(())
}

/// A context with the first so many categories.
#[must_use]
pub fn context(rest: &str, categories: usize) -> String {
    match categories {
        0 => format!("system_u:{rest}:s0"),
        1 => format!("system_u:{rest}:s0:c0"),
        2 => format!("system_u:{rest}:s0:c0,c1"),
        many => format!("system_u:{rest}:s0:c0.c{}", many - 1),
    }
}

/// So many names of so many bytes.
fn names(count: usize, len: usize) -> PathBuf {
    iter::repeat_n("d".repeat(len), count).collect()
}

/// Makes folders below the one for working directories, and returns the last.
fn in_folders(names: &Path) -> io::Result<PathBuf> {
    let folder = Path::new(FOLDER).join("cwd").join(names);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
