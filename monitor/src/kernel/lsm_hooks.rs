//! The hooks that have BPF LSM programs: which they are, and how they are called.
//!
//! The kernel shows it by the programs' links (`BPF_LINK_GET_NEXT_ID` and `bpf_tracing_link_fill_link_info`,
//! kernel/bpf/syscall.c), to who has `CAP_SYS_ADMIN`, from 5.13 on. A program that is attached to a cgroup has no such
//! link.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use aya::programs::{links::LinkType, loaded_links, loaded_programs};
use monitor_common::{BPF_LSM_SLOTS, HookCall};

use super::types::KernelTypes;
use crate::source::bpf_lsm::{AttachedProgram, WatchedHook};

/// What the functions in which BPF LSM programs run are called after.
const PREFIX: &str = "bpf_lsm_";

/// A hook that has programs.
#[derive(Debug)]
pub(super) struct LsmHook {
    /// Its function: `bpf_lsm_file_open`.
    pub(super) function: &'static str,
    /// How it is called.
    pub(super) call: HookCall,
    /// What the events tell of it.
    pub(super) watched: WatchedHook,
}

/// The hooks that have programs, as many as there are slots; what is in the way is noted.
pub(super) fn find(types: &KernelTypes, notes: &mut Vec<String>) -> Vec<LsmHook> {
    let programs = match programs_by_function(types) {
        Ok(programs) => programs,
        Err(error) => {
            notes.push(format!("cannot find the BPF LSM programs: {error}: their hooks are not watched"));
            return Vec::new();
        }
    };
    let mut hooks = Vec::new();
    for (function, programs) in programs {
        let name = function.trim_start_matches(PREFIX).to_owned();
        match types.hook_call(&function) {
            Some(call) if hooks.len() < BPF_LSM_SLOTS => hooks.push(LsmHook {
                // Once a run, and a few bytes: what is attached is named until the end.
                function: function.leak(),
                call,
                watched: WatchedHook { name, programs },
            }),
            Some(_) => notes.push(format!(
                "more than {BPF_LSM_SLOTS} hooks have BPF LSM programs: {name} is not watched"
            )),
            // A hook that returns nothing can't refuse.
            None => {}
        }
    }
    hooks
}

/// The programs on each hook's function.
fn programs_by_function(types: &KernelTypes) -> io::Result<BTreeMap<String, Vec<AttachedProgram>>> {
    let mut hooks: BTreeMap<String, Vec<AttachedProgram>> = BTreeMap::new();
    for link in loaded_links() {
        let link = link.map_err(io::Error::other)?;
        if link.link_type().ok() != Some(LinkType::Tracing) {
            continue;
        }
        // A link that is gone by now has nothing to say.
        let Some(function) = target(link.id())?.and_then(|id| types.function_name(id)) else { continue };
        if !function.starts_with(PREFIX) {
            continue;
        }
        let program = loaded_programs().filter_map(Result::ok).find(|info| info.id() == link.program_id());
        let Some(info) = program else { continue };
        hooks.entry(function).or_default().push(AttachedProgram {
            id: info.id(),
            name: info.name().to_vec(),
            tag: info.tag(),
        });
    }
    Ok(hooks)
}

/// The BTF id of the function that a tracing link of an LSM program is attached to, if it is one of those.
fn target(link: u32) -> io::Result<Option<u32>> {
    /// `BPF_LINK_GET_FD_BY_ID` and `BPF_OBJ_GET_INFO_BY_FD` (include/uapi/linux/bpf.h).
    const LINK_GET_FD_BY_ID: libc::c_long = 30;
    const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
    /// `BPF_LSM_MAC`.
    const LSM_MAC: u32 = 27;

    /// The start of `struct bpf_link_info`, as tracing links fill it.
    #[derive(Default)]
    #[repr(C)]
    struct Info {
        kind: u32,
        id: u32,
        program: u32,
        reserved: u32,
        attach_type: u32,
        target_object: u32,
        target: u32,
        end: u32,
    }
    #[repr(C)]
    struct InfoRequest {
        descriptor: i32,
        len: u32,
        info: *mut Info,
    }

    let mut id = [link, 0, 0];
    // SAFETY: the attributes are as long as is said, and outlive the call.
    let descriptor =
        unsafe { libc::syscall(libc::SYS_bpf, LINK_GET_FD_BY_ID, id.as_mut_ptr(), size_of_val(&id)) };
    let Ok(descriptor @ 0..) = i32::try_from(descriptor) else {
        let error = io::Error::last_os_error();
        return if error.raw_os_error() == Some(libc::ENOENT) { Ok(None) } else { Err(error) };
    };
    // SAFETY: the call made the descriptor, and nothing else has it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let mut info = Info::default();
    let mut request = InfoRequest {
        descriptor: descriptor.as_raw_fd(),
        len: u32::try_from(size_of::<Info>()).unwrap_or_default(),
        info: &raw mut info,
    };
    // SAFETY: as above; the kernel writes at most `len` bytes to `info`.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, OBJ_GET_INFO_BY_FD, &raw mut request, size_of::<InfoRequest>())
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((info.attach_type == LSM_MAC && info.target != 0).then_some(info.target))
}
