//! What a denial asks the policy.

use monitor_event::event::Event;

use crate::selinux::{
    advice::module::Allow,
    policy::{ClassId, Context, Policy},
    query::{Cause, Operation, QuestionError},
};

/// The words of a denial.
#[derive(Clone, Debug)]
pub(super) struct Question<'e> {
    pub(super) source: &'e str,
    pub(super) target: &'e str,
    pub(super) source_type: &'e str,
    pub(super) target_type: &'e str,
    pub(super) class: &'e str,
    pub(super) permissions: Vec<&'e str>,
    /// The low 16 bits of the ioctl's number.
    pub(super) ioctl: Option<u16>,
    /// What else the same subject asked for on the same label, where all of it was only logged.
    pub(super) beside: &'e [Allow],
}

/// A name of a policy; whatever else came must not be pasted.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

impl<'e> Question<'e> {
    /// The words, if none is missing.
    pub(super) fn of(event: &'e Event<'_>) -> Option<Self> {
        let source = event.subject.label.as_deref()?;
        let target = event.object.label.as_deref()?;
        let type_of = |label: &'e str| label.split(':').nth(2).filter(|name| is_name(name));
        let permissions: Vec<&str> = event.action.permissions.iter().map(|name| &**name).collect();
        let is_known = |name: &&str| is_name(name) && !name.starts_with("perm_0x");
        if permissions.is_empty() || !permissions.iter().all(is_known) {
            return None;
        }
        Some(Self {
            source,
            target,
            source_type: type_of(source)?,
            target_type: type_of(target)?,
            class: event.action.class.as_deref().filter(|class| is_name(class))?,
            ioctl: event.action.ioctl_command.map(|number| (number & 0xffff) as u16),
            permissions,
            beside: &[],
        })
    }

    /// Whether this permission is among those that were asked for.
    pub(super) fn asks(&self, permission: &str) -> bool {
        self.permissions.contains(&permission)
    }

    /// The rule that says the same.
    pub(super) fn allow(&self) -> Allow {
        Allow {
            source: self.source_type.to_owned(),
            target: self.target_type.to_owned(),
            class: self.class.to_owned(),
            permissions: self.permissions.iter().map(|&name| name.to_owned()).collect(),
            ioctls: std::collections::BTreeSet::new(),
        }
    }

    /// The contexts and numbers, and the mask of all permissions.
    pub(super) fn numbers(&self, policy: &Policy) -> Result<(Context, Context, ClassId, u32), QuestionError> {
        let mut mask = 0;
        let mut known = None;
        for permission in &self.permissions {
            let answer = policy.ask(self.source, self.target, self.class, permission)?;
            mask |= answer.permission;
            known = Some((answer.source, answer.target, answer.class));
        }
        // There is at least one permission.
        let (source, target, class) = known.ok_or_else(|| QuestionError::Permission {
            class: self.class.to_owned(),
            permission: String::new(),
            handling: policy.unknown,
        })?;
        Ok((source, target, class, mask))
    }

    /// Whether the policy would allow all of it if the object had this label, the ioctl too.
    pub(super) fn is_allowed_with(&self, policy: &Policy, label: &str) -> bool {
        self.permissions.iter().all(|permission| {
            let Ok(answer) = policy.ask(self.source, label, self.class, permission) else { return false };
            let ioctl = self.ioctl.filter(|_| *permission == "ioctl");
            let by_extended = ioctl.is_none_or(|ioctl| {
                let operation = Operation::Ioctl(ioctl);
                policy.decide_extended(&answer.source, &answer.target, answer.class, operation).allows()
            });
            matches!(answer.cause, Cause::Allowed) && by_extended
        })
    }
}
