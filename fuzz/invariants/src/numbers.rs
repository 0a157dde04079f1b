//! Numbers and matrices from bytes: mostly ordinary ones, now and then the ones that break formulas.

use arbitrary::{Result, Unstructured};
use nalgebra::DMatrix;

/// Edges of the admissible ranges, and numbers beyond them.
const SPECIAL: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    0.9,
    0.99,
    0.999_999_999,
    1e-9,
    1e-300,
    5e-324,
    1e300,
    f64::MAX,
    f64::MIN_POSITIVE,
    3.8,
    3.799_999_999,
    0.002_633_403_8,
    4.0,
    1e-16,
    1e16,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

/// Any number, admissible or not.
pub fn any(bytes: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match bytes.int_in_range(0..=7_u8)? {
        0 => SPECIAL[bytes.choose_index(SPECIAL.len())?],
        1 => f64::from_bits(bytes.arbitrary()?),
        2 => 10.0_f64.powf(between(bytes, -12.0, 12.0)?),
        _ => between(bytes, -1.0, 4.0)?,
    })
}

/// A finite number above 0 of moderate size.
pub fn positive(bytes: &mut Unstructured<'_>) -> Result<f64> {
    Ok(10.0_f64.powf(between(bytes, -6.0, 1.5)?))
}

/// A number in an interval.
pub fn between(bytes: &mut Unstructured<'_>, low: f64, high: f64) -> Result<f64> {
    let share = f64::from(bytes.arbitrary::<u32>()?) / f64::from(u32::MAX);
    Ok(low + (high - low) * share)
}

/// A matrix of any numbers.
pub fn matrix(bytes: &mut Unstructured<'_>, rows: usize, columns: usize) -> Result<DMatrix<f64>> {
    let entries = (0..rows * columns).map(|_| any(bytes)).collect::<Result<Vec<f64>>>()?;
    Ok(DMatrix::from_vec(rows, columns, entries))
}

/// A positive semi-definite matrix B B^T with k columns in B, so of any rank.
pub fn semi_definite(bytes: &mut Unstructured<'_>, size: usize) -> Result<DMatrix<f64>> {
    let columns = bytes.int_in_range(0..=size)?;
    let scale = positive(bytes)?;
    let entries = (0..size * columns).map(|_| between(bytes, -1.0, 1.0)).collect::<Result<Vec<f64>>>()?;
    let root = DMatrix::from_vec(size, columns, entries);
    let product = &root * root.transpose() * scale;
    Ok((&product + product.transpose()) * 0.5)
}
