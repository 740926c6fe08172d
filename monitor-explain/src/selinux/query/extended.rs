//! Extended permissions: which ioctls and netlink messages are allowed.

use super::compute::is_on;
use crate::selinux::policy::{ClassId, Context, ExtendedSet, Policy, Rule, RuleKind};

/// What extended permissions tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An ioctl, by the low 16 bits of its number: driver and function.
    Ioctl(u16),
    /// A netlink message, by its type.
    Message(u16),
}

/// What a policy says about an operation, beside the permission `ioctl` or `nlmsg` itself
/// (`struct extended_perms_decision`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtendedDecision {
    /// Whether a rule allows the operation.
    pub rule_allows: bool,
    /// Whether it is logged though allowed.
    pub auditallow: bool,
    /// Whether it is not logged though refused.
    pub dontaudit: bool,
    /// The rules of extended permissions between the two that hold. If there are none, the permission alone decides.
    pub rules: Vec<Rule>,
}

impl ExtendedDecision {
    /// Whether extended permissions leave the operation to the permission.
    #[must_use]
    pub fn allows(&self) -> bool {
        self.rules.is_empty() || self.rule_allows
    }
}

impl Policy {
    /// What extended permissions say about `operation` (`security_compute_xperms_decision()`,
    /// security/selinux/ss/services.c, and `avc_has_extended_perms()`, security/selinux/avc.c).
    #[must_use]
    pub fn decide_extended(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        operation: Operation,
    ) -> ExtendedDecision {
        let mut decision = ExtendedDecision::default();
        self.for_rules(class, source.type_, target.type_, |rule| {
            if !rule.kind.is_extended() || !is_on(rule.when, &self.switches) {
                return;
            }
            decision.rules.push(*rule);
            if !self.is_about(rule, operation) {
                return;
            }
            match rule.kind {
                RuleKind::AllowExtended => decision.rule_allows = true,
                RuleKind::AuditAllowExtended => decision.auditallow = true,
                _ => decision.dontaudit = true,
            }
        });
        decision
    }

    /// Whether `rule` is about `operation`.
    #[must_use]
    pub fn is_about(&self, rule: &Rule, operation: Operation) -> bool {
        let Some(extended) = self.rules.extended(rule) else { return false };
        let (Operation::Ioctl(number) | Operation::Message(number)) = operation;
        let [driver, function] = number.to_be_bytes();
        match (extended.set, operation) {
            (ExtendedSet::Functions(of), Operation::Ioctl(_))
            | (ExtendedSet::Messages(of), Operation::Message(_)) => {
                of == driver && extended.contains(function)
            }
            (ExtendedSet::Drivers, Operation::Ioctl(_)) => extended.contains(driver),
            _ => false,
        }
    }

    /// The ranges of operations that `rule` is about, first and last.
    #[must_use]
    pub fn operations(&self, rule: &Rule) -> Vec<(u16, u16)> {
        let Some(extended) = self.rules.extended(rule) else { return Vec::new() };
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for number in (0..=u8::MAX).filter(|number| extended.contains(*number)) {
            let (first, last) = match extended.set {
                ExtendedSet::Functions(driver) | ExtendedSet::Messages(driver) => {
                    let operation = u16::from_be_bytes([driver, number]);
                    (operation, operation)
                }
                ExtendedSet::Drivers => {
                    (u16::from_be_bytes([number, 0]), u16::from_be_bytes([number, u8::MAX]))
                }
            };
            match ranges.last_mut() {
                Some(range) if range.1.checked_add(1) == Some(first) => range.1 = last,
                _ => ranges.push((first, last)),
            }
        }
        ranges
    }
}
