//! Names for the frames of stacks, by `blazesym`, looked up on a thread of their own.
//!
//! The kernel's frames are looked up in `/proc/kallsyms`, which shows addresses only to the privileged: it is copied before
//! denyd gives its privileges up. A user frame names its file by build id; the file is looked for
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
        fd::{AsRawFd as _, OwnedFd},
        unix::{
            ffi::OsStrExt as _,
            fs::{MetadataExt as _, OpenOptionsExt as _},
        },
    },
    path::{Path, PathBuf},
    thread,
};

use blazesym::{
    MaybeDefault,
    helper::read_elf_build_id,
    symbolize::{
        Input, Sym, Symbolized, Symbolizer,
        source::{Elf, Kernel, Source},
    },
};
use rustix::fs::{MemfdFlags, memfd_create};

use super::{
    cache::Requests,
    stacks::{Asked, Stacks},
};
use crate::{
    event::{Frame, Stack, Text},
    text,
};

/// What `/proc/kallsyms` said when it was copied; empty if it could not be.
#[derive(Debug)]
pub struct KernelSymbols {
    /// Kept open, so that `readable` stays this copy.
    _copy: Option<OwnedFd>,
    readable: PathBuf,
}

impl KernelSymbols {
    /// Copies them into memory. Needs `CAP_SYSLOG`.
    #[must_use]
    pub fn copy() -> Self {
        let copy = memfd_create("kallsyms", MemfdFlags::CLOEXEC).map_err(io::Error::from).and_then(|copy| {
            let mut copy = File::from(copy);
            io::copy(&mut File::open("/proc/kallsyms")?, &mut copy)?;
            Ok(OwnedFd::from(copy))
        });
        match copy {
            Ok(copy) => {
                let readable = PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd()));
                Self { _copy: Some(copy), readable }
            }
            Err(error) => {
                tracing::warn!(%error, "/proc/kallsyms: the kernel's functions will have no names");
                Self { _copy: None, readable: PathBuf::from("/dev/null") }
            }
        }
    }
}

/// Starts the thread that reads the kernel's and the files' symbols. It ends when nobody asks any more.
///
/// # Errors
///
/// If the thread can't be started.
pub fn start(mut requests: Requests<Asked, Stack<'static>>, kernel: KernelSymbols) -> io::Result<()> {
    thread::Builder::new().name("symbols".to_owned()).spawn(move || {
        let mut symbols = Symbols::new(kernel);
        // The kernel's symbols are read with the first answer. That should not be in the way of the first event.
        let _read = symbols.symbolizer.symbolize(&symbols.kernel, Input::AbsAddr(&[]));
        while let Some(asked) = requests.questions.blocking_recv() {
            let named = symbols.name(&asked);
            if requests.answers.blocking_send((asked, Ok(Some(named)))).is_err() {
                break;
            }
        }
    })?;
    Ok(())
}

/// Finds the functions of frames.
struct Symbols {
    symbolizer: Symbolizer,
    kernel: Source<'static>,
    /// What [`Self::kernel`] reads.
    _kallsyms: KernelSymbols,
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
    const FILES: usize = 256;

    /// Nothing looked up yet.
    fn new(symbols: KernelSymbols) -> Self {
        let kallsyms = MaybeDefault::Some(symbols.readable.clone());
        let kernel = Kernel { kallsyms, vmlinux: MaybeDefault::None, debug_syms: false, ..Kernel::default() };
        Self {
            symbolizer: symbolizer(),
            kernel: kernel.into(),
            _kallsyms: symbols,
            files: HashMap::new(),
            mount_namespace: fs::metadata("/proc/self/ns/mnt").ok().map(|metadata| metadata.ino()),
        }
    }

    /// Names the functions on these stacks.
    fn name(&mut self, Asked(asked): &Asked) -> Stack<'static> {
        let mut stack = asked.frames.clone();
        self.name_kernel(&mut stack);
        self.name_user(&mut stack, asked);
        stack
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

    fn name_user(&mut self, stack: &mut Stack<'_>, process: &Stacks) {
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
    fn find(&mut self, build_id: &str, process: &Stacks) {
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
    fn candidates(&self, process: &Stacks) -> Vec<PathBuf> {
        let namespace = process.mount_namespace.map(u64::from);
        if namespace.is_none() || namespace != self.mount_namespace {
            return Vec::new();
        }
        // Another process may have the number by now. That does no harm: its files are taken by their own build ids.
        let maps = process.pid.map(|pid| fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default());
        let mut files: Vec<PathBuf> = maps
            .as_deref()
            .unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

    use super::*;

    /// The C library's file as this process maps it, and where `getpid` is in it.
    fn getpid() -> (PathBuf, u64) {
        let address = libc::getpid as *const () as u64;
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines()
            .find_map(|line| {
                let mut words = line.split_ascii_whitespace();
                let (start, end) = words.next()?.split_once('-')?;
                let (start, end) = (hex(start), hex(end));
                let offset = hex(words.nth(1)?);
                let path = words.nth(2)?;
                (start..end).contains(&address).then(|| (path.into(), address - start + offset))
            })
            .unwrap()
    }

    fn hex(text: &str) -> u64 {
        u64::from_str_radix(text, 16).unwrap()
    }

    /// What is asked about one frame of this process, in a file.
    fn asked(exe: &Path, file_offset: u64) -> Asked {
        let (build_id, _binary) = Binary::open(&getpid().0).unwrap().unwrap();
        let frame = Frame {
            build_id: Some(build_id.into()),
            file_offset: Some(format!("{file_offset:#x}").into()),
            ..Frame::default()
        };
        let namespace = fs::metadata("/proc/self/ns/mnt").unwrap().ino();
        Asked(Arc::new(Stacks {
            pid: None,
            exe: Some(exe.to_str().unwrap().into()),
            mount_namespace: Some(namespace.try_into().unwrap()),
            frames: Stack { kernel: Vec::new(), user: vec![frame] },
        }))
    }

    #[test]
    fn a_function_of_a_file_that_is_roots_alone_is_named() {
        let (path, offset) = getpid();
        let named = Symbols::new(KernelSymbols::copy()).name(&asked(&path, offset + 3));
        let frame = &named.user[0];
        assert!(frame.function.as_deref().unwrap().ends_with("getpid"), "{frame:?}");
        assert_eq!((frame.offset, frame.file.as_deref()), (Some(3), path.to_str()));
    }

    #[test]
    fn a_file_that_others_can_write_is_not_read() {
        let (path, offset) = getpid();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("libc");
        fs::copy(path, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o777)).unwrap();
        let asked = asked(&copy, offset);
        assert_eq!(Symbols::new(KernelSymbols::copy()).name(&asked), asked.0.frames);
    }

    #[test]
    fn a_process_of_another_mount_namespace_names_no_file() {
        let (path, offset) = getpid();
        let Asked(own) = asked(&path, offset);
        let stacks =
            Stacks { pid: None, exe: own.exe.clone(), mount_namespace: Some(1), frames: own.frames.clone() };
        assert_eq!(Symbols::new(KernelSymbols::copy()).name(&Asked(Arc::new(stacks))), own.frames);
    }
}
