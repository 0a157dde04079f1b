//! The Ornstein-Uhlenbeck process (5), (6) on a whole quadratic: drift, diffusion, moments (7)-(9), the decomposition
//! A = (D + Q) U of section 5 in its general form Q = A B - D, speed (16), displacement (17), losses and energies of
//! G.3.
//!
//! In the eigenbasis of H, with w = omega^2 and R the noise rate of the velocity (erratum E43):
#![doc = langevin_equation::equation!(
    r"P_{ij} = \frac{R_{ij}}{2\gamma (w_i + w_j) + \frac{(w_i - w_j)^2}{4\gamma}}, \qquad V_{ij} = \frac{w_i + w_j}{2} P_{ij}, \qquad C_{ij} = \mathbb E\, [\theta v^\top]_{ij} = \frac{w_i - w_j}{4\gamma} P_{ij}."
)]

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::displacement::{DisplacementReading, displacement_equation17};
use super::mode::{LangevinMode, noise_rate, stationary_kernel, transient_covariance};
use super::oscillator::Oscillator;
use crate::discrete::ModeMap;
use crate::error::{Result, TheoryError};
use crate::hyperparameters::Hyperparameters;
use crate::linear_algebra::{
    covariance_inverse, require_positive_semi_definite, require_shape, require_vector, symmetric_eigen,
};
use crate::quadratic::Quadratic;
use crate::time::{Steps, Time};

/// The gradient-noise covariance Sigma of the SDE (not divided by S).
///
/// ```
/// use langevin_theory::langevin::{LangevinLaw, NoiseModel};
/// use langevin_theory::{Hyperparameters, Quadratic};
/// use nalgebra::dmatrix;
/// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
/// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
/// let speed = |noise| LangevinLaw::new(&loss, &sgd, noise).unwrap().speed();
/// // the same Sigma, said in two ways
/// let matrix = NoiseModel::Covariance(dmatrix![8.0, 0.0; 0.0, 4.0]);
/// assert_eq!(speed(NoiseModel::ProportionalToHessian(4.0)), speed(matrix));
/// ```
#[derive(Clone, Debug)]
pub enum NoiseModel {
    /// Assumption 3: Sigma = sigma^2 H.
    ProportionalToHessian(f64),
    /// Any covariance, d x d.
    Covariance(DMatrix<f64>),
}

/// The SDE on a quadratic loss with one output, equations (5), (6).
#[doc = equation!(
    r"d \begin{pmatrix} \theta \\ v \end{pmatrix} = -A \begin{pmatrix} \theta - \mu \\ v \end{pmatrix} dt + \sqrt{2 \kappa^{-1} D}\; dW,"
)]
#[doc = equation!(
    r"A = \begin{pmatrix} 0 & -I \\ \frac{2}{\eta (1+\beta)} (H + \lambda I) & \frac{2 (1-\beta)}{\eta (1+\beta)} I \end{pmatrix}, \qquad D = \begin{pmatrix} 0 & 0 \\ 0 & \frac{2 (1-\beta)}{\eta (1+\beta)} \Sigma \end{pmatrix}."
)]
/// Sigma need not be proportional to H (erratum E43). In the eigenbasis of H, with w = omega^2 and the noise rate R of
/// the velocity, the stationary covariance is
#[doc = equation!(
    r"P_{ij} = \frac{R_{ij}}{2\gamma (w_i + w_j) + \frac{(w_i - w_j)^2}{4\gamma}}, \qquad C_{ij} = \mathbb E\, [\theta v^\top]_{ij} = \frac{w_i - w_j}{4\gamma} P_{ij}, \qquad V_{ij} = \frac{w_i + w_j}{2} P_{ij}, \qquad R = \frac{4 \Sigma}{S \eta (1+\beta)^2}."
)]
///
/// ```
/// use langevin_theory::langevin::{LangevinLaw, NoiseModel};
/// use langevin_theory::{Hyperparameters, Quadratic};
/// use nalgebra::dmatrix;
/// let loss = Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![1.0; 0.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 8).unwrap();
/// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
/// // (16): eta^2 sigma^2 tr H / kappa
/// assert!((law.speed() - 0.01 / sgd.kappa() * 3.0).abs() < 1e-15);
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
    /// The process for a loss, hyperparameters and a noise model. Of a loss with several outputs the minimum is that of
    /// the first.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a negative sigma^2; [`TheoryError::Shape`], [`TheoryError::NotFinite`],
    /// [`TheoryError::NotPositiveSemiDefinite`] for a covariance that is none.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0], dmatrix![1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let error =
    ///     LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(-1.0)).unwrap_err();
    /// assert_eq!(error.to_string(), "sigma2 is -1; it must be finite and at least 0");
    /// ```
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
                (quadratic.to_eigenbasis(&covariance)?, false)
            }
        };
        let oscillators = (0..size)
            .map(|index| Oscillator::with_curvature(sgd, quadratic.extended_curvature(index, sgd.weight_decay())))
            .collect();
        Ok(Self { quadratic: quadratic.clone(), sgd: *sgd, oscillators, noise, commuting })
    }

    /// The loss.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert_eq!(law.quadratic().rank(), 2);
    /// ```
    pub fn quadratic(&self) -> &Quadratic {
        &self.quadratic
    }

    /// The hyperparameters.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert_eq!(law.hyperparameters().kappa(), 4.0);
    /// ```
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.sgd
    }

    /// Each eigendirection by itself (d of them), by descending curvature.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let variances: Vec<f64> =
    ///     law.modes().unwrap().iter().map(|mode| mode.velocity_variance()).collect();
    /// assert_eq!(variances, [2.0, 1.0]); // sigma^2 rho / kappa
    /// ```
    pub fn modes(&self) -> Result<Vec<LangevinMode>> {
        self.oscillators
            .iter()
            .enumerate()
            .map(|(i, &oscillator)| {
                let noise = self.noise[(i, i)].max(0.0);
                if !noise.is_finite() {
                    return Err(TheoryError::Overflow { what: "the noise of a direction" });
                }
                Ok(LangevinMode::of_oscillator(&self.sgd, oscillator, noise))
            })
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
                .copy_from(&self.quadratic.rotated_back(block));
        }
        full
    }

    /// The drift matrix A of (6), 2d x 2d, per unit of time,
    #[doc = equation!(
        r"A = \begin{pmatrix} 0 & -I \\ \frac{2}{\eta (1+\beta)} (H + \lambda I) & \frac{2 (1-\beta)}{\eta (1+\beta)} I \end{pmatrix}."
    )]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let drift = law.drift();
    /// assert_eq!((drift[(0, 2)], drift[(2, 0)], drift[(2, 2)]), (-1.0, 8.0, 4.0));
    /// ```
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

    /// The diffusion matrix D of (6), 2d x 2d,
    #[doc = equation!(r"D = \begin{pmatrix} 0 & 0 \\ 0 & \frac{2 (1-\beta)}{\eta (1+\beta)} \Sigma \end{pmatrix}.")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::{dmatrix, dvector};
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert_eq!(law.diffusion().diagonal(), dvector![0.0, 0.0, 32.0, 16.0]);
    /// ```
    pub fn diffusion(&self) -> DMatrix<f64> {
        let zero = DMatrix::zeros(self.size(), self.size());
        self.assemble([&zero, &zero, &zero, &self.velocity_diffusion()])
    }

    fn velocity_diffusion(&self) -> DMatrix<f64> {
        &self.noise * (2.0 * self.oscillators[0].gamma())
    }

    /// Mean of (theta, v), 2d entries, at a time from a fixed (theta_0, v_0), equation (7),
    #[doc = equation!(
        r"\mathbb E \begin{pmatrix} \theta_t \\ v_t \end{pmatrix} = \begin{pmatrix} \mu \\ 0 \end{pmatrix} + e^{-A t} \begin{pmatrix} \theta_0 - \mu \\ v_0 \end{pmatrix}."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Shape`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, Time, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::{dmatrix, dvector};
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let mean =
    ///     law.mean(&dvector![1.0, 2.0], &dvector![0.0, 0.0], Time::new(0.5).unwrap()).unwrap();
    /// // the second direction is critically damped, gamma = omega = 2, from a distance of 1
    /// let e = 1.0_f64.exp();
    /// assert!((mean - dvector![1.0, 1.0 + 2.0 / e, 0.0, -2.0 / e]).amax() < 1e-14);
    /// ```
    pub fn mean(&self, position: &DVector<f64>, velocity: &DVector<f64>, time: Time) -> Result<DVector<f64>> {
        let size = self.size();
        for (name, vector) in [("initial_position", position), ("initial_velocity", velocity)] {
            require_vector(name, vector, size)?;
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
                if self.oscillators[i].omega_squared() <= 0.0 {
                    // of a loss with a minimum the force is a rounding
                    !has_minimum
                } else {
                    target[i].abs() > 2.0 * place[i].abs()
                }
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

    /// Covariance of (theta, v), 2d x 2d, at a time from a fixed start, equation (8) at t = s,
    #[doc = equation!(
        r"\kappa^{-1} \int_0^t e^{-A s}\, 2 D\, e^{-A^\top s}\, ds = \kappa^{-1} \left( B - e^{-A t} B e^{-A^\top t} \right)."
    )]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, Time, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let covariance = law.covariance(Time::new(0.5).unwrap());
    /// // gamma = omega = 2, V = 1
    /// assert!((covariance[(1, 1)] - 0.25 * (1.0 - 5.0 * (-2.0_f64).exp())).abs() < 1e-14);
    /// ```
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
        symmetric_part(&self.assemble([&blocks[0], &blocks[1], &blocks[2], &blocks[3]]))
    }

    /// Position, cross (E[theta v^T]) and velocity blocks of the stationary covariance in the eigenbasis, each d x d.
    ///
    /// # Errors
    /// [`TheoryError::Singular`] when a direction has no curvature.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// // does not commute with H
    /// let noise = NoiseModel::Covariance(dmatrix![1.0, 0.5; 0.5, 1.0]);
    /// let [p, c, v] =
    ///     LangevinLaw::new(&loss, &sgd, noise).unwrap().stationary_blocks().unwrap();
    /// // w = 8, 4, gamma = 2, R = 2 Sigma: P_12 = 1 / (48 + 2), C_12 = 4/8 P_12, V_12 = 6 P_12
    /// assert!((p[(0, 1)] - 0.02).abs() < 1e-15 && (c[(0, 1)] - 0.01).abs() < 1e-15);
    /// assert!((v[(0, 1)] - 0.12).abs() < 1e-15);
    /// assert_eq!(c[(1, 0)], -c[(0, 1)]);
    /// ```
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

    /// Stationary covariance of (theta, v), 2d x 2d, equation (9),
    #[doc = equation!(
        r"\kappa^{-1} B, \qquad A B + B A^\top = 2 D; \qquad B = \begin{pmatrix} \frac{\eta (1+\beta) \sigma^2}{2} (H + \lambda I)^{-1} H & 0 \\ 0 & \sigma^2 H \end{pmatrix} \text{ for } \Sigma = \sigma^2 H."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::{dmatrix, dvector};
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert!(
    ///     (law.stationary_covariance().unwrap().diagonal() - dvector![0.25, 0.25, 2.0, 1.0])
    ///         .amax()
    ///         < 1e-15
    /// );
    /// ```
    pub fn stationary_covariance(&self) -> Result<DMatrix<f64>> {
        let [position, cross, velocity] = self.stationary_blocks()?;
        Ok(symmetric_part(&self.assemble([&position, &cross, &cross.transpose(), &velocity])))
    }

    /// The skew part of the decomposition A = (D + Q) U (section 5, erratum E12), 2d x 2d,
    #[doc = equation!(
        r"Q = A B - D; \qquad Q = \begin{pmatrix} 0 & -\sigma^2 H \\ \sigma^2 H & 0 \end{pmatrix} \text{ for } \Sigma = \sigma^2 H."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let circulation = law.circulation().unwrap();
    /// assert!(
    ///     (circulation[(0, 2)] + 8.0).abs() < 1e-14
    ///         && (circulation[(2, 0)] - 8.0).abs() < 1e-14
    /// );
    /// ```
    pub fn circulation(&self) -> Result<DMatrix<f64>> {
        let [_, cross, velocity] = self.stationary_blocks()?.map(|block| block * self.sgd.kappa());
        let square = |i: usize| self.oscillators[i].omega_squared();
        let size = self.size();
        let corner = DMatrix::from_fn(size, size, |i, j| 0.5 * (square(i) + square(j)) * cross[(i, j)]);
        Ok(self.assemble([&-cross.transpose(), &-&velocity, &velocity, &corner]))
    }

    /// The precision, 2d x 2d,
    #[doc = equation!(
        r"U = B^{-1}; \qquad U = \begin{pmatrix} \frac{2}{\eta (1+\beta) \sigma^2} H^{-1} (H + \lambda I) & 0 \\ 0 & \frac{1}{\sigma^2} H^{-1} \end{pmatrix} \text{ for } \Sigma = \sigma^2 H \quad (12)."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`] when B is singular (a direction without noise, erratum E15).
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let precision = law.precision().unwrap();
    /// let again = (law.diffusion() + law.circulation().unwrap()) * precision; // A = (D + Q) U
    /// assert!((again - law.drift()).amax() < 1e-13);
    /// ```
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

    /// Equation (16), in units of theta squared per step,
    #[doc = equation!(r"\mathbb E \lVert \delta_t \rVert^2 = \frac{\eta^2}{S (1-\beta^2)} \operatorname{tr} \Sigma.")]
    /// SGD is faster by the factor of [`ModeLaw::ratio_to_sde`](crate::discrete::ModeLaw::ratio_to_sde) in each
    /// direction (erratum E03).
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert_eq!(law.speed(), 0.25 * 12.0 / 4.0);
    /// ```
    pub fn speed(&self) -> f64 {
        self.sgd.learning_rate().powi(2) * self.noise.trace() / self.sgd.kappa()
    }

    /// Mean squared displacement of the SDE after k steps from a stationary start, in units of theta squared (erratum
    /// E02),
    #[doc = equation!(
        r"\mathbb E \lVert \theta_{\eta k} - \theta_0 \rVert^2 = 2 \operatorname{tr} \left( P - \operatorname{Cov}(\theta_0, \theta_{\eta k}) \right)."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, Steps, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// // 2 tr P
    /// assert!((law.displacement(Steps(1000)).unwrap() - 2.0 * (0.25 + 0.25)).abs() < 1e-14);
    /// ```
    pub fn displacement(&self, steps: Steps) -> Result<f64> {
        self.modes()?.iter().map(|mode| mode.displacement(steps)).sum()
    }

    /// Equation (17) in one of its readings, one value for each step count.
    ///
    /// # Errors
    /// As [`displacement_equation17`].
    ///
    /// ```
    /// # use langevin_theory::langevin::{DisplacementReading, LangevinLaw, NoiseModel};
    /// # use langevin_theory::{Hyperparameters, Quadratic, Steps};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let curve =
    ///     law.displacement_equation17(DisplacementReading::AsPrinted, &[Steps(1)]).unwrap();
    /// assert!((curve[0] - law.speed()).abs() < 1e-15); // the first step is (16)
    /// ```
    pub fn displacement_equation17(&self, reading: DisplacementReading, steps: &[Steps]) -> Result<Vec<f64>> {
        displacement_equation17(&self.sgd, &self.modes()?, reading, steps)
    }

    /// Mean of the regularised loss above its minimum in the stationary state (G.3),
    #[doc = equation!(
        r"\tfrac12 \operatorname{tr} \left( (H + \lambda I) P \right) = \frac{\eta}{4 S (1-\beta)} \operatorname{tr} \Sigma."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert!((law.potential_energy().unwrap() - 0.5 * 12.0 / 16.0).abs() < 1e-15);
    /// ```
    pub fn potential_energy(&self) -> Result<f64> {
        let [position, ..] = self.stationary_blocks()?;
        let curvatures = self.quadratic.curvatures(self.sgd.weight_decay());
        Ok(0.5 * position.diagonal().dot(&curvatures))
    }

    /// Mean kinetic energy in the stationary state (G.3); it equals the potential energy,
    #[doc = equation!(
        r"\tfrac12 m \operatorname{tr} V = \frac{\eta}{4 S (1-\beta)} \operatorname{tr} \Sigma, \qquad m = \tfrac12 \eta (1+\beta)."
    )]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert!((law.kinetic_energy() - law.potential_energy().unwrap()).abs() < 1e-15);
    /// ```
    pub fn kinetic_energy(&self) -> f64 {
        0.5 * self.sgd.mass() * self.noise.trace() / self.sgd.kappa()
    }

    /// Mean of the regularised loss in the stationary state above the unregularised minimum (G.3 with erratum E09):
    /// potential energy plus [`LangevinLaw::loss_offset`],
    #[doc = equation!(
        r"\mathbb E\, \mathcal L_\lambda - \mathcal L(\mu_{\text{ols}}) = \frac{\eta}{4 S (1-\beta)} \operatorname{tr} \Sigma + \frac{\lambda}{2} \langle \mu_{\text{ols}}, \mu_{\text{ridge}} \rangle."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// // minima at 1 and, with decay, at 1/2
    /// let loss = Quadratic::new(dmatrix![2.0], dmatrix![2.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 2.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert!((law.excess_loss().unwrap() - (0.5 / 16.0 * 8.0 + 1.0 * 0.5)).abs() < 1e-15);
    /// ```
    pub fn excess_loss(&self) -> Result<f64> {
        Ok(self.potential_energy()? + self.loss_offset())
    }

    /// The regularised loss at the ridge minimum above the unregularised minimum (erratum E09),
    #[doc = equation!(r"\frac{\lambda}{2} \langle \mu_{\text{ols}}, \mu_{\text{ridge}} \rangle,")]
    /// summed over outputs.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert_eq!(law.loss_offset(), 0.0); // no weight decay
    /// ```
    pub fn loss_offset(&self) -> f64 {
        self.quadratic.loss_offset(self.sgd.weight_decay())
    }

    /// The stationary mean of theta, d entries,
    #[doc = equation!(r"\mu = (H + \lambda I)^{-1} b.")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::{dmatrix, dvector};
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert_eq!(law.minimum_ridge(), dvector![1.0, 1.0]);
    /// ```
    pub fn minimum_ridge(&self) -> DVector<f64> {
        self.quadratic.minimum_ridge(self.sgd.weight_decay()).column(0).into_owned()
    }

    /// Entropy production in nats per unit time with velocities odd under time reversal (erratum E28): zero when Sigma
    /// and H commute, and in general, with the sums in the eigenbasis of H and w = omega^2,
    #[doc = equation!(
        r"-2\gamma \sum_{ij} (\Sigma^{-1})_{ij}\, \Sigma_{ij}\, \frac{x_{ij}}{1 + x_{ij}}, \qquad x_{ij} = \frac{(w_i - w_j)^2}{8 \gamma^2 (w_i + w_j)}."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`] without a stationary law, [`TheoryError::Infinite`] when the noise leaves a direction
    /// out that the velocity explores; as [`symmetric_eigen`](crate::linear_algebra::symmetric_eigen).
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let noise = NoiseModel::Covariance(dmatrix![1.0, 0.5; 0.5, 1.0]);
    /// let production = LangevinLaw::new(&loss, &sgd, noise)
    ///     .unwrap()
    ///     .entropy_production_with_parity()
    ///     .unwrap();
    /// // w = 8, 4, gamma = 2: x = 1/24, and twice -4 (-2/3) (1/2) (1/25)
    /// assert!((production - 8.0 / 75.0).abs() < 1e-14);
    /// ```
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

    /// The maps of the discrete recursion in the same directions (d of them), for comparison.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![2.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let map = law.discrete_maps()[0];
    /// assert_eq!((map.learning_rate(), map.curvature()), (0.5, 2.0));
    /// ```
    pub fn discrete_maps(&self) -> Vec<ModeMap> {
        self.quadratic
            .curvatures(self.sgd.weight_decay())
            .iter()
            .map(|&h| ModeMap::new(self.sgd.learning_rate(), self.sgd.momentum(), h))
            .collect()
    }
}

/// Of a covariance, which rotations leave symmetric to rounding of their terms only.
fn symmetric_part(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    (matrix + matrix.transpose()) * 0.5
}
