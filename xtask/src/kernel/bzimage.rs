//! Getting out of a kernel's file what QEMU boots directly: of a bzImage the ELF file within, which saves the guest from
//! decompressing itself under emulation. Images for arm64 are not compressed.

use std::process::Command;

use crate::process::{self, ProcessError};

const ELF_MAGIC: &[u8] = b"\x7fELF";

/// What is at byte 56 of an Image for arm64 (Documentation/arch/arm64/booting.rst).
const ARM64_MAGIC: &[u8] = b"ARM\x64";

/// What a compressed payload begins with, and the program that unpacks it.
const COMPRESSIONS: [(&[u8], &str); 4] = [
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x1f\x8b\x08", "gzip"),
];

/// Why a file can't be booted.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// It is not a Linux kernel at all.
    #[error("neither a bzImage, nor an Image for arm64, nor an ELF file")]
    NotAKernel,
    /// It is one, but its header is older than boot protocol 2.08 or points outside of the file.
    #[error("the bzImage header does not say where its payload is")]
    NoPayload,
    /// Its compression is none of those that Debian's kernels use.
    #[error("the bzImage payload is compressed in an unknown way (it starts with {0:02x?})")]
    UnknownCompression(Vec<u8>),
    /// Unpacking failed.
    #[error(transparent)]
    Unpack(#[from] ProcessError),
}

/// What QEMU boots of `image`: the ELF file within, or an ELF file or Image for arm64 as it is.
///
/// # Errors
/// When `image` is no kernel, or one that can't be unpacked.
pub fn bootable(image: Vec<u8>) -> Result<Vec<u8>, ImageError> {
    if image.starts_with(ELF_MAGIC) || image.get(56..60) == Some(ARM64_MAGIC) {
        return Ok(image);
    }
    let payload = payload(&image)?;
    let (_, program) = COMPRESSIONS
        .iter()
        .find(|(magic, _)| payload.starts_with(magic))
        .ok_or_else(|| ImageError::UnknownCompression(payload[..payload.len().min(8)].to_vec()))?;
    // The kernel's build appends the unpacked size, which gzip alone has as part of its format.
    let size_appended = if *program == "gzip" { 0 } else { 4 };
    let compressed = &payload[..payload.len().saturating_sub(size_appended)];
    let elf = process::filter(Command::new(program).args(["--decompress", "--stdout"]), compressed)?;
    if elf.starts_with(ELF_MAGIC) { Ok(elf) } else { Err(ImageError::NotAKernel) }
}

/// The compressed kernel in a bzImage; the fields are those of the x86 boot protocol.
fn payload(image: &[u8]) -> Result<&[u8], ImageError> {
    const SETUP_SECTORS: usize = 0x1f1;
    const MAGIC: usize = 0x202;
    const VERSION: usize = 0x206;
    const PAYLOAD_OFFSET: usize = 0x248;
    const PAYLOAD_LENGTH: usize = 0x24c;

    if image.get(MAGIC..MAGIC + 4) != Some(b"HdrS") {
        return Err(ImageError::NotAKernel);
    }
    let word = |at: usize| -> Option<usize> {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    // The payload's fields came with version 2.08.
    if word(VERSION).is_none_or(|version| version & 0xffff < 0x0208) {
        return Err(ImageError::NoPayload);
    }
    // Zero means four, for images older than the field.
    let setup_sectors = match image[SETUP_SECTORS] {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let protected_mode = (setup_sectors + 1) * 512;
    let find = || {
        let start = protected_mode.checked_add(word(PAYLOAD_OFFSET)?)?;
        image.get(start..start.checked_add(word(PAYLOAD_LENGTH)?)?)
    };
    find().filter(|payload| !payload.is_empty()).ok_or(ImageError::NoPayload)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bzImage with one set-up sector, so the payload's offset counts from 1024.
    fn image(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 1024 + 16];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
        image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
        let length = u32::try_from(payload.len()).unwrap();
        image[0x24c..0x250].copy_from_slice(&length.to_le_bytes());
        image.extend(payload);
        image.extend(b"behind the payload");
        image
    }

    #[test]
    fn the_payload_is_where_the_header_says() {
        assert_eq!(payload(&image(b"kernel")).unwrap(), b"kernel");
    }

    #[test]
    fn a_gzip_payload_is_unpacked() {
        let packed = process::filter(Command::new("gzip").arg("-c"), b"\x7fELF...").unwrap();
        assert_eq!(bootable(image(&packed)).unwrap(), b"\x7fELF...");
    }

    #[test]
    fn the_appended_size_is_no_part_of_the_payload() {
        let mut packed =
            process::filter(Command::new("xz").args(["-c", "--check=crc32"]), b"\x7fELF").unwrap();
        packed.extend([4, 0, 0, 0]);
        assert_eq!(bootable(image(&packed)).unwrap(), b"\x7fELF");
    }

    #[test]
    fn an_elf_file_is_taken_as_it_is() {
        assert_eq!(bootable(b"\x7fELF...".to_vec()).unwrap(), b"\x7fELF...");
    }

    #[test]
    fn an_image_for_arm64_is_taken_as_it_is() {
        let mut image = vec![0; 64];
        image[56..60].copy_from_slice(b"ARM\x64");
        assert_eq!(bootable(image.clone()).unwrap(), image);
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        assert!(matches!(bootable(b"text".to_vec()), Err(ImageError::NotAKernel)));
        assert!(matches!(bootable(vec![0; 4096]), Err(ImageError::NotAKernel)));
        assert!(matches!(bootable(image(b"???")), Err(ImageError::UnknownCompression(_))));
        let mut truncated = image(b"kernel");
        truncated.truncate(1024 + 18);
        assert!(matches!(bootable(truncated), Err(ImageError::NoPayload)));
        let mut old = image(b"kernel");
        old[0x206] = 0x07;
        assert!(matches!(bootable(old), Err(ImageError::NoPayload)));
        // A header cut short within its own fields.
        let mut cut = image(b"kernel");
        cut.truncate(0x210);
        assert!(matches!(bootable(cut), Err(ImageError::NoPayload)));
    }
}
