//! What watches denials in a guest: denyd, or what else there is.

use std::path::PathBuf;

use anyhow::Context as _;
use xtask::{
    setup::{self, bench::Peers},
    vm::Guest,
};

use super::Bench;

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watcher {
    /// Nobody, and audit is off.
    Nobody,
    /// Nobody: audit writes to the kernel's log.
    KernelLog,
    /// denyd, with audit off. Its options.
    Denyd(&'static str),
    /// A line of bpftrace, with audit off.
    Bpftrace,
    /// auditd, with Debian's settings.
    Auditd,
    /// auditd, which hands on to LAUREL.
    Laurel,
}

/// What a script needs for all of them.
///
/// `start_WHO OPTIONS` returns when it watches; `stop_WHO` when it has ended. `lines` is where its lines go, and `needle`
/// what the line of a denial has in it.
const START: &str = r#"
start_nobody() { :; }
stop_nobody() { :; }
start_denyd() {
    lines=/run/events needle='"module"'
    watch $lines "$@"
    who=denyd
}
stop_denyd() { unwatch; }
start_bpftrace() {
    lines=/run/traced needle=denial
    : >$lines
    # Each line is written at once, as denyd's are.
    bpftrace -B line -e \
        'kfunc:common_lsm_audit { printf("denial pid=%d uid=%d comm=%s\n", pid, uid, comm) }' >$lines & tracer=$!
    # It does not say when it is attached, and Debian's can't run a BEGIN: its symbols are stripped.
    until grep -q denial $lines; do
        kill -0 $tracer || exit 1
        actor flood selinux --processes 1 --each 1 >/dev/null
        sleep 0.1
    done
    who=bpftrace
}
stop_bpftrace() { kill -INT $tracer; wait $tracer; }
prepare_auditd() {
    mkdir -p /var/log/audit /var/log/laurel
    # The guest has no such group.
    sed -i 's/^log_group = .*/log_group = root/' /etc/audit/auditd.conf
    # Lines are counted and awaited in one file.
    sed -i 's/^max_log_file_action = .*/max_log_file_action = ignore/' /etc/audit/auditd.conf
    chmod 640 /etc/audit/auditd.conf
}
start_auditd() {
    prepare_auditd
    lines=/var/log/audit/audit.log needle='type=AVC'
    auditd -s enable || exit 1
    # As Debian's rules.d/audit.rules.
    auditctl -b 8192 --backlog_wait_time 60000 -f 1 >/dev/null
    until [ -s $lines ]; do sleep 0.01; done
    who=auditd
}
stop_auditd() {
    pid=$(cat /run/auditd.pid)
    kill -TERM "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
start_laurel() {
    mkdir -p /etc/laurel
    printf 'directory = "/var/log/laurel"\n[auditlog]\nfile = "audit.log"\nsize = 1000000000\n' >/etc/laurel/config.toml
    printf '%s\n' 'active = yes' 'direction = out' 'path = /usr/local/bin/laurel' 'type = always' \
        'args = --config /etc/laurel/config.toml' 'format = string' >/etc/audit/plugins.d/laurel.conf
    chmod 640 /etc/audit/plugins.d/laurel.conf
    start_auditd
    lines=/var/log/laurel/audit.log needle='"AVC"'
    until [ -e $lines ]; do sleep 0.01; done
    who='auditd laurel'
}
stop_laurel() { stop_auditd; }
"#;

impl Watcher {
    /// What it is called in the results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::KernelLog => "kernel log",
            Self::Denyd("") => "denyd",
            Self::Denyd(_) => "denyd --no-fold",
            Self::Bpftrace => "bpftrace",
            Self::Auditd => "auditd",
            Self::Laurel => "auditd + LAUREL",
        }
    }

    /// Its name in the script.
    fn word(self) -> &'static str {
        match self {
            Self::Nobody | Self::KernelLog => "nobody",
            Self::Denyd(_) => "denyd",
            Self::Bpftrace => "bpftrace",
            Self::Auditd => "auditd",
            Self::Laurel => "laurel",
        }
    }

    /// A script that does `before`, and has it watch while `script` runs.
    pub(super) fn around(self, before: &str, script: &str) -> String {
        let options = if let Self::Denyd(options) = self { options } else { "" };
        let word = self.word();
        let watch = super::script::WATCH;
        format!("{watch}{START}{before}\nstart_{word} {options}\n{script}\nstop_{word}\n")
    }

    /// The guest with what it needs.
    pub(super) fn in_guest(self, guest: Guest, bench: &Bench) -> anyhow::Result<Guest> {
        let peers = bench.peers()?;
        Ok(match self {
            Self::Nobody | Self::Denyd(_) => guest.append("audit=0"),
            Self::KernelLog => guest,
            Self::Bpftrace => guest.append("audit=0").binary(&peers.bpftrace),
            Self::Auditd => with_auditd(guest, peers),
            Self::Laurel => with_auditd(guest, peers).binary(&peers.laurel),
        })
    }

    /// The programs that it consists of.
    pub(super) fn programs(self, bench: &Bench) -> anyhow::Result<Vec<PathBuf>> {
        let peers = bench.peers()?;
        Ok(match self {
            Self::Nobody | Self::KernelLog => Vec::new(),
            Self::Denyd(_) => vec![bench.denyd.clone()],
            Self::Bpftrace => vec![peers.bpftrace.clone()],
            Self::Auditd => vec![peers.auditd.clone()],
            Self::Laurel => vec![peers.auditd.clone(), peers.laurel.clone()],
        })
    }
}

fn with_auditd(guest: Guest, peers: &Peers) -> Guest {
    guest.binary(&peers.auditd).binary(&peers.auditctl).file(&peers.configuration, "/etc/audit")
}

impl Bench {
    /// What denyd is compared with, set up when it is needed first.
    fn peers(&self) -> anyhow::Result<&Peers> {
        if let Some(peers) = self.peers.get() {
            return Ok(peers);
        }
        let peers = setup::bench(&self.cache).context("cannot set up what denyd is compared with")?;
        Ok(self.peers.get_or_init(|| peers))
    }
}
