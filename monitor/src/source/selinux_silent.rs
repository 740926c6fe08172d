//! SELinux's records of denials that the policy keeps out of the log.

use monitor_common::{Selinux, SourceId};

use crate::{
    event::{Kind, Module, ObjectKind},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        object,
        selinux::{self, reads},
    },
};

/// What no program can do without, to tell what was refused and whether the policy keeps it out of the log; and more.
macro_rules! needs {
    ($($more:literal),* $(,)?) => {
        &[
            "avc_denied_ssid",
            "avc_denied_tsid",
            "avc_denied_tclass",
            "avc_denied_requested",
            "avc_denied_driver",
            "avc_denied_xperm",
            "avc_denied_flags",
            "avc_denied_avd",
            "av_decision_allowed",
            "av_decision_auditdeny",
            "av_decision_flags",
            $($more),*
        ]
    };
}

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::SelinuxSilent,
    name: "selinux-silent",
    module: Module::Selinux,
    lsm: Some("selinux"),
    kind: Kind::Denial,
    silent: true,
    about: "SELinux denials that the policy keeps out of the log (dontaudit, neveraudit)",
    attachments: &[
        Attachment {
            programs: &[
                Program {
                    name: "selinux_silent_inode_session",
                    hook: Hook::Session("selinux_inode_permission"),
                },
                Program { name: "selinux_silent_beside_session", hook: Hook::Session("avc_denied") },
            ],
            needs: NEEDS_OF_BOTH,
            reads: reads![
                "avc_denied_",
                "av_decision_",
                "avdc",
                "cred_security_struct_",
                "task_security",
                "inode_security",
            ],
            caveat: Some(NO_OBJECT_BUT_INODES),
        },
        Attachment {
            programs: &[
                Program { name: "selinux_silent_inode_fexit", hook: Hook::Fexit("selinux_inode_permission") },
                Program { name: "selinux_silent_beside_fexit", hook: Hook::Fexit("avc_denied") },
            ],
            needs: NEEDS_OF_BOTH,
            reads: reads![
                "avc_denied_",
                "av_decision_",
                "avdc",
                "cred_security_struct_",
                "task_security",
                "inode_security",
            ],
            caveat: Some(NO_OBJECT_BUT_INODES),
        },
        Attachment {
            programs: &[Program { name: "selinux_silent_fexit", hook: Hook::Fexit("avc_denied") }],
            needs: needs!["avc_denied_result"],
            reads: reads!["avc_denied_", "av_decision_"],
            caveat: Some(NO_OBJECT),
        },
        Attachment {
            programs: &[Program { name: "selinux_silent_kprobe", hook: Hook::Kprobe("avc_denied") }],
            // It doesn't see the result, and finds it out by itself.
            needs: needs!["selinux_state", "selinux_state_enforcing"],
            reads: reads!["avc_denied_", "av_decision_"],
            caveat: Some(NO_OBJECT),
        },
    ],
    cost: Some("runs at every step of a path walk from Linux 6.17 on, also of an allowed one"),
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

const NO_OBJECT: &str = "the path and inode of what was refused, which SELinux does not have where it decides; what only \
     an extended permission rule (dontauditxperm) or audit_access keeps out of the log";

const NO_OBJECT_BUT_INODES: &str = "the path and inode of what was refused, except where the kernel asks for an inode's \
     permissions (opening and path walks); what only an extended permission rule (dontauditxperm) keeps out of the log";

/// Also what a task remembers of directories.
const NEEDS_OF_BOTH: &[&str] = needs![
    "avc_denied_result",
    "cred_security_struct_size",
    "task_security",
    "inode_security",
    "inode_security_sid",
    "inode_security_class",
    "avdcache_dir",
    "avdcache_dir_count",
    "avdc_entry_size",
    "avdc_entry_sid",
    "avdc_entry_allowed",
    "avdc_entry_audited",
    "avdc_entry_audited_size",
    "avdc_entry_flags",
    "selinux_inode_permission",
    "selinux_inode_permission_end",
    "selinux_inode_blob_plus_one",
    "selinux_task_blob_plus_one",
    "selinux_dir",
    "selinux_dir_read",
    "selinux_dir_write",
    "selinux_dir_search",
];

/// The classes whose permissions are capabilities (security/selinux/hooks.c, `cred_has_capability`).
const CAPABILITIES: [&str; 4] = ["capability", "capability2", "cap_userns", "cap2_userns"];

/// Decodes a record of a silent denial.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Selinux>()?;
    object::describe(draft, &body.object);
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    selinux::describe(draft, body, body.denied);
    extended(draft, body.extended_plus_one);
    if draft.event.object.kind == ObjectKind::None {
        object_of_class(draft);
    }
    Ok(draft.finish())
}

/// Fills in what an extended permission is about.
fn extended(draft: &mut Draft<'_>, plus_one: u32) {
    let Some(number) = plus_one.checked_sub(1) else { return };
    let event = &mut draft.event;
    match event.action.permissions.as_slice() {
        [permission] if permission == "ioctl" => event.action.ioctl_command = Some(number),
        [permission] if permission == "nlmsg" => event.object.netlink_message = u16::try_from(number).ok(),
        _ => {}
    }
}

/// Fills in what the class alone says of the object.
fn object_of_class(draft: &mut Draft<'_>) {
    let event = &mut draft.event;
    match (event.action.class.as_deref(), event.action.permissions.as_slice()) {
        (Some(class), [capability]) if CAPABILITIES.contains(&class) => {
            event.object.kind = ObjectKind::Capability;
            event.object.capability = Some(capability.clone());
        }
        _ => draft.missing("object", "SELinux does not have it where it decides"),
    }
}
