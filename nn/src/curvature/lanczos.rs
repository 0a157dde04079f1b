//! The largest eigenvalues by Lanczos' method with thick restarts (Wu and Simon 2000) and full reorthogonalisation.
//!
//! One random vector finds one vector of each eigenspace. Eigenvalues of a network with several outputs are often multiple (those of
//! linear regression all are), so the search is repeated in the orthogonal complement of what was found until nothing larger than
//! the smallest wanted eigenvalue appears.

use langevin_sim::random::Stream;
use langevin_theory::linear_algebra::symmetric_eigen;
use nalgebra::DMatrix;

use super::orthonormal::{mixed, normals, orthogonalise, orthonormal, roundoff, row_dot};
use super::{Eigenpairs, LinearOperator, rayleigh_ritz};
use crate::error::{NnError, Result};
use crate::tensor::Tensor;

/// How long to search.
#[derive(Clone, Copy, Debug)]
pub struct LanczosPlan {
    /// Eigenpairs wanted.
    pub count: usize,
    /// Vectors kept between restarts; memory holds twice as many.
    pub basis: usize,
    /// Residuals wanted, in units of the largest eigenvalue.
    pub tolerance: f64,
    /// Products at most.
    pub products: u64,
    /// Seed of the first vectors.
    pub seed: u64,
}

impl LanczosPlan {
    /// For so many pairs, to residuals of 1e-8 of the largest eigenvalue in double and 1e-4 in single precision, or 200 products a
    /// pair.
    pub fn new(count: usize, seed: u64) -> Self {
        Self { count, basis: 2 * count + 20, tolerance: 1e-8, products: 200 * count as u64 + 400, seed }
    }
}

/// The largest eigenpairs, by descending value. A search that ends with its products gives what it has: residuals say how
/// good that is.
///
/// # Errors
/// [`NnError::Torch`]; [`NnError::Input`] for no pairs or more than the dimension.
pub fn lanczos(operator: &dyn LinearOperator, plan: &LanczosPlan) -> Result<Eigenpairs> {
    let dimension = operator.dimension();
    if plan.count == 0 || plan.count > dimension {
        let detail = format!("{} eigenpairs; there can be 1 to {dimension}", plan.count);
        return Err(NnError::Input { detail });
    }
    // residuals below rounding cannot be reached
    let tolerance = plan.tolerance.max(1e3 * roundoff(operator.place().0));
    let mut search =
        Search { operator, plan, tolerance, stream: Stream::new(plan.seed, 1), products: 0, locked: None, floor: None };
    let mut found: Option<Eigenpairs> = None;
    loop {
        let Some(rows) = search.run()? else { break };
        let together = match &found {
            None => rows,
            Some(found) => joined(&found.vectors, &rows)?,
        };
        let Some(basis) = orthonormal(&together)? else { break };
        let ritz = rayleigh_ritz(operator, &basis)?;
        search.products += ritz.products;
        let places: Vec<usize> = (0..ritz.values.len().min(plan.count)).collect();
        let kept = ritz.at(&places)?;
        search.locked = Some(kept.vectors.alias());
        let is_full = kept.values.len() == plan.count;
        search.floor = if is_full { kept.values.last().copied() } else { None };
        found = Some(kept);
        if search.products >= plan.products || (is_full && plan.count == dimension) {
            break;
        }
    }
    let mut found = found.ok_or_else(|| NnError::Input { detail: "the Hessian has no vectors to search".into() })?;
    found.products = search.products;
    Ok(found)
}

fn joined(first: &Tensor, second: &Tensor) -> Result<Tensor> {
    let rows = |block: &Tensor| (0..block.shape()[0]).map(|row| block.row(row)).collect::<Result<Vec<_>>>();
    let mut all = rows(first)?;
    all.extend(rows(second)?);
    Tensor::stacked(&all)
}

struct Search<'a> {
    operator: &'a dyn LinearOperator,
    plan: &'a LanczosPlan,
    tolerance: f64,
    stream: Stream,
    products: u64,
    /// What was found; the search stays orthogonal to it.
    locked: Option<Tensor>,
    /// A search whose largest value is below this is over.
    floor: Option<f64>,
}

impl Search<'_> {
    /// A random unit vector orthogonal to what is known.
    fn fresh(&mut self, basis: Option<&Tensor>) -> Result<Option<Tensor>> {
        let drawn = normals(&mut self.stream, 1, self.operator.dimension(), self.operator.place())?;
        let mut vector = drawn.row(0)?;
        for rows in [self.locked.as_ref(), basis].into_iter().flatten() {
            orthogonalise(&mut vector, rows)?;
        }
        for rows in [self.locked.as_ref(), basis].into_iter().flatten() {
            orthogonalise(&mut vector, rows)?;
        }
        let norm = row_dot(&vector, &vector)?.sqrt();
        if norm > 1e-3 { Ok(Some(vector.scaled(1.0 / norm)?)) } else { Ok(None) }
    }

    /// Approximate eigenvectors in the complement of what was found, largest first; none when the complement holds nothing larger
    /// than the floor.
    fn run(&mut self) -> Result<Option<Tensor>> {
        let dimension = self.operator.dimension();
        let (kind, device) = self.operator.place();
        let known = self.locked.as_ref().map_or(0, |rows| usize::try_from(rows.shape()[0]).unwrap_or(0));
        let room = dimension - known.min(dimension);
        let wanted = self.plan.count.min(room);
        let size = self.plan.basis.max(self.plan.count + 3).min(room);
        let Some(start) = self.fresh(None)? else { return Ok(None) };
        if size == 0 {
            return Ok(None);
        }
        let basis = Tensor::zeros(&[size as i64 + 1, dimension as i64], kind, device)?;
        basis.row(0)?.assign(&start)?;
        let mut projected = DMatrix::<f64>::zeros(size, size);
        let mut filled = 0;
        let mut coupling = 0.0;
        loop {
            while filled < size {
                let mut image = self.operator.products(&basis.part(filled as i64..filled as i64 + 1)?)?.row(0)?;
                self.products += 1;
                if let Some(locked) = &self.locked {
                    orthogonalise(&mut image, locked)?;
                }
                let parts = orthogonalise(&mut image, &basis.part(0..filled as i64 + 1)?)?;
                for (place, part) in parts.iter().enumerate() {
                    projected[(place, filled)] = *part;
                    projected[(filled, place)] = *part;
                }
                filled += 1;
                coupling = row_dot(&image, &image)?.sqrt();
                if !coupling.is_finite() {
                    return Err(NnError::Input { detail: "a product with the Hessian is not finite".into() });
                }
                let next = if coupling > 100.0 * roundoff(kind) * projected.amax() {
                    Some(image.scaled(1.0 / coupling)?)
                } else {
                    // the span is invariant: what is outside of it needs a new vector
                    coupling = 0.0;
                    if filled < size { self.fresh(Some(&basis.part(0..filled as i64)?))? } else { None }
                };
                match next {
                    Some(next) => basis.row(filled as i64)?.assign(&next)?,
                    None => break,
                }
            }
            let small = projected.view((0, 0), (filled, filled)).into_owned();
            let eigen = symmetric_eigen("the projected Hessian", &small)?;
            let scale = eigen.values.amax();
            if self.floor.is_some_and(|floor| eigen.values[0] <= floor + self.tolerance * scale)
                && (coupling * eigen.vectors[(filled - 1, 0)].abs() <= 0.1 * scale)
            {
                return Ok(None);
            }
            let wanted = wanted.min(filled);
            let converged = (0..wanted)
                .all(|place| coupling * eigen.vectors[(filled - 1, place)].abs() <= 0.1 * self.tolerance * scale);
            let rows = basis.part(0..filled as i64)?;
            if converged || filled < size || size == room || self.products >= self.plan.products {
                let best = eigen.vectors.columns(0, wanted).into_owned();
                return Ok(Some(mixed(&best, &rows)?));
            }
            // thick restart: the best half and the direction that the search was about to take
            let kept = (wanted + (size - wanted) / 2).min(size - 1);
            let best = mixed(&eigen.vectors.columns(0, kept).into_owned(), &rows)?;
            let last = basis.row(filled as i64)?.copied()?;
            basis.part(0..kept as i64)?.assign(&best)?;
            basis.row(kept as i64)?.assign(&last)?;
            projected.fill(0.0);
            for place in 0..kept {
                projected[(place, place)] = eigen.values[place];
            }
            filled = kept;
        }
    }
}
