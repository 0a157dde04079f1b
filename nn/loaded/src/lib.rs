//! A shared library brought into the running program for good. The part of libtorch for NVIDIA devices registers itself when
//! it is loaded; the linker leaves it out of a program that names none of its symbols, so it is loaded by hand. This crate
//! exists because loading is unsafe: it holds one unsafe call and nothing else.

use std::io;
use std::path::Path;

/// Loads a shared library with all its symbols visible, and keeps it.
///
/// ```
/// assert!(langevin_loaded::load("/no/such/library.so".as_ref()).unwrap_err().to_string().contains("no/such"));
/// ```
///
/// # Errors
/// What the dynamic linker says: the library, or one that it needs, is not there or is not a library of this system.
#[cfg(unix)]
pub fn load(library: &Path) -> io::Result<()> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: loading runs the initialisers of the library and of those it needs. The caller names a library of the libtorch
    // that this program is linked to, whose initialisers expect to run beside it; the handle is leaked, so that no code and no
    // registered function of it goes away while something may still call it.
    #[allow(unsafe_code)]
    let loaded = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) };
    loaded.map(std::mem::forget).map_err(|error| io::Error::other(error.to_string()))
}

/// Elsewhere nothing is loaded.
///
/// # Errors
/// Always: libtorch is not supported here.
#[cfg(not(unix))]
pub fn load(library: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("{} cannot be loaded on this system", library.display())))
}
