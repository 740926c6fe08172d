//! Programs that run at a function's entry (`kprobe.multi`), or entry and exit (`kprobe.session`), and can't be preempted.
//!
//! The kernel doesn't run a trampoline's program on a CPU on which it runs already, so a refused task that is preempted
//! inside one costs the next task its denial. A probe on the function graph tracer runs with preemption off
//! (`kprobe_multi_link_prog_run`, `kernel/trace/bpf_trace.c`; `ftrace_test_recursion_trylock`, `include/linux/trace_recursion.h`).
//!
//! aya doesn't know this kind. So the object is read once more, with the maps that aya made.

use std::{
    collections::HashSet,
    ffi::CString,
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use aya::{Ebpf, maps::Map, programs::ProgramError, sys::SyscallError};
use aya_obj::{Object, VerifierLog};
use rustix::fd::RawFd;
use zerocopy::{Immutable, IntoBytes};

use super::failure::AttachError;

/// `BPF_PROG_TYPE_KPROBE` (include/uapi/linux/bpf.h).
const PROG_TYPE_KPROBE: u32 = 2;
/// When a program runs: its `enum bpf_attach_type` (include/uapi/linux/bpf.h).
#[derive(Clone, Copy)]
pub(super) enum When {
    /// At the entry: `BPF_TRACE_KPROBE_MULTI`.
    Entry = 42,
    /// At the entry and the exit: `BPF_TRACE_KPROBE_SESSION`.
    Session = 56,
}

/// Bytes of the verifier's log that are read where it refuses a program.
const LOG_LEN: usize = 1 << 20;

/// The programs of the object that are probes, ready to be loaded.
pub(super) struct Probes {
    object: Object,
    btf: OwnedFd,
}

impl Probes {
    /// Reads the object, in which the programs of these names use the maps of the loaded one.
    pub(super) fn read(
        object: &[u8],
        ebpf: &Ebpf,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, AttachError> {
        let mut object = Object::parse(object).map_err(|error| invalid(&error))?;
        object.programs.retain(|name, _| wanted(name));
        let features = aya::features().btf().ok_or_else(|| invalid("the kernel takes no BTF"))?;
        let btf = object.fixup_and_sanitize_btf(features).map_err(|error| invalid(&error))?;
        let btf = load_btf(&btf.ok_or_else(|| invalid("it has no BTF"))?.to_bytes())
            .map_err(|error| syscall("BPF_BTF_LOAD", error))?;
        let maps: Vec<_> = std::mem::take(&mut object.maps).into_iter().collect();
        let maps = maps.iter().filter_map(|(name, map)| Some((name.as_str(), fd(ebpf.map(name)?)?, map)));
        let text: HashSet<_> = object.functions.keys().map(|(section, _)| *section).collect();
        object.relocate_maps(maps, &text).map_err(|error| invalid(&error))?;
        object.relocate_calls(&text).map_err(|error| invalid(&error))?;
        Ok(Self { object, btf })
    }

    /// Loads the program of this name.
    pub(super) fn load(&self, name: &str, when: When) -> Result<OwnedFd, AttachError> {
        let program = self.object.programs.get(name).ok_or(AttachError::NoProgram)?;
        let function = self.object.functions.get(&program.function_key()).ok_or(AttachError::NoProgram)?;
        let (functions, lines) = (function.func_info.func_info_bytes(), function.line_info.line_info_bytes());
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(name.bytes().take(15)) {
            *to = from;
        }
        let mut attributes = ProgLoad {
            prog_type: PROG_TYPE_KPROBE,
            instruction_count: count(function.instructions.len()),
            instructions: function.instructions.as_ptr() as u64,
            license: program.license.as_ptr() as u64,
            name: short,
            expected_attach_type: when as u32,
            btf_fd: number(self.btf.as_fd()),
            function_info_len: count(function.func_info_rec_size),
            function_info: functions.as_ptr() as u64,
            function_info_count: count(function.func_info.len()),
            line_info_len: count(function.line_info_rec_size),
            line_info: lines.as_ptr() as u64,
            line_info_count: count(function.line_info.len()),
            ..ProgLoad::default()
        };
        let error = match bpf(Command::ProgLoad, &attributes) {
            Ok(program) => return Ok(program),
            Err(error) => error,
        };
        // Once more, to hear why.
        let mut log = vec![0_u8; LOG_LEN];
        attributes.log_level = 1;
        attributes.log_len = count(log.len());
        attributes.log = log.as_mut_ptr() as u64;
        bpf(Command::ProgLoad, &attributes).map_err(|_error| {
            let len = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
            let log = VerifierLog::new(String::from_utf8_lossy(&log[..len]).into_owned());
            AttachError::Load(ProgramError::LoadError { io_error: error, verifier_log: log })
        })
    }
}

/// Attaches a loaded program to the function, as long as the link is there.
pub(super) fn attach(program: BorrowedFd<'_>, when: When, function: &str) -> Result<OwnedFd, AttachError> {
    let symbol = CString::new(function).map_err(|error| invalid(&error))?;
    let symbols = [symbol.as_ptr() as u64];
    let link = LinkCreate {
        prog_fd: number(program),
        target_fd: 0,
        attach_type: when as u32,
        flags: 0,
        multi_flags: 0,
        count: 1,
        symbols: symbols.as_ptr() as u64,
        addresses: 0,
        cookies: 0,
    };
    bpf(Command::LinkCreate, &link).map_err(|error| {
        let error = SyscallError { call: "bpf_link_create", io_error: error };
        AttachError::Attach(ProgramError::SyscallError(error))
    })
}

/// Whether the kernel loads a program of these instructions, which has no maps and no BTF.
pub(super) fn is_accepted(instructions: &[u64]) -> bool {
    let attributes = ProgLoad {
        prog_type: PROG_TYPE_KPROBE,
        instruction_count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        ..ProgLoad::default()
    };
    bpf(Command::ProgLoad, &attributes).is_ok()
}

fn load_btf(btf: &[u8]) -> io::Result<OwnedFd> {
    let len = u32::try_from(btf.len()).map_err(io::Error::other)?;
    let load = BtfLoad { btf: btf.as_ptr() as u64, log: 0, len, log_len: 0, log_level: 0, reserved: 0 };
    bpf(Command::BtfLoad, &load)
}

/// The descriptor of a map.
fn fd(map: &Map) -> Option<RawFd> {
    let (Map::Array(map)
    | Map::HashMap(map)
    | Map::LruHashMap(map)
    | Map::PerCpuArray(map)
    | Map::PerCpuHashMap(map)
    | Map::RingBuf(map)) = map
    else {
        return None;
    };
    Some(map.fd().as_fd().as_raw_fd())
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn invalid(error: &(impl ToString + ?Sized)) -> AttachError {
    AttachError::Object(error.to_string())
}

fn syscall(call: &'static str, io_error: io::Error) -> AttachError {
    AttachError::Load(ProgramError::SyscallError(SyscallError { call, io_error }))
}

/// Commands of bpf(2) that give a descriptor (`enum bpf_cmd`, include/uapi/linux/bpf.h).
#[derive(Clone, Copy)]
enum Command {
    ProgLoad = 5,
    BtfLoad = 18,
    LinkCreate = 28,
}

/// The start of `union bpf_attr` for `BPF_PROG_LOAD`.
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_len: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
    btf_fd: u32,
    function_info_len: u32,
    function_info: u64,
    function_info_count: u32,
    line_info_len: u32,
    line_info: u64,
    line_info_count: u32,
    reserved: u32,
}

/// The start of `union bpf_attr` for `BPF_BTF_LOAD`.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct BtfLoad {
    btf: u64,
    log: u64,
    len: u32,
    log_len: u32,
    log_level: u32,
    reserved: u32,
}

/// The start of `union bpf_attr` for `BPF_LINK_CREATE`, with its `kprobe_multi`.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    multi_flags: u32,
    count: u32,
    symbols: u64,
    addresses: u64,
    cookies: u64,
}

/// bpf(2). What the attributes point to must be there as long as the call runs, and as long as they say.
fn bpf(command: Command, attributes: &(impl IntoBytes + Immutable)) -> io::Result<OwnedFd> {
    let attributes = attributes.as_bytes();
    // SAFETY: the kernel reads the attributes and what they point to, which the callers own, and writes the log alone.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command as u32, attributes.as_ptr(), attributes.len()) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: these commands give a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
