//! Names for the frames of stacks, by `blazesym`.
//!
//! The kernel's frames are looked up in `/proc/kallsyms`. A user frame names its file by build id; the file is looked for
//! in the process's own mappings while it lives, and is its executable else. What was found is kept, so that a library
//! is known when the next process that uses it is gone already.
//!
//! Files are parsed as root, so only those are read that root alone can write, in denyd's own mount namespace. A frame
//! whose file is not read keeps its build id and offset, by which a debugger finds the function.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io,
    os::{
        fd::AsRawFd as _,
        unix::{
            ffi::OsStrExt as _,
            fs::{MetadataExt as _, OpenOptionsExt as _},
        },
    },
    path::{Path, PathBuf},
};

use blazesym::{
    MaybeDefault,
    helper::read_elf_build_id,
    symbolize::{
        Input, Sym, Symbolized, Symbolizer,
        source::{Elf, Kernel, Source},
    },
};

use crate::{
    event::{Event, Frame, Process, Stack, Text},
    text,
};

/// Finds the functions of frames.
pub struct Symbols {
    symbolizer: Symbolizer,
    kernel: Source<'static>,
    /// By build id, as events write it.
    files: HashMap<String, Option<Binary>>,
    /// Inode number of denyd's own mount namespace.
    mount_namespace: Option<u64>,
}

/// A program's or library's file.
struct Binary {
    path: PathBuf,
    /// Kept open, so that `readable` stays this file.
    _file: File,
    readable: PathBuf,
}

impl Symbols {
    /// Files that are kept open, at most.
    pub const FILES: usize = 256;

    /// Nothing looked up yet.
    #[must_use]
    pub fn new() -> Self {
        let kernel = Kernel { vmlinux: MaybeDefault::None, debug_syms: false, ..Kernel::default() };
        Self {
            symbolizer: symbolizer(),
            kernel: kernel.into(),
            files: HashMap::new(),
            mount_namespace: fs::metadata("/proc/self/ns/mnt").ok().map(|metadata| metadata.ino()),
        }
    }

    /// Names the functions in an event's stacks. This reads files: not for the reader's thread.
    pub fn name(&mut self, event: &mut Event<'_>) {
        let Some(mut stack) = event.stack.take() else { return };
        self.name_kernel(&mut stack);
        self.name_user(&mut stack, &event.process);
        event.stack = Some(stack);
    }

    fn name_kernel(&self, stack: &mut Stack<'_>) {
        let addresses: Vec<u64> = stack
            .kernel
            .iter()
            .enumerate()
            .map(|(n, frame)| call(n, number(frame.address.as_deref())))
            .collect();
        match self.symbolizer.symbolize(&self.kernel, Input::AbsAddr(&addresses)) {
            Ok(found) => stack
                .kernel
                .iter_mut()
                .zip(found)
                .enumerate()
                .for_each(|(n, (frame, found))| name(frame, n, found)),
            Err(error) => tracing::debug!(%error, "the kernel's symbols can't be read"),
        }
    }

    fn name_user(&mut self, stack: &mut Stack<'_>, process: &Process<'_>) {
        for (n, frame) in stack.user.iter_mut().enumerate() {
            let (Some(build_id), Some(offset)) = (&frame.build_id, &frame.file_offset) else { continue };
            let offset = call(n, number(Some(offset)));
            self.find(build_id, process);
            let Some(Some(file)) = self.files.get(build_id.as_ref()) else { continue };
            frame.file = Some(text::escape(file.path.as_os_str().as_encoded_bytes()).into_owned().into());
            let source = Source::Elf(Elf::new(&file.readable));
            match self.symbolizer.symbolize_single(&source, Input::FileOffset(offset)) {
                Ok(found) => name(frame, n, found),
                Err(error) => tracing::debug!(%error, file = %file.path.display(), "it has no symbols"),
            }
        }
    }

    /// Looks for the file with this build id, if that was not done.
    fn find(&mut self, build_id: &str, process: &Process<'_>) {
        if self.files.contains_key(build_id) {
            return;
        }
        if self.files.len() >= Self::FILES {
            self.files.clear();
            self.symbolizer = symbolizer();
        }
        for path in self.candidates(process) {
            match Binary::open(&path) {
                Ok(Some((id, binary))) => drop(self.files.entry(id).or_insert(Some(binary))),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, path = %path.display(), "not read for its symbols"),
            }
        }
        self.files.entry(build_id.to_owned()).or_insert(None);
    }

    /// The files that the process runs, or ran: empty if they are in another mount namespace.
    fn candidates(&self, process: &Process<'_>) -> Vec<PathBuf> {
        let namespace = process.namespaces.map(|namespaces| namespaces.mnt.into());
        if namespace.is_none() || namespace != self.mount_namespace {
            return Vec::new();
        }
        // Another process may have the number by now. That does no harm: its files are taken by their own build ids.
        let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid)).unwrap_or_default();
        let mut files: Vec<PathBuf> = maps
            .lines()
            .filter_map(|line| Some(Path::new(&line[line.find('/')?..]).to_owned()))
            .chain(process.exe.as_deref().and_then(path))
            .collect();
        files.sort_unstable();
        files.dedup();
        files.truncate(Self::FILES / 2);
        files
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Self::new()
    }
}

impl Binary {
    /// Opens a file that root alone can write, and reads its build id; `None` if it has none.
    fn open(path: &Path) -> io::Result<Option<(String, Self)>> {
        // A device must not even be opened; what the path means may change between the two looks.
        check(&fs::metadata(path)?)?;
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        check(&file.metadata()?)?;
        let readable = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let id = read_elf_build_id(&readable).map_err(io::Error::other)?;
        Ok(id.map(|id| {
            // As the kernel pads it.
            let mut padded = [0; 20];
            id.iter().zip(&mut padded).for_each(|(&byte, at)| *at = byte);
            (text::hex(&padded), Self { path: path.to_owned(), _file: file, readable })
        }))
    }
}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() && metadata.uid() == 0 && metadata.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(io::Error::other("it is no file that root alone can write"))
    }
}

fn symbolizer() -> Symbolizer {
    Symbolizer::builder().enable_auto_reload(false).enable_inlined_fns(false).build()
}

/// The address of the call: a caller's frame has the address after it, which may be another function's.
fn call(n: usize, address: u64) -> u64 {
    if n == 0 { address } else { address.saturating_sub(1) }
}

fn path(text: &str) -> Option<PathBuf> {
    Some(OsStr::from_bytes(&text::unescape(text).ok()?).into())
}

fn number(hex: Option<&str>) -> u64 {
    hex.and_then(|hex| u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok()).unwrap_or_default()
}

fn name(frame: &mut Frame<'_>, n: usize, found: Symbolized<'_>) {
    let Symbolized::Sym(Sym { name, offset, code_info, .. }) = found else { return };
    frame.function = Some(text::escape(name.as_bytes()).into_owned().into());
    frame.offset = Some(offset as u64 + u64::from(n != 0));
    frame.source = code_info.map(|code| {
        let path = code.to_path();
        let path: Text<'_> = text::escape(path.as_os_str().as_encoded_bytes());
        code.line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}")).into()
    });
}
