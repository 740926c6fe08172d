//! Paths that stand for others.

/// Substitutions of one file, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub(super) struct Substitutions(Vec<(Vec<u8>, Vec<u8>)>);

impl Substitutions {
    /// Reads lines of two paths (`selabel_subs_init()`, libselinux's `label_file.c`). The last one is tried first.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let from = words.next().filter(|word| !word.starts_with(b"#"))?;
            Some((from.to_owned(), words.next()?.to_owned()))
        });
        let mut substitutions: Vec<_> = lines.collect();
        substitutions.reverse();
        Self(substitutions)
    }

    /// `path` with its beginning replaced, if there is a rule for it (`selabel_sub()`).
    pub(super) fn apply(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find_map(|(from, to)| {
            let rest = path.strip_prefix(&**from)?;
            let rest = match rest {
                [b'/', below @ ..] if **to == *b"/" => below,
                [] | [b'/', ..] => rest,
                _ => return None,
            };
            Some([to, rest].concat())
        })
    }
}
