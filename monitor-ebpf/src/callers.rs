//! Who called the function that a program is attached to.

use aya_ebpf::{EbpfContext, helpers::generated};

/// Return addresses that are looked at. Some of them are those of the trampoline and of the program itself.
const FRAMES: usize = 16;

/// The return addresses on the kernel's stack, the innermost first; 0 where there are fewer.
pub struct Callers([u64; FRAMES]);

impl Callers {
    /// Reads them.
    #[inline(always)]
    pub fn of(context: &impl EbpfContext) -> Self {
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
        Self(frames)
    }

    /// Whether one of them lies in the code from `start` to before `end`; never if these are 0.
    #[inline(always)]
    pub fn within(&self, start: u64, end: u64) -> bool {
        let mut outside = u64::MAX;
        for address in self.0 {
            // The sign of both differences, and not two comparisons, each of which the verifier would follow both ways.
            outside &= address.wrapping_sub(start) | end.wrapping_sub(1).wrapping_sub(address);
        }
        outside >> 63 == 0
    }
}
