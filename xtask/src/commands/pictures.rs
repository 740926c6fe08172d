//! `cargo xtask pictures`

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anstyle_svg::Term;
use anyhow::{Context as _, bail};
use clap::Args;
use xtask::{
    architecture::Architecture,
    cache::Cache,
    kernel::{self, Kernel},
    setup, vm,
    vm::Guest,
    workspace::{self, Profile},
};

use self::scrapes::Scrape;

mod dashboard;
mod drawing;
mod measured;
mod output;
mod scrapes;
mod text;

/// Where the pictures go.
const FOLDER: &str = "docs/pictures";

/// Makes the pictures of the docs: boots guests, has things refused, and draws what denyd's commands print of it, and
/// what the dashboard shows
#[derive(Debug, Args)]
pub(crate) struct Pictures {
    /// The kernel, as for `cargo xtask vm`
    #[arg(long, default_value = kernel::NEWEST)]
    kernel: String,
}

impl Pictures {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        setup::guests(&cache)?;
        let kernel = Kernel::resolve(&self.kernel, Architecture::default(), &cache)?;
        setup::build(&cache)?;
        let denyd = workspace::build_denyd(Profile::Dev)?;
        let folder = workspace::root().join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        commands(&kernel, &denyd, &folder)?;
        dashboard(&kernel, &denyd, &folder, &cache)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The pictures of commands in a terminal.
fn commands(kernel: &Kernel, denyd: &Path, folder: &Path) -> anyhow::Result<()> {
    let guest = Guest::new(kernel.clone(), vm::Module::Selinux).binary(denyd);
    for (name, text) in printed(&guest, include_str!("../../guest/pictures"))? {
        write(&folder.join(name).with_extension("svg"), &Term::new().render_svg(&text))?;
    }
    Ok(())
}

/// The picture of the dashboard.
fn dashboard(kernel: &Kernel, denyd: &Path, folder: &Path, cache: &Cache) -> anyhow::Result<()> {
    // Busybox's own date has whole seconds only.
    let date = PathBuf::from("/usr/bin/date");
    let guest = Guest::new(kernel.clone(), vm::Module::Selinux).binary(denyd).binary(date);
    let mut scrapes = Vec::new();
    for (name, text) in printed(&guest, include_str!("../../guest/dashboard"))? {
        let time = name.strip_prefix("scrape ").with_context(|| format!("{name} is no scrape"))?;
        scrapes.push(Scrape { time: time.to_owned(), text });
    }
    let measured = measured::dashboard(cache, &scrapes)?;
    write(&folder.join("dashboard.svg"), &drawing::picture(&measured)?)
}

/// What the script printed in the guest: the texts, each with its name.
fn printed(guest: &Guest, script: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut output = Vec::new();
    let outcome = guest.run(["sh", "-c", script], &mut output)?;
    let output = String::from_utf8(output).context("the guest printed what is no text")?;
    if outcome.status != 0 {
        bail!("the guest failed:\n{output}");
    }
    let sections = output::sections(&output);
    if sections.is_empty() {
        bail!("the guest showed nothing:\n{output}");
    }
    Ok(sections)
}

fn write(path: &Path, svg: &str) -> anyhow::Result<()> {
    fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
