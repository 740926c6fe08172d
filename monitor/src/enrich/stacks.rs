//! The stacks of an event whose functions are to be named.

use std::{num::NonZeroUsize, sync::Arc};

use crate::event::{Event, Process, Stack};

/// Stacks whose names are kept.
pub(super) const KNOWN_LIMIT: NonZeroUsize = NonZeroUsize::new(256).expect("it is not 0");

/// The stacks of an event, and what is needed of its process to find the files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked(pub(super) Arc<Stacks>);

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Stacks {
    pub(super) pid: Option<u32>,
    pub(super) exe: Option<Box<str>>,
    pub(super) mount_namespace: Option<u32>,
    pub(super) frames: Stack<'static>,
}

impl Asked {
    /// Those of this event, if it has any.
    pub(super) fn new(event: &Event<'_>) -> Option<Self> {
        let Process { pid, exe, namespaces, .. } = &event.process;
        Some(Self(Arc::new(Stacks {
            pid: *pid,
            exe: exe.as_deref().map(Into::into),
            mount_namespace: namespaces.map(|namespaces| namespaces.mnt),
            frames: event.stack.clone()?.into_owned(),
        })))
    }
}
