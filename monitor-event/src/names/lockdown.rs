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

/// A reason's name, or `reason_NN` where it has none.
#[must_use]
pub fn name(reasons: &Reasons, number: u32) -> Text<'static> {
    match reasons.name(number) {
        Some(name) => Cow::Owned(name),
        None => Cow::Owned(format!("reason_{number}")),
    }
}
