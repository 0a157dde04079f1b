//! The density of eigenvalues by stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017): after s steps from a random unit vector
//! z, the eigenvalues of the tridiagonal matrix are nodes, the squared first entries of its eigenvectors weights, of a quadrature
//!
//! ```text
//! (1/m) sum_i f(rho_i) ~ E sum_j w_j f(theta_j),   exact for z' f(H) z when f is a polynomial of degree below 2 s.
//! ```
//!
//! So the first and second moment of each vector's quadrature must equal z'Hz and |Hz|^2, which are computed beside it: they are Hutchinson
//! estimates of tr H/m and tr H^2/m.

use langevin_sim::random::Stream;
use langevin_theory::linear_algebra::symmetric_eigen;
use langevin_verify::statistics::tail::student_quantile_above;
use nalgebra::DMatrix;

use super::orthonormal::{orthogonalise, roundoff, row_dot, signs};
use super::{LinearOperator, Trace};
use crate::error::{NnError, Result};
use crate::tensor::Tensor;

/// A density of eigenvalues, as nodes with weights that add up to one.
#[derive(Clone, Debug)]
pub struct Density {
    /// Nodes of all vectors, ascending.
    pub nodes: Vec<f64>,
    /// Their weights.
    pub weights: Vec<f64>,
    /// tr H by the quadrature, with the Student interval over vectors.
    pub trace: Trace,
    /// tr H^2 by the quadrature.
    pub trace_of_square: Trace,
    /// The largest difference between a moment of the quadrature and the same number computed directly, relative to |Hz|^2 or
    /// |Hz| for the second and first moment: rounding, if the quadrature is right.
    pub moment_mismatch: f64,
}

/// The density of a symmetric operator from `vectors` random vectors with `steps` Lanczos steps each; 1 - `alpha` is the confidence of
/// its traces.
///
/// # Errors
/// [`NnError::Torch`]; [`NnError::Input`] for fewer than two vectors or steps.
pub fn spectral_density(
    operator: &dyn LinearOperator,
    vectors: usize,
    steps: usize,
    alpha: f64,
    seed: u64,
) -> Result<Density> {
    if vectors < 2 || steps < 2 {
        let detail = format!("{vectors} vectors, {steps} steps; both must be at least 2");
        return Err(NnError::Input { detail });
    }
    let dimension = operator.dimension();
    let size = dimension as f64;
    let mut stream = Stream::new(seed, 3);
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut moment_mismatch: f64 = 0.0;
    let mut products = 0;
    for _ in 0..vectors {
        let probe = signs(&mut stream, 1, dimension, operator.place())?.scaled(size.sqrt().recip())?;
        let image = operator.products(&probe)?.row(0)?;
        let direct = [row_dot(&probe.row(0)?, &image)?, row_dot(&image, &image)?];
        let quadrature = quadrature_from(operator, &probe, steps.min(dimension))?;
        products += 1 + quadrature.len() as u64;
        let moment = |power: i32| quadrature.iter().map(|(node, weight)| weight * node.powi(power)).sum::<f64>();
        let found = [moment(1), moment(2)];
        if direct[1] > 0.0 {
            let errors = [(found[0] - direct[0]).abs() / direct[1].sqrt(), (found[1] - direct[1]).abs() / direct[1]];
            moment_mismatch = moment_mismatch.max(errors[0]).max(errors[1]);
        }
        first.push(size * found[0]);
        second.push(size * found[1]);
        pairs.extend(quadrature.into_iter().map(|(node, weight)| (node, weight / vectors as f64)));
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let roundoff = roundoff(operator.place().0);
    let interval = |values: &[f64]| {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let quantile = student_quantile_above(count - 1.0, 0.5 * alpha);
        let half_width = quantile * (variance / count).sqrt() + 4.0 * roundoff * size.sqrt() * mean.abs();
        Trace { value: mean, half_width, exact_part: 0.0, products }
    };
    let (nodes, weights) = pairs.into_iter().unzip();
    Ok(Density { nodes, weights, trace: interval(&first), trace_of_square: interval(&second), moment_mismatch })
}

/// Nodes and weights from one unit vector (a block of one row).
pub(super) fn quadrature_from(operator: &dyn LinearOperator, start: &Tensor, steps: usize) -> Result<Vec<(f64, f64)>> {
    let (kind, device) = operator.place();
    let basis = Tensor::zeros(&[steps as i64, operator.dimension() as i64], kind, device)?;
    basis.row(0)?.assign(&start.row(0)?)?;
    let mut tridiagonal = DMatrix::<f64>::zeros(steps, steps);
    let mut filled = 0;
    while filled < steps {
        let mut image = operator.products(&basis.part(filled as i64..filled as i64 + 1)?)?.row(0)?;
        let parts = orthogonalise(&mut image, &basis.part(0..filled as i64 + 1)?)?;
        tridiagonal[(filled, filled)] = parts[filled];
        filled += 1;
        let coupling = row_dot(&image, &image)?.sqrt();
        // an invariant span: the quadrature is exact already
        if filled == steps || coupling <= 100.0 * roundoff(kind) * tridiagonal.amax() {
            break;
        }
        tridiagonal[(filled, filled - 1)] = coupling;
        tridiagonal[(filled - 1, filled)] = coupling;
        basis.row(filled as i64)?.assign(&image.scaled(1.0 / coupling)?)?;
    }
    let eigen = symmetric_eigen("the tridiagonal matrix", &tridiagonal.view((0, 0), (filled, filled)).into_owned())?;
    let node = |place: usize| (eigen.values[place], eigen.vectors[(0, place)].powi(2));
    Ok((0..filled).map(node).collect())
}
