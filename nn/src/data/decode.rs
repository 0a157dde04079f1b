//! JPEG and PNG files as pixels, three bytes each: grey images get three equal channels, transparency is left out, orientation tags are not
//! looked at, as in the usual readers of ImageNet. A file is what its first bytes say, not its name: ImageNet has a PNG file with the name of
//! a JPEG one.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, ImageReader, Limits};

use super::resize::Pixels;
use crate::error::{NnError, Result};

/// Longest side that is read.
const LONGEST: u32 = 1 << 15;

/// Most bytes that a decoder may take.
const MOST_BYTES: u64 = 1 << 30;

fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some(ImageFormat::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(ImageFormat::Png)
    } else {
        None
    }
}

/// Whether a JPEG stream reaches its end marker. Decoders fill what is missing with grey and say nothing.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // to the next marker, over scan data: there ff is followed by 00, or by a restart marker
        let Some(found) = bytes[at.min(bytes.len())..].iter().position(|byte| *byte == 0xff) else { return false };
        at += found + 1;
        match bytes.get(at) {
            None => return false,
            Some(0xd9) => return true,
            // stuffing, restart markers, markers without a segment, fill bytes
            Some(0x00 | 0x01 | 0xd0..=0xd8) => at += 1,
            Some(0xff) => {}
            Some(_) => {
                let Some(length) = bytes.get(at + 1..at + 3) else { return false };
                at += 1 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
}

fn reader<'a>(path: &Path, bytes: &'a [u8]) -> Result<ImageReader<Cursor<&'a [u8]>>> {
    let refused = |detail: String| NnError::File { path: path.into(), detail };
    let Some(format) = format_of(bytes) else {
        let found = match bytes {
            [] => "it is empty".into(),
            bytes => {
                let first: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                format!("its first bytes are {}", first.join(" "))
            }
        };
        return Err(refused(format!("{found}: no JPEG and no PNG image")));
    };
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err(refused(format!("it is cut off: {} bytes of a JPEG image without its end marker", bytes.len())));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    Ok(reader)
}

/// The pixels of the bytes of a file.
///
/// # Errors
/// [`NnError::File`] naming the file, for one that is no image, damaged, cut off or too large.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<Pixels> {
    let refused = |error: image::ImageError| NnError::File {
        path: path.into(),
        detail: format!("an image that cannot be decoded: {error}"),
    };
    let image = reader(path, bytes)?.decode().map_err(refused)?.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return Err(NnError::File { path: path.into(), detail: format!("an image of {width} x {height} pixels") });
    }
    Ok(Pixels { width, height, rgb: image.into_raw() })
}

/// The pixels of a file.
///
/// # Errors
/// [`NnError::Read`]; as [`decode`].
pub fn read_image(path: &Path) -> Result<Pixels> {
    let bytes = std::fs::read(path).map_err(|source| NnError::Read { path: path.into(), source })?;
    decode(path, &bytes)
}
