//! The eBPF objects: `monitor-ebpf` as it was compiled, compressed by the build script.

use std::io::Read as _;

use flate2::read::GzDecoder;
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
    fn the_objects_are_elf_files_for_bpf() {
        for object in [with_loops(), bounded(), peek()] {
            let bytes = object.as_bytes();
            assert_eq!(bytes[..4], *b"\x7fELF");
            // `e_machine` is EM_BPF.
            assert_eq!(bytes[18..20], 247_u16.to_le_bytes());
        }
    }
}
