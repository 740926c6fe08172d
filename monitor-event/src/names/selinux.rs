//! SELinux's object classes and permissions.

use std::borrow::Cow;

use crate::{event::Text, names};

/// One object class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// Its name: `file`.
    pub name: String,
    /// The names of its permissions, by their bit; at most 32.
    pub permissions: Vec<String>,
}

/// The running kernel's classes (`secclass_map`). Its numbers are the kernel's own and move between versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassMap {
    /// The class of number `n` at `n - 1`.
    pub classes: Vec<Class>,
}

impl ClassMap {
    /// The class of this number, if the kernel has told its name.
    #[must_use]
    pub fn class(&self, number: u32) -> Option<&Class> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.classes.get(index)
    }

    /// The number of the class of this name.
    #[must_use]
    pub fn number(&self, class: &str) -> Option<u32> {
        let index = self.classes.iter().position(|found| found.name == class)?;
        u32::try_from(index + 1).ok()
    }

    /// The bit of a permission of the class of this name.
    #[must_use]
    pub fn bit(&self, class: &str, permission: &str) -> Option<u32> {
        let class = self.classes.iter().find(|found| found.name == class)?;
        let bit = class.permissions.iter().position(|found| found == permission)?;
        1_u32.checked_shl(u32::try_from(bit).ok()?)
    }

    /// The class's name, or `class_NN` where it isn't known.
    #[must_use]
    pub fn class_name(&self, number: u32) -> Text<'_> {
        match self.class(number) {
            Some(class) => Cow::Borrowed(&class.name),
            None => Cow::Owned(format!("class_{number}")),
        }
    }

    /// The names of a mask's permissions. One that isn't known is `perm_0xNN`.
    #[must_use]
    pub fn permissions(&self, class: u32, mask: u32) -> Vec<Text<'_>> {
        let names = self.class(class).map(|class| class.permissions.as_slice()).unwrap_or_default();
        names::names_of_bits(mask.into(), |bit| names.get(bit as usize).map(String::as_str))
    }

    /// Whether all of a mask's permissions have names.
    #[must_use]
    pub fn knows(&self, class: u32, mask: u32) -> bool {
        self.class(class)
            .is_some_and(|class| names::bits(mask.into()).all(|bit| (bit as usize) < class.permissions.len()))
    }
}
