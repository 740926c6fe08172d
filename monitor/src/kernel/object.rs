//! The eBPF objects: `monitor-ebpf` as it was compiled, compressed by the build script.

use std::io::Read as _;

use flate2::read::GzDecoder;
use monitor_common::kfunc;
use zerocopy::IntoBytes as _;

static WITH_LOOPS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/denyd-ebpf.gz"));
static BOUNDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/denyd-ebpf-bounded.gz"));

static PEEK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/denyd-peek.gz"));

/// The program that reads kernel variables.
pub(super) fn peek() -> Vec<u64> {
    unpack(PEEK)
}

/// The programs, with the helper `bpf_loop` (Linux 5.17).
pub(super) fn with_loops() -> Vec<u64> {
    unpack(WITH_LOOPS)
}

/// The same programs for kernels without it.
pub(super) fn bounded() -> Vec<u64> {
    unpack(BOUNDED)
}

/// Writes the calls of the kernel's functions, whose numbers are given by name. A call of one that the kernel doesn't have
/// is left out.
pub(super) fn resolve_calls(object: &mut [u64], id: impl Fn(&str) -> Option<i32>) {
    for (placeholder, name) in kfunc::ALL {
        let resolved = id(name).map_or(SET_0, kernel_call);
        for word in object.iter_mut().filter(|word| **word == call(HELPER, placeholder)) {
            *word = resolved;
        }
    }
}

/// Calls a helper: `src_reg` of the instruction (include/uapi/linux/bpf.h).
const HELPER: u8 = 0;
/// Calls a function of the kernel: `BPF_PSEUDO_KFUNC_CALL`.
const KFUNC: u8 = 2;
/// `r0 = 0`: `BPF_ALU64`, `BPF_MOV`, `BPF_K`.
pub(super) const SET_0: u64 = 0xb7;

/// Calls the kernel's function of this number.
pub(super) fn kernel_call(id: i32) -> u64 {
    call(KFUNC, id)
}

/// The instruction `call`: `BPF_JMP`, `BPF_CALL`, both registers, an offset, and what is called.
fn call(kind: u8, what: i32) -> u64 {
    let [a, b, c, d] = what.to_le_bytes();
    u64::from_le_bytes([0x85, kind << 4, 0, 0, a, b, c, d])
}

/// Unpacks an object. Words, since an ELF file is parsed where it stands and wants to be aligned; zeros after its end are
/// not part of it.
fn unpack(compressed: &[u8]) -> Vec<u64> {
    // The last four bytes of a gzip file: the length of what was compressed (RFC 1952).
    let len = compressed.last_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
    let mut words = vec![0_u64; len.div_ceil(8)];
    let read = GzDecoder::new(compressed).read_exact(&mut words.as_mut_bytes()[..len]);
    read.expect("the build script compressed it");
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_kernels_functions_get_its_numbers_or_are_left_out() {
        let count = |object: &[u64], word| object.iter().filter(|found| **found == word).count();
        for object in [with_loops(), bounded()] {
            for (placeholder, name) in kfunc::ALL {
                let calls = count(&object, call(HELPER, placeholder));
                assert!(calls > 0, "{name}");
                let mut resolved = object.clone();
                resolve_calls(&mut resolved, |asked| (asked == name).then_some(0x1_2345));
                assert_eq!(count(&resolved, 0x0001_2345_0000_2085), calls);
                assert_eq!(count(&resolved, call(HELPER, placeholder)), 0);
                let mut without = object.clone();
                let before = count(&object, SET_0);
                resolve_calls(&mut without, |_| None);
                assert!(count(&without, SET_0) >= before + calls);
            }
        }
    }

    #[test]
    fn the_objects_are_elf_files_for_bpf() {
        for object in [with_loops(), bounded(), peek()] {
            let bytes = object.as_bytes();
            assert_eq!(bytes[..4], *b"\x7fELF");
            // `e_machine` is EM_BPF.
            assert_eq!(bytes[18..20], 247_u16.to_le_bytes());
        }
    }

    #[test]
    fn no_object_names_a_path_of_the_machine_that_made_it() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let root = format!("{}/", root.display());
        for object in [with_loops(), bounded(), peek()] {
            let bytes = object.as_bytes();
            let names = |path: &str| bytes.windows(path.len()).any(|window| window == path.as_bytes());
            // By its source file in the tree; not by where the tree, cargo's crates and the standard library are.
            assert!(names("monitor-ebpf/src/"));
            for path in [root.as_str(), "/registry/src/", "/rustlib/src/"] {
                assert!(!names(path), "{path}");
            }
        }
    }
}
