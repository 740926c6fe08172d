//! A compiled profile, read as the kernel does (`unpack_profile`, `aa_dfa_match`), and asked.

use std::{error::Error, fs, path::Path, process::Command};

type Failure = Box<dyn Error>;

/// What a profile allows.
pub(crate) struct Compiled {
    policy: Automaton,
    file: Automaton,
    /// The capabilities, as a mask.
    pub(crate) capabilities: u64,
}

/// Where `AA_CLASS_*` begins.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    Mount = 7,
    Ptrace = 9,
    Signal = 10,
    Net = 14,
    Dbus = 32,
}

impl Compiled {
    /// Compiles a file of the profiles in a folder.
    ///
    /// # Errors
    /// What the parser says.
    pub(crate) fn of(file: &Path, folder: &Path) -> Result<Self, Failure> {
        let mut parser = Command::new("apparmor_parser");
        parser.args([
            "-QKTS",
            "--policy-features=/etc/apparmor.d/abi/3.0",
            "--kernel-features=/etc/apparmor.d/abi/3.0",
        ]);
        let output = parser.arg("--base").arg(folder).arg(file).output()?;
        if !output.status.success() {
            let text = fs::read_to_string(file)?;
            return Err(format!("{}\n{text}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let bytes = output.stdout;
        let at = |from: usize, wanted: &[u8]| {
            let found = bytes[from..].windows(wanted.len()).position(|window| window == wanted);
            found.map(|found| from + found).ok_or_else(|| format!("no {wanted:?}"))
        };
        // Four numbers: what is allowed, audited, quiet, and not used; then the same for those from 32 on.
        let capabilities = at(0, b"caps64\0")?;
        let low = number(&bytes, capabilities - 3 - 4 * 5 + 1)?;
        let high = number(&bytes, capabilities + 7 + 2)?;
        let magic = 0x1b5e_783d_u32.to_be_bytes();
        let first = at(0, &magic)?;
        let second = at(first + 4, &magic)?;
        let automaton = |at: usize| Automaton::read(&bytes[at..]);
        Ok(Self {
            policy: automaton(first)?,
            file: automaton(second)?,
            capabilities: u64::from(low) | u64::from(high) << 32,
        })
    }

    /// The rights to a path, by the letters of rules, for its owner or for others.
    pub(crate) fn file(&self, path: &str, owned: bool) -> String {
        let accept = self.file.accept(self.file.run(START, path.as_bytes()));
        let bits = if owned { accept } else { accept >> 14 };
        let letters = ['x', 'w', 'r', 'a', 'l', 'k', 'm'];
        letters.iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0).map(|(_, letter)| letter).collect()
    }

    /// Whether a link of this name may be made to this file, by its owner or by others.
    pub(crate) fn link(&self, path: &str, target: &str, owned: bool) -> bool {
        let state = self.file.run(START, path.as_bytes());
        let state = self.file.run(self.file.step(state, 0), target.as_bytes());
        let accept = self.file.accept(state);
        (if owned { accept } else { accept >> 14 }) & 0x10 != 0
    }

    /// Whether the profile may be changed to this one; with `&` before it, whether that may be stacked.
    pub(crate) fn change_profile(&self, target: &str) -> bool {
        self.file.accept(self.file.run(START, target.as_bytes())) & 0x8000_0000 != 0
    }

    /// The rights of a class to what these bytes say.
    pub(crate) fn rights(&self, class: Class, bytes: &[u8]) -> u32 {
        let state = self.policy.step(START, class as u8);
        self.policy.accept(self.policy.run(state, bytes)) & 0x7f
    }
}

const START: u32 = 1;
/// A state whose transitions are the difference to those of its default.
const DIFFERENCE: u32 = 0x8000_0000;

fn number(bytes: &[u8], at: usize) -> Result<u32, Failure> {
    let number = bytes.get(at..at + 4).ok_or("cut off")?;
    Ok(u32::from_le_bytes(number.try_into()?))
}

/// A table-driven automaton.
#[derive(Default)]
struct Automaton {
    accept: Vec<u32>,
    base: Vec<u32>,
    check: Vec<u32>,
    default: Vec<u32>,
    classes: Vec<u32>,
    next: Vec<u32>,
}

impl Automaton {
    fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let word = |at: usize| -> Result<usize, Failure> {
            let word = bytes.get(at..at + 4).ok_or("cut off")?;
            Ok(u32::from_be_bytes(word.try_into()?) as usize)
        };
        let (mut at, end) = (word(4)?, word(8)?);
        let mut read = Self::default();
        while at < end {
            let (kind, width, length) = (word(at)? >> 16, word(at)? & 0xffff, word(at + 8)?);
            let content = bytes.get(at + 12..at + 12 + length * width).ok_or("cut off")?;
            let values = content
                .chunks(width)
                .map(|chunk| chunk.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
            match kind {
                1 => read.accept = values.collect(),
                2 => read.base = values.collect(),
                3 => read.check = values.collect(),
                4 => read.default = values.collect(),
                5 => read.classes = values.collect(),
                8 => read.next = values.collect(),
                _ => {}
            }
            at += (12 + length * width).next_multiple_of(8);
        }
        Ok(read)
    }

    fn step(&self, mut state: u32, byte: u8) -> u32 {
        let class = self.classes.get(usize::from(byte)).copied().unwrap_or(byte.into());
        loop {
            let base = self.base[state as usize];
            let at = (base & 0xff_ffff) as usize + class as usize;
            if self.check.get(at) == Some(&state) {
                return self.next[at];
            }
            state = self.default[state as usize];
            if base & DIFFERENCE == 0 {
                return state;
            }
        }
    }

    fn run(&self, state: u32, bytes: &[u8]) -> u32 {
        bytes.iter().fold(state, |state, byte| self.step(state, *byte))
    }

    fn accept(&self, state: u32) -> u32 {
        self.accept[state as usize]
    }
}
