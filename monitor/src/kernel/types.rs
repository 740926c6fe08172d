//! Types of the running kernel, from its BTF: where struct members are, which functions and tracepoints exist.

use std::path::Path;

use btf_rs::{Backend, Btf, BtfType, FuncProto, Struct, Type};
use monitor_common::{
    HookArgument, HookCall,
    layout::{ABSENT, ENTRIES, Layout, Spec},
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::type_names::TypeNames;

/// The structs that an LSM hook's object can be.
const HOOK_ARGUMENTS: [(&str, HookArgument); 8] = [
    ("file", HookArgument::File),
    ("linux_binprm", HookArgument::Program),
    ("dentry", HookArgument::Dentry),
    ("path", HookArgument::Path),
    ("inode", HookArgument::Inode),
    ("socket", HookArgument::Socket),
    ("sock", HookArgument::Sock),
    ("task_struct", HookArgument::Task),
];

/// Where the kernel shows its BTF.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The kernel's types could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TypesError {
    /// There is no BTF.
    #[error(
        "no BTF at {path}: run a kernel built with CONFIG_DEBUG_INFO_BTF=y, which denyd needs to know where the kernel \
         keeps what it reads"
    )]
    Absent {
        /// Where it was looked for.
        path: String,
    },
    /// The BTF could not be read.
    #[error("cannot read the kernel's BTF at {path}: {source}")]
    Unreadable {
        /// Where it is.
        path: String,
        /// Why.
        source: btf_rs::Error,
    },
}

/// The types that the kernel's BTF describes.
pub struct KernelTypes {
    btf: Btf,
    /// Where the BTF lies in the kernel's memory.
    names: Option<TypeNames>,
}

impl KernelTypes {
    /// The types of the running kernel. From Linux 6.16 on they are looked at where the kernel has them
    /// (`btf_sysfs_vmlinux_mmap`, `kernel/bpf/sysfs_btf.c`), which takes a fifth of the memory of reading them.
    ///
    /// # Errors
    ///
    /// If the kernel has no BTF, or it can't be read.
    pub fn of_this_kernel() -> Result<Self, TypesError> {
        Self::mapped(VMLINUX).or_else(|error| {
            tracing::debug!(%error, "cannot map the kernel's BTF: it is read");
            Self::read()
        })
    }

    /// Looks at BTF where it lies. The file must be well formed and stay as it is, as what a kernel shows does: what is
    /// mapped is not checked again.
    ///
    /// # Errors
    ///
    /// If the file can't be mapped, or is not BTF.
    pub fn mapped(path: impl AsRef<Path>) -> Result<Self, btf_rs::Error> {
        let btf = Btf::from_file_with_backend(path, Backend::Mmap)?;
        let names = Some(TypeNames::of(&btf)?);
        Ok(Self { btf, names })
    }

    /// Reads the running kernel's BTF.
    fn read() -> Result<Self, TypesError> {
        let path = VMLINUX.to_owned();
        if !Path::new(VMLINUX).exists() {
            return Err(TypesError::Absent { path });
        }
        let btf = Btf::from_file(VMLINUX).map_err(|source| TypesError::Unreadable { path, source })?;
        Ok(Self { btf, names: None })
    }

    /// Reads BTF from memory.
    ///
    /// # Errors
    ///
    /// If the bytes are not BTF.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TypesError> {
        Btf::from_bytes(bytes)
            .map(|btf| Self { btf, names: None })
            .map_err(|source| TypesError::Unreadable { path: "memory".to_owned(), source })
    }

    /// Resolves every entry of the layout; what this kernel doesn't have is [`ABSENT`].
    ///
    /// # Panics
    ///
    /// Never: the table has as many entries as [`Layout`] has fields, which is checked at compile time.
    #[must_use]
    pub fn layout(&self) -> Layout {
        let values: Vec<u32> = ENTRIES
            .iter()
            .map(|entry| entry.specs.iter().find_map(|&spec| self.resolve(spec)).unwrap_or(ABSENT))
            .collect();
        Layout::read_from_bytes(values.as_bytes()).expect("one u32 for each field")
    }

    /// One value, if this kernel has it and has only one.
    #[must_use]
    pub fn resolve(&self, spec: Spec) -> Option<u32> {
        match spec {
            Spec::Size(name) => unanimous(self.structs(name).map(|found| u32::try_from(found.size()).ok())),
            Spec::Member(name, path) => self.member(name, path)?.offset(),
            Spec::MemberSize(name, path) => {
                self.member(name, path).and_then(|member| self.size(member.kind.as_ref()?))
            }
            Spec::Count(name, path) => self.member(name, path).and_then(|member| match member.kind? {
                Type::Array(array) => u32::try_from(array.len()).ok(),
                _ => None,
            }),
            Spec::Bit(name, path) => {
                self.member(name, path).filter(|member| member.width == 1).map(|member| member.bit)
            }
            Spec::Value(name, enumerator) => unanimous(self.enumerators(name, enumerator).map(Some)),
            Spec::ReturnSize(name) => {
                let returned = self.btf.resolve_type_by_id(self.prototype(name)?.return_type_id()).ok()?;
                self.size(&self.beneath(returned)?)
            }
            Spec::Argument(function, name) => {
                unanimous(self.functions(function).map(|found| self.place(&found, Some(name))))
            }
            Spec::Arguments(function) => {
                unanimous(self.functions(function).map(|found| self.place(&found, None)))
            }
        }
    }

    /// Whether the kernel has a function of this name that BTF describes.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        self.named(name).any(|(_, found)| matches!(found, Type::Func(_)))
    }

    /// The number in the BTF of a function that programs may call, if the kernel has it.
    #[must_use]
    pub fn function_id(&self, name: &str) -> Option<i32> {
        let (id, _function) = self.named(name).find(|(_, found)| matches!(found, Type::Func(_)))?;
        i32::try_from(id).ok()
    }

    /// The name of the function of this number in the BTF.
    #[must_use]
    pub fn function_name(&self, id: u32) -> Option<String> {
        match self.btf.resolve_type_by_id(id).ok()? {
            Type::Func(function) => self.btf.resolve_name(&function).ok(),
            _ => None,
        }
    }

    /// How an LSM hook's function is called, and which of its arguments shows most of the object; `None` if there is no
    /// such function, or it returns nothing.
    #[must_use]
    pub fn hook_call(&self, function: &str) -> Option<HookCall> {
        let prototype = self.prototype(function)?;
        self.size(&self.beneath(self.btf.resolve_type_by_id(prototype.return_type_id()).ok()?)?)?;
        let arguments = self.place(&prototype, None)?;
        let pointed = |parameter| -> Option<HookArgument> {
            let Type::Ptr(pointer) = self.underlying(parameter)? else { return None };
            let Type::Struct(found) = self.underlying(&pointer)? else { return None };
            let name = self.btf.resolve_name(&found).ok()?;
            HOOK_ARGUMENTS.iter().find(|(known, _)| *known == name).map(|(_, argument)| *argument)
        };
        let mut call = HookCall { arguments, ..HookCall::default() };
        for parameter in &prototype.parameters {
            let Some(argument) = pointed(parameter) else { continue };
            if call.kind == HookArgument::None as u32 || (argument as u32) < call.kind {
                let name = self.btf.resolve_name(parameter).ok()?;
                call.object = self.place(&prototype, Some(&name))?;
                call.kind = argument as u32;
            }
        }
        Some(call)
    }

    /// Whether the kernel has a tracepoint of this name that BTF describes.
    #[must_use]
    pub fn has_tracepoint(&self, name: &str) -> bool {
        self.named(&format!("btf_trace_{name}")).any(|(_, found)| matches!(found, Type::Typedef(_)))
    }

    /// The values of an enum, each with its name; empty if this kernel has none of this name, or several.
    #[must_use]
    pub fn enumeration(&self, name: &str) -> Vec<(String, u32)> {
        let mut enums = self.named(name).filter_map(|(_, found)| match found {
            Type::Enum(found) => Some(found),
            _ => None,
        });
        let (Some(found), None) = (enums.next(), enums.next()) else { return Vec::new() };
        found
            .members
            .iter()
            .filter_map(|member| Some((self.btf.resolve_name(member).ok()?, member.val())))
            .collect()
    }

    /// What a function takes and returns, if this kernel has one function of this name.
    fn prototype(&self, name: &str) -> Option<FuncProto> {
        let mut functions = self.named(name).filter_map(|(_, found)| match found {
            Type::Func(found) => Some(found),
            _ => None,
        });
        let (Some(function), None) = (functions.next(), functions.next()) else { return None };
        match self.btf.resolve_chained_type(&function).ok()? {
            Type::FuncProto(prototype) => Some(prototype),
            _ => None,
        }
    }

    /// The types of this name, each with its number.
    fn named(&self, name: &str) -> impl Iterator<Item = (u32, Type)> {
        let ids = match &self.names {
            Some(names) => names.candidates(name).collect(),
            None => self.btf.resolve_ids_by_name(name).unwrap_or_default(),
        };
        let found = ids.into_iter().filter_map(|id| Some((id, self.btf.resolve_type_by_id(id).ok()?)));
        found.filter(move |(_, found)| self.name_of(found).is_some_and(|known| known == name))
    }

    fn name_of(&self, of: &Type) -> Option<String> {
        self.btf.resolve_name(of.as_btf_type()?).ok()
    }

    fn structs(&self, name: &str) -> impl Iterator<Item = Struct> {
        self.named(name).filter_map(|(_, found)| match found {
            Type::Struct(found) | Type::Union(found) => Some(found),
            _ => None,
        })
    }

    fn enumerators(&self, name: &str, enumerator: &str) -> impl Iterator<Item = u32> {
        self.named(name)
            .flat_map(|(_, found)| match found {
                Type::Enum(found) => found.members,
                _ => Vec::new(),
            })
            .filter(move |member| self.btf.resolve_name(member).is_ok_and(|name| name == enumerator))
            .map(|member| member.val())
    }

    fn functions(&self, name: &str) -> impl Iterator<Item = FuncProto> {
        self.named(name).filter_map(|(_, found)| match found {
            Type::Func(function) => match self.btf.resolve_chained_type(&function).ok()? {
                Type::FuncProto(prototype) => Some(prototype),
                _ => None,
            },
            _ => None,
        })
    }

    /// The words of a function's arguments before the one of this name, or of all.
    fn place(&self, function: &FuncProto, name: Option<&str>) -> Option<u32> {
        let mut words = 0;
        for parameter in &function.parameters {
            if name.is_some() && self.btf.resolve_name(parameter).ok().as_deref() == name {
                return Some(words);
            }
            // A small struct takes as many words as it has, anything else one.
            words += self.size(&self.underlying(parameter)?)?.div_ceil(8);
        }
        name.is_none().then_some(words)
    }

    fn member(&self, name: &str, path: &str) -> Option<Found> {
        // Two types of one name, of different parts of the kernel: the one with the member is meant. If both have it,
        // at different places, there is no telling.
        let mut found = self.structs(name).filter_map(|parent| self.find(&parent, path, 0));
        let first = found.next()?;
        found.all(|other| other.bit == first.bit).then_some(first)
    }

    /// Finds a member by its dotted path, through anonymous structs and unions.
    fn find(&self, parent: &Struct, path: &str, base: u32) -> Option<Found> {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        for member in &parent.members {
            let bits = base.checked_mul(8)?.checked_add(member.bit_offset())?;
            let width = member.bitfield_size().unwrap_or_default();
            let kind = self.underlying(member);
            let member_name = self.btf.resolve_name(member).unwrap_or_default();
            if member_name == name {
                return match rest {
                    None => Some(Found { bit: bits, width, kind }),
                    Some(rest) => match kind {
                        Some(Type::Struct(inner) | Type::Union(inner)) => self.find(&inner, rest, bits / 8),
                        _ => None,
                    },
                };
            }
            if member_name.is_empty()
                && let Some(Type::Struct(inner) | Type::Union(inner)) = kind
                && let Some(found) = self.find(&inner, path, bits / 8)
            {
                return Some(found);
            }
        }
        None
    }

    /// The type behind a member, without typedefs and qualifiers.
    fn underlying(&self, of: &dyn BtfType) -> Option<Type> {
        self.beneath(self.btf.resolve_chained_type(of).ok()?)
    }

    /// A type without typedefs and qualifiers.
    fn beneath(&self, mut found: Type) -> Option<Type> {
        // Far more than any type has.
        for _ in 0..32 {
            found = match &found {
                Type::Typedef(inner) => self.btf.resolve_chained_type(inner).ok()?,
                Type::Const(inner) | Type::Volatile(inner) | Type::Restrict(inner) => {
                    self.btf.resolve_chained_type(inner).ok()?
                }
                Type::TypeTag(inner) => self.btf.resolve_chained_type(inner).ok()?,
                _ => return Some(found),
            };
        }
        None
    }

    fn size(&self, kind: &Type) -> Option<u32> {
        match kind {
            Type::Int(int) => u32::try_from(int.size()).ok(),
            Type::Enum(found) => u32::try_from(found.size()).ok(),
            Type::Struct(found) | Type::Union(found) => u32::try_from(found.size()).ok(),
            Type::Ptr(_) => Some(8),
            Type::Array(array) => {
                let element = self.underlying(array)?;
                self.size(&element)?.checked_mul(u32::try_from(array.len()).ok()?)
            }
            _ => None,
        }
    }
}

struct Found {
    /// Bits from the start of the struct.
    bit: u32,
    /// Bits of a bit field; 0 for other members.
    width: u32,
    kind: Option<Type>,
}

impl Found {
    /// Bytes from the start of the struct; `None` for a bit field, which has no address.
    fn offset(&self) -> Option<u32> {
        (self.width == 0 && self.bit.is_multiple_of(8)).then_some(self.bit / 8)
    }
}

/// The value that all agree on.
fn unanimous(mut values: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
}
