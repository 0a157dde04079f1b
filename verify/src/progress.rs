//! Progress on the terminal, and nothing when the output is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Counts chain-steps.
pub struct Progress {
    bar: ProgressBar,
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
        Self { bar }
    }

    /// No bar at all.
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// Names what is running.
    pub fn name(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// More chain-steps to come.
    pub fn expect(&self, chain_steps: u64) {
        self.bar.inc_length(chain_steps);
    }

    /// Chain-steps done.
    pub fn advance(&self, chain_steps: u64) {
        self.bar.inc(chain_steps);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
