//! Kernel variables, read at start by a one-shot program.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    os::fd::AsFd as _,
    sync::atomic::{AtomicU64, Ordering},
};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::Map,
    programs::{ProgramError, RawTracePoint, RawTracePointRunOptions, TestRun as _},
};

use zerocopy::IntoBytes as _;

use super::{failure::reason, object};
use crate::shared::{Access, Shared};

/// Bytes that are read at once; the program's map has this size.
const PEEK_SIZE: usize = 4096;

/// Kernel memory could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemoryError {
    /// The object could not be loaded.
    #[error("cannot load the program that reads kernel variables: {0}")]
    Object(#[from] EbpfError),
    /// The program could not be loaded or run.
    #[error("cannot run the program that reads kernel variables: {}", reason(.0))]
    Program(#[from] ProgramError),
    /// The program's map could not be read.
    #[error("cannot map what is read by the program that reads kernel variables: {0}")]
    Map(#[from] io::Error),
    /// The object lacks the program: not the one that this denyd was built with.
    #[error("the eBPF object has no program `peek`")]
    Absent,
    /// The address can't be read.
    #[error("kernel memory at {0:#x} cannot be read")]
    Fault(u64),
}

/// Reads kernel memory until it is dropped, which unloads the program.
pub(super) struct KernelMemory {
    ebpf: Ebpf,
    /// What the program has read: [`PEEK_SIZE`] bytes.
    peeked: Shared<AtomicU64>,
    /// What was read so far, by address: the names that are wanted lie close together.
    pages: HashMap<u64, Box<[u8; PEEK_SIZE]>>,
}

impl KernelMemory {
    /// Loads the program.
    ///
    /// # Errors
    ///
    /// If the kernel refuses it.
    pub(super) fn open() -> Result<Self, MemoryError> {
        let object = object::peek();
        let mut ebpf = EbpfLoader::new().btf(None).load(object.as_bytes())?;
        let program: &mut RawTracePoint = ebpf.program_mut("peek").ok_or(MemoryError::Absent)?.try_into()?;
        program.load()?;
        let Some(Map::Array(map)) = ebpf.map("PEEKED") else { return Err(MemoryError::Absent) };
        let peeked = Shared::map(map.fd().as_fd(), PEEK_SIZE / size_of::<u64>(), Access::Read)?;
        Ok(Self { ebpf, peeked, pages: HashMap::new() })
    }

    /// Reads the bytes from the address to the end of its page.
    fn page(&mut self, address: u64) -> Result<&[u8], MemoryError> {
        let offset = address % PEEK_SIZE as u64;
        let start = address - offset;
        let page = match self.pages.entry(start) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Box::new(peek(&self.ebpf, &self.peeked, start)?)),
        };
        #[expect(clippy::cast_possible_truncation, reason = "less than a page")]
        Ok(&page[offset as usize..])
    }

    /// Reads `len` bytes.
    ///
    /// # Errors
    ///
    /// If the address can't be read, or the program can't be run.
    pub(super) fn bytes(&mut self, address: u64, len: usize) -> Result<Vec<u8>, MemoryError> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let rest = self.page(address.wrapping_add(bytes.len() as u64))?;
            let take = rest.len().min(len - bytes.len());
            bytes.extend_from_slice(&rest[..take]);
        }
        Ok(bytes)
    }

    /// Reads an `u32`.
    ///
    /// # Errors
    ///
    /// As for [`Self::bytes`].
    pub(super) fn u32(&mut self, address: u64) -> Result<u32, MemoryError> {
        let bytes = self.bytes(address, 4)?;
        Ok(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Reads a string up to its NUL, which must come within `limit` bytes.
    ///
    /// # Errors
    ///
    /// As for [`Self::bytes`]; a fault if there is no NUL.
    pub(super) fn string(&mut self, address: u64, limit: usize) -> Result<String, MemoryError> {
        let mut bytes = Vec::new();
        while bytes.len() < limit {
            let rest = self.page(address.wrapping_add(bytes.len() as u64))?;
            if let Some(end) = rest.iter().position(|&byte| byte == 0) {
                bytes.extend_from_slice(&rest[..end]);
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            bytes.extend_from_slice(rest);
        }
        Err(MemoryError::Fault(address))
    }
}

/// Runs the program on one page.
fn peek(ebpf: &Ebpf, peeked: &[AtomicU64], address: u64) -> Result<[u8; PEEK_SIZE], MemoryError> {
    let program: &RawTracePoint = ebpf.program("peek").ok_or(MemoryError::Absent)?.try_into()?;
    let mut options = RawTracePointRunOptions::default();
    options.args[0] = address;
    if program.test_run(options)?.return_value != 0 {
        return Err(MemoryError::Fault(address));
    }
    let mut page = [0; PEEK_SIZE];
    for (bytes, word) in page.chunks_exact_mut(size_of::<u64>()).zip(peeked) {
        bytes.copy_from_slice(&word.load(Ordering::Acquire).to_ne_bytes());
    }
    Ok(page)
}
