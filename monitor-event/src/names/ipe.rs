//! IPE's numbers, as the running kernel has them: they move when a hook or an operation is added.
//!
//! The names are those of audit's records and of IPE's policy language (`audit_op_names`, `audit_hook_names` and
//! `audit_prop_names`, security/ipe/audit.c).

use crate::event::Text;

/// The kernel's enums, from its BTF: a name and its number each. Empty where the kernel has no IPE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// `enum ipe_op_type`.
    pub operations: Vec<(String, u32)>,
    /// `enum ipe_hook_type`.
    pub hooks: Vec<(String, u32)>,
    /// `enum ipe_match`.
    pub matches: Vec<(String, u32)>,
    /// `enum ipe_prop_type`.
    pub properties: Vec<(String, u32)>,
}

impl Numbers {
    /// The operation, as policies name it: `EXECUTE`; `op_NN` if it has no name.
    #[must_use]
    pub fn operation(&self, number: u32) -> Text<'_> {
        match name(&self.operations, number, "IPE_OP_") {
            Some("EXEC") => "EXECUTE".into(),
            Some("KERNEL_MODULE") => "KMODULE".into(),
            Some("X509") => "X509_CERT".into(),
            Some(name) => name.into(),
            None => format!("op_{number}").into(),
        }
    }

    /// The hook, as audit names it: `BPRM_CHECK`.
    #[must_use]
    pub fn hook(&self, number: u32) -> Option<&str> {
        name(&self.hooks, number, "IPE_HOOK_")
    }

    /// What decided.
    #[must_use]
    pub fn matched(&self, number: u32) -> Option<Matched> {
        match name(&self.matches, number, "IPE_MATCH_")? {
            "RULE" => Some(Matched::Rule),
            "TABLE" => Some(Matched::OperationDefault),
            "GLOBAL" => Some(Matched::Default),
            _ => None,
        }
    }

    /// A property as policies write it, without the digest of one that has one: `boot_verified=TRUE`.
    #[must_use]
    pub fn property(&self, number: u32) -> Option<String> {
        let name = name(&self.properties, number, "IPE_PROP_")?;
        let (kind, value) = match name.rsplit_once('_')? {
            (kind, value @ ("TRUE" | "FALSE")) => (kind, value),
            _ => (name, ""),
        };
        let kind = match kind {
            "DMV_ROOTHASH" => "dmverity_roothash".to_owned(),
            "DMV_SIG" => "dmverity_signature".to_owned(),
            "FSV_DIGEST" => "fsverity_digest".to_owned(),
            "FSV_SIG" => "fsverity_signature".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        Some(format!("{kind}={value}"))
    }
}

/// What decided in IPE's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// A rule.
    Rule,
    /// The default of the operation.
    OperationDefault,
    /// The default of the policy.
    Default,
}

fn name<'n>(names: &'n [(String, u32)], number: u32, prefix: &str) -> Option<&'n str> {
    let (name, _) = names.iter().find(|(_, known)| *known == number)?;
    name.strip_prefix(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 7.3 numbers them.
    #[test]
    fn names_are_those_of_audit() {
        let of = |prefix: &str, names: &[&str]| {
            names.iter().zip(0..).map(|(name, number)| (format!("{prefix}{name}"), number)).collect()
        };
        let numbers = Numbers {
            operations: of("IPE_OP_", &["EXEC", "FIRMWARE", "KERNEL_MODULE", "KEXEC_IMAGE", "X509"]),
            hooks: of("IPE_HOOK_", &["BPRM_CHECK", "BPRM_CREDS_FOR_EXEC"]),
            matches: of("IPE_MATCH_", &["RULE", "TABLE", "GLOBAL"]),
            properties: of(
                "IPE_PROP_",
                &["BOOT_VERIFIED_FALSE", "BOOT_VERIFIED_TRUE", "DMV_ROOTHASH", "DMV_SIG_TRUE", "FSV_DIGEST"],
            ),
        };
        let operations: Vec<_> = (0..6).map(|number| numbers.operation(number)).collect();
        assert_eq!(operations, ["EXECUTE", "FIRMWARE", "KMODULE", "KEXEC_IMAGE", "X509_CERT", "op_5"]);
        assert_eq!((numbers.hook(1), numbers.hook(2)), (Some("BPRM_CREDS_FOR_EXEC"), None));
        assert_eq!((numbers.matched(1), numbers.matched(3)), (Some(Matched::OperationDefault), None));
        let properties: Vec<_> = (0..6).map_while(|number| numbers.property(number)).collect();
        let expected = [
            "boot_verified=FALSE",
            "boot_verified=TRUE",
            "dmverity_roothash=",
            "dmverity_signature=TRUE",
            "fsverity_digest=",
        ];
        assert_eq!(properties, expected);
    }
}
