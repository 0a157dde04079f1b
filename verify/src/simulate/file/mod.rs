//! Output files, one format each, by extension. The same numbers give the same bytes.

mod json;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;

use std::path::Path;

use super::arrays::{Array, Simulated};
use crate::error::{Result, VerifyError};
use crate::output::write_with;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Arrays for NumPy.
    Npz,
    /// One document.
    Json,
    /// A long table.
    Parquet,
}

impl Format {
    /// The format of a file name.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for an unknown extension.
    pub(super) fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|text| text.to_str()) {
            Some("json") => Ok(Self::Json),
            Some("npz") => Ok(Self::Npz),
            Some("parquet") if cfg!(feature = "parquet") => Ok(Self::Parquet),
            Some("parquet") => Err(VerifyError::Input {
                detail: format!(
                    "{}: this langevin was built without Parquet (the cargo feature \"parquet\"); the extension must be \
                     .npz or .json",
                    path.display()
                ),
            }),
            other => Err(VerifyError::Input {
                detail: format!(
                    "{}: the extension is {}; it must be .npz, .json or .parquet",
                    path.display(),
                    other.map_or_else(|| "missing".into(), |text| format!(".{text}"))
                ),
            }),
        }
    }
}

/// Refuses an output path that could not be written in the end, before anything runs.
///
/// # Errors
/// [`VerifyError::Output`] for a folder that is not there.
pub(super) fn check_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let fail = |source| Err(VerifyError::Output { path: folder.display().to_string(), source });
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => fail(std::io::Error::from(std::io::ErrorKind::NotADirectory)),
        Err(source) => fail(source),
    }
}

/// Writes an output file, whole or not at all.
///
/// # Errors
/// [`VerifyError::Output`].
pub(super) fn write(path: &Path, simulated: &Simulated) -> Result<()> {
    match Format::of(path)? {
        Format::Json => write_with(path, |file| json::write(file, &simulated.provenance, &simulated.arrays)),
        Format::Npz => write_with(path, |file| npz::write(file, &simulated.provenance, &simulated.arrays)),
        #[cfg(feature = "parquet")]
        Format::Parquet => write_with(path, |file| parquet::write(file, simulated)),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Format::of(path).map(|_| ()),
    }
}

/// Refuses an output path for arrays of a run whose quantities are not those of a long table.
///
/// # Errors
/// As [`Format::of`], and [`VerifyError::Input`] for Parquet.
pub(crate) fn check_arrays_path(path: &Path) -> Result<()> {
    match Format::of(path)? {
        Format::Parquet => Err(VerifyError::Input {
            detail: format!("{}: a run that records modes is written as .npz or .json", path.display()),
        }),
        Format::Npz | Format::Json => check_folder(path),
    }
}

/// Writes arrays with settings, whole or not at all.
///
/// # Errors
/// As [`check_arrays_path`], and [`VerifyError::Output`].
pub(crate) fn write_arrays(path: &Path, provenance: &serde_json::Value, arrays: &[Array]) -> Result<()> {
    check_arrays_path(path)?;
    match Format::of(path)? {
        Format::Json => write_with(path, |file| json::write(file, provenance, arrays)),
        _ => write_with(path, |file| npz::write(file, provenance, arrays)),
    }
}
