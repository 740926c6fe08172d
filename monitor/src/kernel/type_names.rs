//! The names of the kernel's types, where its BTF is not read into memory but looked at where it lies.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use btf_rs::{Btf, Error, Type};

/// Finds types by their names. Without it, each question looks at every type.
pub(super) struct TypeNames {
    /// A part of a name's hash, and the type's number, in this order.
    hashes: Vec<(u32, u32)>,
}

impl TypeNames {
    /// Reads the names of all types that are asked for by name.
    ///
    /// # Errors
    ///
    /// If a type can't be read.
    pub(super) fn of(btf: &Btf) -> Result<Self, Error> {
        let (first, last) = btf.base().type_id_range();
        let mut hashes = Vec::new();
        for id in first..=last {
            let name = match btf.resolve_type_by_id(id)? {
                Type::Struct(found) | Type::Union(found) => btf.resolve_name(&found),
                Type::Enum(found) => btf.resolve_name(&found),
                Type::Func(found) => btf.resolve_name(&found),
                Type::Typedef(found) => btf.resolve_name(&found),
                _ => continue,
            }?;
            if !name.is_empty() {
                hashes.push((hash(&name), id));
            }
        }
        hashes.sort_unstable();
        Ok(Self { hashes })
    }

    /// The numbers of all types that may have this name, in their order; another's may be among them.
    pub(super) fn candidates(&self, name: &str) -> impl Iterator<Item = u32> {
        let wanted = hash(name);
        let start = self.hashes.partition_point(|(hash, _)| *hash < wanted);
        self.hashes[start..].iter().take_while(move |(hash, _)| *hash == wanted).map(|(_, id)| *id)
    }
}

fn hash(name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    #[expect(clippy::cast_possible_truncation, reason = "a part of it tells names apart well enough")]
    let part = hasher.finish() as u32;
    part
}
