//! Where each source is attached.

use monitor_common::SourceId;

use super::attachment::{Attachment, Hook, Program};

/// How a source is attached.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The ways, the best first.
    pub attachments: &'static [Attachment],
    /// What watching costs while nothing is refused; empty if nothing.
    pub cost: &'static str,
    /// What to do if no way works.
    pub advice: &'static str,
    /// What the names of this source's own entries of the layout start with.
    pub owns: &'static [&'static str],
}

const TRAMPOLINES: &str = "use a kernel that allows BPF trampolines (fentry/fexit) or kprobes: x86-64 from 5.10 on with \
     CONFIG_DEBUG_INFO_BTF=y and without lockdown=confidentiality";

/// How a source is attached.
#[must_use]
pub fn of(source: SourceId) -> &'static Plan {
    match source {
        SourceId::Selinux => &SELINUX,
        SourceId::Apparmor => &APPARMOR,
        SourceId::Landlock => &LANDLOCK,
        SourceId::Capability => &CAPABILITY,
    }
}

const SELINUX_NEEDS: &[&str] =
    &["audit_data_selinux", "selinux_denied", "selinux_audited", "selinux_tclass", "selinux_result", "selinux_ssid"];

static SELINUX: Plan = Plan {
    attachments: &[
        Attachment {
            programs: &[Program { name: "selinux_fexit", hook: Hook::Fexit("common_lsm_audit") }],
            needs: SELINUX_NEEDS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "selinux_kprobe", hook: Hook::Kprobe("common_lsm_audit") }],
            needs: SELINUX_NEEDS,
            caveat: None,
        },
    ],
    cost: "",
    advice: TRAMPOLINES,
    owns: &["selinux_", "security_class_", "sidtab_", "context_", "mls_", "ebitmap_", "audit_data_selinux"],
};

const APPARMOR_NEEDS: &[&str] = &["audit_data_apparmor", "apparmor_type", "apparmor_label", "apparmor_op"];

static APPARMOR: Plan = Plan {
    attachments: &[
        Attachment {
            programs: &[Program { name: "apparmor_fexit", hook: Hook::Fexit("common_lsm_audit") }],
            needs: APPARMOR_NEEDS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "apparmor_kprobe", hook: Hook::Kprobe("common_lsm_audit") }],
            needs: APPARMOR_NEEDS,
            caveat: None,
        },
    ],
    cost: "",
    advice: TRAMPOLINES,
    owns: &["apparmor_", "aa_", "audit_data_apparmor"],
};

static LANDLOCK: Plan = Plan {
    attachments: &[
        Attachment {
            programs: &[
                Program { name: "landlock_access_fs", hook: Hook::Tracepoint("landlock_deny_access_fs") },
                Program { name: "landlock_access_net", hook: Hook::Tracepoint("landlock_deny_access_net") },
                Program { name: "landlock_ptrace", hook: Hook::Tracepoint("landlock_deny_ptrace") },
                Program { name: "landlock_scope_signal", hook: Hook::Tracepoint("landlock_deny_scope_signal") },
                Program {
                    name: "landlock_scope_unix",
                    hook: Hook::Tracepoint("landlock_deny_scope_abstract_unix_socket"),
                },
            ],
            needs: &["landlock_hierarchy_id", "landlock_blockers_access", "landlock_blockers_type"],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "landlock_log_denial", hook: Hook::Fentry("landlock_log_denial") }],
            needs: &[
                "landlock_request_type",
                "landlock_request_audit",
                "landlock_request_access",
                "landlock_request_access_size",
                "landlock_subject_domain",
                "landlock_domain_hierarchy",
                "landlock_hierarchy_id",
            ],
            caveat: Some("does not say whether Landlock logs the denial"),
        },
    ],
    cost: "",
    advice: "use Linux 6.15 or newer: before that, Landlock has no place that only its denials reach",
    owns: &["landlock_"],
};

static CAPABILITY: Plan = Plan {
    attachments: &[
        Attachment {
            programs: &[Program { name: "capability_fexit", hook: Hook::Fexit("cap_capable") }],
            needs: &[],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "capability_tracepoint", hook: Hook::Tracepoint("cap_capable") }],
            needs: &[],
            caveat: Some("does not tell mere probes (CAP_OPT_NOAUDIT) from checks, so it reports both"),
        },
    ],
    cost: "runs at every capability check, also a passed one",
    advice: "use a kernel that allows BPF trampolines (fexit), or Linux 6.14 or newer for the tracepoint",
    owns: &[],
};

/// The source that alone uses an entry of the layout; `None` if all do.
#[must_use]
pub fn owner_of(entry: &str) -> Option<SourceId> {
    SourceId::ALL.into_iter().find(|&id| of(id).owns.iter().any(|prefix| entry.starts_with(prefix)))
}
