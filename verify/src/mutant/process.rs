//! What a mutant says of a linear stochastic differential equation, dX = A (mu - X) dt + sqrt(2 D / kappa) dW: another drift,
//! another diffusion, another temperature, or another sign in e^{-At}.

use langevin_theory::linear_algebra::symmetric_eigen;
use langevin_theory::ou::OrnsteinUhlenbeck;
use langevin_theory::{Hyperparameters, Quadratic};
use nalgebra::{DMatrix, DVector};

use super::Mutant;
use crate::error::Result;

/// What phase space is made of, for mutants of the Langevin equation (4).
#[derive(Clone, Debug)]
pub struct PhaseSpace {
    /// The loss.
    pub quadratic: Quadratic,
    /// eta, beta, lambda, S.
    pub sgd: Hyperparameters,
}

/// A theory of a linear equation.
#[derive(Clone, Debug)]
pub struct ProcessTheory {
    /// The process.
    pub process: OrnsteinUhlenbeck,
    /// e^{+At} between two times (erratum E05).
    pub growing: bool,
}

impl ProcessTheory {
    /// What a mutant makes of a process; `None` where it says nothing about it. `phase_space` is given where the state is
    /// (theta, v).
    ///
    /// # Errors
    /// As [`OrnsteinUhlenbeck::new`], [`OrnsteinUhlenbeck::stationary`].
    pub fn mutated(
        mutant: Mutant,
        right: &OrnsteinUhlenbeck,
        phase_space: Option<&PhaseSpace>,
    ) -> Result<Option<Self>> {
        let (mut drift, mut mean) = (right.drift().clone(), right.equilibrium().clone());
        let (mut diffusion, mut kappa) = (right.diffusion().clone(), right.kappa());
        let half = right.dimension() / 2;
        match (mutant, phase_space) {
            (Mutant::KappaWithoutSquare, Some(PhaseSpace { sgd, .. })) => {
                kappa = sgd.batch_size() as f64 * (1.0 - sgd.momentum());
            }
            (Mutant::OnePlusBetaDropped, Some(PhaseSpace { sgd, .. })) => {
                let factor = 1.0 + sgd.momentum();
                drift.rows_mut(half, half).scale_mut(factor);
                diffusion.view_mut((half, half), (half, half)).scale_mut(factor * factor);
            }
            (Mutant::WeightDecayForgotten, Some(PhaseSpace { quadratic, sgd })) => {
                for i in 0..half {
                    drift[(half + i, i)] -= sgd.weight_decay() / sgd.mass();
                }
                mean.rows_mut(0, half).copy_from(&quadratic.minimum_ridge(0.0).column(0));
            }
            (Mutant::NoiseUnsquared, _) => {
                let eigen = symmetric_eigen("the diffusion", &diffusion)?;
                let roots = DMatrix::from_diagonal(&eigen.values.map(|value| value.max(0.0).sqrt()));
                diffusion = &eigen.vectors * roots * eigen.vectors.transpose();
            }
            (Mutant::CrossCovarianceSign, _) => {
                return Ok(Some(Self { process: right.clone(), growing: true }));
            }
            (Mutant::DriftTransposed, _) => drift = drift.transpose(),
            (Mutant::SymmetricDriftCirculation, _) => {
                let Some(circulation) = symmetric_drift_circulation(&drift, &diffusion) else { return Ok(None) };
                drift = (&diffusion + circulation) * right.stationary()?.precision()?;
            }
            (Mutant::VelocitySignFlipped, Some(_)) => {
                let parity = DVector::from_fn(2 * half, |i, _| if i < half { 1.0 } else { -1.0 });
                let parity = DMatrix::from_diagonal(&parity);
                drift = &parity * drift * &parity;
                diffusion = &parity * diffusion * &parity;
                mean = parity * mean;
            }
            _ => return Ok(None),
        }
        Ok(Some(Self { process: OrnsteinUhlenbeck::new(drift, mean, &diffusion, kappa)?, growing: false }))
    }
}

/// The skew part of the Q with A Q + Q A = A D - D A, which is (27) in the eigenbasis of A and right for symmetric A only
/// (erratum E12: the equation is A Q + Q A^T = A D - D A^T).
fn symmetric_drift_circulation(drift: &DMatrix<f64>, diffusion: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let size = drift.nrows();
    let identity = DMatrix::identity(size, size);
    // columns stacked: A Q is (1 x A), Q A is (A^T x 1)
    let equation = identity.kronecker(drift) + drift.transpose().kronecker(&identity);
    let source = drift * diffusion - diffusion * drift;
    let stacked = DVector::from_column_slice(source.as_slice());
    let solution = equation.full_piv_lu().solve(&stacked)?;
    let solution = DMatrix::from_column_slice(size, size, solution.as_slice());
    Some((&solution - solution.transpose()) * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use langevin_theory::ou::symmetric_drift_decomposition;

    fn square(entries: &[f64; 4]) -> DMatrix<f64> {
        DMatrix::from_row_slice(2, 2, entries)
    }

    /// For a symmetric drift the formula is right, and so is the mutant.
    #[test]
    fn the_formula_for_symmetric_drifts_is_right_for_them() {
        let (drift, diffusion) = (square(&[3.0, 0.5, 0.5, 1.0]), square(&[2.0, 1.0, 1.0, 2.0]));
        let (expected, _) = symmetric_drift_decomposition(&drift, &diffusion).unwrap();
        let found = symmetric_drift_circulation(&drift, &diffusion).unwrap();
        assert!((found - expected).amax() < 1e-13);
    }

    /// In phase space it gives Q_21 = D_22 / (2 gamma) (1 - omega^2) / 2 instead of D_22 / (2 gamma).
    #[test]
    fn in_phase_space_the_circulation_is_too_small() {
        let (stiffness, friction) = (3.0, 0.7);
        let drift = square(&[0.0, -1.0, stiffness, friction]);
        let diffusion = square(&[0.0, 0.0, 0.0, 1.4]);
        let found = symmetric_drift_circulation(&drift, &diffusion).unwrap();
        assert!((found[(1, 0)] - 1.4 / friction * 0.5 * (1.0 - stiffness)).abs() < 1e-13);
        assert!((found[(1, 0)] + found[(0, 1)]).abs() < 1e-15);
    }

    /// The mutant of the circulation keeps the stationary law.
    #[test]
    fn a_wrong_circulation_leaves_the_stationary_law() {
        let drift = square(&[0.0, -1.0, 0.5, 0.7]);
        let diffusion = square(&[0.0, 0.0, 0.0, 1.4]);
        let right = OrnsteinUhlenbeck::new(drift, DVector::zeros(2), &diffusion, 2.0).unwrap();
        let wrong = ProcessTheory::mutated(Mutant::SymmetricDriftCirculation, &right, None).unwrap().unwrap();
        let change = wrong.process.stationary().unwrap().covariance() - right.stationary().unwrap().covariance();
        assert!(change.amax() < 1e-12);
        assert!((wrong.process.drift() - right.drift()).amax() > 0.1);
    }
}
