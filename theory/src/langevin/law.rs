//! The Ornstein-Uhlenbeck process (5), (6) on a whole quadratic: drift, diffusion, moments (7)-(9), the decomposition
//! A = (D + Q) U of section 5 in its general form Q = A B - D, speed (16), displacement (17), losses and energies of G.3.
//!
//! In the eigenbasis of H, with w = omega^2 and S the noise rate of the velocity (erratum E43):
//!
//! ```text
//! P_ij = S_ij / (2 gamma (w_i + w_j) + (w_i - w_j)^2 / (4 gamma)),   V_ij = (w_i + w_j)/2 P_ij
//! C_ij = E[theta_i v_j] = (w_i - w_j)/(4 gamma) P_ij
//! ```

use nalgebra::{DMatrix, DVector};

use super::displacement::{DisplacementReading, displacement_equation17};
use super::mode::{LangevinMode, noise_rate, stationary_kernel, transient_covariance};
use super::oscillator::Oscillator;
use crate::discrete::ModeMap;
use crate::error::{Result, TheoryError};
use crate::hyperparameters::Hyperparameters;
use crate::linear_algebra::{covariance_inverse, require_positive_semi_definite, require_shape, symmetric_eigen};
use crate::quadratic::Quadratic;
use crate::time::{Steps, Time};

/// The gradient-noise covariance Sigma of the SDE (not divided by S).
#[derive(Clone, Debug)]
pub enum NoiseModel {
    /// Assumption 3: Sigma = sigma^2 H.
    ProportionalToHessian(f64),
    /// Any covariance, d x d.
    Covariance(DMatrix<f64>),
}

/// The SDE on a quadratic loss with one output.
///
/// ```
/// use langevin_theory::langevin::{LangevinLaw, NoiseModel};
/// use langevin_theory::{Hyperparameters, Quadratic};
/// use nalgebra::dmatrix;
/// let loss = Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![1.0; 0.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 8).unwrap();
/// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
/// assert!((law.speed() - 0.01 / sgd.kappa() * 3.0).abs() < 1e-15);    // (16): eta^2 sigma^2 tr H / kappa
/// assert_eq!(law.entropy_production_with_parity().unwrap(), 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct LangevinLaw {
    quadratic: Quadratic,
    sgd: Hyperparameters,
    oscillators: Vec<Oscillator>,
    /// Sigma in the eigenbasis of H.
    noise: DMatrix<f64>,
    commuting: bool,
}

impl LangevinLaw {
    /// The process for a loss, hyperparameters and a noise model.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a negative sigma^2; [`TheoryError::Shape`], [`TheoryError::NotFinite`],
    /// [`TheoryError::NotPositiveSemiDefinite`] for a covariance that is none.
    pub fn new(quadratic: &Quadratic, sgd: &Hyperparameters, noise: NoiseModel) -> Result<Self> {
        let size = quadratic.dimension();
        let (noise, commuting) = match noise {
            NoiseModel::ProportionalToHessian(sigma2) => {
                if !(sigma2.is_finite() && sigma2 >= 0.0) {
                    return Err(TheoryError::InvalidValue {
                        name: "sigma2",
                        value: sigma2,
                        admissible: "finite and at least 0",
                    });
                }
                (DMatrix::from_diagonal(&(quadratic.eigenvalues() * sigma2)), true)
            }
            NoiseModel::Covariance(covariance) => {
                require_shape("noise_covariance", &covariance, size, size)?;
                require_positive_semi_definite("noise_covariance", &covariance)?;
                (quadratic.to_eigenbasis(&covariance), false)
            }
        };
        let oscillators = (0..size)
            .map(|index| Oscillator::with_curvature(sgd, quadratic.extended_curvature(index, sgd.weight_decay())))
            .collect();
        Ok(Self { quadratic: quadratic.clone(), sgd: *sgd, oscillators, noise, commuting })
    }

    /// The loss.
    pub fn quadratic(&self) -> &Quadratic {
        &self.quadratic
    }

    /// The hyperparameters.
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.sgd
    }

    /// Each eigendirection by itself.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`].
    pub fn modes(&self) -> Result<Vec<LangevinMode>> {
        let eigenvalues = self.quadratic.eigenvalues();
        (0..self.oscillators.len())
            .map(|i| LangevinMode::new(&self.sgd, eigenvalues[i], self.noise[(i, i)].max(0.0)))
            .collect()
    }

    fn size(&self) -> usize {
        self.oscillators.len()
    }

    /// A 2d x 2d matrix in the original coordinates from its four blocks in the eigenbasis.
    fn assemble(&self, blocks: [&DMatrix<f64>; 4]) -> DMatrix<f64> {
        let size = self.size();
        let mut full = DMatrix::zeros(2 * size, 2 * size);
        for (index, block) in blocks.into_iter().enumerate() {
            full.view_mut((index / 2 * size, index % 2 * size), (size, size))
                .copy_from(&self.quadratic.from_eigenbasis(block));
        }
        full
    }

    /// The drift matrix A of (6), 2d x 2d.
    pub fn drift(&self) -> DMatrix<f64> {
        let size = self.size();
        let inertia = self.sgd.learning_rate() * (1.0 + self.sgd.momentum());
        let friction = 2.0 * (1.0 - self.sgd.momentum()) / inertia;
        let mut drift = DMatrix::zeros(2 * size, 2 * size);
        for i in 0..size {
            drift[(i, size + i)] = -1.0;
            drift[(size + i, size + i)] = friction;
            for j in 0..size {
                let decay = if i == j { self.sgd.weight_decay() } else { 0.0 };
                drift[(size + i, j)] = 2.0 / inertia * (self.quadratic.hessian()[(i, j)] + decay);
            }
        }
        drift
    }

    /// The diffusion matrix D of (6), 2d x 2d.
    pub fn diffusion(&self) -> DMatrix<f64> {
        let zero = DMatrix::zeros(self.size(), self.size());
        self.assemble([&zero, &zero, &zero, &self.velocity_diffusion()])
    }

    fn velocity_diffusion(&self) -> DMatrix<f64> {
        &self.noise * (2.0 * self.oscillators[0].gamma())
    }

    /// Mean of (theta, v) at a time from (theta_0, v_0), equation (7), 2d.
    ///
    /// # Errors
    /// [`TheoryError::Shape`].
    pub fn mean(&self, position: &DVector<f64>, velocity: &DVector<f64>, time: Time) -> Result<DVector<f64>> {
        let size = self.size();
        for (name, vector) in [("initial_position", position), ("initial_velocity", velocity)] {
            require_shape(name, &DMatrix::from_column_slice(vector.len(), 1, vector.as_slice()), size, 1)?;
        }
        let basis = self.quadratic.eigenvectors();
        // directions without a minimum, or with one so far away that the distance to it has lost the start, are followed
        // from the start under their constant force; the others from their deviation from the minimum
        let target = basis.tr_mul(&self.minimum_ridge());
        let pull = basis.tr_mul(self.quadratic.linear_term());
        let place = basis.tr_mul(position);
        let has_minimum = self.quadratic.has_minimum(self.sgd.weight_decay());
        let forced: Vec<bool> = (0..size)
            .map(|i| {
                let flat = self.oscillators[i].omega_squared() <= 0.0;
                (flat && !has_minimum) || target[i].abs() > 2.0 * place[i].abs()
            })
            .collect();
        let near = DVector::from_fn(size, |i, _| if forced[i] { 0.0 } else { target[i] });
        // what is followed is the original vector less a multiple of directions, so that a start keeps its digits
        let minimum = basis * &near;
        let start = basis.tr_mul(&(position - &minimum));
        let kick = basis.tr_mul(velocity);
        let inertia = self.sgd.learning_rate() * (1.0 + self.sgd.momentum());
        let mut change = [DVector::zeros(size), DVector::zeros(size)];
        for i in 0..size {
            let oscillator = &self.oscillators[i];
            let step = oscillator.propagator(time);
            let force = if forced[i] { 2.0 * pull[i] / inertia } else { 0.0 };
            let reach = if forced[i] { force * oscillator.impulse_integral(time.value()) } else { 0.0 };
            change[0][i] = step[0][0] * start[i] + step[0][1] * kick[i] + reach;
            change[1][i] = step[1][0] * start[i] + step[1][1] * kick[i] + force * step[0][1];
        }
        let position = minimum + basis * &change[0];
        let velocity = basis * &change[1];
        Ok(DVector::from_iterator(2 * size, position.iter().chain(velocity.iter()).copied()))
    }

    /// Covariance of (theta, v) at a time from a fixed start, equation (8) at t = s, 2d x 2d.
    pub fn covariance(&self, time: Time) -> DMatrix<f64> {
        let size = self.size();
        let mut blocks = [(); 4].map(|()| DMatrix::zeros(size, size));
        for i in 0..size {
            for j in 0..size {
                let rate = noise_rate(&self.sgd, self.noise[(i, j)]);
                let pair = transient_covariance(&self.oscillators[i], &self.oscillators[j], rate, time);
                for (index, block) in blocks.iter_mut().enumerate() {
                    block[(i, j)] = pair[index / 2][index % 2];
                }
            }
        }
        self.assemble([&blocks[0], &blocks[1], &blocks[2], &blocks[3]])
    }

    /// Position, cross (E[theta v^T]) and velocity blocks of the stationary covariance in the eigenbasis.
    ///
    /// # Errors
    /// [`TheoryError::Singular`] when a direction has no curvature.
    pub fn stationary_blocks(&self) -> Result<[DMatrix<f64>; 3]> {
        let size = self.size();
        if self.oscillators.iter().any(|one| one.omega_squared() <= 0.0) {
            return Err(TheoryError::Singular {
                what: "H + lambda I has a zero eigenvalue: A has eigenvalue 0 and there is no stationary law",
            });
        }
        let square = |i: usize| self.oscillators[i].omega_squared();
        let gamma = self.oscillators[0].gamma();
        let position = DMatrix::from_fn(size, size, |i, j| {
            self.noise[(i, j)] * stationary_kernel(&self.sgd, &self.oscillators[i], &self.oscillators[j])
        });
        let cross = DMatrix::from_fn(size, size, |i, j| (square(i) - square(j)) / (4.0 * gamma) * position[(i, j)]);
        let velocity = DMatrix::from_fn(size, size, |i, j| 0.5 * (square(i) + square(j)) * position[(i, j)]);
        Ok([position, cross, velocity])
    }

    /// Stationary covariance B / kappa of (theta, v), equation (9), 2d x 2d.
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    pub fn stationary_covariance(&self) -> Result<DMatrix<f64>> {
        let [position, cross, velocity] = self.stationary_blocks()?;
        Ok(self.assemble([&position, &cross, &cross.transpose(), &velocity]))
    }

    /// The skew part Q = A B - D of the decomposition A = (D + Q) U (section 5, erratum E12), 2d x 2d.
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    pub fn circulation(&self) -> Result<DMatrix<f64>> {
        let [_, cross, velocity] = self.stationary_blocks()?.map(|block| block * self.sgd.kappa());
        let square = |i: usize| self.oscillators[i].omega_squared();
        let size = self.size();
        let corner = DMatrix::from_fn(size, size, |i, j| 0.5 * (square(i) + square(j)) * cross[(i, j)]);
        Ok(self.assemble([&-cross.transpose(), &-&velocity, &velocity, &corner]))
    }

    /// U = B^{-1}, 2d x 2d.
    ///
    /// # Errors
    /// [`TheoryError::Singular`] when B is singular (a direction without noise, erratum E15).
    pub fn precision(&self) -> Result<DMatrix<f64>> {
        const WHAT: &str = "B is singular: a direction without noise has no precision";
        let [position, cross, velocity] = self.stationary_blocks()?.map(|block| block * self.sgd.kappa());
        if self.commuting {
            let inverse = |block: &DMatrix<f64>| {
                let diagonal = block.diagonal();
                if diagonal.iter().any(|&value| value <= 0.0) {
                    return Err(TheoryError::Singular { what: WHAT });
                }
                Ok(DMatrix::from_diagonal(&diagonal.map(|value| 1.0 / value)))
            };
            let zero = DMatrix::zeros(self.size(), self.size());
            return Ok(self.assemble([&inverse(&position)?, &zero, &zero, &inverse(&velocity)?]));
        }
        let size = self.size();
        let mut full = DMatrix::zeros(2 * size, 2 * size);
        full.view_mut((0, 0), (size, size)).copy_from(&position);
        full.view_mut((0, size), (size, size)).copy_from(&cross);
        full.view_mut((size, 0), (size, size)).copy_from(&cross.transpose());
        full.view_mut((size, size), (size, size)).copy_from(&velocity);
        let inverse = covariance_inverse(WHAT, &full)?;
        let block = |r: usize, c: usize| inverse.view((r * size, c * size), (size, size)).into_owned();
        Ok(self.assemble([&block(0, 0), &block(0, 1), &block(1, 0), &block(1, 1)]))
    }

    /// Equation (16): eta^2 tr(Sigma) / (S (1 - beta^2)).
    pub fn speed(&self) -> f64 {
        self.sgd.learning_rate().powi(2) * self.noise.trace() / self.sgd.kappa()
    }

    /// Mean squared displacement of the SDE from a stationary start, 2 tr(P - Cov(eta k)).
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    pub fn displacement(&self, steps: Steps) -> Result<f64> {
        self.modes()?.iter().map(|mode| mode.displacement(steps)).sum()
    }

    /// Equation (17) in one of its readings.
    ///
    /// # Errors
    /// As [`displacement_equation17`].
    pub fn displacement_equation17(&self, reading: DisplacementReading, steps: &[Steps]) -> Result<Vec<f64>> {
        displacement_equation17(&self.sgd, &self.modes()?, reading, steps)
    }

    /// tr((H + lambda) P) / 2 = eta tr(Sigma) / (4 S (1-beta)).
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    pub fn potential_energy(&self) -> Result<f64> {
        let [position, ..] = self.stationary_blocks()?;
        let curvatures = self.quadratic.curvatures(self.sgd.weight_decay());
        Ok(0.5 * position.diagonal().dot(&curvatures))
    }

    /// m tr(V) / 2 (G.3).
    pub fn kinetic_energy(&self) -> f64 {
        0.5 * self.sgd.mass() * self.noise.trace() / self.sgd.kappa()
    }

    /// `E[L_lambda]` of G.3, measured from the unregularised minimum: potential energy plus [`LangevinLaw::loss_offset`].
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    pub fn excess_loss(&self) -> Result<f64> {
        Ok(self.potential_energy()? + self.loss_offset())
    }

    /// L_lambda at the ridge minimum above the unregularised minimum (erratum E09).
    pub fn loss_offset(&self) -> f64 {
        self.quadratic.loss_offset(self.sgd.weight_decay())
    }

    /// (H + lambda)^{-1} b.
    pub fn minimum_ridge(&self) -> DVector<f64> {
        self.quadratic.minimum_ridge(self.sgd.weight_decay()).column(0).into_owned()
    }

    /// Entropy production in nats per unit time with velocities odd under time reversal (erratum E28): zero when Sigma and H
    /// commute, `2 gamma sum_ij (Sigma^{-1})_ij Sigma_ij x_ij / (1 + x_ij)` with a sign change in general, where
    /// x_ij = (w_i - w_j)^2 / (8 gamma^2 (w_i + w_j)).
    ///
    /// # Errors
    /// [`TheoryError::Singular`] without a stationary law, [`TheoryError::Infinite`] when the noise leaves a direction out
    /// that the velocity explores.
    pub fn entropy_production_with_parity(&self) -> Result<f64> {
        self.stationary_blocks()?;
        if self.commuting {
            return Ok(0.0);
        }
        let size = self.size();
        let gamma = self.oscillators[0].gamma();
        let excess = DMatrix::from_fn(size, size, |i, j| {
            let (w, z) = (self.oscillators[i].omega_squared(), self.oscillators[j].omega_squared());
            let x = (w - z).powi(2) / (8.0 * gamma * gamma * (w + z));
            self.noise[(i, j)] * x / (1.0 + x)
        });
        let eigen = symmetric_eigen("noise_covariance", &self.noise)?;
        let in_noise_basis = eigen.vectors.tr_mul(&excess) * &eigen.vectors;
        let floor = 16.0 * size as f64 * f64::EPSILON * eigen.values[0];
        let mut production = 0.0;
        for i in 0..size {
            if eigen.values[i] > floor {
                production -= 2.0 * gamma * in_noise_basis[(i, i)] / eigen.values[i];
            } else if in_noise_basis.row(i).amax() > floor {
                return Err(TheoryError::Infinite {
                    what: "entropy production: the velocity explores a direction that receives no noise",
                });
            }
        }
        Ok(production)
    }

    /// The maps of the discrete recursion in the same directions, for comparison.
    pub fn discrete_maps(&self) -> Vec<ModeMap> {
        self.quadratic
            .curvatures(self.sgd.weight_decay())
            .iter()
            .map(|&h| ModeMap::new(self.sgd.learning_rate(), self.sgd.momentum(), h))
            .collect()
    }
}
