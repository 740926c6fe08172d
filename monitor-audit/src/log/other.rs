//! Records of Landlock, seccomp and IPE, and messages of lockdown and Yama.

use monitor_event::{
    event::{Ancestor, Event, Module, Object, ObjectKind, PathRoot, TargetProcess, Text, Verdict},
    names::{lockdown as reasons, seccomp as names, syscall},
};

use super::{
    Problem,
    group::{Group, Made, Part, abi, owned},
    head::Type,
};

/// `domain=195ba459b blockers=fs.make_reg path="/usr/bin" dev="vda2" ino=351`.
pub(super) fn landlock(group: &Group, part: &Part) -> Made {
    let mut event = group.event(Module::Landlock, part);
    event.subject.domain = Some(part.word("domain").ok_or(Problem::Without("domain"))?);
    let blockers = part.word("blockers").ok_or(Problem::Without("blockers"))?;
    let class = blockers.split(['.', ',']).next().unwrap_or_default().to_owned();
    event.action.permissions = blockers.split(',').map(|name| owned(name.as_bytes())).collect();
    event.object.kind = match class.as_str() {
        "fs" => ObjectKind::File,
        "net" => ObjectKind::Socket,
        "ptrace" => ObjectKind::Process,
        _ => ObjectKind::Other,
    };
    event.action.class = Some(class.into());
    made_by(&mut event, group, part);
    file(&mut event.object, part);
    event.object.source = part.endpoint("saddr", "src");
    event.object.destination = part.endpoint("daddr", "dest");
    event.object.process = part.unsigned("opid").map(|pid| TargetProcess {
        pid,
        tid: None,
        comm: part.text("ocomm"),
        exe: None,
        start_time: None,
    });
    Ok(event)
}

/// Who made the domain, which the record of the domain's first denial says: `domain=195ba459b status=allocated
/// mode=enforcing pid=286 uid=0 exe="/root/sandboxer" comm="sandboxer"`. It is the process itself, or one of its ancestors.
fn made_by(event: &mut Event<'static>, group: &Group, part: &Part) {
    let is_of =
        |other: &&Part| other.kind == Type::LandlockDomain && other.word("domain") == part.word("domain");
    let Some(maker) = group.parts.iter().find(is_of) else { return };
    let (Some(pid), Some(uid), Some(comm)) =
        (maker.unsigned("pid"), maker.unsigned("uid"), maker.text("comm"))
    else {
        return;
    };
    let exe = maker.text("exe");
    match event.process.pid {
        Some(own) if own == pid => {
            event.subject.same_exec = exe.is_some().then(|| exe == event.process.exe);
        }
        Some(_) => {
            event.subject.same_exec = Some(false);
            event.process.ancestors = vec![Ancestor { pid, comm, exe, uid, start_time: None }];
        }
        None => {}
    }
}

/// `path="/usr/bin" dev="vda2" ino=351`.
fn file(object: &mut Object<'static>, part: &Part) {
    object.path = part.text("path");
    object.path_root =
        object.path.as_deref().filter(|path| path.starts_with('/')).map(|_| PathRoot::MountNamespace);
    object.device = part.text("dev");
    object.inode = part.number("ino").and_then(|inode| inode.try_into().ok());
    if object.path.is_some() {
        object.kind = ObjectKind::File;
    }
}

/// `... comm="x" exe="/x" sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f code=0x7ffc0000`.
pub(super) fn seccomp(group: &Group, part: &Part) -> Made {
    let mut event = group.event(Module::Seccomp, part);
    let abi = abi(part);
    // `ausearch -i` writes its name.
    let number = part.number("syscall").and_then(|number| i32::try_from(number).ok());
    let (number, name) = if number.is_some() {
        (number, number.zip(abi).map(|(number, abi)| syscall::name(abi, number)))
    } else {
        let name = part.word("syscall").filter(|name| is_name(name)).ok_or(Problem::Without("syscall"))?;
        (abi.and_then(|abi| syscall::number(abi, &name)), Some(name))
    };
    event.action.class = Some("syscall".into());
    event.action.syscall_number = number;
    event.action.syscall = name;
    event.action.syscall_arch = abi.map(|abi| abi.name().into());
    event.process.label = part.text("subj");
    let action = match part.unsigned("code") {
        // The lower half of a filter's word is data.
        Some(code) => names::action(code & 0xffff_0000),
        None => part.word("code").and_then(|word| names::of_word(&word)),
    };
    event.action.seccomp_action = action.map(|action| names::name(action).into());
    if event.action.seccomp_action.as_deref() == Some("log") {
        event.verdict = Some(Verdict::Permitted);
    }
    event.action.instruction_pointer = part.word("ip");
    Ok(event)
}

/// Whether it is one of the words of which names of system calls are made.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `ipe_op=EXECUTE ipe_hook=MMAP enforcing=1 pid=2241 comm="x" path="/x" dev="sda2" ino=5 rule="DEFAULT action=DENY"`
/// (`ipe_audit_match`, security/ipe/audit.c).
pub(super) fn ipe(group: &Group, part: &Part) -> Made {
    let mut event = group.event(Module::Ipe, part);
    let rule = part.text("rule").ok_or(Problem::Without("rule"))?;
    if !rule.ends_with("action=DENY") {
        return Err(None);
    }
    event.action.class = Some("ipe".into());
    event.action.permissions = part.word("ipe_op").into_iter().collect();
    event.action.operation = part.word("ipe_hook");
    event.action.info = Some(rule);
    if part.number("enforcing") == Some(0) {
        event.verdict = Some(Verdict::Permitted);
    }
    file(&mut event.object, part);
    Ok(event)
}

/// What lockdown refused whom.
pub(super) fn lockdown(group: &Group, part: &Part) -> Made {
    let mut event = group.event(Module::Lockdown, part);
    let text = part.word("reason").ok_or(Problem::Without("reason"))?;
    let reason: Text<'static> = match reasons::of_text(&text) {
        Some(name) => name.into(),
        None => text.clone(),
    };
    event.action.class = Some("lockdown".into());
    event.action.permissions = vec![reason.clone()];
    event.action.info = Some(text);
    event.object.kind = ObjectKind::Kernel;
    event.object.lockdown_reason = Some(reason);
    Ok(event)
}

/// Whom Yama did not let trace whom.
pub(super) fn yama(group: &Group, part: &Part) -> Made {
    let mut event = group.event(Module::Yama, part);
    let operation = part.word("operation").ok_or(Problem::Without("operation"))?;
    event.action.class = Some("ptrace".into());
    event.action.permissions = vec![operation.clone()];
    event.action.operation = Some(operation);
    // A command line, of which nothing says where its words end.
    event.process.cmdline = part.word("agent").into_iter().collect();
    event.object.kind = ObjectKind::Process;
    event.object.process = part.unsigned("opid").map(|pid| TargetProcess {
        pid,
        tid: None,
        comm: None,
        exe: None,
        start_time: None,
    });
    Ok(event)
}
