//! Paths of cgroups, as systemd and the runtimes of a full guest (Debian 12) made them, and what is read in them.

use monitor::enrich::cgroup;
use serde_json::{Value, json};

#[test]
fn the_unit_and_the_container_of_real_paths() {
    for line in include_str!("../../../tests/captured/cgroups.jsonl").lines() {
        let made: Value = serde_json::from_str(line).unwrap();
        let path = made["path"].as_str().unwrap();
        let (unit, container) = cgroup::read(path);
        assert_eq!(json!(unit), made["unit"], "{path}");
        assert_eq!(json!(container), made["container"], "{path}");
    }
}
