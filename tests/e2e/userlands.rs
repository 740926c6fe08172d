//! The program below the roots of other userlands: of Debian 11 and 13, with their own C libraries, and of busybox alone,
//! without a C library or accounts. It watches in each, and users have the names that the root's accounts give them.
//!
//! They run on request, since roots are fetched.

use std::{error::Error, fs, sync::Arc};

use libtest_mimic::Trial;
use serde_json::Value;
use xtask::{cache::Cache, setup, vm};

use crate::{
    group::{boot, guest},
    plan::{Booted, Plan},
    service::{holds, part},
};

const KERNEL: &str = "7";
/// Prints a part for each root and question, `=== ROOT QUESTION`.
const SCRIPT: &str = include_str!("userlands/below_each_root");

/// A root.
struct Userland {
    name: &'static str,
    /// The Debian release, if it is one's.
    codename: Option<&'static str>,
    /// What its own program says of its C library.
    c_library: &'static str,
}

static USERLANDS: [Userland; 3] = [
    Userland { name: "debian-11", codename: Some("bullseye"), c_library: "glibc 2.31" },
    Userland { name: "debian-13", codename: Some("trixie"), c_library: "glibc 2.41" },
    Userland { name: "busybox", codename: None, c_library: "none" },
];

/// One guest for all.
pub(crate) fn plan(plan: &mut Plan) {
    let guest = Booted::new(format!("{KERNEL}-userlands"), || run().map_err(|error| error.to_string()));
    let trial = |userland: &'static Userland| {
        let guest = Arc::clone(&guest);
        let name = format!("{KERNEL}/userlands/{}_is_watched_and_its_accounts_have_names", userland.name);
        Trial::test(name, move || Ok(userland.judge(guest.outcome()?)?)).with_ignored_flag(true)
    };
    plan.add_guest(&guest, USERLANDS.iter().map(trial).collect());
}

fn run() -> Result<String, Box<dyn Error>> {
    let cache = Cache::open()?;
    let share = tempfile::tempdir()?;
    for Userland { name, codename, .. } in &USERLANDS {
        if let Some(codename) = codename {
            fs::copy(setup::root_of(codename, &cache)?, share.path().join(format!("{name}.tar")))?;
        }
    }
    let names = USERLANDS.iter().map(|userland| userland.name).collect::<Vec<_>>().join(" ");
    let guest = guest(KERNEL, vm::Module::None)?.share(share.path());
    Ok(boot(&guest, &format!("roots='{names}'\n{SCRIPT}"))?)
}

impl Userland {
    fn judge(&self, output: &str) -> Result<(), String> {
        let part = |question| part(output, &format!("{} {question}", self.name));
        let c_library = part("library")?.trim();
        holds(c_library == self.c_library, "it has another C library", c_library)?;
        let said = part("said")?;
        let watched = said.split("; not: ").next().unwrap_or(said);
        holds(watched.contains(" capability"), "it does not watch", said)?;
        holds(part("status")?.trim() == "0", "it did not end well", said)?;
        let has_accounts = self.codename.is_some();
        let names = part("names")?;
        holds(
            names.contains("/etc/passwd and /etc/group") == has_accounts,
            "it asks others for names",
            names,
        )?;

        let events = part("events")?.lines().map(serde_json::from_str);
        let events: Vec<Value> =
            events.collect::<Result<_, _>>().map_err(|error| format!("{error}:\n{output}"))?;
        // Debian's `daemon`, and what is nobody's.
        for (id, name) in [(1, has_accounts.then_some("daemon")), (4242, None)] {
            let by = |event: &&Value| {
                event["process"]["uid"] == id && event["object"]["capability"] == "sys_chroot"
            };
            let of_user: Vec<_> = events.iter().filter(by).collect();
            let [event] = of_user[..] else {
                return Err(format!("{} events of {id}:\n{output}", of_user.len()));
            };
            let process = &event["process"];
            let named = ["user", "group"].map(|field| process.get(field).and_then(Value::as_str));
            holds(named == [name, name], "its names are others", &event.to_string())?;
        }
        Ok(())
    }
}
