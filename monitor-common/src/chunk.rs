//! The variable part of a record: chunks of a kind, flags and bytes, one after another, unaligned.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned,
    little_endian::{I32, U16, U64},
};

/// The four bytes before a chunk's own.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ChunkHead {
    /// A [`ChunkKind`].
    pub kind: u8,
    /// A set of the `FLAG_` constants of this module.
    pub flags: u8,
    /// Bytes that follow.
    pub len: U16,
}

/// Something was longer than its room: the end of a string, or the start (the side of the root) of a path, is cut.
pub const FLAG_CUT: u8 = 1;
/// Reading kernel memory failed on the way; what is there is what could be read.
pub const FLAG_FAULT: u8 = 2;
/// A path that starts at the root of its mount namespace; without this flag it starts at the root of its file system.
pub const FLAG_ABSOLUTE: u8 = 4;
/// The path is one of several that are equally right (hard links, several mounts of one file system).
pub const FLAG_AMBIGUOUS: u8 = 8;
/// The file had been unlinked.
pub const FLAG_DELETED: u8 = 16;
/// The file is on one of the kernel's own mounts, which are in no mount namespace (pipes, sockets, memfd).
pub const FLAG_INTERNAL: u8 = 32;
/// With [`FLAG_ABSOLUTE`]: the mount namespace is not the process's own. With [`FLAG_INTERNAL`]: the file hangs below no
/// root, so that its name is no path. Alone: the path starts at the root of a tree of mounts that is in no namespace.
pub const FLAG_ELSEWHERE: u8 = 64;
/// The file system has more mounts than were searched for one that the process sees.
pub const FLAG_UNSEARCHED: u8 = 128;

/// What a chunk holds.
///
/// *path*: the names of the path's components, the leaf first, each ended by a NUL.
/// *string*: bytes, without the NUL. *context*: see [`ChunkKind::SubjectContext`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Immutable, KnownLayout, TryFromBytes)]
#[repr(u8)]
pub enum ChunkKind {
    /// path: the executable of the process (`mm->exe_file`).
    Exe = 1,
    /// path: the working directory.
    Cwd = 2,
    /// The command line as the process has it in memory: arguments, each ended by a NUL.
    Argv = 3,
    /// path: the cgroup, from the root of the default hierarchy (or of the first v1 hierarchy where only that is used).
    Cgroup = 4,
    /// An [`crate::Ancestor`]; the first is the parent.
    Ancestor = 5,
    /// path: the executable of the ancestor that the last [`Self::Ancestor`] chunk named.
    AncestorExe = 6,

    /// path: the object.
    ObjectPath = 16,
    /// string: the name that a socket of family unix is bound to; an abstract name starts with a NUL.
    UnixName = 17,
    /// string: the kernel module, or the class of an anonymous inode, or a key's description.
    ObjectName = 18,
    /// path: the executable of the process that is the object.
    ObjectExe = 19,
    /// string: the name of the network interface.
    Interface = 20,
    /// path: the root directory of the process.
    Root = 21,
    /// A [`crate::Directory`]: the one that the object's entry is in.
    Parent = 22,

    /// The SELinux context of the subject: `sid` (u32), then `user`, `role`, `type`, low and high sensitivity, each a
    /// string ended by a NUL; the sensitivities are empty where the policy has no MLS.
    SubjectContext = 32,
    /// The SELinux context of the object, in the form of [`Self::SubjectContext`].
    ObjectContext = 33,
    /// The SELinux context of the running task, in the form of [`Self::SubjectContext`].
    TaskContext = 34,
    /// Raw `struct ebitmap_node`s: the categories of the low level of the context chunk before it.
    CategoriesLow = 35,
    /// Raw `struct ebitmap_node`s: the categories of the high level of the context chunk before it.
    CategoriesHigh = 36,
    /// string: the subject's context that the policy doesn't know (any more), so that the kernel takes the subject for
    /// unlabeled, which the chunk [`Self::SubjectContext`] has.
    SubjectContextText = 37,
    /// string: as [`Self::SubjectContextText`], of the object.
    ObjectContextText = 38,
    /// An SELinux boolean: its value (a byte: 0 or 1), then its name, ended by a NUL.
    Boolean = 40,

    /// string: the operation, as AppArmor or Yama names it.
    Operation = 48,
    /// string: the AppArmor profile of the subject.
    Profile = 49,
    /// string: the AppArmor namespace of the subject's profile.
    Namespace = 50,
    /// string: AppArmor's or TOMOYO's name of the object.
    Name = 51,
    /// string: AppArmor's or TOMOYO's second name: the new name of a link or rename, the profile after an exec.
    Target = 52,
    /// string: AppArmor's further information.
    Info = 53,
    /// string: the peer's AppArmor label.
    Peer = 54,
    /// string: source of a mount.
    MountSource = 55,
    /// string: file system type of a mount.
    MountType = 56,
    /// string: second path of a mount operation (`pivot_root`).
    MountTransition = 57,
    /// string: options of a mount.
    MountData = 58,
    /// string: the AppArmor profile of the running task.
    TaskProfile = 59,

    /// A change of an AppArmor profile: its mode before and after (u8 each, `enum profile_mode`, or
    /// [`crate::ApparmorPolicy::NONE`]), its name and its namespace's, each ended by a NUL; the latter is empty for the root
    /// namespace.
    ProfileChange = 60,

    /// Landlock domain ids (u64 each): the denying domain, then its parents.
    Domains = 64,

    /// string: TOMOYO's domain of the subject.
    TomoyoDomain = 72,

    /// The properties of the rule of IPE that refused: a u32 each, `enum ipe_prop_type`.
    IpeProperties = 76,
    /// string: the algorithm of the digest in that rule.
    DigestAlgorithm = 77,
    /// That digest.
    Digest = 78,

    /// The running task's kernel stack: an address (u64) each, the innermost first.
    KernelStack = 80,
    /// The running task's user stack: a `struct bpf_stack_build_id` each, the innermost first.
    UserStack = 81,

    /// string: what an object manager told audit.
    Message = 112,

    /// A [`crate::Credentials`]: those that were judged, where they are not the process's own.
    Credentials = 113,
}

/// A frame of a user stack, in a chunk of [`ChunkKind::UserStack`]: the kernel's `struct bpf_stack_build_id`
/// (include/uapi/linux/bpf.h).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct UserFrame {
    /// [`USER_FRAME_FILE`] or [`USER_FRAME_ADDRESS`].
    pub status: I32,
    /// The build id of the file, padded with zeros.
    pub build_id: [u8; 20],
    /// The offset in that file, or the address.
    pub place: U64,
}

/// [`UserFrame::place`] is an offset in the file that [`UserFrame::build_id`] names (`BPF_STACK_BUILD_ID_VALID`).
pub const USER_FRAME_FILE: i32 = 1;
/// [`UserFrame::place`] is an address, since the file's build id could not be read (`BPF_STACK_BUILD_ID_IP`).
pub const USER_FRAME_ADDRESS: i32 = 2;

/// Frames of a stack that are kept, at most.
pub const STACK_FRAMES: usize = 32;
