//! A binary SELinux policy, and questions to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_explain::selinux::{
    policy::Policy,
    query::{Operation, TransitionKind, Wanted},
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(policy) = Policy::read(bytes) else { return };
    let contexts: Vec<_> = policy.labels.initial.iter().take(4).map(|(_, context)| context.clone()).collect();
    for source in &contexts {
        let again = policy.context(&policy.text(source));
        assert_eq!(again.as_ref(), Ok(source));
        for target in &contexts {
            for (_, class) in policy.symbols.classes.iter().take(8) {
                for permission in [1, 2] {
                    let _answer = policy.answer(source.clone(), target.clone(), class.id, permission);
                    let _flips = policy.flips(source, target, class.id, permission);
                }
                let _extended = policy.decide_extended(source, target, class.id, Operation::Ioctl(0x5401));
                let _new = policy.transition(TransitionKind::New, source, target, class.id, Some(b"name"));
                let _change = policy.forbids_change(source, target, source, class.id);
            }
        }
    }
    for found in policy.search(Wanted::default()) {
        let _text = found.text();
    }
});
