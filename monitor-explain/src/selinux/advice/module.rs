//! Policy modules: what would allow exactly what was refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::{Deserialize, Serialize};

/// An `allow` rule, and the ioctls that it is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Allow {
    /// The type of the subject.
    pub source: String,
    /// The type of the object.
    pub target: String,
    /// The object class.
    pub class: String,
    /// The permissions.
    pub permissions: BTreeSet<String>,
    /// The ioctls, by the low 16 bits of their numbers; then the permission alone does not do.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ioctls: BTreeSet<u16>,
}

impl Allow {
    /// Takes the permissions of another in, if that is about the same types and class.
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        let same = (&self.source, &self.target, &self.class) == (&other.source, &other.target, &other.class);
        if same {
            self.permissions.extend(other.permissions.iter().cloned());
            self.ioctls.extend(&other.ioctls);
        }
        same
    }

    /// `{ open read }`.
    #[must_use]
    pub fn permissions_text(&self) -> String {
        let names: Vec<&str> = self.permissions.iter().map(String::as_str).collect();
        format!("{{ {} }}", names.join(" "))
    }

    /// The rules for a policy's source.
    #[must_use]
    pub fn te(&self) -> Vec<String> {
        let Self { source, target, class, .. } = self;
        let target = if source == target { "self" } else { target };
        let mut rules = vec![format!("allow {source} {target}:{class} {};", self.permissions_text())];
        if !self.ioctls.is_empty() {
            let list: Vec<String> = self.ioctls.iter().map(|ioctl| format!("{ioctl:#06x}")).collect();
            rules.push(format!("allowxperm {source} {target}:{class} ioctl {{ {} }};", list.join(" ")));
        }
        rules
    }

    /// The rules in the common intermediate language.
    #[must_use]
    pub fn cil(&self) -> Vec<String> {
        let Self { source, target, class, permissions, ioctls } = self;
        let target = if source == target { "self" } else { target };
        let names: Vec<&str> = permissions.iter().map(String::as_str).collect();
        let mut rules = vec![format!("(allow {source} {target} ({class} ({})))", names.join(" "))];
        if !ioctls.is_empty() {
            let list: Vec<String> = ioctls.iter().map(|ioctl| format!("{ioctl:#06x}")).collect();
            rules.push(format!("(allowx {source} {target} (ioctl {class} ({})))", list.join(" ")));
        }
        rules
    }
}

/// The whole source of a module with these rules, for `checkmodule`.
#[must_use]
pub fn te(name: &str, rules: &[Allow]) -> String {
    let mut types = BTreeSet::new();
    let mut classes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for rule in rules {
        types.extend([rule.source.as_str(), rule.target.as_str()]);
        classes.entry(&rule.class).or_default().extend(rule.permissions.iter().map(String::as_str));
        if !rule.ioctls.is_empty() {
            classes.entry(&rule.class).or_default().insert("ioctl");
        }
    }
    let mut text = format!("module {name} 1.0;\n\nrequire {{\n");
    for type_ in types {
        // Writing to a String can't fail.
        let _infallible = writeln!(text, "\ttype {type_};");
    }
    for (class, permissions) in classes {
        let names: Vec<&str> = permissions.into_iter().collect();
        let _infallible = writeln!(text, "\tclass {class} {{ {} }};", names.join(" "));
    }
    text.push_str("}\n\n");
    for rule in rules.iter().flat_map(Allow::te) {
        let _infallible = writeln!(text, "{rule}");
    }
    text
}
