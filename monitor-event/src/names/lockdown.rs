//! What a locked-down kernel refuses: `enum lockdown_reason` (include/linux/security.h), as the running kernel numbers it.
//! The numbers move even within a stable series.

use std::borrow::Cow;

use crate::event::Text;

/// The reasons, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Their names in the kernel's BTF: `LOCKDOWN_DEV_MEM`.
    pub names: Vec<(String, u32)>,
    /// What the kernel logs for each, by number: `/dev/mem,kmem,port`. Empty where kallsyms hides it.
    pub texts: Vec<Option<String>>,
}

const PREFIX: &str = "LOCKDOWN_";

impl Reasons {
    /// The name of a number: `dev_mem`.
    #[must_use]
    pub fn name(&self, number: u32) -> Option<String> {
        let (name, _) = self.names.iter().find(|(_, known)| *known == number)?;
        Some(name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase())
    }

    /// What the kernel logs for a number.
    #[must_use]
    pub fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(number as usize)?.as_deref()
    }
}

/// What the kernel logs for the reasons, by their names (`lockdown_reasons`, security/security.c).
const TEXTS: [(&str, &str); 27] = [
    ("module_signature", "unsigned module loading"),
    ("dev_mem", "/dev/mem,kmem,port"),
    ("efi_test", "/dev/efi_test access"),
    ("kexec", "kexec of unsigned images"),
    ("hibernation", "hibernation"),
    ("pci_access", "direct PCI access"),
    ("ioport", "raw io port access"),
    ("msr", "raw MSR access"),
    ("acpi_tables", "modifying ACPI tables"),
    ("device_tree", "modifying device tree contents"),
    ("pcmcia_cis", "direct PCMCIA CIS storage"),
    ("tiocsserial", "reconfiguration of serial port IO"),
    ("module_parameters", "unsafe module parameters"),
    ("mmiotrace", "unsafe mmio"),
    ("debugfs", "debugfs access"),
    ("xmon_wr", "xmon write access"),
    ("bpf_write_user", "use of bpf to write user RAM"),
    ("dbg_write_kernel", "use of kgdb/kdb to write kernel RAM"),
    ("rtas_error_injection", "RTAS error injection"),
    ("kcore", "/proc/kcore access"),
    ("kprobes", "use of kprobes"),
    ("bpf_read_kernel", "use of bpf to read kernel RAM"),
    ("dbg_read_kernel", "use of kgdb/kdb to read kernel RAM"),
    ("perf", "unsafe use of perf"),
    ("tracefs", "use of tracefs"),
    ("xmon_rw", "xmon read and write access"),
    ("xfrm_secret", "xfrm SA secret"),
];

/// The name of the reason that the kernel logs so; `None` if it is none of those known.
#[must_use]
pub fn of_text(text: &str) -> Option<&'static str> {
    TEXTS.iter().find_map(|&(name, known)| (known == text).then_some(name))
}

/// A reason's name, or `reason_NN` where it has none.
#[must_use]
pub fn name(reasons: &Reasons, number: u32) -> Text<'static> {
    match reasons.name(number) {
        Some(name) => Cow::Owned(name),
        None => Cow::Owned(format!("reason_{number}")),
    }
}
