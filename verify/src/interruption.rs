//! Ctrl-C, SIGTERM and SIGHUP. Most commands just end: files are written whole or not at all. A run that keeps checkpoints
//! asks for the first signal and ends by itself; another one ends it at once. Job schedulers send the same signal several times
//! in a row, which counts as one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Signals closer than this are one.
const ONE_REQUEST: Duration = Duration::from_secs(2);

/// Whether somebody wants to end the run by itself.
static DEFERRED: AtomicBool = AtomicBool::new(false);

/// Whether a signal came.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler.
pub(crate) fn install() {
    let mut first: Option<Instant> = None;
    let handler = ctrlc::set_handler(move || {
        REQUESTED.store(true, Ordering::SeqCst);
        let is_repeated = first.get_or_insert_with(Instant::now).elapsed() > ONE_REQUEST;
        if is_repeated || !DEFERRED.load(Ordering::SeqCst) {
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
