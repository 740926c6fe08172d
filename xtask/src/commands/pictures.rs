//! `cargo xtask pictures`

use std::{fs, process::ExitCode};

use anstyle_svg::Term;
use anyhow::{Context as _, bail};
use clap::Args;
use xtask::{
    cache::Cache,
    kernel::{self, Kernel},
    setup, vm,
    vm::Guest,
    workspace::{self, Profile},
};

/// Where the pictures go.
const FOLDER: &str = "docs/pictures";

/// Makes the pictures of the docs: boots a guest, has things refused, and draws what denyd's commands print of it
#[derive(Debug, Args)]
pub struct Pictures {
    /// The kernel, as for `cargo xtask vm`
    #[arg(long, default_value = kernel::NEWEST)]
    kernel: String,
}

impl Pictures {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        setup::guests(&cache)?;
        let kernel = Kernel::resolve(&self.kernel, &cache)?;
        setup::build(&cache)?;
        let guest = Guest::new(kernel, vm::Module::Selinux).binary(workspace::build_denyd(Profile::Dev)?);
        let mut output = Vec::new();
        let outcome = guest.run(["sh", "-c", include_str!("../../guest/pictures")], &mut output)?;
        let output = String::from_utf8(output).context("the guest printed what is no text")?;
        if outcome.status != 0 {
            bail!("the guest failed:\n{output}");
        }
        let folder = workspace::root().join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let pictures = pictures(&output);
        if pictures.is_empty() {
            bail!("the guest showed nothing:\n{output}");
        }
        for (name, text) in pictures {
            let path = folder.join(name).with_extension("svg");
            fs::write(&path, Term::new().render_svg(&text))
                .with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The texts between the lines that name them.
fn pictures(output: &str) -> Vec<(String, String)> {
    let mut pictures: Vec<(String, String)> = Vec::new();
    let mut within = false;
    for line in output.lines().map(|line| line.trim_end_matches('\r')) {
        match line.strip_prefix("==").map(str::trim) {
            Some("") => within = false,
            Some(name) => {
                within = true;
                pictures.push((name.to_owned(), String::new()));
            }
            None => {
                if let Some((_, text)) = pictures.last_mut().filter(|_| within) {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    pictures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_stands_below_its_name() {
        let output = "boot\n== tail\r\n$ denyd tail\r\n\x1b[1mx\x1b[0m\r\n==\nnoise\n== top\ny\n==\n";
        let expected = [("tail", "$ denyd tail\n\x1b[1mx\x1b[0m\n"), ("top", "y\n")];
        assert_eq!(pictures(output), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
