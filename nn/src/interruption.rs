//! Ctrl-C, SIGTERM and SIGHUP: the first one asks a run to save and end, another one ends it at once. Job schedulers send the
//! same signal several times in a row, which counts as one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Signals closer than this are one.
const ONE_REQUEST: Duration = Duration::from_secs(2);

/// Whether a signal came.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler.
pub fn install() {
    let mut first: Option<Instant> = None;
    let handler = ctrlc::set_handler(move || {
        REQUESTED.store(true, Ordering::SeqCst);
        if first.get_or_insert_with(Instant::now).elapsed() > ONE_REQUEST {
            eprintln!("langevin-nn: interrupted");
            std::process::exit(4);
        }
    });
    if let Err(error) = handler {
        eprintln!("langevin-nn: no handler for Ctrl-C: {error}");
    }
}

/// Whether a signal came.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
