//! Who called the function that a program is attached to.

use aya_ebpf::{EbpfContext, helpers::generated};

/// Return addresses that are looked at. Some of them are those of the trampoline and of the program itself.
const FRAMES: usize = 16;

/// Whether one of the return addresses on the kernel's stack lies in the code from `start` to before `end`; never if
/// these are 0.
///
/// A function of its own: where it is inlined, the addresses would take stack from all that follows, and the kernel
/// allows 512 bytes for a whole chain of calls (`check_max_stack_depth`, kernel/bpf/verifier.c).
#[inline(never)]
pub fn called_within(context: &impl EbpfContext, start: u64, end: u64) -> bool {
    // The innermost first; 0 where there are fewer.
    let mut frames = [0_u64; FRAMES];
    // SAFETY: the helper writes at most as many bytes as it is told, all of which `frames` has.
    unsafe {
        generated::bpf_get_stack(
            context.as_ptr(),
            (&raw mut frames).cast(),
            size_of::<[u64; FRAMES]>() as u32,
            0,
        );
    }
    let mut outside = u64::MAX;
    for address in frames {
        // The sign of both differences, and not two comparisons, each of which the verifier would follow both ways.
        outside &= address.wrapping_sub(start) | end.wrapping_sub(1).wrapping_sub(address);
    }
    outside >> 63 == 0
}
