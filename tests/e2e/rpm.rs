//! The package for RPM, installed by rpm in a root of its own: its contents, what it needs, and what its scripts do.

use std::{collections::BTreeMap, error::Error, fs, process::Command};

use libtest_mimic::{Failed, Trial};
use xtask::{
    architecture::Architecture,
    cache::Cache,
    package::{Compression, release::Release, rpm},
    process, setup,
};

use crate::group::denyd;

const SCRIPT: &str = include_str!("rpm/in_a_root");

/// What the script must find.
const FOUND: [(&str, &str); 10] = [
    ("needs", "/bin/sh systemd >= 245"),
    ("user", "denyd:/var/lib/denyd:/usr/sbin/nologin"),
    ("folders", "var/lib/denyd 750 denyd var/log/denyd 750 denyd"),
    ("module", "200 denyd cil"),
    ("enabled", "enabled"),
    ("differing", ""),
    ("runs", concat!("denyd ", env!("CARGO_PKG_VERSION"))),
    ("kept", "mistake"),
    ("left", "/etc/denyd/denyd.toml.rpmsave"),
    ("removed", ""),
];

/// The trial.
pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("rpm/the_package_is_installed_upgraded_and_removed", || {
        installs().map_err(Failed::from)
    })]
}

fn installs() -> Result<(), String> {
    let said = said().map_err(|error| error.to_string())?;
    let facts: BTreeMap<_, _> = said
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, fact)| (name, fact.trim()))
        .collect();
    for (name, wanted) in FOUND {
        let found = *facts.get(name).ok_or_else(|| format!("nothing about `{name}` in:\n{said}"))?;
        if found != wanted {
            return Err(format!("{name}: {found}\nand not {wanted}, in:\n{said}"));
        }
    }
    Ok(())
}

fn said() -> Result<String, Box<dyn Error>> {
    let cache = Cache::open()?;
    let image = setup::full_image(&cache, None)?;
    setup::packaging(&cache)?;
    let folder = tempfile::tempdir()?;
    let stripped = folder.path().join("denyd");
    process::capture(Command::new("strip").arg("-o").arg(&stripped).arg(denyd()?))?;
    let package = rpm::build(
        &stripped,
        Architecture::Amd64,
        &Release::of_source()?,
        Compression::Quick,
        folder.path(),
    )?;
    let script = folder.path().join("in_a_root");
    fs::write(&script, SCRIPT)?;
    let mut in_a_root = Command::new("unshare");
    in_a_root.args(["--mount", "sh"]).arg(script).arg(image).arg(package).arg(folder.path());
    Ok(process::read(&mut in_a_root)?)
}
