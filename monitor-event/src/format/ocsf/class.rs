//! The classes of events, and the numbers that they give to activities.

use crate::format::activity::Activity;

/// An activity that OCSF has no number for.
pub(super) const OTHER: u32 = 99;

/// The activity of a system call, in the class of the kernel.
pub(super) const INVOKE: u32 = 4;

/// A class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Base,
    FileSystem,
    Kernel,
    Process,
    Entity,
    Network,
}

impl Class {
    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Base => 0,
            Self::FileSystem => 1001,
            Self::Kernel => 1003,
            Self::Process => 1007,
            Self::Entity => 3004,
            Self::Network => 4001,
        }
    }

    /// The number that the class gives to an activity.
    pub(super) fn activity(self, activity: Option<Activity>) -> u32 {
        let Some(activity) = activity else { return OTHER };
        match self {
            Self::FileSystem => match activity {
                Activity::Create => 1,
                Activity::Read => 2,
                Activity::Write => 3,
                Activity::Delete => 4,
                Activity::Rename => 5,
                Activity::SetAttributes => 6,
                Activity::SetSecurity => 7,
                Activity::GetAttributes => 8,
                Activity::Mount => 12,
                Activity::Unmount => 13,
                Activity::Open => 14,
                _ => OTHER,
            },
            Self::Kernel => match activity {
                Activity::Create => 1,
                Activity::Read => 2,
                Activity::Delete => 3,
                _ => OTHER,
            },
            Self::Process => match activity {
                Activity::Terminate => 2,
                Activity::Trace => 3,
                _ => OTHER,
            },
            Self::Entity => match activity {
                Activity::Create => 1,
                Activity::Write => 3,
                Activity::Delete => 4,
                _ => OTHER,
            },
            Self::Network => match activity {
                Activity::Connect => 1,
                Activity::Listen => 7,
                _ => OTHER,
            },
            Self::Base => OTHER,
        }
    }
}
