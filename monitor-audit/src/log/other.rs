//! Landlock's and seccomp's records.

use monitor_event::{
    event::{Module, ObjectKind, PathRoot, Verdict},
    names::{seccomp as names, syscall},
};

use super::{
    Problem,
    group::{Group, Made, Part, abi, owned},
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
    event.object.path = part.text("path");
    event.object.path_root =
        event.object.path.as_deref().filter(|path| path.starts_with('/')).map(|_| PathRoot::MountNamespace);
    event.object.device = part.text("dev");
    event.object.inode = part.number("ino").and_then(|inode| inode.try_into().ok());
    let port = |name| part.number(name).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let end = |port| monitor_event::event::Endpoint { address: None, port: Some(port) };
    event.object.source = port("src").map(end);
    event.object.destination = port("dest").map(end);
    Ok(event)
}

/// `... comm="x" exe="/x" sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f code=0x7ffc0000`.
pub(super) fn seccomp(group: &Group, part: &Part) -> Made {
    let mut event = group.event(Module::Seccomp, part);
    let number = part.number("syscall").and_then(|number| i32::try_from(number).ok());
    let number = number.ok_or(Problem::Without("syscall"))?;
    event.action.class = Some("syscall".into());
    event.action.syscall_number = Some(number);
    if let Some(abi) = abi(part) {
        event.action.syscall = Some(syscall::name(abi, number));
        event.action.syscall_arch = Some(abi.name().into());
    }
    let code = part.unsigned("code");
    // The lower half of a filter's word is data.
    let action = code.and_then(|code| names::action(code & 0xffff_0000));
    event.action.seccomp_action = action.map(|action| names::name(action).into());
    if event.action.seccomp_action.as_deref() == Some("log") {
        event.verdict = Some(Verdict::Permitted);
    }
    event.action.instruction_pointer = part.word("ip");
    Ok(event)
}
