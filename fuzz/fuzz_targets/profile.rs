//! The text of an AppArmor profile, and denials of it.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use monitor_audit::log::{self, Item};
use monitor_explain::{denials::Denials, place::Place};

/// Denials of each kind.
const LOG: &str = "\
audit: type=1400 audit(1.002:1): apparmor=\"DENIED\" operation=\"open\" profile=\"app\" name=\"/etc/a\" pid=1 comm=\"a\" requested_mask=\"rw\" denied_mask=\"rw\" fsuid=0 ouid=0
audit: type=1400 audit(1.002:2): apparmor=\"DENIED\" operation=\"exec\" profile=\"app\" name=\"/a/b\" pid=1 comm=\"a\" requested_mask=\"x\" denied_mask=\"x\" fsuid=0 ouid=0
audit: type=1400 audit(1.002:3): apparmor=\"DENIED\" operation=\"capable\" profile=\"app\" pid=1 comm=\"a\" capability=12 capname=\"net_admin\"
audit: type=1400 audit(1.002:4): apparmor=\"DENIED\" operation=\"signal\" profile=\"app\" pid=1 comm=\"a\" requested_mask=\"send\" denied_mask=\"send\" signal=term peer=\"a\"
audit: type=1400 audit(1.002:5): apparmor=\"DENIED\" operation=\"mount\" profile=\"app\" name=\"/a/\" pid=1 comm=\"a\" fstype=\"tmpfs\" srcname=\"a\" flags=\"rw, nosuid\"
";

/// A folder of this process's own.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("denyd-fuzz-{}", std::process::id()));
    fs::create_dir_all(folder.join("tunables")).unwrap();
    folder
});

static DENIALS: LazyLock<Denials> = LazyLock::new(|| {
    let mut denials = Denials::default();
    log::read(LOG.as_bytes(), |item| {
        if let Item::Denial(denial) = item {
            denials.add(&denial.event, denial.timed, None);
        }
    })
    .unwrap();
    denials
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(FOLDER.join("app"), bytes).unwrap();
    let findings = monitor_explain::explain(&DENIALS, &Place::with_profiles(&FOLDER));
    assert_eq!(findings.iter().map(|finding| finding.count).sum::<u64>(), 5);
});
