//! denyd under its own AppArmor profile, `systemd/apparmor/denyd`, in tiny guests, with the capabilities of its unit.

use std::{fs, path::PathBuf, process::Command, sync::LazyLock};

use xtask::{process, vm::Guest, workspace};

/// Puts denyd where packages put it, makes the folders that its unit makes, and allows kprobes with `CAP_PERFMON`, as
/// docs/service.md has it.
pub(crate) const PREPARE: &str = "mv /usr/local/bin/denyd /usr/bin/ && mkdir -p /run/denyd /var/lib/denyd && \
    echo 2 >/proc/sys/kernel/perf_event_paranoid && ";

/// What starts it under the profile, or fails: `CapabilityBoundingSet=` and `AppArmorProfile=` of the unit.
pub(crate) const ENTER: &str =
    "setpriv --bounding-set=-all,+bpf,+perfmon,+syslog,+setpcap aa-exec -p denyd --";

/// What goes into `/etc/apparmor.d/local/denyd` here: what the unit hides from denyd, so that it doesn't get as far as to
/// ask the profile.
const LOCAL: &str = "/dev/kmsg r,\nnetwork netlink raw,\n";

/// What the profile's rules are written for.
const ABI: &str = "etc/apparmor.d/abi/3.0";

/// The guest, which loads the profile before it runs anything.
pub(crate) fn confine(guest: Guest) -> Result<Guest, String> {
    static PROFILE: LazyLock<Result<PathBuf, String>> = LazyLock::new(flattened);
    let profile = PROFILE.as_ref().map_err(Clone::clone)?;
    Ok(guest.file(profile, "etc/apparmor.d/denyd-itself").file(format!("/{ABI}"), ABI))
}

/// The profile with all that it includes.
fn flattened() -> Result<PathBuf, String> {
    let source = workspace::root().join("systemd/apparmor/denyd");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("apparmor.d");
    let written = fs::create_dir_all(folder.join("local"))
        .and_then(|()| fs::write(folder.join("local/denyd"), LOCAL))
        .map_err(|error| format!("{}: {error}", folder.display()));
    written?;
    let mut parser = Command::new("apparmor_parser");
    parser.args(["--preprocess", "--quiet", "--Include"]).arg(&folder).arg(source);
    let text = process::read(&mut parser).map_err(|error| error.to_string())?;
    let path = folder.join("denyd");
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}
