//! A BPF LSM program that refuses one user: what somebody else's looks like to denyd.

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use anyhow::Context as _;
use btf_rs::{Btf, Type};

/// The name of the programs.
pub const NAME: &str = "refuse_user";

/// An instruction: `struct bpf_insn` (include/uapi/linux/bpf.h).
#[derive(Clone, Copy)]
#[repr(C)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

const fn instruction(code: u8, registers: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers, offset, immediate }
}

/// Returns `-EPERM` to the processes of a user, 0 to all others.
fn program(uid: u32) -> [Instruction; 6] {
    const GET_CURRENT_UID_GID: i32 = 15;
    const CALL: u8 = 0x85;
    /// `BPF_ALU | BPF_MOV`, which clears the upper half: the group.
    const MOVE_32: u8 = 0xbc;
    const MOVE_IMMEDIATE: u8 = 0xb7;
    const JUMP_IF_NOT: u8 = 0x55;
    const EXIT: u8 = 0x95;
    [
        instruction(CALL, 0, 0, GET_CURRENT_UID_GID),
        instruction(MOVE_32, 0x01, 0, 0),
        instruction(MOVE_IMMEDIATE, 0x00, 0, 0),
        instruction(JUMP_IF_NOT, 0x01, 1, uid.cast_signed()),
        instruction(MOVE_IMMEDIATE, 0x00, 0, -libc::EPERM),
        instruction(EXIT, 0, 0, 0),
    ]
}

/// Refuses a user on an LSM hook until the guest ends: the link is pinned.
///
/// # Errors
/// Fails if the kernel has no such hook, or does not take the program.
pub fn refuse(hook: &str, uid: u32) -> anyhow::Result<()> {
    let btf = Btf::from_file("/sys/kernel/btf/vmlinux")?;
    let is_function = |id: &u32| matches!(btf.resolve_type_by_id(*id), Ok(Type::Func(_)));
    let ids = btf.resolve_ids_by_name(&format!("bpf_lsm_{hook}"))?;
    let function = ids.into_iter().find(is_function).context("there is no such hook")?;
    let program = load(&program(uid), function).context("cannot load the program")?;
    let link = attach(&program).context("cannot attach the program")?;
    pin(&link, &format!("/sys/fs/bpf/{NAME}_{hook}_{uid}")).context("cannot pin the link")
}

/// The attributes of `BPF_PROG_LOAD`, as far as they are needed.
#[repr(C)]
struct Load {
    kind: u32,
    instruction_count: u32,
    instructions: *const Instruction,
    license: *const libc::c_char,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
    btf: u32,
    function_record_size: u32,
    functions: u64,
    function_count: u32,
    line_record_size: u32,
    lines: u64,
    line_count: u32,
    attach_btf_id: u32,
}

fn load(instructions: &[Instruction], function: u32) -> anyhow::Result<OwnedFd> {
    const PROG_LOAD: libc::c_long = 5;
    const PROG_TYPE_LSM: u32 = 29;
    const LSM_MAC: u32 = 27;
    let mut name = [0; 16];
    name[..NAME.len()].copy_from_slice(NAME.as_bytes());
    let license = c"GPL";
    let mut attributes = Load {
        kind: PROG_TYPE_LSM,
        instruction_count: instructions.len().try_into()?,
        instructions: instructions.as_ptr(),
        license: license.as_ptr(),
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name,
        interface: 0,
        expected_attach_type: LSM_MAC,
        btf: 0,
        function_record_size: 0,
        functions: 0,
        function_count: 0,
        line_record_size: 0,
        lines: 0,
        line_count: 0,
        attach_btf_id: function,
    };
    // SAFETY: a new descriptor; the pointers in the attributes outlive the call.
    Ok(unsafe { descriptor(PROG_LOAD, &mut attributes) }?)
}

fn attach(program: &OwnedFd) -> io::Result<OwnedFd> {
    const RAW_TRACEPOINT_OPEN: libc::c_long = 17;
    #[repr(C)]
    struct Open {
        name: u64,
        program: i32,
        reserved: u32,
    }
    // SAFETY: a new descriptor; the attributes have no pointers.
    unsafe {
        descriptor(RAW_TRACEPOINT_OPEN, &mut Open { name: 0, program: program.as_raw_fd(), reserved: 0 })
    }
}

fn pin(link: &OwnedFd, path: &str) -> io::Result<()> {
    const OBJ_PIN: libc::c_long = 6;
    #[repr(C)]
    struct Pin {
        path: *const libc::c_char,
        descriptor: i32,
        flags: u32,
    }
    let path = CString::new(path)?;
    // SAFETY: the path outlives the call.
    unsafe { call(OBJ_PIN, &mut Pin { path: path.as_ptr(), descriptor: link.as_raw_fd(), flags: 0 }) }?;
    Ok(())
}

/// A call that gives a new descriptor.
///
/// # Safety
/// As for [`call`]; the command must give a descriptor.
unsafe fn descriptor<A>(command: libc::c_long, attributes: &mut A) -> io::Result<OwnedFd> {
    // SAFETY: as the caller sees to.
    let number = unsafe { call(command, attributes) }?;
    // SAFETY: it is new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// `bpf(2)`.
///
/// # Safety
/// The attributes must be the command's, and what they point to be there.
unsafe fn call<A>(command: libc::c_long, attributes: &mut A) -> io::Result<i32> {
    // SAFETY: the attributes are as long as is said; for the rest sees the caller.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<A>()) };
    i32::try_from(result).ok().filter(|result| *result >= 0).ok_or_else(io::Error::last_os_error)
}
