//! SELinux contexts: from what the probe read of the kernel's structures to the kernel's own text.
//!
//! The text is what `security_sid_to_context` and `mls_sid_to_context` (security/selinux/ss/) write:
//! `user:role:type`, and with MLS the low level and, if another, the high one: `:s0-s0:c0.c1023`.

use std::fmt::Write as _;

use monitor_common::chunk::{ChunkKind, FLAG_CUT, FLAG_FAULT};

use crate::{
    record::{Chunk, RecordError},
    text,
};

/// How the running kernel lays out `struct ebitmap_node`, which holds a part of a set of categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EbitmapLayout {
    /// Bytes of a node.
    pub node_size: usize,
    /// Where `maps` starts.
    pub maps_offset: usize,
    /// How many 64-bit words `maps` has.
    pub maps_len: usize,
    /// Where `startbit` starts.
    pub startbit_offset: usize,
}

/// A context as chunks give it, or why it can't be formatted.
pub(super) type Formatted = Option<(u32, Result<String, &'static str>)>;

/// Collects the context chunks of a record.
#[derive(Default)]
pub(super) struct ContextReader<'a> {
    /// Of the subject, the object and the task.
    contexts: [Option<RawContext<'a>>; 3],
    last: usize,
}

struct RawContext<'a> {
    sid: u32,
    names: [&'a [u8]; 5],
    categories: [&'a [u8]; 2],
    damaged: bool,
}

impl<'a> ContextReader<'a> {
    /// Takes a context chunk, or the categories of the last one.
    pub(super) fn take(&mut self, chunk: &Chunk<'a>) -> Result<(), RecordError> {
        let error = RecordError::ChunkForm(chunk.kind);
        let damaged = chunk.has(FLAG_CUT | FLAG_FAULT);
        let whose = match chunk.kind {
            ChunkKind::SubjectContext => 0,
            ChunkKind::ObjectContext => 1,
            ChunkKind::TaskContext => 2,
            ChunkKind::CategoriesLow | ChunkKind::CategoriesHigh => {
                let level = usize::from(chunk.kind == ChunkKind::CategoriesHigh);
                let raw = self.contexts[self.last].as_mut().ok_or(error)?;
                raw.categories[level] = chunk.bytes;
                raw.damaged |= damaged;
                return Ok(());
            }
            _ => return Err(error),
        };
        let (sid, bytes) = chunk.bytes.split_first_chunk().ok_or(error)?;
        let mut strings = bytes.split(|&byte| byte == 0);
        let names = std::array::from_fn(|_| strings.next().unwrap_or_default());
        self.last = whose;
        let sid = u32::from_le_bytes(*sid);
        self.contexts[whose] = Some(RawContext { sid, names, categories: [&[]; 2], damaged });
        Ok(())
    }

    /// Formats what was collected: the contexts of the subject, the object and the task.
    pub(super) fn format(self, layout: Option<&EbitmapLayout>) -> [Formatted; 3] {
        self.contexts.map(|raw| raw.map(|raw| (raw.sid, raw.format(layout))))
    }
}

impl RawContext<'_> {
    fn format(&self, layout: Option<&EbitmapLayout>) -> Result<String, &'static str> {
        if self.damaged {
            return Err("its context could not be read whole");
        }
        let Self { names: [user, role, type_, low, high], categories, .. } = self;
        if user.is_empty() || role.is_empty() || type_.is_empty() {
            return Err("its context could not be read whole");
        }
        let mut context = String::with_capacity(64);
        for (nth, name) in [user, role, type_].into_iter().enumerate() {
            if nth > 0 {
                context.push(':');
            }
            text::escape_into(name, &mut context);
        }
        if low.is_empty() {
            return Ok(context);
        }
        context.push(':');
        let start = context.len();
        push_level(&mut context, low, categories[0], layout)?;
        let high_start = context.len();
        if !high.is_empty() {
            context.push('-');
            push_level(&mut context, high, categories[1], layout)?;
            // The high level is written only where it is another.
            if context[start..high_start] == context[high_start + 1..] {
                context.truncate(high_start);
            }
        }
        Ok(context)
    }
}

fn push_level(
    context: &mut String,
    sensitivity: &[u8],
    categories: &[u8],
    layout: Option<&EbitmapLayout>,
) -> Result<(), &'static str> {
    text::escape_into(sensitivity, context);
    if categories.is_empty() {
        return Ok(());
    }
    let layout = layout.ok_or("the layout of its categories is unknown")?;
    let mut separator = ':';
    let bits = Bits::new(categories, layout).ok_or("its categories are damaged")?;
    for (first, last) in (Runs { bits, next: None }) {
        // Writing to a String can't fail.
        let _infallible = write!(context, "{separator}c{first}");
        separator = ',';
        if last > first {
            // As the kernel writes it: two neighbours are a list, three or more a range.
            let _infallible = write!(context, "{}c{last}", if last - first > 1 { '.' } else { ',' });
        }
    }
    Ok(())
}

/// The bits that are set in a row of `struct ebitmap_node`s, in their order.
struct Bits<'a> {
    nodes: std::slice::ChunksExact<'a, u8>,
    layout: &'a EbitmapLayout,
    node: &'a [u8],
    word: usize,
    /// What is left of the word.
    rest: u64,
}

impl<'a> Bits<'a> {
    /// `None` if the bytes aren't whole nodes, or the layout can't be one.
    fn new(bytes: &'a [u8], layout: &'a EbitmapLayout) -> Option<Self> {
        let maps_end = layout.maps_len.checked_mul(8)?.checked_add(layout.maps_offset)?;
        let startbit_end = layout.startbit_offset.checked_add(4)?;
        if layout.node_size == 0 || maps_end > layout.node_size || startbit_end > layout.node_size {
            return None;
        }
        let nodes = bytes.chunks_exact(layout.node_size);
        let whole = nodes.remainder().is_empty();
        whole.then_some(Self { nodes, layout, node: &[], word: layout.maps_len, rest: 0 })
    }

    /// Reads bytes that [`Self::new`] made sure are there.
    fn bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        self.node.get(offset..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
    }
}

impl Iterator for Bits<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.rest == 0 {
            self.word += 1;
            if self.word >= self.layout.maps_len {
                self.node = self.nodes.next()?;
                self.word = 0;
            }
            self.rest = u64::from_le_bytes(self.bytes(self.layout.maps_offset + self.word * 8));
        }
        let bit = self.rest.trailing_zeros();
        self.rest &= self.rest - 1;
        let start = u64::from(u32::from_le_bytes(self.bytes(self.layout.startbit_offset)));
        Some(start + self.word as u64 * 64 + u64::from(bit))
    }
}

/// The first and last of each run of neighbouring bits.
struct Runs<'a> {
    bits: Bits<'a>,
    next: Option<u64>,
}

impl Iterator for Runs<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let first = self.next.take().or_else(|| self.bits.next())?;
        let mut last = first;
        for bit in self.bits.by_ref() {
            if bit != last + 1 {
                self.next = Some(bit);
                break;
            }
            last = bit;
        }
        Some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: EbitmapLayout =
        EbitmapLayout { node_size: 64, maps_offset: 8, maps_len: 6, startbit_offset: 56 };

    /// The nodes that the kernel would have for these categories.
    fn nodes(categories: impl IntoIterator<Item = u32>) -> Vec<u8> {
        let mut nodes = std::collections::BTreeMap::<u32, [u64; 6]>::new();
        for category in categories {
            let start = category / 384 * 384;
            let bit = (category - start) as usize;
            nodes.entry(start).or_default()[bit / 64] |= 1 << (bit % 64);
        }
        let mut bytes = Vec::new();
        for (start, maps) in nodes {
            bytes.extend(0xffff_8880_1234_5678_u64.to_le_bytes());
            bytes.extend(maps.into_iter().flat_map(u64::to_le_bytes));
            bytes.extend(start.to_le_bytes());
            bytes.extend([0; 4]);
        }
        bytes
    }

    fn format(names: &[u8], low: &[u8], high: &[u8]) -> Result<String, &'static str> {
        let context = [&7_u32.to_le_bytes(), names].concat();
        let mut reader = ContextReader::default();
        for (kind, bytes) in [
            (ChunkKind::ObjectContext, context.as_slice()),
            (ChunkKind::CategoriesLow, low),
            (ChunkKind::CategoriesHigh, high),
        ] {
            reader.take(&Chunk { kind, flags: 0, bytes }).unwrap();
        }
        let [subject, object, task] = reader.format(Some(&LAYOUT));
        assert!(subject.is_none() && task.is_none());
        let (sid, context) = object.unwrap();
        assert_eq!(sid, 7);
        context
    }

    #[test]
    fn a_policy_without_mls_has_no_level() {
        assert_eq!(format(b"u\0r\0t\0\0\0", b"", b"").unwrap(), "u:r:t");
    }

    #[test]
    fn equal_levels_are_written_once() {
        assert_eq!(format(b"u\0r\0t\0s0\0s0\0", b"", b"").unwrap(), "u:r:t:s0");
        let categories = nodes([1, 2]);
        assert_eq!(format(b"u\0r\0t\0s0\0s0\0", &categories, &categories).unwrap(), "u:r:t:s0:c1,c2");
    }

    #[test]
    fn a_range_of_levels_is_written_whole() {
        assert_eq!(
            format(b"u\0r\0t\0s0\0s0\0", b"", &nodes(0..1024)).unwrap(),
            "u:r:t:s0-s0:c0.c1023",
            "a run that spans three nodes",
        );
        assert_eq!(format(b"u\0r\0t\0s0\0s15\0", b"", &nodes([3])).unwrap(), "u:r:t:s0-s15:c3");
    }

    #[test]
    fn runs_of_categories_are_written_as_the_kernel_does() {
        let level = |categories: &[u32]| {
            format(b"u\0r\0t\0s0\0s0\0", &nodes(categories.iter().copied()), b"").unwrap()
        };
        assert_eq!(level(&[1, 3, 4, 6, 7, 8, 1023]), "u:r:t:s0:c1,c3,c4,c6.c8,c1023-s0");
    }

    #[test]
    fn damage_is_said_and_not_guessed_at() {
        assert!(format(b"u\0r\0\0s0\0s0\0", b"", b"").is_err(), "no type");
        assert!(format(b"u\0r\0t\0s0\0s0\0", &[0; 63], b"").is_err(), "part of a node");
    }

    proptest! {
        #[test]
        fn every_category_comes_back(categories in prop::collection::btree_set(0_u32..2000, 1..60)) {
            let context = format(b"u\0r\0t\0s0\0s0\0", &nodes(categories.iter().copied()), b"").unwrap();
            let list = context.strip_prefix("u:r:t:s0:").unwrap().strip_suffix("-s0").unwrap();
            let number = |name: &str| name.strip_prefix('c').unwrap().parse::<u32>().unwrap();
            let back: std::collections::BTreeSet<u32> = list
                .split(',')
                .flat_map(|run| match run.split_once('.') {
                    Some((first, last)) => number(first)..=number(last),
                    None => number(run)..=number(run),
                })
                .collect();
            prop_assert_eq!(back, categories);
        }

        #[test]
        fn any_nodes_are_formatted_or_refused(bytes: Vec<u8>) {
            let _any = format(b"u\0r\0t\0s0\0s0\0", &bytes, b"");
        }
    }
}
