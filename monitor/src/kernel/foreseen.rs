//! What would be watched on a kernel of which only the types are known: the BTF of any machine.

use monitor_common::layout::Settings;
use zerocopy::FromBytes as _;

use super::{Failed, KernelTypes, SourceReport, State, plan::Kernel};
use crate::source::{self, Source};

/// The hook that stands for whichever a BPF LSM program is on.
const ANY_LSM_HOOK: &str = "bpf_lsm_file_open";

/// What each source would be attached by on the kernel of these types, if its module were active, its symbols told and
/// the kernel let programs be attached.
///
/// # Panics
///
/// Never: settings are numbers, and any bytes are some.
#[must_use]
pub fn foreseen(types: KernelTypes) -> Vec<SourceReport> {
    let layout = types.layout();
    let all_known = Settings::read_from_bytes(&[1; size_of::<Settings>()]).expect("any bytes are settings");
    let kernel = Kernel {
        targets: types,
        layout,
        settings: all_known,
        modules: Vec::new(),
        hooks: vec![ANY_LSM_HOOK],
    };
    source::ALL.iter().map(|source| of_source(&kernel, source)).collect()
}

fn of_source(kernel: &Kernel<KernelTypes>, source: &'static Source) -> SourceReport {
    let mut failed = Vec::new();
    for attachment in source.attachments {
        match kernel.programs(attachment) {
            Ok(programs) => {
                let hooks = programs.iter().map(|program| program.hook.to_string()).collect();
                return SourceReport {
                    name: source.name,
                    state: State::Attached { hooks, caveat: attachment.caveat },
                    failed,
                    missing: kernel.missing(attachment),
                };
            }
            Err((hook, error)) => {
                failed.push(Failed { hook: hook.to_string(), reason: error.to_string() });
            }
        }
    }
    let state = State::Failed { advice: source.advice };
    SourceReport { name: source.name, state, failed, missing: Vec::new() }
}
