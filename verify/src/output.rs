//! Writing files whole or not at all, and text to standard output.

use std::io::Write;
use std::path::Path;

use crate::error::{Result, VerifyError};

/// Writes a file under a temporary name beside its place and moves it there.
///
/// # Errors
/// [`VerifyError::Output`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |source| VerifyError::Output { path: path.display().to_string(), source };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path)).map_err(|source| {
        // what is left of a failed write is of no use; the error that matters is the first one
        drop(std::fs::remove_file(&partial));
        fail(source)
    })
}

/// Creates a folder and its parents.
///
/// # Errors
/// [`VerifyError::Output`].
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|source| VerifyError::Output { path: path.display().to_string(), source })
}

/// One line (or document) to standard output. A reader that closed the pipe has seen enough.
///
/// # Errors
/// [`VerifyError::Output`].
pub fn print(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|source| VerifyError::Output { path: "standard output".into(), source }),
    }
}
