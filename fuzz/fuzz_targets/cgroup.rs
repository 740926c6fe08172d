//! The path of a cgroup, which whoever may make cgroups chooses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor::enrich::cgroup;

fuzz_target!(|path: &str| {
    let (_unit, _container) = cgroup::read(path);
});
