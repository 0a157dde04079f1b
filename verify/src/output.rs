//! Writing files whole or not at all, and text to standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Result, VerifyError};

/// Writes a file under a temporary name beside its place and moves it there.
///
/// # Errors
/// [`VerifyError::Output`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// The same with a function that writes. The contents are on the disk before the name changes, and the name before this
/// returns, so that a crash leaves the old file or the new one.
///
/// # Errors
/// [`VerifyError::Output`]; what was there before is still there.
pub fn write_with(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let fail = |source| VerifyError::Output { path: path.display().to_string(), source };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    remove_abandoned(path, &name);
    let contents = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(&partial)?);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&partial, path)
    };
    contents().map_err(|source| {
        // what is left of a failed write is of no use; the error that matters is the first one
        drop(std::fs::remove_file(&partial));
        fail(source)
    })?;
    // some systems cannot open folders; there the rename is as durable as it gets
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if let Ok(folder) = File::open(folder) {
        drop(folder.sync_all());
    }
    Ok(())
}

/// Removes what killed processes of this machine left of the same file. Where processes cannot be looked up, it stays.
fn remove_abandoned(path: &Path, name: &str) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let (true, Ok(entries)) = (Path::new("/proc/self").exists(), std::fs::read_dir(folder)) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name().to_string_lossy().into_owned();
        let process = found
            .strip_prefix('.')
            .and_then(|rest| rest.strip_prefix(name))
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(".partial"))
            .and_then(|process| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
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
