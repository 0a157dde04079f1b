//! Covariance of the gradient noise, from data (Assumption 1; the truth that Assumption 3 replaces by sigma^2 H,
//! erratum E26). It is not divided by the batch size.
#![doc = langevin_equation::equation!(
    r"\Sigma(\theta) = \operatorname{Cov}_n \nabla \ell(\theta, x_n), \qquad n \text{ uniform over the samples.}"
)]

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use crate::error::{Result, TheoryError};
use crate::linear_algebra::{require_shape, transposed_product};
use crate::quadratic::LeastSquares;

/// Covariance over samples of the gradients of one output at a point, d x d.
///
/// With the residuals r = X theta - y (N entries) it is
#[doc = equation!(
    r"\Sigma(\theta) = \frac1N \sum_{n=1}^N r_n^2\, x_n x_n^\top - g g^\top, \qquad g = \frac1N X^\top r."
)]
/// Residuals within rounding of zero count as zero: data that are fit exactly have no noise. An entry is zero when it is at
/// most (d + 2) relative roundings of the terms it is the sum of: d + 1 from the sum, and one from the position,
#[doc = equation!(
    r"|r_n| \le (d + 2)\, \varepsilon \Bigl( \sum_i |x_{ni} \theta_i| + |y_n| \Bigr) \;\Rightarrow\; r_n = 0, \qquad \varepsilon = 2^{-52}."
)]
/// It is that of one sample: a batch mean has [`Sampling::noise_factor`](crate::Sampling::noise_factor) times it.
///
/// # Errors
/// [`TheoryError::Shape`] when `position` is not d x outputs, or the output does not exist.
///
/// ```
/// use langevin_theory::{LeastSquares, gradient_noise};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
/// // gradients at theta = 0 are -1 and +1
/// assert_eq!(gradient_noise::covariance(&data, &dmatrix![0.0], 0).unwrap(), dmatrix![1.0]);
/// ```
pub fn covariance(data: &LeastSquares, position: &DMatrix<f64>, output: usize) -> Result<DMatrix<f64>> {
    require_shape("position", position, data.dimension(), data.outputs())?;
    if output >= data.outputs() {
        return Err(TheoryError::Shape {
            name: "output",
            found: format!("index {output}"),
            expected: format!("below {}", data.outputs()),
        });
    }
    Ok(gradient_covariance(data.features(), &residual(data, position, output)))
}

/// The residuals X theta - y of one output (N entries), zero where they are within rounding of it.
pub(crate) fn residual(data: &LeastSquares, position: &DMatrix<f64>, output: usize) -> DVector<f64> {
    let (place, targets) = (position.column(output), data.targets().column(output));
    let mut residual = data.features() * place - targets;
    // the terms, column by column as matrices are stored
    let mut terms = targets.abs();
    for (column, weight) in data.features().column_iter().zip(place.iter()) {
        terms.zip_apply(&column, |sum, entry| *sum += (entry * weight).abs());
    }
    let roundings = (data.dimension() + 2) as f64 * f64::EPSILON;
    residual.zip_apply(&terms, |entry, size| {
        if entry.abs() <= roundings * size {
            *entry = 0.0;
        }
    });
    residual
}

/// Covariance over samples of the gradients x_n r_n, from centred gradients: positive semi-definite by construction,
/// and exactly zero for a single sample.
pub(crate) fn gradient_covariance(features: &DMatrix<f64>, residual: &DVector<f64>) -> DMatrix<f64> {
    let mut gradients = features.clone();
    for mut column in gradients.column_iter_mut() {
        column.component_mul_assign(residual);
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    transposed_product(&gradients, &gradients) / features.nrows() as f64
}

/// The noise level of Assumption 3: the mean squared residual (summed over outputs) at a point (d x outputs).
#[doc = equation!(r"\sigma^2 = \frac1N \lVert X\theta - Y \rVert^2.")]
///
/// # Errors
/// [`TheoryError::Shape`] when `position` is not d x outputs.
///
/// ```
/// use langevin_theory::{LeastSquares, gradient_noise};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 3.0]).unwrap();
/// assert_eq!(gradient_noise::residual_variance(&data, &dmatrix![0.0]).unwrap(), 5.0);
/// ```
pub fn residual_variance(data: &LeastSquares, position: &DMatrix<f64>) -> Result<f64> {
    require_shape("position", position, data.dimension(), data.outputs())?;
    Ok((data.features() * position - data.targets()).norm_squared() / data.samples() as f64)
}

/// (1/N) sum_n w_n x_n x_n^T.
pub(crate) fn weighted_outer(features: &DMatrix<f64>, weights: &DVector<f64>) -> DMatrix<f64> {
    let mut scaled = features.clone();
    for mut column in scaled.column_iter_mut() {
        column.component_mul_assign(weights);
    }
    let product = transposed_product(features, &scaled) / features.nrows() as f64;
    (&product + product.transpose()) * 0.5
}
