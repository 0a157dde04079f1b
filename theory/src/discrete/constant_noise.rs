//! The exact law of the recursion (2) with noise of any constant covariance, all eigendirections together (errata
//! section 5, item 7; identities I1 and I2). In the eigenbasis of H, with S the noise covariance per step and u_i = eta
//! h_i:
#![doc = langevin_equation::equation!(
    r"\operatorname{Cov}(\theta)_{ij} = \frac{\eta\,(1-\beta^2)\, S_{ij}}{\tfrac12 (1-\beta)^2 (h_i w_j + h_j w_i) + \eta\beta\,(h_i - h_j)^2}, \qquad w_i = 2(1+\beta) - u_i,"
)]
#![doc = langevin_equation::equation!(
    r"\mathbb E\, [v v^\top]_{ij} = \frac{h_i + h_j}{\eta (1+\beta)} \operatorname{Cov}(\theta)_{ij}, \qquad \mathbb E\, [\theta v^\top]_{ij} = \frac{h_i - \beta h_j}{1-\beta^2} \operatorname{Cov}(\theta)_{ij}."
)]

use langevin_equation::equation;
use nalgebra::DMatrix;

use super::map::ModeMap;
use super::mode::ModeLaw;
use crate::error::{Result, TheoryError};
use crate::linear_algebra::{require_positive_semi_definite, require_shape};
use crate::quadratic::Quadratic;
use crate::time::Steps;

/// The response of the stationary covariance to the noise covariance, for two directions.
///
/// With S the noise covariance per step, h_i and h_j the curvatures, in units of time squared,
#[doc = equation!(
    r"\frac{\operatorname{Cov}(\theta)_{ij}}{S_{ij}} = \frac{\eta\,(1-\beta^2)}{\tfrac12 (1-\beta)^2 (h_i w_j + h_j w_i) + \eta\beta\,(h_i - h_j)^2}, \qquad w_i = 2(1+\beta) - \eta h_i."
)]
///
/// ```
/// use langevin_theory::discrete::{ModeMap, stationary_kernel};
/// let map = ModeMap::new(0.1, 0.0, 1.0);
/// // plain SGD: eta^2 / (1 - (1 - eta h)^2)
/// assert!((stationary_kernel(&map, &map) - 0.01 / (1.0 - 0.81)).abs() < 1e-15);
/// ```
pub fn stationary_kernel(first: &ModeMap, second: &ModeMap) -> f64 {
    let (eta, b) = (first.learning_rate(), first.momentum());
    let (h, k) = (first.curvature(), second.curvature());
    let damping = 0.5 * (1.0 - b).powi(2) * (h * second.edge_distance() + k * first.edge_distance());
    eta * (1.0 - b) * (1.0 + b) / (damping + eta * b * (h - k).powi(2))
}

/// Stationary law of SGD with constant noise covariance per step on a quadratic, all eigendirections together.
///
/// In the eigenbasis of H the positions have the covariance of [`stationary_kernel`], and the rest follows from it (errata
/// section 5, item 7; identities I1 and I2),
#[doc = equation!(
    r"\mathbb E\, [v v^\top]_{ij} = \frac{h_i + h_j}{\eta (1+\beta)} \operatorname{Cov}(\theta)_{ij}, \qquad \mathbb E\, [\theta v^\top]_{ij} = \frac{h_i - \beta h_j}{1-\beta^2} \operatorname{Cov}(\theta)_{ij}."
)]
///
/// ```
/// use langevin_theory::discrete::ConstantNoiseLaw;
/// use langevin_theory::Quadratic;
/// use nalgebra::dmatrix;
/// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
/// let noise = dmatrix![1.0, 0.5; 0.5, 1.0];
/// let law = ConstantNoiseLaw::new(&loss, 0.1, 0.5, 0.0, &noise).unwrap();
/// let covariance = law.stationary_covariance().unwrap(); // (theta, v): 4 x 4
/// assert!(
///     (law.speed().unwrap() - 0.01 * (covariance[(2, 2)] + covariance[(3, 3)])).abs()
///         < 1e-15
/// );
/// ```
#[derive(Clone, Debug)]
pub struct ConstantNoiseLaw {
    quadratic: Quadratic,
    maps: Vec<ModeMap>,
    /// Noise covariance per step in the eigenbasis.
    noise: DMatrix<f64>,
}

impl ConstantNoiseLaw {
    /// The law for a learning rate, momentum, weight decay and noise covariance *per step* (d x d, original
    /// coordinates).
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let error = ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0]).unwrap_err();
    /// assert_eq!(error.to_string(), "noise_covariance has shape 1 x 1; it must be 2 x 2");
    /// ```
    pub fn new(
        quadratic: &Quadratic,
        learning_rate: f64,
        momentum: f64,
        weight_decay: f64,
        noise_covariance: &DMatrix<f64>,
    ) -> Result<Self> {
        let size = quadratic.dimension();
        require_shape("noise_covariance", noise_covariance, size, size)?;
        require_positive_semi_definite("noise_covariance", noise_covariance)?;
        let maps = (0..size)
            .map(|index| {
                let curvature = quadratic.extended_curvature(index, weight_decay);
                ModeMap::with_curvature(learning_rate, momentum, curvature)
            })
            .collect();
        Ok(Self { quadratic: quadratic.clone(), maps, noise: quadratic.to_eigenbasis(noise_covariance)? })
    }

    /// The map of each eigendirection (d of them), by descending curvature.
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![1.0, 0.0; 0.0, 2.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.1, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// assert_eq!(law.maps()[0].curvature(), 2.1);
    /// ```
    pub fn maps(&self) -> &[ModeMap] {
        &self.maps
    }

    /// The law of one eigendirection by itself, counted from 0 by descending curvature.
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a direction that does not exist.
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// assert!((law.mode(1).unwrap().velocity_variance().unwrap() - 1.6).abs() < 1e-15);
    /// assert!(law.mode(2).is_err());
    /// ```
    pub fn mode(&self, index: usize) -> Result<ModeLaw> {
        let Some(map) = self.maps.get(index) else {
            return Err(TheoryError::Shape {
                name: "direction",
                found: format!("index {index}"),
                expected: format!("below {}", self.maps.len()),
            });
        };
        // a variance below zero is a rounding error: the noise covariance was found positive semi-definite
        ModeLaw::new(*map, self.noise[(index, index)].max(0.0))
    }

    fn modes(&self) -> impl Iterator<Item = Result<ModeLaw>> + '_ {
        (0..self.maps.len()).map(|index| self.mode(index))
    }

    fn require_stable(&self) -> Result<()> {
        for law in self.modes() {
            law?.position_variance()?;
        }
        Ok(())
    }

    /// Largest modulus of the eigenvalues of the 2d x 2d map of the mean: the factor by which the slowest deviation
    /// shrinks per step.
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.25, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// assert_eq!(law.spectral_radius(), 0.5); // both directions oscillate: sqrt(beta)
    /// ```
    pub fn spectral_radius(&self) -> f64 {
        self.maps.iter().map(ModeMap::spectral_radius).fold(0.0, f64::max)
    }

    /// Stationary covariance of (theta, v) in the eigenbasis, 2d x 2d.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`]; [`TheoryError::Singular`] for a direction without curvature.
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// let covariance = law.stationary_covariance_in_eigenbasis().unwrap();
    /// assert!((covariance[(0, 1)] - 0.5 / 3.0).abs() < 1e-15); // E[theta_1 theta_2]
    /// // E[theta_1 v_2] = (h_1 - h_2 / 2) / 0.75 of it
    /// assert!((covariance[(0, 3)] - 1.0 / 3.0).abs() < 1e-15);
    /// assert!(covariance[(1, 2)].abs() < 1e-15); // E[theta_2 v_1]
    /// ```
    pub fn stationary_covariance_in_eigenbasis(&self) -> Result<DMatrix<f64>> {
        self.require_stable()?;
        let size = self.maps.len();
        let position =
            DMatrix::from_fn(size, size, |i, j| self.noise[(i, j)] * stationary_kernel(&self.maps[i], &self.maps[j]));
        Ok(phase_space_covariance(&self.maps, &position))
    }

    /// Stationary covariance of (theta, v) in the original coordinates, 2d x 2d,
    #[doc = equation!(
        r"\begin{pmatrix} P & C \\ C^\top & V \end{pmatrix}, \qquad V = \frac{H_\lambda P + P H_\lambda}{\eta (1+\beta)}, \qquad C + C^\top = \eta V, \qquad H_\lambda = H + \lambda I"
    )]
    /// (identities I1 and I2).
    ///
    /// # Errors
    /// As [`ConstantNoiseLaw::stationary_covariance_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.0; 0.0, 3.0]).unwrap();
    /// let covariance = law.stationary_covariance().unwrap();
    /// let (p, v) = (covariance.view((0, 0), (2, 2)), covariance.view((2, 2), (2, 2)));
    /// assert!((loss.hessian() * p + p * loss.hessian() - v * 0.75).amax() < 1e-14);
    /// ```
    pub fn stationary_covariance(&self) -> Result<DMatrix<f64>> {
        Ok(rotate_symmetric_blocks(&self.quadratic, &self.stationary_covariance_in_eigenbasis()?))
    }

    /// Covariance of z = (theta, v) with itself n steps later in the eigenbasis, 2d x 2d; the row belongs to the later
    /// time,
    #[doc = equation!(r"\mathbb E\, z_{k+n} z_k^\top = M^n \operatorname{Cov}(z).")]
    ///
    /// # Errors
    /// As [`ConstantNoiseLaw::stationary_covariance_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, Steps, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// let lagged = law.lag_covariance_in_eigenbasis(Steps(1)).unwrap();
    /// let alone = law.mode(1).unwrap().lag_covariance(Steps(1)).unwrap();
    /// assert!(
    ///     (lagged[(1, 3)] - alone[0][1]).abs() < 1e-15
    ///         && (lagged[(3, 1)] - alone[1][0]).abs() < 1e-15
    /// );
    /// ```
    pub fn lag_covariance_in_eigenbasis(&self, lag: Steps) -> Result<DMatrix<f64>> {
        Ok(apply_power(&self.maps, lag, &self.stationary_covariance_in_eigenbasis()?))
    }

    /// Covariance of z = (theta, v) with itself n steps later in the original coordinates, 2d x 2d; the row belongs to
    /// the later time.
    ///
    /// # Errors
    /// As [`ConstantNoiseLaw::stationary_covariance_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, Steps, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.0; 0.0, 3.0]).unwrap();
    /// let (now, next) =
    ///     (law.lag_covariance(Steps(0)).unwrap(), law.lag_covariance(Steps(1)).unwrap());
    /// // theta' = theta + eta v', seen from the same earlier state
    /// let step = (next.rows(0, 2) - now.rows(0, 2)) - next.rows(2, 2) * 0.5;
    /// assert!(step.amax() < 1e-14);
    /// ```
    pub fn lag_covariance(&self, lag: Steps) -> Result<DMatrix<f64>> {
        Ok(rotate_blocks(&self.quadratic, &self.lag_covariance_in_eigenbasis(lag)?))
    }

    /// Mean squared step in the stationary state, in units of theta squared,
    #[doc = equation!(r"\mathbb E \lVert \theta_k - \theta_{k-1} \rVert^2 = \eta^2 \operatorname{tr} V,")]
    /// the exact counterpart of (16).
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// assert!((law.speed().unwrap() - 0.25 * (2.0 + 1.6)).abs() < 1e-15);
    /// ```
    pub fn speed(&self) -> Result<f64> {
        self.modes().map(|law| law?.speed()).sum()
    }

    /// Mean squared displacement after t steps from a stationary start, the sum of [`ModeLaw::displacement`] over the
    /// eigendirections,
    #[doc = equation!(r"\mathbb E \lVert \theta_t - \theta_0 \rVert^2.")]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, Steps, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// assert!((law.displacement(Steps(1)).unwrap() - law.speed().unwrap()).abs() < 1e-15);
    /// // 2 tr P
    /// assert!((law.displacement(Steps(500)).unwrap() - 2.0 * (0.375 + 0.6)).abs() < 1e-14);
    /// ```
    pub fn displacement(&self, steps: Steps) -> Result<f64> {
        self.modes().map(|law| law?.displacement(steps)).sum()
    }

    /// Mean of the regularised loss above its minimum in the stationary state,
    #[doc = equation!(r"\tfrac12 \operatorname{tr} \left( (H + \lambda I) P \right).")]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Singular`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// assert!((law.potential_energy().unwrap() - 0.5 * (2.0 * 0.375 + 0.6)).abs() < 1e-15);
    /// ```
    pub fn potential_energy(&self) -> Result<f64> {
        self.modes().map(|law| law?.potential_energy()).sum()
    }

    /// Mean kinetic energy in the stationary state,
    #[doc = equation!(r"\tfrac12 m \operatorname{tr} V, \qquad m = \tfrac12 \eta (1+\beta);")]
    /// it equals the potential energy (identity I1, erratum E27).
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, discrete::ConstantNoiseLaw};
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let law =
    ///     ConstantNoiseLaw::new(&loss, 0.5, 0.5, 0.0, &dmatrix![1.0, 0.5; 0.5, 1.0]).unwrap();
    /// assert!((law.kinetic_energy().unwrap() - law.potential_energy().unwrap()).abs() < 1e-15);
    /// ```
    pub fn kinetic_energy(&self) -> Result<f64> {
        self.modes().map(|law| law?.kinetic_energy()).sum()
    }
}

/// The 2d x 2d covariance of (theta, v) that belongs to a position covariance in the eigenbasis (identities I1, I2;
/// they hold for any noise whose mean given the past is zero).
pub(crate) fn phase_space_covariance(maps: &[ModeMap], position: &DMatrix<f64>) -> DMatrix<f64> {
    let size = maps.len();
    let mut full = DMatrix::zeros(2 * size, 2 * size);
    for i in 0..size {
        for j in 0..size {
            let (eta, b) = (maps[i].learning_rate(), maps[i].momentum());
            let (h, k) = (maps[i].curvature(), maps[j].curvature());
            let p = position[(i, j)];
            // (h - b k) / (1 - b^2), without the cancellation of h = k, b -> 1
            let cross = 0.5 * p * ((h + k) / (1.0 + b) + (h - k) / (1.0 - b));
            full[(i, j)] = p;
            full[(size + i, size + j)] = p * (h + k) / (eta * (1.0 + b));
            full[(i, size + j)] = cross;
            full[(size + j, i)] = cross;
        }
    }
    full
}

/// M^n applied from the left to a 2d x 2d matrix in the eigenbasis.
pub(crate) fn apply_power(maps: &[ModeMap], steps: Steps, matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let size = maps.len();
    let mut result = DMatrix::zeros(2 * size, matrix.ncols());
    for (i, map) in maps.iter().enumerate() {
        let power = map.matrix_power(steps.0);
        for column in 0..matrix.ncols() {
            let (x, v) = (matrix[(i, column)], matrix[(size + i, column)]);
            result[(i, column)] = power[0][0] * x + power[0][1] * v;
            result[(size + i, column)] = power[1][0] * x + power[1][1] * v;
        }
    }
    result
}

/// A 2d x 2d phase-space matrix from the eigenbasis to the original coordinates, block by block.
pub(crate) fn rotate_blocks(quadratic: &Quadratic, matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let size = quadratic.dimension();
    let mut rotated = DMatrix::zeros(2 * size, 2 * size);
    for (row, column) in [(0, 0), (0, size), (size, 0), (size, size)] {
        let block = matrix.view((row, column), (size, size)).into_owned();
        rotated.view_mut((row, column), (size, size)).copy_from(&quadratic.rotated_back(&block));
    }
    rotated
}

/// The same for a symmetric matrix: the rotation leaves it symmetric only to rounding of its largest entry, which a small
/// variance would not survive.
pub(crate) fn rotate_symmetric_blocks(quadratic: &Quadratic, matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let rotated = rotate_blocks(quadratic, matrix);
    (&rotated + rotated.transpose()) * 0.5
}

/// Refuses a direction that the recursion does not contract.
pub(crate) fn require_contraction(maps: &[ModeMap]) -> Result<()> {
    match maps.iter().find(|map| !map.is_stable()) {
        None => Ok(()),
        Some(map) => Err(TheoryError::Unstable {
            rate_times_curvature: map.rate_times_curvature(),
            limit: 2.0 * (1.0 + map.momentum()),
        }),
    }
}
