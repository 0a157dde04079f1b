//! What a program that computes with libtorch asks of the system, and Rust only offers as unsafe: a shared library brought into the running program
//! for good, and an allocator that keeps what is freed. The part of libtorch for NVIDIA devices registers itself when it is loaded; the linker
//! leaves it out of a program that names none of its symbols, so it is loaded by hand. This crate holds two unsafe calls and nothing else.

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

/// Tells the allocator of the C library to keep freed memory for the next tensor in place of giving it back to the system. A network frees and
/// takes the same megabytes at every step; given back, each page of them is taken, cleared and mapped again, which costs as much as the arithmetic.
/// Tensors come from one heap, whatever their size: blocks of more than 32 MiB, which would be mapped one by one, are the most expensive ones to
/// take again. Up to two gigabytes of free memory at its end stay with the process. Elsewhere than on Linux with glibc it does nothing.
///
/// ```
/// langevin_loaded::keep_freed_memory();
/// ```
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        #[allow(unsafe_code)]
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // malloc.h: M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX (blocks mapped one by one; if the heap cannot grow, glibc maps all the same),
        // M_MXFAST (small blocks put by without merging, which every free of a large block would then make up for)
        const SETTINGS: [(c_int, c_int); 4] = [(-1, c_int::MAX), (-2, 64 << 20), (-4, 0), (1, 0)];
        for (parameter, value) in SETTINGS {
            // SAFETY: mallopt is in every glibc with this signature, takes numbers only, and may be called at any time; a number that it
            // does not take leaves everything as it was, and nothing here depends on what it answers.
            #[allow(unsafe_code)]
            unsafe {
                mallopt(parameter, value)
            };
        }
    }
}
