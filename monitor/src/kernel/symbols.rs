//! Addresses of the kernel's variables and functions, from `/proc/kallsyms`.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader},
    ops::Range,
};

const KALLSYMS: &str = "/proc/kallsyms";

/// Finds where variables and functions of the kernel proper (not of modules) are, up to where the next one starts. A
/// name that isn't there, that several have, or whose address is hidden, is absent from the answer. A kernel without
/// `CONFIG_KALLSYMS_ALL` has no variables there.
///
/// # Errors
///
/// If the file can't be read.
pub(super) fn find(names: &[&'static str]) -> io::Result<HashMap<&'static str, Range<u64>>> {
    find_in(BufReader::new(File::open(KALLSYMS)?), names)
}

fn find_in(
    mut kallsyms: impl io::BufRead,
    names: &[&'static str],
) -> io::Result<HashMap<&'static str, Range<u64>>> {
    let mut found = HashMap::<_, Range<u64>>::new();
    let mut ambiguous = Vec::new();
    // The last that was found: the kernel lists its own symbols in the order of their addresses.
    let mut open = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if kallsyms.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        // `ffffffff81a0b2c0 d secclass_map`, and `\t[module]` after a module's.
        let mut fields = line.trim_ascii_end().split(u8::is_ascii_whitespace);
        let (Some(address), Some(_kind), Some(name), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let address = str::from_utf8(address).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let Some(address) = address.filter(|&address| address != 0) else { continue };
        if let Some(range) = open.and_then(|name| found.get_mut(name)).filter(|range| range.start < address) {
            range.end = address;
            open = None;
        }
        if let Some(&wanted) = names.iter().find(|wanted| wanted.as_bytes() == name) {
            if found.insert(wanted, address..address).is_some() {
                ambiguous.push(wanted);
            }
            open = Some(wanted);
        }
    }
    found.retain(|name, _| !ambiguous.contains(name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_the_kernels_and_not_a_modules() {
        let kallsyms = b"ffffffff81000000 T _text\n\
            ffffffff81000000 T startup_64\n\
            ffffffffc0001000 d secclass_map\t[other]\n\
            ffffffff82a0b2c0 d secclass_map\n\
            ffffffff82a0c000 d next\n\
            ffffffff82a0d000 d twice\n\
            ffffffff82a0e000 b twice\n\
            0000000000000000 D selinux_state\n";
        let found = find_in(&kallsyms[..], &["_text", "secclass_map", "selinux_state", "twice", "absent"])
            .expect("memory can be read");
        let text = 0xffff_ffff_8100_0000..0xffff_ffff_82a0_b2c0;
        let map = 0xffff_ffff_82a0_b2c0..0xffff_ffff_82a0_c000;
        assert_eq!(found, HashMap::from([("_text", text), ("secclass_map", map)]));
    }
}
