//! Whoever has the kernel's ring buffer in its memory has no privilege, in every verb.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use xtask::vm;

use crate::{
    group::run_in_guest,
    plan::{Booted, Plan},
};

const KERNELS: [&str; 3] = ["6.1", "6.12", "7"];
const VERBS: [&str; 3] = ["run", "tail", "selftest"];

/// Prints, for each verb and each thread of each process that has a BPF map in its memory, what the kernel says of its
/// privileges. The verb stands still meanwhile, so that it can't have ended.
const SCRIPT: &str = r#"
cd /run && mkfifo said
look() {
    verb=$1; said=$2; shift 2
    "$@" >/run/out 2>said & pid=$!
    exec 3<said
    while read -r line <&3; do echo "$line"; case "$line" in *"$said"*) break;; esac; done
    kill -STOP $pid
    for maps in /proc/[0-9]*/maps; do
        grep -q bpf-map $maps 2>/dev/null || continue
        for status in ${maps%/maps}/task/*/status; do
            echo "=== $verb $(sed -n 's/^\(CapPrm\|CapEff\|NoNewPrivs\|Seccomp\):\t//p' $status | tr '\n' ' ')"
        done
    done
    kill -CONT $pid; kill $pid; wait $pid; exec 3<&-
}
look run "denyd: watching" denyd run
look tail "watching from this process" denyd tail -f
look selftest "watching from this process" denyd selftest
"#;

/// A trial for each verb on each kernel.
pub(crate) fn plan(plan: &mut Plan) {
    for kernel in KERNELS {
        let guest = Booted::new(format!("{kernel}-privileges"), move || {
            run_in_guest(kernel, vm::Module::Apparmor, "", SCRIPT)
        });
        let trial = |verb| {
            let guest = Arc::clone(&guest);
            Trial::test(format!("{kernel}/privileges/who_reads_the_ring_of_{verb}_has_none"), move || {
                has_none(guest.outcome()?, verb)
            })
        };
        let trials = VERBS.into_iter().map(trial).collect();
        plan.add_guest(&guest, trials);
    }
}

fn has_none(output: &str, verb: &str) -> Result<(), Failed> {
    // CapPrm, CapEff, NoNewPrivs, Seccomp: the order of /proc/PID/status (proc_pid_status, fs/proc/array.c).
    const NONE: [&str; 4] = ["0000000000000000", "0000000000000000", "1", "2"];
    let prefix = format!("=== {verb} ");
    let threads: Vec<_> = output.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
    if threads.is_empty() {
        return Err(format!("nobody has the ring in its memory:\n{output}").into());
    }
    for thread in threads {
        if !thread.split_whitespace().eq(NONE) {
            return Err(format!("a thread with privileges: {thread}\n{output}").into());
        }
    }
    Ok(())
}
