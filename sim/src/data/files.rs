//! Opening data files for the binary readers.

use std::path::Path;
use std::sync::Arc;

use langevin_mapped::MappedFile;

use super::feature_table::Bytes;
use crate::error::{Result, SimError};

/// A file, mapped into memory.
pub(super) fn open(path: &Path) -> Result<Bytes> {
    let file = MappedFile::open(path).map_err(|source| SimError::File { path: path.into(), source })?;
    Ok(Bytes::Mapped(Arc::new(file)))
}

/// An error about the contents of a file.
pub(super) fn malformed(path: &Path, detail: String) -> SimError {
    SimError::Table { path: path.into(), detail }
}

/// Refuses compressed files, naming the remedy.
pub(super) fn refuse_gzip(path: &Path, bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(malformed(path, "it is compressed with gzip; decompress it first (gunzip)".into()));
    }
    Ok(())
}

/// The last part of a path, as the name of a data set.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
