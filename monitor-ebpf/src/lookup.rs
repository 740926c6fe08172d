//! Files that the kernel does not name where it refuses: the one that the task is looking up, and the one that it executes
//! by a descriptor.

use aya_ebpf::helpers::generated;
use monitor_common::{Apparmor, chunk::ChunkKind};

use crate::{
    call,
    layout::{known, layout},
    memory::{Address, follow, word},
    object,
    output::Record,
    path, task,
};

const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_DAC_READ_SEARCH: u32 = 2;

/// Appends the path at which the task's lookup (`struct nameidata`, fs/namei.c) stands, if the capability is one that a
/// lookup asks for: the directory that is being searched, or the file that is being opened.
#[inline(always)]
pub fn describe(record: &mut Record, capability: u32) {
    if (capability == CAP_DAC_OVERRIDE || capability == CAP_DAC_READ_SEARCH)
        && known!(task_nameidata, nameidata_path)
    {
        looked_up(record);
    }
}

#[inline(never)]
fn looked_up(record: &mut Record) {
    let lookup = follow(task::current(), layout!(task_nameidata));
    if lookup != 0 {
        path::path(record, ChunkKind::ObjectPath, lookup + u64::from(layout!(nameidata_path)));
    }
}

// System calls (`arch/x86/entry/syscalls/syscall_64.tbl`, `scripts/syscall.tbl`).
const EXECVE: u64 = if cfg!(bpf_target_arch = "aarch64") { 221 } else { 59 };
const EXECVEAT: u64 = if cfg!(bpf_target_arch = "aarch64") { 281 } else { 322 };

/// Fills the object from the file that the running system call executes by a descriptor, if it does.
#[inline(never)]
pub fn executed(record: &mut Record) {
    let registers = call::registers();
    if registers == 0 || !known!(task_files, files_table, file_table_size, file_table_files, file_path) {
        return;
    }
    let [first, _] = call::arguments(registers);
    let descriptor = match call::number(registers) {
        EXECVEAT => first as u32,
        EXECVE => descriptor_in(first),
        _ => return,
    };
    let table = follow(follow(task::current(), layout!(task_files)), layout!(files_table));
    if descriptor >= follow(table, layout!(file_table_size)) as u32 {
        return;
    }
    let files = follow(table, layout!(file_table_files));
    let file = word(files + u64::from(descriptor) * 8);
    if file != 0 {
        object::path_object::<Apparmor>(record, file + u64::from(layout!(file_path)));
    }
}

/// Digits of a descriptor that are read.
const DIGITS: usize = 4;

/// The descriptor that a program names as `/proc/self/fd/N` or `/dev/fd/N`; `u32::MAX` for any other path.
///
/// The path is in the program's memory, which another thread may change meanwhile: whoever uses the file compares it with
/// what the kernel says of it.
#[inline(always)]
fn descriptor_in(path: Address) -> u32 {
    const PROC: &[u8; 14] = b"/proc/self/fd/";
    const DEV: &[u8; 8] = b"/dev/fd/";
    let mut text = [0_u8; PROC.len() + DIGITS + 1];
    // SAFETY: the helper checks the address, and writes no more than there is room for.
    let len = unsafe {
        generated::bpf_probe_read_user_str(text.as_mut_ptr().cast(), text.len() as u32, path as *const _)
    };
    if len <= 0 {
        return u32::MAX;
    }
    if text[..PROC.len()] == *PROC {
        number_at::<{ PROC.len() }>(&text)
    } else if text[..DEV.len()] == *DEV {
        number_at::<{ DEV.len() }>(&text)
    } else {
        u32::MAX
    }
}

/// The decimal number that starts at a place; `u32::MAX` if there is none.
#[inline(always)]
fn number_at<const START: usize>(text: &[u8; 19]) -> u32 {
    let mut number = u32::MAX;
    for character in text.iter().skip(START).take(DIGITS) {
        let digit = u32::from(character.wrapping_sub(b'0'));
        if digit > 9 {
            break;
        }
        number = if number == u32::MAX { digit } else { number * 10 + digit };
    }
    number
}
