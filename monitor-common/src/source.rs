//! The sources, by number.

use zerocopy::{Immutable, KnownLayout, TryFromBytes};

macro_rules! sources {
    ($($(#[$about:meta])+ $name:ident = $number:literal,)+) => {
        /// Which source wrote a record. The number also indexes [`crate::counter`]'s rows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Immutable, KnownLayout, TryFromBytes)]
        #[repr(u8)]
        pub enum SourceId {
            $($(#[$about])+ $name = $number,)+
        }

        impl SourceId {
            /// Every source, in the order of its number.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$name),+];
        }
    };
}

sources! {
    /// SELinux's audited and permissive denials.
    Selinux = 0,
    /// AppArmor's DENIED, ALLOWED and KILLED.
    Apparmor = 1,
    /// Landlock's denials.
    Landlock = 2,
    /// Capability checks that failed.
    Capability = 3,
    /// System calls that seccomp refused or logged, as far as the kernel logs them.
    Seccomp = 4,
    /// System calls that seccomp refused and the kernel does not log.
    SeccompUnlogged = 5,
    /// What Yama refused to trace.
    Yama = 6,
    /// What a locked-down kernel refused.
    Lockdown = 7,
    /// AppArmor's denials that its policy keeps out of the log.
    ApparmorSilent = 8,
    /// SELinux's denials that the policy keeps out of the log.
    SelinuxSilent = 9,
    /// Changes of SELinux's policy.
    SelinuxPolicy = 10,
    /// Changes of AppArmor's policy.
    ApparmorPolicy = 11,
    /// What SELinux's object managers in user space refuse.
    SelinuxUserspace = 12,
    /// What AppArmor's object managers in user space refuse.
    ApparmorUserspace = 13,
    /// What TOMOYO refused, or would have.
    Tomoyo = 14,
    /// What other BPF LSM programs refused.
    BpfLsm = 15,
    /// What IPE refused, or would have.
    Ipe = 16,
    /// SELinux's refusals that are no decision about permissions.
    SelinuxError = 17,
}

const _: () = {
    let mut index = 0;
    while index < SourceId::ALL.len() {
        assert!(SourceId::ALL[index] as usize == index, "a source's number is its place");
        index += 1;
    }
};
