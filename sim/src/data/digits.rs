//! The embedded data set.

use std::path::Path;

use nalgebra::DMatrix;

use super::table;
use crate::error::Result;

/// Attribution that must accompany the digits data.
pub const DIGITS_ATTRIBUTION: &str = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (test set), \
    UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, licensed under CC BY 4.0";

const DIGITS: &[u8] = include_bytes!("digits.csv");

/// Pixel values 0 to 16 (1,797 x 64) and labels.
pub(super) fn read() -> Result<(DMatrix<f64>, Vec<f64>)> {
    table::parse(Path::new("digits.csv (embedded)"), DIGITS, Some("label"))
}
