//! denyd as users install it: the package, with its unit, in its own domain or profile.
//!
//! Beside it runs the `denyd run` of all steps, which sees what the installed one is refused.

mod removed;

use std::{collections::BTreeMap, error::Error, fs, path::Path, process::Command};

use serde_json::Value;
use tests::expectation::Expectation;
use xtask::{
    architecture::Architecture,
    package::{Compression, deb, release::Release},
    process,
    vm::Module,
};

pub(super) use self::removed::LONG_STEPS;
use super::{Seen, Step};
use crate::group::denyd as denyd_program;

/// Has the installed denyd report a refusal of a service to all its outputs, and says what the kernel and systemd say of it.
const REPORTS: &str = r#"
    set -e
    . /share/install
    install_denyd
    refuse started
    event=$(python3 /share/everywhere.py $refused)
    fact event "$event"
    pid=$(systemctl show --property MainPID --value denyd)
    # Of all its threads.
    privileges=$(cat /proc/$pid/task/*/status | grep -E '^(Cap|NoNewPrivs:|Seccomp:)' | sort -u)
    fact privileges "$(echo $privileges)"
    fact confined "$(tr -d '\0' </proc/$pid/attr/current)"
    # It is asked of the service by default.
    /usr/bin/denyd status
    fact selftest "$(/usr/bin/denyd selftest --wait 60 | tee /dev/stderr | tail -n 1)"
    fact exposure "$(systemd-analyze security --no-pager denyd | sed -n 's/.*Overall exposure level for denyd.service: \([0-9.]*\).*/\1/p')"
"#;

/// Stops the installed denyd, and has it report a refusal of the time when it did not run.
const STOPS: &str = r#"
    set -e
    . /share/install
    install_denyd
    systemctl stop denyd-metrics.socket denyd
    refuse meanwhile
    systemctl start denyd-metrics.socket denyd
    event=$(python3 /share/everywhere.py $refused)
    fact meanwhile "$event"
"#;

/// Has the installed denyd report a refusal of the time between its early unit and itself, as at a boot.
const STARTS_EARLY: &str = r#"
    set -e
    . /share/install
    install_denyd
    systemctl stop denyd-metrics.socket denyd
    /usr/bin/denyd detach
    systemctl start denyd-early
    refuse early
    systemctl start denyd-metrics.socket denyd
    event=$(python3 /share/everywhere.py $refused)
    fact early "$event"
"#;

/// Has a member of the group ask why a service was refused a file, and root put it right and wrong again.
const FIXES: &str = r#"
    set -e
    . /share/install
    install_denyd
    refuse fixed
    python3 /share/everywhere.py $refused >/dev/null
    member() {
        setpriv --reuid 33 --regid 33 --groups $(getent group denyd | cut -d: -f3) \
            denyd explain --path $refused --json | tr -d '\n'
    }
    fact before "$(member)"
    fact fix "$(denyd fix --path $refused --yes | tr '\n' ' ')"
    fact served "$(python3 -c 'import urllib.request as r; print(r.urlopen("http://127.0.0.1/fixed").status)')"
    fact after "$(member)"
    fact undo "$(denyd fix --undo --yes | tr '\n' ' ')"
    fact label "$(stat -c %C $refused)"
"#;

/// Restarts, reloads and hangs the installed denyd, and has it report a refusal after each.
const RECOVERS: &str = r#"
    set -e
    . /share/install
    install_denyd
    # What takes a restart, and makes it quicker.
    sed -i "1i sources = [\"$(sed 's/.*\(selinux\|apparmor\).*/\1/' /sys/kernel/security/lsm)\"]" /etc/denyd/denyd.toml
    systemctl restart denyd
    refuse restarted
    event=$(python3 /share/everywhere.py $refused)
    fact restarted "$event"

    mark
    sed -i 's,^path = "/var/log/denyd/denials.jsonl",&\nqueue = 4096,' /etc/denyd/denyd.toml
    pid=$(systemctl show --property MainPID --value denyd)
    systemctl reload denyd
    said _SYSTEMD_UNIT=denyd.service "MESSAGE=configuration reloaded" >/dev/null
    [ $(systemctl show --property MainPID --value denyd) = $pid ]
    refuse reloaded
    event=$(python3 /share/everywhere.py $refused)
    fact reloaded "$event"

    mark
    kill -STOP $pid
    # MESSAGE_IDs of sd-messages.h: SD_MESSAGE_UNIT_FAILURE_RESULT, SD_MESSAGE_UNIT_STARTED.
    said UNIT=denyd.service MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c UNIT_RESULT=watchdog >/dev/null
    said UNIT=denyd.service MESSAGE_ID=39f53479d3a045ac8e11786248231fbf >/dev/null
    [ $(systemctl show --property NRestarts --value denyd) = 1 ]
    refuse recovered
    event=$(python3 /share/everywhere.py $refused)
    fact recovered "$event"
    systemctl disable --now denyd-metrics.socket denyd
    systemctl stop collector
"#;

/// What the scripts use.
pub(super) const FILES: &[(&str, &str)] = &[
    ("install", include_str!("installed/install")),
    ("collector.py", include_str!("installed/collector.py")),
    ("everywhere.py", include_str!("installed/everywhere.py")),
    ("installed.toml", include_str!("installed/installed.toml")),
    ("upgraded.py", include_str!("installed/upgraded.py")),
];

/// Makes the package, and that of a version before, in the folder that the guest gets.
pub(super) fn make_packages(share: &Path) -> Result<(), String> {
    let make = || -> Result<(), Box<dyn Error>> {
        // Without what only a debugger reads: the guest has to unpack it.
        let denyd = share.join("denyd");
        process::capture(Command::new("strip").arg("-o").arg(&denyd).arg(denyd_program()?))?;
        let release = Release::of_source()?;
        let before = Release { version: format!("{}~before", release.version), ..release.clone() };
        for (release, name) in [(before, "denyd-before.deb"), (release, "denyd.deb")] {
            let package = deb::build(&denyd, Architecture::Amd64, &release, Compression::Quick, share)?;
            fs::rename(package, share.join(name))?;
        }
        fs::remove_file(denyd)?;
        Ok(())
    };
    make().map_err(|error| error.to_string())
}

pub(super) const STEPS: [Step; 9] = [
    Step {
        name: "the_service_tells_all_outputs_of_nginx",
        module: Module::Selinux,
        script: REPORTS,
        files: FILES,
        check: |seen| {
            nginx(seen, "event", "/var/www/html/started")?;
            seen.sandbox("system_u:system_r:denyd_t:s0")?;
            seen.selftest()?;
            seen.refused_nothing()
        },
    },
    Step {
        name: "the_service_reports_what_was_refused_while_it_was_stopped",
        module: Module::Selinux,
        script: STOPS,
        files: FILES,
        check: |seen| {
            nginx(seen, "meanwhile", "/var/www/html/meanwhile").and_then(|()| seen.refused_nothing())
        },
    },
    Step {
        name: "the_service_reports_what_was_refused_before_its_start_under_selinux",
        module: Module::Selinux,
        script: STARTS_EARLY,
        files: FILES,
        check: |seen| nginx(seen, "early", "/var/www/html/early").and_then(|()| seen.refused_nothing()),
    },
    Step {
        name: "the_service_tells_a_member_what_root_applies_for_nginx",
        module: Module::Selinux,
        script: FIXES,
        files: FILES,
        check: |seen| {
            let first = |fact: &str| -> Result<Value, String> {
                let report: Value =
                    serde_json::from_str(seen.fact(fact)?).map_err(|error| error.to_string())?;
                Ok(report["findings"][0].clone())
            };
            let before = first("before")?;
            let wanted = (Value::from("label"), Value::from("restorecon -v /var/www/html/fixed"));
            if (&before["cause"], &before["remedies"][0]["commands"][0]) != (&wanted.0, &wanted.1) {
                return Err(format!("before: {before}"));
            }
            let on_disk = "/var/www/html/fixed has the label system_u:object_r:user_home_t:s0 on disk";
            if !before["evidence"].as_array().is_some_and(|lines| lines.contains(&on_disk.into())) {
                return Err(format!("the daemon did not look at the file: {before}"));
            }
            let fix = seen.fact("fix")?;
            if !fix.contains("checked: it would be allowed now") || !fix.contains("nothing else is allowed") {
                return Err(format!("fix: {fix}"));
            }
            if seen.fact("served")? != "200" {
                return Err("nginx does not serve the file".to_owned());
            }
            let after = first("after")?;
            if after["cause"] != "allowed" {
                return Err(format!("after: {after}"));
            }
            if seen.fact("label")? != "system_u:object_r:user_home_t:s0" {
                return Err(format!("undo: {}, {}", seen.fact("undo")?, seen.fact("label")?));
            }
            seen.refused_nothing()
        },
    },
    Step {
        name: "the_service_recovers_under_selinux",
        module: Module::Selinux,
        script: RECOVERS,
        files: FILES,
        check: |seen| {
            nginx(seen, "restarted", "/var/www/html/restarted")?;
            nginx(seen, "reloaded", "/var/www/html/reloaded")?;
            nginx(seen, "recovered", "/var/www/html/recovered")?;
            seen.refused_nothing()
        },
    },
    Step {
        name: "the_service_tells_all_outputs_of_nscd",
        module: Module::Apparmor,
        script: REPORTS,
        files: FILES,
        check: |seen| {
            nscd(seen, "event", "/srv/started.log")?;
            seen.sandbox("denyd (enforce)")?;
            seen.selftest()?;
            seen.refused_nothing()
        },
    },
    Step {
        name: "the_service_reports_what_was_refused_before_its_start_under_apparmor",
        module: Module::Apparmor,
        script: STARTS_EARLY,
        files: FILES,
        check: |seen| nscd(seen, "early", "/srv/early.log").and_then(|()| seen.refused_nothing()),
    },
    Step {
        name: "the_service_recovers_under_apparmor",
        module: Module::Apparmor,
        script: RECOVERS,
        files: FILES,
        check: |seen| {
            nscd(seen, "restarted", "/srv/restarted.log")?;
            nscd(seen, "reloaded", "/srv/reloaded.log")?;
            nscd(seen, "recovered", "/srv/recovered.log")?;
            seen.refused_nothing()
        },
    },
    removed::STEP,
];

/// Whether the event that the script told under this name is SELinux's refusal of this file to nginx.
fn nginx(seen: &Seen<'_>, fact: &str, path: &'static str) -> Result<(), String> {
    let wanted = Expectation::denied().path(path).action("file", ["getattr"]);
    let wanted = wanted
        .field("subject.label", "system_u:system_r:httpd_t:s0")
        .field("object.label", "system_u:object_r:user_home_t:s0")
        .field("process.comm", "nginx")
        .field("unit.name", "nginx.service");
    seen.event_is(fact, &wanted)
}

/// Whether the event that the script told under this name is AppArmor's refusal of this file to nscd.
fn nscd(seen: &Seen<'_>, fact: &str, path: &'static str) -> Result<(), String> {
    let wanted = Expectation::denied().path(path);
    let wanted = wanted
        .field("subject.label", "nscd")
        .field("process.comm", "nscd")
        .field("unit.name", "nscd.service");
    seen.event_is(fact, &wanted)
}

impl Seen<'_> {
    /// Whether the event that the script told under this name is as it must be.
    fn event_is(&self, fact: &str, wanted: &Expectation) -> Result<(), String> {
        let event: Value =
            serde_json::from_str(self.fact(fact)?).map_err(|error| format!("{fact}: {error}"))?;
        let faults = wanted.mismatches(&event, &BTreeMap::new());
        if faults.is_empty() { Ok(()) } else { Err(format!("{}\nevent: {event}", faults.join("\n"))) }
    }

    /// Whether the daemon's threads have no privilege, and the daemon is confined so.
    fn sandbox(&self, confined: &str) -> Result<(), String> {
        let none = "0000000000000000";
        let wanted = format!(
            "CapAmb: {none} CapBnd: {none} CapEff: {none} CapInh: {none} CapPrm: {none} NoNewPrivs: 1 Seccomp: 2"
        );
        let has = self.fact("privileges")?;
        if has != wanted {
            return Err(format!("the service has the privileges {has}"));
        }
        let is = self.fact("confined")?;
        if is != confined {
            return Err(format!("the service is confined as {is}"));
        }
        match self.fact("exposure")?.parse::<f32>() {
            Ok(exposure) if exposure < 1.5 => Ok(()),
            other => Err(format!("its exposure is {other:?}")),
        }
    }

    /// Whether `denyd selftest` found every output of the service to work.
    fn selftest(&self) -> Result<(), String> {
        let said = self.fact("selftest")?;
        if said == "all that was caused arrived" { Ok(()) } else { Err(format!("selftest: {said}")) }
    }

    /// Whether nothing was refused by denyd's domain or profile, and nobody was refused what belongs to it.
    fn refused_nothing(&self) -> Result<(), String> {
        let concerns_denyd = |event: &&Value| {
            let labels = [&event["subject"]["label"], &event["object"]["label"]];
            labels
                .into_iter()
                .filter_map(Value::as_str)
                .any(|label| label.contains(":denyd_") || label == "denyd")
        };
        let refused = self.session.events.iter().filter(|event| event["kind"] == "denial");
        let mut refused: Vec<_> = refused.filter(concerns_denyd).map(Value::to_string).collect();
        // The denyd that watches counts its own, and doesn't report them.
        let own = |message: &&String| message.contains("denyd's own") || message.contains("denyd itself");
        refused.extend(self.session.messages.iter().filter(own).cloned());
        if refused.is_empty() { Ok(()) } else { Err(refused.join("\n")) }
    }
}
