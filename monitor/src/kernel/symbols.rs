//! Addresses of kernel variables, from `/proc/kallsyms`.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader},
};

const KALLSYMS: &str = "/proc/kallsyms";

/// Finds the addresses of variables of the kernel proper (not of modules). A name that isn't there, or whose address is
/// hidden, is absent from the answer. A kernel without `CONFIG_KALLSYMS_ALL` has no variables there.
///
/// # Errors
///
/// If the file can't be read.
pub fn addresses(names: &[&'static str]) -> io::Result<HashMap<&'static str, u64>> {
    find(BufReader::new(File::open(KALLSYMS)?), names)
}

fn find(mut kallsyms: impl io::BufRead, names: &[&'static str]) -> io::Result<HashMap<&'static str, u64>> {
    let mut found = HashMap::new();
    let mut line = Vec::new();
    while found.len() < names.len() {
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
        let Some(&wanted) = names.iter().find(|wanted| wanted.as_bytes() == name) else { continue };
        let address = str::from_utf8(address).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        if let Some(address) = address.filter(|&address| address != 0) {
            found.insert(wanted, address);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_variables_of_the_kernel_and_not_of_modules() {
        let kallsyms = b"ffffffff81000000 T _text\n\
            ffffffffc0001000 d secclass_map\t[other]\n\
            ffffffff82a0b2c0 d secclass_map\n\
            0000000000000000 D selinux_state\n";
        let found =
            find(&kallsyms[..], &["secclass_map", "selinux_state", "absent"]).expect("memory can be read");
        assert_eq!(found, HashMap::from([("secclass_map", 0xffff_ffff_82a0_b2c0)]));
    }
}
