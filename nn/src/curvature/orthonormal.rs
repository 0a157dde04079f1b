//! Rows of a block as vectors of parameter space: random ones, orthonormal ones, and mixtures.

use langevin_lanes::{LANES, Line, Processor, as_values};
use langevin_sim::random::{Stream, fill_normals};
use nalgebra::DMatrix;

use crate::error::Result;
use crate::tensor::{Device, Kind, Tensor};

/// A block of independent standard normal numbers.
///
/// # Errors
/// [`crate::NnError::Torch`].
pub fn normals(stream: &mut Stream, rows: usize, dimension: usize, (kind, device): (Kind, Device)) -> Result<Tensor> {
    let mut lines = vec![Line::default(); (rows * dimension).div_ceil(LANES)];
    fill_normals(Processor::best(), stream, &mut lines);
    Tensor::from_values(&as_values(&lines)[..rows * dimension], &[rows as i64, dimension as i64], kind, device)
}

/// A block of independent signs, +1 or -1.
///
/// # Errors
/// [`crate::NnError::Torch`].
pub fn signs(stream: &mut Stream, rows: usize, dimension: usize, (kind, device): (Kind, Device)) -> Result<Tensor> {
    let mut values = Vec::with_capacity(rows * dimension + 64 * LANES);
    while values.len() < rows * dimension {
        for word in stream.next_eight() {
            values.extend((0..64).map(|bit| if (word >> bit) & 1 == 0 { 1.0 } else { -1.0 }));
        }
    }
    Tensor::from_values(&values[..rows * dimension], &[rows as i64, dimension as i64], kind, device)
}

/// x . y.
pub(super) fn row_dot(x: &Tensor, y: &Tensor) -> Result<f64> {
    x.dot(y)?.value()
}

/// Vectors as the rows of a block.
pub(super) fn stacked_rows(rows: &[Tensor]) -> Result<Tensor> {
    Tensor::stacked(rows)
}

/// Linear combinations of rows: column j of the coefficients gives row j.
pub(super) fn mixed(coefficients: &DMatrix<f64>, rows: &Tensor) -> Result<Tensor> {
    // column-major storage read row by row is the transpose
    let shape = [coefficients.ncols() as i64, coefficients.nrows() as i64];
    Tensor::from_values(coefficients.as_slice(), &shape, rows.kind(), rows.device())?.times(rows)
}

/// Subtracts from a vector its parts along orthonormal rows; gives those parts. Twice is enough (Kahan and Parlett).
pub(super) fn orthogonalise(vector: &mut Tensor, rows: &Tensor) -> Result<Vec<f64>> {
    let mut parts = vec![0.0; usize::try_from(rows.shape()[0]).unwrap_or(0)];
    for _ in 0..2 {
        let found = rows.times(vector)?;
        vector.subtract(&rows.transposed()?.times(&found)?)?;
        for (part, found) in parts.iter_mut().zip(found.to_values()?) {
            *part += found;
        }
    }
    Ok(parts)
}

/// The unit roundoff of a number type.
pub(super) fn roundoff(kind: Kind) -> f64 {
    if kind == Kind::Double { f64::EPSILON } else { f64::from(f32::EPSILON) }
}

/// An orthonormal basis of the span of rows; rows that depend on those before them are left out. None when all are zero.
pub(super) fn orthonormal(block: &Tensor) -> Result<Option<Tensor>> {
    let (count, dimension) = (block.shape()[0], block.shape()[1]);
    let basis = Tensor::zeros(&[count, dimension], block.kind(), block.device())?;
    let mut filled = 0;
    for number in 0..count {
        let mut row = block.row(number)?.copied()?;
        let before = row_dot(&row, &row)?.sqrt();
        if filled > 0 {
            orthogonalise(&mut row, &basis.part(0..filled)?)?;
        }
        let norm = row_dot(&row, &row)?.sqrt();
        // what is left of a dependent row is rounding
        if norm.is_nan() || norm <= 100.0 * roundoff(block.kind()) * before {
            continue;
        }
        basis.row(filled)?.assign(&row.scaled(1.0 / norm)?)?;
        filled += 1;
    }
    if filled == 0 { Ok(None) } else { Ok(Some(basis.part(0..filled)?)) }
}
