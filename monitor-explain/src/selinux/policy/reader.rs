//! Reads numbers and names, and never more than there is.

use super::{Part, PolicyError, Problem};

/// What is left of a policy.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    part: Part,
    /// The policy's version, on which the form of much depends.
    pub(super) version: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, part: Part::Header, version: 0 }
    }

    /// From here on, `part` is read.
    pub(super) fn enter(&mut self, part: Part) {
        self.part = part;
    }

    /// The error that `problem` is here.
    pub(super) fn error(&self, problem: Problem) -> PolicyError {
        PolicyError { part: self.part, offset: self.offset, problem }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PolicyError> {
        let Some((taken, left)) = self.bytes.split_at_checked(length) else {
            return Err(self.truncated(length as u64));
        };
        self.bytes = left;
        self.offset += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PolicyError> {
        let Some((taken, left)) = self.bytes.split_first_chunk() else {
            return Err(self.truncated(N as u64));
        };
        self.bytes = left;
        self.offset += N;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, PolicyError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, PolicyError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, PolicyError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, PolicyError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn words<const N: usize>(&mut self) -> Result<[u32; N], PolicyError> {
        let mut words = [0; N];
        for word in &mut words {
            *word = self.u32()?;
        }
        Ok(words)
    }

    /// A count of things of at least `size` bytes each. It is refused if they can't all be there, so that whoever
    /// reserves memory for them reserves no more than a small multiple of the file.
    pub(super) fn count(&mut self, size: usize) -> Result<usize, PolicyError> {
        let count = self.u32()?;
        self.fits(count, size)
    }

    /// `count` as a number of things of at least `size` bytes each, if that many bytes are left.
    pub(super) fn fits(&self, count: u32, size: usize) -> Result<usize, PolicyError> {
        let needed = u64::from(count) * size as u64;
        if needed > self.bytes.len() as u64 {
            return Err(self.truncated(needed));
        }
        usize::try_from(count).map_err(|_too_large| self.truncated(needed))
    }

    /// A name of `length` bytes.
    pub(super) fn name(&mut self, length: u32) -> Result<&'a str, PolicyError> {
        let bytes = self.path(length)?;
        str::from_utf8(bytes).map_err(|_not_text| self.error(Problem::Name))
    }

    /// The name of a symbol, of `length` bytes: one that can stand in a context, where colons part the names.
    pub(super) fn symbol(&mut self, length: u32) -> Result<&'a str, PolicyError> {
        let name = self.name(length)?;
        let is_word = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if is_word { Ok(name) } else { Err(self.error(Problem::Symbol(name.to_owned()))) }
    }

    /// The name of a sensitivity or a category: one that can stand in levels, where these characters part the names.
    pub(super) fn level(&mut self, length: u32) -> Result<&'a str, PolicyError> {
        let name = self.symbol(length)?;
        if name.contains(['-', ',', '.']) {
            Err(self.error(Problem::Symbol(name.to_owned())))
        } else {
            Ok(name)
        }
    }

    /// A name of `length` bytes that the file system chose.
    pub(super) fn path(&mut self, length: u32) -> Result<&'a [u8], PolicyError> {
        let length = self.fits(length, 1)?;
        let bytes = self.take(length)?;
        if bytes.is_empty() || bytes.contains(&0) {
            return Err(self.error(Problem::Name));
        }
        Ok(bytes)
    }

    fn truncated(&self, needed: u64) -> PolicyError {
        self.error(Problem::Truncated { needed, left: self.bytes.len() })
    }
}
