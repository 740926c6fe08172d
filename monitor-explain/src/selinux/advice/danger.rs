//! What should not be allowed without a thought, or at all.

mod table;

use monitor_event::event::{Event, ObjectKind};

use super::{boolean, draft, question::Question};
use crate::{
    change::Change,
    finding::{Cause, Draft, Remedy, RemedyKind},
    selinux::{
        policy::{ClassId, Context, Policy},
        query::Cause as Answered,
    },
};

/// What is to be said before this is allowed.
pub(super) fn warnings(question: &Question<'_>) -> Vec<String> {
    table::warnings(question)
}

/// Why it should stay refused, if it should.
pub(super) struct Refusal {
    pub(super) cause: Cause,
    pub(super) why: String,
    pub(super) evidence: String,
    /// What to do about it.
    pub(super) text: &'static str,
    /// Whether a service may be made for it: then the policy has a boolean of the domain's own for it.
    pub(super) may_be_meant: bool,
}

const FIND_OUT: &str = "leave it refused, and find out why it was tried";

/// Types that nobody confines.
fn is_confined(type_: &str) -> bool {
    !type_.contains("unconfined")
        && !matches!(type_, "kernel_t" | "init_t" | "initrc_t" | "sysadm_t" | "staff_t" | "user_t")
}

/// Whether it should be refused.
pub(super) fn refusal(
    event: &Event<'_>,
    question: &Question<'_>,
    syscall: Option<&str>,
    policy: Option<&Policy>,
) -> Option<Refusal> {
    let (source, target) = (question.source_type, question.target_type);
    let permissions = question.permissions.join(" ");
    let attack = Refusal {
        cause: Cause::Attack,
        why: String::new(),
        evidence: String::new(),
        text: FIND_OUT,
        may_be_meant: false,
    };
    if !is_confined(source) {
        return None;
    }
    if question.class == "file"
        && target == "shell_exec_t"
        && (question.asks("execute") || question.asks("execute_no_trans"))
    {
        let is_container =
            ["container", "svirt_lxc", "svirt_sandbox"].iter().any(|of| source.starts_with(of));
        let why = if is_container {
            "a container started a shell with the host's label: the host's own, or one of an image or volume that was \
             not labelled for containers"
        } else {
            "a confined service that starts a shell is what an intruder does first"
        };
        return Some(Refusal {
            why: why.to_owned(),
            evidence: format!("{source} asked to execute a file with the label {target}"),
            ..attack
        });
    }
    // Who is allowed to look at the file is refused to open it next.
    let looks = ["getattr", "open", "read", "map"].iter().any(|permission| question.asks(permission));
    let changes = table::CHANGES.iter().any(|permission| question.asks(permission));
    if question.class == "file" && target == "shadow_t" && (looks || changes) {
        let why = if changes {
            "only programs that change passwords write their hashes"
        } else {
            "only programs that check passwords read their hashes"
        };
        return Some(Refusal {
            why: why.to_owned(),
            evidence: format!("{source} asked for {permissions} of a file with the label {target}"),
            may_be_meant: !changes,
            ..attack
        });
    }
    let asks_module = question.class == "capability" && question.asks("sys_module");
    // dev_load() of the kernel (net/core/dev_ioctl.c).
    if asks_module && syscall == Some("ioctl") {
        return Some(Refusal {
            why: "the kernel asked whether it may load a module for a network interface that is not there"
                .to_owned(),
            evidence: format!("{source} asked for {permissions} during ioctl"),
            text: "leave it refused: name an interface that is there, or hide it with a dontaudit rule",
            ..attack
        });
    }
    if asks_module || (question.class == "system" && question.asks("module_load")) {
        return Some(Refusal {
            why: "a confined service that loads a kernel module takes the whole machine".to_owned(),
            evidence: format!("{source} asked for {permissions} of {}", question.class),
            ..attack
        });
    }
    leak(event, question, syscall, policy)
}

/// Says that it should stay refused.
pub(super) fn refuse(question: &Question<'_>, refusal: Refusal) -> Draft {
    draft(question, refusal.cause, &refusal.why)
        .because(refusal.evidence)
        .remedy(Remedy::new(RemedyKind::Refuse, refusal.text))
}

/// What should stay refused, unless a boolean says that it is meant: the policy was asked.
pub(super) fn refuse_unless_meant(
    question: &Question<'_>,
    refusal: Refusal,
    policy: &Policy,
    numbers: (&Context, &Context, ClassId, u32),
) -> Draft {
    if refusal.cause == Cause::Leak {
        return refuse(question, refusal);
    }
    let (remedies, _) = boolean::find(policy, numbers);
    let is_meant = |remedy: &Remedy| match &*remedy.changes {
        [Change::Booleans { states }] => {
            boolean::are_own(states, question.source_type)
                && !boolean::is_last_resort(states, question.target_type)
        }
        _ => false,
    };
    let with_warning = |remedy: Remedy| remedy.warn(refusal.why.clone());
    let remedies: Vec<Remedy> = remedies.into_iter().map(with_warning).collect();
    let mut found = if refusal.may_be_meant && remedies.iter().any(is_meant) {
        draft(question, Cause::Boolean, "a boolean switches the rule off").because(refusal.evidence)
    } else {
        refuse(question, refusal)
    };
    found.finding.remedies.extend(remedies);
    found
}

/// Whether it was an open descriptor that a program got from whoever started it.
fn leak(
    event: &Event<'_>,
    question: &Question<'_>,
    syscall: Option<&str>,
    policy: Option<&Policy>,
) -> Option<Refusal> {
    if !uses_descriptor(event, question) {
        return None;
    }
    let evidence = match syscall {
        Some(syscall @ ("execve" | "execveat")) => {
            format!(
                "the check was made during {syscall}, of an open descriptor, without `open` among the permissions"
            )
        }
        Some(_) => return None,
        // denyd's own events don't have the system call, but the label that the process still had.
        None => {
            let before = changes_domain(event, question, policy?)?;
            format!("the check was made of an open descriptor while {before} became {}", question.source_type)
        }
    };
    Some(Refusal {
        cause: Cause::Leak,
        why: "a descriptor was left open for it by whoever started it; the kernel replaces it by one of /dev/null"
            .to_owned(),
        evidence,
        text: "leave it refused: mend the program that starts it, or hide it with a dontaudit rule",
        may_be_meant: false,
    })
}

/// What is said of a descriptor that may have been left open by another program.
const INHERITED: &str = "nothing was opened: maybe the descriptor was inherited, and should stay refused; a SYSCALL record of \
                         the denial (execve) would tell";

/// Says with a module that the descriptor may have been inherited, where no system call tells.
pub(super) fn hint(draft: &mut Draft, event: &Event<'_>, question: &Question<'_>, syscall: Option<&str>) {
    // Only records have a path for open descriptors alone; denyd's own events have one always.
    let is_record = event.process.start_time.is_none();
    let has_path = event.object.path.as_deref().is_some_and(|path| path.starts_with('/'));
    if syscall.is_none() && is_record && has_path && uses_descriptor(event, question) {
        let is_module = |remedy: &&mut Remedy| remedy.kind == RemedyKind::Module;
        for module in draft.finding.remedies.iter_mut().filter(is_module) {
            module.warnings.push(INHERITED.to_owned());
        }
    }
}

/// Whether something is written through a descriptor, and nothing opened.
fn uses_descriptor(event: &Event<'_>, question: &Question<'_>) -> bool {
    let inherited = ["read", "write", "append", "getattr", "ioctl"];
    let only_uses = question.permissions.iter().all(|name| inherited.contains(&&**name));
    // Nothing is written to a folder, or to a socket's name, by a descriptor.
    let is_open_file = matches!(event.object.kind, ObjectKind::File | ObjectKind::Socket)
        && !matches!(question.class, "dir" | "sock_file");
    // During an exec, what is executed is read; nothing is written but through descriptors that were open before.
    is_open_file && only_uses && (question.asks("write") || question.asks("append"))
}

/// The type that the process had when another was judged, if it may become that by executing a program: as it does then.
fn changes_domain<'e>(event: &'e Event<'_>, question: &Question<'_>, policy: &Policy) -> Option<&'e str> {
    let before = event.process.label.as_deref().filter(|_| event.subject.not_process)?;
    let answer = policy.ask(before, question.source, "process", "transition").ok()?;
    matches!(answer.cause, Answered::Allowed).then(|| super::label::type_of(before))
}
