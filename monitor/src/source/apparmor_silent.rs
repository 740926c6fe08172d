//! The records of AppArmor's silent denials, which have the form of the audited ones.

use monitor_common::SourceId;

use crate::{
    event::{Kind, Module},
    source::{Attachment, Hook, Program, Source, apparmor},
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::ApparmorSilent,
    name: "apparmor-silent",
    module: Module::Apparmor,
    lsm: Some("apparmor"),
    kind: Kind::Denial,
    silent: true,
    about: "AppArmor's denials by `deny` rules, and repeats of a capability's",
    attachments: &[
        // Where also mounts are decided in `aa_check_perms` (7.3).
        Attachment {
            programs: &[LOGGED_KPROBE, FILE_SESSION, CHECK_SESSION, MODE_SESSION, CAPABLE_SESSION],
            needs: &NEEDS_WHERE_MOUNTS_ARE_CHECKED,
            reads: &["apparmor_", "aa_", "audit_data_apparmor", "silent_"],
            caveat: None,
        },
        Attachment {
            programs: &[LOGGED, FILE, CHECK, MODE, CAPABLE],
            needs: &NEEDS_WHERE_MOUNTS_ARE_CHECKED,
            reads: &["apparmor_", "aa_", "audit_data_apparmor", "silent_"],
            caveat: None,
        },
        // Before that, mounts have hooks.
        Attachment {
            programs: &[
                LOGGED_KPROBE,
                FILE_SESSION,
                CHECK_SESSION,
                MODE_SESSION,
                CAPABLE_SESSION,
                MOUNT,
                MOVE_MOUNT,
                UMOUNT,
                PIVOT_ROOT,
            ],
            needs: NEEDS,
            reads: apparmor::READS,
            caveat: None,
        },
        Attachment {
            programs: &[LOGGED, FILE, CHECK, MODE, CAPABLE, MOUNT, MOVE_MOUNT, UMOUNT, PIVOT_ROOT],
            needs: NEEDS,
            reads: apparmor::READS,
            caveat: None,
        },
        // Where trampolines can't take the eleven arguments of `aa_audit_file` (before 6.6).
        Attachment {
            programs: &[
                LOGGED,
                Program { name: "apparmor_silent_file_kprobe", hook: Hook::Kprobe("aa_audit_file") },
                Program { name: "apparmor_silent_file_kretprobe", hook: Hook::Kretprobe("aa_audit_file") },
                CHECK,
                MODE,
                CAPABLE,
                MOUNT,
                UMOUNT,
                PIVOT_ROOT,
            ],
            needs: NEEDS,
            reads: apparmor::READS,
            caveat: None,
        },
    ],
    cost: Some("runs at every decision of AppArmor, also one that allows"),
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode: apparmor::decode,
};

const LOGGED_KPROBE: Program =
    Program { name: "apparmor_silent_logged_kprobe", hook: Hook::Multi("common_lsm_audit") };
const FILE_SESSION: Program =
    Program { name: "apparmor_silent_file_session", hook: Hook::Session("aa_audit_file") };
const CHECK_SESSION: Program =
    Program { name: "apparmor_silent_check_session", hook: Hook::Session("aa_check_perms") };
const MODE_SESSION: Program =
    Program { name: "apparmor_silent_mode_session", hook: Hook::Session("aa_audit") };
const CAPABLE_SESSION: Program =
    Program { name: "apparmor_silent_capable_session", hook: Hook::Session("aa_capable") };
const LOGGED: Program = Program { name: "apparmor_silent_logged", hook: Hook::Fentry("common_lsm_audit") };
const FILE: Program = Program { name: "apparmor_silent_file", hook: Hook::Fexit("aa_audit_file") };
const CHECK: Program = Program { name: "apparmor_silent_check", hook: Hook::Fexit("aa_check_perms") };
const MODE: Program = Program { name: "apparmor_silent_mode", hook: Hook::Fexit("aa_audit") };
const CAPABLE: Program = Program { name: "apparmor_silent_capable", hook: Hook::Fexit("aa_capable") };
const MOUNT: Program = Program { name: "apparmor_silent_mount", hook: Hook::Fexit("apparmor_sb_mount") };
const MOVE_MOUNT: Program =
    Program { name: "apparmor_silent_move_mount", hook: Hook::Fexit("apparmor_move_mount") };
const UMOUNT: Program = Program { name: "apparmor_silent_umount", hook: Hook::Fexit("apparmor_sb_umount") };
const PIVOT_ROOT: Program =
    Program { name: "apparmor_silent_pivotroot", hook: Hook::Fexit("apparmor_sb_pivotroot") };

/// Without these the programs can't tell what was refused, or whether it was logged.
const NEEDS: &[&str] = &[
    "audit_data_apparmor",
    "audit_data_type",
    "apparmor_type",
    "apparmor_op",
    "aa_perms_allow",
    "aa_perms_deny",
    "aa_perms_quiet",
    "aa_audit_file_profile",
    "aa_audit_file_perms",
    "aa_audit_file_op",
    "aa_audit_file_request",
    "aa_audit_file_name",
    "aa_audit_file_error",
    "aa_audit_file_arguments",
    "aa_capable_label",
    "aa_capable_capability",
    "aa_capable_options",
    "aa_capable_arguments",
];

/// As [`NEEDS`], and what shows that mounts are decided with the rest.
const NEEDS_WHERE_MOUNTS_ARE_CHECKED: [&str; NEEDS.len() + 1] = {
    let mut needs = ["silent_mount_check"; NEEDS.len() + 1];
    let (most, _) = needs.split_at_mut(NEEDS.len());
    most.copy_from_slice(NEEDS);
    needs
};
