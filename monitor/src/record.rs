//! A record's parts: the head, the body of its source, and the chunks.
//!
//! The bytes come from the kernel, and nothing about them is trusted: any bytes give a record or a
//! [`RecordError`], never a panic and never a read beyond their end.

use monitor_common::{
    ABI, Head, SourceId,
    chunk::{ChunkHead, ChunkKind},
};
use zerocopy::{FromBytes, Immutable, KnownLayout, TryFromBytes as _};

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There are fewer bytes than a head has, or they are not aligned as the ring buffer aligns them.
    #[error("{len} bytes are too few, or not aligned, for a record's head")]
    NoHead {
        /// How many there are.
        len: usize,
    },
    /// The head's size is not the record's.
    #[error("the head says {size} bytes, but {len} were read")]
    Size {
        /// What the head says.
        size: u16,
        /// How many there are.
        len: usize,
    },
    /// The programs and this daemon are of different versions.
    #[error("the record is of version {0}, and this denyd reads version {ABI}")]
    Abi(u8),
    /// No source has this number.
    #[error("no source has number {0}")]
    UnknownSource(u8),
    /// There are fewer bytes after the head than the source's body has.
    #[error("{len} bytes are too few for the body of {source_id:?}")]
    NoBody {
        /// Whose body.
        source_id: SourceId,
        /// How many there are.
        len: usize,
    },
    /// No change of a policy has this number.
    #[error("no change of a policy has number {0}")]
    UnknownChange(u32),
    /// A chunk's head or bytes reach beyond the record.
    #[error("a chunk reaches beyond the record's end")]
    ChunkCut,
    /// No chunk has this kind.
    #[error("no chunk has kind {0}")]
    UnknownChunk(u8),
    /// A chunk's bytes are not of its kind's form.
    #[error("a chunk of kind {0:?} has another form")]
    ChunkForm(ChunkKind),
}

/// One record: a head whose size and source have been checked, and the bytes after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    head: &'a Head,
    source: SourceId,
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the head. Bytes beyond the size that it gives are ignored: a program reserves more than it fills.
    ///
    /// # Errors
    ///
    /// If there is no head, or it is not one of these bytes, or its source is unknown.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let (head, rest) =
            Head::ref_from_prefix(bytes).map_err(|_| RecordError::NoHead { len: bytes.len() })?;
        let rest = usize::from(head.size)
            .checked_sub(size_of::<Head>())
            .and_then(|len| rest.get(..len))
            .ok_or(RecordError::Size { size: head.size, len: bytes.len() })?;
        if head.abi != ABI {
            return Err(RecordError::Abi(head.abi));
        }
        let source = SourceId::try_read_from_bytes(&[head.source])
            .map_err(|_| RecordError::UnknownSource(head.source))?;
        Ok(Self { head, source, rest })
    }

    /// The head.
    #[must_use]
    pub(crate) fn head(&self) -> &'a Head {
        self.head
    }

    /// Which source wrote it.
    #[must_use]
    pub(crate) fn source(&self) -> SourceId {
        self.source
    }

    /// The body, which must be that of [`Self::source`], and the chunks.
    ///
    /// # Errors
    ///
    /// If there are too few bytes.
    pub(crate) fn body<B: FromBytes + Immutable + KnownLayout>(
        &self,
    ) -> Result<(&'a B, Chunks<'a>), RecordError> {
        B::ref_from_prefix(self.rest)
            .map(|(body, rest)| (body, Chunks { rest }))
            .map_err(|_| RecordError::NoBody { source_id: self.source, len: self.rest.len() })
    }
}

/// Bytes that a record takes in the ring buffer: those of its header, too, and a multiple of 8 (`bpf_ringbuf_output`,
/// kernel/bpf/ringbuf.c).
pub(crate) fn ring_len(record: &[u8]) -> u64 {
    (record.len() as u64 + 8).next_multiple_of(8)
}

/// Which source wrote a record, as far as even a damaged one shows.
#[must_use]
pub(crate) fn source_of(bytes: &[u8]) -> Option<SourceId> {
    let number = bytes.get(std::mem::offset_of!(Head, source))?;
    SourceId::try_read_from_bytes(std::slice::from_ref(number)).ok()
}

/// A string, path or label of variable length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    /// What it is.
    pub kind: ChunkKind,
    /// A set of [`monitor_common::chunk`]'s flags.
    pub flags: u8,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Chunk<'_> {
    /// Whether it has this flag.
    #[must_use]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The chunks of a record, in the order in which they were written. It ends after the first error.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn split(&mut self) -> Result<Chunk<'a>, RecordError> {
        let (head, rest) = ChunkHead::read_from_prefix(self.rest).map_err(|_| RecordError::ChunkCut)?;
        let (bytes, rest) =
            rest.split_at_checked(usize::from(head.len.get())).ok_or(RecordError::ChunkCut)?;
        let kind =
            ChunkKind::try_read_from_bytes(&[head.kind]).map_err(|_| RecordError::UnknownChunk(head.kind))?;
        self.rest = rest;
        Ok(Chunk { kind, flags: head.flags, bytes })
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let chunk = self.split();
        if chunk.is_err() {
            self.rest = &[];
        }
        Some(chunk)
    }
}
