//! The README and the plots, made of what was kept.

use std::path::Path;

use super::{Part, kept, run::Run};

mod cost;
mod path;
mod profile;
mod storm;

/// The names and contents of the files that tell of the results in `folder`.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut readme = HEAD.to_owned();
    let mut files = Vec::new();
    if let Some(allowed) = kept(folder, Part::Allow)? {
        cost::write_allowed(&mut readme, &allowed)?;
    }
    if let Some(denials) = kept(folder, Part::Denial)? {
        files.push(("denial.svg", cost::write_denials(&mut readme, &denials)?));
    }
    if let Some(paths) = kept(folder, Part::Path)? {
        files.extend(path::write(&mut readme, &paths)?);
    }
    if let Some(storms) = kept(folder, Part::Storm)? {
        storm::write(&mut readme, &storms)?;
    }
    if let Some(profile) = kept(folder, Part::Profile)? {
        profile::write(&mut readme, &profile)?;
    }
    files.push(("README.md", readme));
    Ok(files)
}

const HEAD: &str = "\
# What denyd costs, and what it keeps

`cargo xtask bench` measures this and writes this folder; each part has its raw data beside it.
`cargo xtask bench --help` says how to measure less, or a part.

All figures are of emulated guests. Where they are instructions, they are exact: the guest's clocks count them, so that
other work on the machine changes nothing. What emulation can't tell: how long a processor takes for an instruction.
It knows no caches, no branch prediction and no second core that works at the same time, and no interrupt is as
expensive as it really is. So compare the ratios within a table, and take no figure for a promise.
";

/// When and where.
fn ran(run: &Run) -> String {
    let Run { time, commit, processor, processors, load, emulator } = run;
    let time = time.strftime("%Y-%m-%d %H:%M UTC");
    format!(
        "Measured {time} at commit `{commit}`, on {processors} × {processor},\n{emulator}; the load before was {load}.\n"
    )
}
