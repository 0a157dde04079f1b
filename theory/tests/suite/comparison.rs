//! How numbers are compared.

use proptest::test_runner::TestCaseError;

/// Below this a double has lost digits to the end of its range.
pub const SMALLEST: f64 = 1e-290;

/// `found` is `expected` up to an absolute tolerance.
pub fn close(what: &str, found: f64, expected: f64, tolerance: f64) -> Result<(), TestCaseError> {
    let error = (found - expected).abs();
    if error <= tolerance + SMALLEST {
        return Ok(());
    }
    Err(TestCaseError::fail(format!(
        "{what}: {found:e}, expected {expected:e}; error {error:e}, tolerance {tolerance:e}"
    )))
}

/// `found` is `expected` up to so many roundings of it.
pub fn close_relative(what: &str, found: f64, expected: f64, roundings: f64) -> Result<(), TestCaseError> {
    close(what, found, expected, roundings * f64::EPSILON * expected.abs())
}
