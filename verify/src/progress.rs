//! Progress: a bar with rate and remaining time on a terminal; where standard error is no terminal, a line now and then for
//! runs that ask for it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

/// Time between two lines of a log.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Counts chain-steps.
pub struct Progress {
    bar: ProgressBar,
    logged: Mutex<Instant>,
    /// What was named, and when.
    named: Mutex<Vec<(String, Instant)>>,
    /// Whether to say anything at all.
    silent: bool,
}

impl Progress {
    /// A bar on standard error, drawn only when that is a terminal.
    pub fn on_terminal() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(
            "{msg:<34} {wide_bar} {human_pos}/{human_len} chain-steps, {per_sec}, {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, logged: Mutex::new(Instant::now()), named: Mutex::default(), silent: false }
    }

    /// No bar at all.
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), logged: Mutex::new(Instant::now()), named: Mutex::default(), silent: true }
    }

    /// Names what is running.
    pub fn name(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        if let Ok(mut named) = self.named.lock() {
            named.push((text.to_owned(), Instant::now()));
        }
    }

    /// Wall-clock time of everything that was named, up to the next name or [`finish`](Self::finish). Reports hold no
    /// times, so that equal runs give equal bytes; CI systems want them.
    pub fn timings(&self) -> BTreeMap<String, Duration> {
        let mut timings: BTreeMap<String, Duration> = BTreeMap::new();
        if let Ok(named) = self.named.lock() {
            for pair in named.windows(2) {
                *timings.entry(pair[0].0.clone()).or_default() += pair[1].1.duration_since(pair[0].1);
            }
        }
        timings
    }

    /// More chain-steps to come.
    pub fn expect(&self, chain_steps: u64) {
        self.bar.inc_length(chain_steps);
    }

    /// Chain-steps done.
    pub fn advance(&self, chain_steps: u64) {
        self.bar.inc(chain_steps);
    }

    /// Chain-steps that an earlier process did: they count, but not for the rate.
    pub fn resume_at(&self, chain_steps: u64) {
        self.bar.set_position(chain_steps);
        self.bar.reset_eta();
    }

    /// A line on standard error, above the bar.
    pub fn note(&self, text: &str) {
        if !self.silent {
            self.bar.suspend(|| eprintln!("langevin: {text}"));
        }
    }

    /// Where no bar is drawn: a line with rate and remaining time, at most once a minute.
    pub fn log(&self) {
        let Ok(mut logged) = self.logged.lock() else { return };
        if self.silent || !self.bar.is_hidden() || logged.elapsed() < LOG_INTERVAL {
            return;
        }
        *logged = Instant::now();
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
        eprintln!(
            "langevin: {} of {} chain-steps ({:.1} %), {:.3e} per second, {} left",
            HumanCount(done),
            HumanCount(all),
            100.0 * done as f64 / all.max(1) as f64,
            self.bar.per_sec(),
            HumanDuration(self.bar.eta())
        );
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        if let Ok(mut named) = self.named.lock() {
            named.push((String::new(), Instant::now()));
        }
    }
}
