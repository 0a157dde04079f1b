//! Read-only memory maps of files, larger than memory if need be: pages come in as they are read and are given back by the
//! system. This crate exists because mapping is unsafe: it holds one unsafe call and nothing else.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// The bytes of a file, read as they are needed.
///
/// A data file must not change while it is mapped. If another process truncates it, the system ends this one (SIGBUS) at
/// the next read behind the new end; if another process overwrites it, the numbers read are some mixture of old and new.
///
/// ```
/// # let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(file.path(), b"four")?;
/// let mapped = langevin_mapped::MappedFile::open(file.path())?;
/// assert_eq!(&mapped[..2], b"fo");
/// assert!(langevin_mapped::MappedFile::open("/no/such/file".as_ref()).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct MappedFile {
    map: memmap2::Mmap,
}

impl MappedFile {
    /// Maps a file.
    ///
    /// # Errors
    /// What the system says about a file that cannot be opened or mapped, such as a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        // SAFETY: the map is private and read-only, so nothing in this process writes to it, and it is only handed out as
        // bytes, for which every value is valid. That no other process changes the file meanwhile cannot be enforced on any
        // common system; it is the documented condition of this type, as it is of every program that maps files.
        #[allow(unsafe_code)]
        let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file)? };
        Ok(Self { map })
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
