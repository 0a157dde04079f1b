//! Subspace iteration, the paper's method (appendix H.1): V <- orth(H V), then the best approximations in the span. It finds the
//! eigenvalues of largest modulus; negative ones are among them.

use langevin_sim::random::Stream;

use super::orthonormal::{normals, orthonormal};
use super::{Eigenpairs, LinearOperator, rayleigh_ritz};
use crate::error::{NnError, Result};

/// `count` eigenpairs of largest modulus, by descending modulus, after `iterations` products with a block of `count` + `extra`
/// random vectors.
///
/// # Errors
/// [`NnError::Torch`]; [`NnError::Input`] for no pairs or more than the dimension.
pub fn subspace_iteration(
    operator: &dyn LinearOperator,
    count: usize,
    extra: usize,
    iterations: usize,
    seed: u64,
) -> Result<Eigenpairs> {
    let dimension = operator.dimension();
    if count == 0 || count > dimension {
        let detail = format!("{count} eigenpairs; there can be 1 to {dimension}");
        return Err(NnError::Input { detail });
    }
    let rows = (count + extra).min(dimension);
    let zero = || NnError::Input { detail: "the Hessian is zero: it has no top eigenvectors".into() };
    let mut stream = Stream::new(seed, 0);
    let mut basis = orthonormal(&normals(&mut stream, rows, dimension, operator.place())?)?.ok_or_else(zero)?;
    let mut products = 0;
    for _ in 0..iterations {
        products += basis.shape()[0].unsigned_abs();
        basis = orthonormal(&operator.products(&basis)?)?.ok_or_else(zero)?;
    }
    let mut found = rayleigh_ritz(operator, &basis)?;
    found.products += products;
    let mut order: Vec<usize> = (0..found.values.len()).collect();
    order.sort_by(|&a, &b| found.values[b].abs().total_cmp(&found.values[a].abs()));
    order.truncate(count);
    found.at(&order)
}
