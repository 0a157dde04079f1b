//! Renderers: one [`Report`] value in, one document out.
//!
//! | function | document | reader |
//! |---|---|---|
//! | [`html()`] | one self-contained page, no network, no script | people |
//! | [`junit()`] | JUnit XML, a suite per claim and a case per check, and a suite of mutants | continuous integration |
//! | [`markdown()`] | a short summary | the page of a CI job |
//!
//! None of them computes a verdict, and none reads a clock (times are handed to [`junit_timed()`]), so the same report gives the same bytes. Numbers are
//! worded in one place (`number` and `wording`), which keeps the three documents from contradicting each other.
//!
//! ```no_run
//! use langevin_verify::{render, report::Report};
//!
//! let report: Report = serde_json::from_str(&std::fs::read_to_string("report/report.json")?)?;
//! std::fs::write("report/report.html", render::html(&report)?)?;
//! std::fs::write("report/junit.xml", render::junit(&report)?)?;
//! std::fs::write("report/summary.md", render::markdown(&report))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use crate::claim_file::{ClaimOutcome, ClaimsReport};
use crate::compare::Comparison;
use crate::modes_run::ModesRun;
use crate::networks::Experiment;
use crate::report::{ClaimResult, Report};

mod claims;
mod comparison;
#[cfg(test)]
pub(crate) mod example;
mod html;
mod junit;
mod markdown;
mod mathematics;
mod modes;
mod networks;
mod number;
mod plots;
mod wording;

/// Why a report could not be rendered. Neither case depends on the numbers in the report.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The HTML template failed.
    #[error("the HTML template could not be filled in: {0}")]
    Template(#[from] askama::Error),
    /// The XML writer failed.
    #[error("the JUnit document could not be written: {0}")]
    Junit(#[from] quick_junit::SerializeError),
}

/// The report as one HTML page that needs nothing else: no network, no script, system fonts.
///
/// # Errors
///
/// [`RenderError::Template`] if the template cannot be filled in.
pub fn html(report: &Report) -> Result<String, RenderError> {
    html::render(report)
}

/// The report as JUnit XML: a test suite per claim, a test case per check.
///
/// A check fails where its answer is a surprise and is skipped where it stayed undecided; the messages carry the
/// effect, its interval, the evidence and the command that repeats the check.
///
/// # Errors
///
/// [`RenderError::Junit`] if the XML cannot be written.
pub fn junit(report: &Report) -> Result<String, RenderError> {
    junit::render(report, &BTreeMap::new())
}

/// The same with times, from the wall-clock time of every scenario: its checks share it equally, having come from the same
/// chains.
///
/// # Errors
///
/// [`RenderError::Junit`] if the XML cannot be written.
pub fn junit_timed(report: &Report, timings: &BTreeMap<String, Duration>) -> Result<String, RenderError> {
    junit::render(report, timings)
}

/// The report as a short Markdown summary: counts, surprises with the commands that repeat them, and all claims.
pub fn markdown(report: &Report) -> String {
    markdown::render(report)
}

/// Verdicts about claims of a user as text for a terminal.
pub fn claims_text(report: &ClaimsReport) -> String {
    claims::text(report)
}

/// Verdicts about claims of a user as JUnit XML, in the form of [`junit_timed`].
///
/// # Errors
///
/// [`RenderError::Junit`] if the XML cannot be written.
pub fn claims_junit(report: &ClaimsReport, timings: &BTreeMap<String, Duration>) -> Result<String, RenderError> {
    junit::render(&claims::as_report(report), timings)
}

/// What was found about a claim of a user in the form of a built-in one.
pub(crate) fn claim_as_result(outcome: &ClaimOutcome) -> ClaimResult {
    claims::as_result(outcome)
}

/// Verdicts on claims of a user in the form of a report on built-in claims.
pub(crate) fn claims_as_report(report: &ClaimsReport) -> Report {
    claims::as_report(report)
}

/// Verdicts on claims of a user as Markdown.
pub fn claims_markdown(report: &ClaimsReport) -> String {
    markdown::render(&claims::as_report(report))
}

/// What the kill matrix says, in a line; `None` without one.
pub fn kill_matrix_line(report: &Report) -> Option<String> {
    wording::kill_matrix(report)
}

/// A comparison of theories as text for a terminal.
pub fn comparison_text(comparison: &Comparison) -> String {
    comparison::text(comparison)
}

/// A comparison of theories as Markdown.
pub fn comparison_markdown(comparison: &Comparison) -> String {
    comparison::markdown(comparison)
}

/// A comparison of theories as one HTML page that needs nothing else.
///
/// # Errors
///
/// [`RenderError::Template`] if the template cannot be filled in.
pub fn comparison_html(comparison: &Comparison) -> Result<String, RenderError> {
    comparison::html(comparison)
}

/// Figure 2 of a run that records modes, as one HTML page that needs nothing else.
///
/// # Errors
///
/// [`RenderError::Template`] if the template cannot be filled in.
pub fn modes_html(run: &ModesRun) -> Result<String, RenderError> {
    modes::html(run)
}

/// Figure 2 of a run that records modes, as one SVG file.
pub fn modes_svg(run: &ModesRun) -> String {
    modes::svg(run)
}

/// Experiments on networks as one HTML page that needs nothing else.
///
/// # Errors
///
/// [`RenderError::Template`] if the template cannot be filled in.
pub fn networks_html(experiments: &[Experiment]) -> Result<String, RenderError> {
    networks::html(experiments)
}

/// The observations of an experiment on a network as text for a terminal.
pub fn networks_text(experiment: &Experiment) -> String {
    networks::text(experiment)
}
