//! Numbers that a policy gives to what it names. They count from 1, and mean nothing in another policy.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The number.
            #[must_use]
            pub fn value(self) -> u32 {
                self.0
            }
        }

        impl super::table::Id for $name {
            fn value(self) -> u32 {
                self.0
            }
        }
    )*};
}

ids! {
    /// A class of objects.
    ClassId
    /// A set of permissions that classes share.
    CommonId
    /// A role.
    RoleId
    /// A type or an attribute.
    TypeId
    /// A user.
    UserId
    /// A boolean.
    BooleanId
    /// A sensitivity.
    LevelId
    /// A category.
    CategoryId
}

macro_rules! bits {
    ($($name:ident)*) => {$(
        impl $name {
            /// Its bit in a bitmap.
            pub(crate) fn bit(self) -> u32 {
                self.0.saturating_sub(1)
            }

            /// What has this bit in a bitmap.
            pub(crate) fn of_bit(bit: u32) -> Self {
                Self(bit.saturating_add(1))
            }
        }
    )*};
}

bits! { RoleId TypeId CategoryId }

impl UserId {
    /// The user that has this bit in a bitmap.
    pub(crate) fn of_bit(bit: u32) -> Self {
        Self(bit.saturating_add(1))
    }
}

impl BooleanId {
    /// Its place among the booleans.
    pub(crate) fn place(self) -> usize {
        self.0.saturating_sub(1) as usize
    }
}

/// The role of objects (`OBJECT_R_VAL`, security/selinux/ss/policydb.h).
pub(crate) const OBJECT_ROLE: RoleId = RoleId(1);
