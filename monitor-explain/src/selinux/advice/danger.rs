//! What should not be allowed without a thought, or at all.

use monitor_event::event::{Event, ObjectKind};

use super::question::Question;
use crate::{
    finding::Cause,
    selinux::{policy::Policy, query::Cause as Answered},
};

/// What is dangerous to allow: class (a star for all), permission (a star for all), type of the object (a star for all).
const DANGEROUS: &[(&str, &str, &str, &str)] = &[
    ("process", "execmem", "*", "execmem: the program may run code that it wrote to memory, as exploits do"),
    ("process", "execstack", "*", "execstack: the stack may be run; mend the library (execstack -c) instead"),
    (
        "process",
        "execheap",
        "*",
        "execheap: the heap may be run; this is nearly always a fault of the program",
    ),
    (
        "file",
        "execmod",
        "*",
        "execmod: changed code of a library may be run; a text relocation, mend the library",
    ),
    ("process", "ptrace", "*", "ptrace: it may read and change everything in the other process"),
    ("process", "dyntransition", "*", "dyntransition: it may become the other domain while it runs"),
    ("capability", "sys_admin", "*", "sys_admin: nearly all that root may do"),
    ("capability", "sys_module", "*", "sys_module: it may load code into the kernel"),
    ("capability", "sys_rawio", "*", "sys_rawio: it may reach the machine's memory and devices"),
    ("capability", "sys_ptrace", "*", "sys_ptrace: it may read and change any process"),
    (
        "capability",
        "dac_override",
        "*",
        "dac_override: it may pass by the owner and mode of any file; put those right instead",
    ),
    (
        "capability",
        "dac_read_search",
        "*",
        "dac_read_search: it may read any file whatever its mode; put owner and mode right instead",
    ),
    ("capability2", "mac_admin", "*", "mac_admin: it may change the policy"),
    ("capability2", "mac_override", "*", "mac_override: it may pass by the policy"),
    ("capability2", "bpf", "*", "bpf: it may load programs into the kernel"),
    ("system", "module_load", "*", "module_load: it may load code into the kernel"),
    ("security", "load_policy", "*", "load_policy: it may replace the policy"),
    ("security", "setenforce", "*", "setenforce: it may switch SELinux off"),
    ("file", "write", "etc_t", "it may change the machine's configuration"),
    ("file", "write", "shadow_t", "it may change passwords"),
    ("file", "write", "bin_t", "it may change programs that others run"),
    ("file", "write", "lib_t", "it may change libraries that others run"),
    ("file", "write", "security_t", "it may change the policy or its booleans"),
    ("*", "*", "unlabeled_t", "unlabeled_t: any file that lost its label is meant"),
    ("*", "*", "default_t", "default_t: any file in no known place is meant"),
    ("*", "write", "fixed_disk_device_t", "it may write to disks past the file system"),
    ("*", "read", "fixed_disk_device_t", "it may read disks past the file system"),
    ("*", "*", "memory_device_t", "it may reach the machine's memory"),
];

/// What is to be said before this is allowed.
pub(super) fn warnings(question: &Question<'_>) -> Vec<String> {
    let is = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    let permitted = |pattern: &str| pattern == "*" || question.asks(pattern);
    let class = question.class.trim_end_matches("_userns");
    DANGEROUS
        .iter()
        .filter(|(of_class, permission, target, _)| {
            (is(of_class, class) || (*of_class == "capability" && question.class == "cap_userns"))
                && is(target, question.target_type)
                && permitted(permission)
        })
        .map(|(.., warning)| (*warning).to_owned())
        .collect()
}

/// Why it should stay refused, if it should.
pub(super) struct Refusal {
    pub(super) cause: Cause,
    pub(super) why: String,
    pub(super) evidence: String,
}

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
    let attack =
        |why: &str, evidence: String| Some(Refusal { cause: Cause::Attack, why: why.to_owned(), evidence });
    if !is_confined(source) {
        return None;
    }
    if question.class == "file"
        && target == "shell_exec_t"
        && (question.asks("execute") || question.asks("execute_no_trans"))
    {
        return attack(
            "a confined service that starts a shell is what an intruder does first",
            format!("{source} asked to execute a file with the label {target}"),
        );
    }
    // Who is allowed to look at the file is refused to open it next.
    if question.class == "file"
        && target == "shadow_t"
        && ["getattr", "open", "read"].iter().any(|permission| question.asks(permission))
    {
        return attack(
            "only programs that check passwords read their hashes, and these have a domain that may",
            format!(
                "{source} asked for {} of a file with the label {target}",
                question.permissions.join(" ")
            ),
        );
    }
    if (question.class == "capability" && question.asks("sys_module"))
        || (question.class == "system" && question.asks("module_load"))
    {
        return attack(
            "a confined service that loads a kernel module takes the whole machine",
            format!("{source} asked for {} of {}", question.permissions.join(" "), question.class),
        );
    }
    leak(event, question, syscall, policy)
}

/// Whether it was an open descriptor that a program got from whoever started it.
fn leak(
    event: &Event<'_>,
    question: &Question<'_>,
    syscall: Option<&str>,
    policy: Option<&Policy>,
) -> Option<Refusal> {
    let inherited = ["read", "write", "append", "getattr", "ioctl"];
    let only_uses = question.permissions.iter().all(|name| inherited.contains(&&**name));
    let is_open_file = matches!(event.object.kind, ObjectKind::File | ObjectKind::Socket);
    // During an exec, what is executed is read; nothing is written but through descriptors that were open before.
    let uses = question.asks("write") || question.asks("append");
    if !is_open_file || !only_uses || !uses {
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
    })
}

/// The type that the process had when another was judged, if it may become that by executing a program: as it does then.
fn changes_domain<'e>(event: &'e Event<'_>, question: &Question<'_>, policy: &Policy) -> Option<&'e str> {
    let before = event.process.label.as_deref().filter(|_| event.subject.not_process)?;
    let answer = policy.ask(before, question.source, "process", "transition").ok()?;
    matches!(answer.cause, Answered::Allowed).then(|| super::label::type_of(before))
}
