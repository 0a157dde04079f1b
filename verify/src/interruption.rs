//! Ctrl-C, SIGTERM and SIGHUP. Most commands just end: files are written whole or not at all. A run that keeps checkpoints
//! asks for the first signal and ends by itself; a second signal ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody wants to end the run by itself.
static DEFERRED: AtomicBool = AtomicBool::new(false);

/// Whether a signal came.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler.
pub(crate) fn install() {
    let handler = ctrlc::set_handler(|| {
        let again = REQUESTED.swap(true, Ordering::SeqCst);
        if again || !DEFERRED.load(Ordering::SeqCst) {
            eprintln!("langevin: interrupted");
            std::process::exit(4);
        }
    });
    if let Err(error) = handler {
        eprintln!("langevin: no handler for Ctrl-C: {error}");
    }
}

/// From now on the first signal only sets a flag.
pub(crate) fn defer() {
    DEFERRED.store(true, Ordering::SeqCst);
}

/// Whether a signal came.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
