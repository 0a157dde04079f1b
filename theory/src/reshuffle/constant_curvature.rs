//! One direction of constant curvature under reshuffled epochs of L batches (errata section 5, item 9):
#![doc = langevin_equation::equation!(r"\mathbb{E}[n_i n_j] = s^2 \left( \delta_{ij} - \frac{1 - \delta_{ij}}{L - 1} \right) \quad \text{within an epoch}, \qquad 0 \quad \text{between epochs}")]
#![doc = langevin_equation::equation!(r"P_m = M^m P_0 (M^m)^\top + s^2 \left[ \frac{L}{L-1} \sum_{k<m} w_k w_k^\top - \frac{1}{L-1} W_m W_m^\top \right], \qquad w_k = M^k \begin{pmatrix} \eta \\ 1 \end{pmatrix}, \qquad W_m = \sum_{k<m} w_k")]
//!
//! P_0 is the covariance at the boundary of epochs, P_L = P_0. The bracket is a difference of nearly equal numbers
//! where eta h L is small; it is computed with 32 digits.

use langevin_equation::equation;
use nalgebra::{Matrix2, Vector2};

use crate::discrete::{ModeLaw, ModeMap};
use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, Number};

/// Longest epoch whose covariances are listed.
const LONGEST_EPOCH: u64 = 10_000_000;

/// The stationary law of one direction under reshuffled epochs of L batches, position by position in the epoch (errata
/// E36).
#[doc = equation!(r"\mathbb{E}[n_i n_j] = s^2 \left( \delta_{ij} - \frac{1 - \delta_{ij}}{L - 1} \right) \quad \text{within an epoch}, \qquad 0 \quad \text{between epochs}")]
#[doc = equation!(r"P_m = M^m P_0 (M^m)^\top + s^2 \left[ \frac{L}{L-1} \sum_{k<m} w_k w_k^\top - \frac{1}{L-1} W_m W_m^\top \right], \qquad P_L = P_0")]
/// Here M is the map of the mean, `w_k = M^k (eta, 1)`, and W_m the sum of the first m of them.
///
/// ```
/// use langevin_theory::reshuffle::EpochNoise;
/// // two batches, beta = 0: x_2 = (1-u)^2 x_0 + eta (1-u) n - eta n
/// let law = EpochNoise::new(0.1, 0.0, 1.0, 1.0, 2).unwrap();
/// let boundary = law.covariance(0).unwrap()[0][0];
/// assert!((boundary - (0.1 * 0.1_f64).powi(2) / (1.0 - 0.9_f64.powi(4))).abs() < 1e-17);
/// // far below the variance with independent batches, eta / (2 - eta)
/// assert!(boundary < 0.01 * 0.1 / 1.9);
/// ```
#[derive(Clone, Debug)]
pub struct EpochNoise {
    /// M^L.
    epoch: Matrix2<Extended>,
    /// P_m for m = 0..L.
    covariances: Vec<Matrix2<Extended>>,
}

impl EpochNoise {
    /// The law for eta, beta, h, the variance s2 of a batch gradient (per step), and the number of batches L per epoch.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for an L of 0 or beyond 10^7, and as [`ModeLaw::position_variance`]: without a
    /// stationary law for independent noise there is none here.
    ///
    /// ```
    /// use langevin_theory::{TheoryError, reshuffle::EpochNoise};
    /// assert!(EpochNoise::new(0.1, 0.9, 1.0, 1.0, 20).is_ok());
    /// assert!(matches!(EpochNoise::new(2.1, 0.0, 1.0, 1.0, 20), Err(TheoryError::Unstable { .. })));
    /// assert!(EpochNoise::new(0.1, 0.9, 1.0, 1.0, 0).is_err());
    /// ```
    pub fn new(
        learning_rate: f64,
        momentum: f64,
        curvature: f64,
        noise_variance: f64,
        batches_per_epoch: u64,
    ) -> Result<Self> {
        if batches_per_epoch == 0 || batches_per_epoch > LONGEST_EPOCH {
            return Err(TheoryError::InvalidValue {
                name: "batches_per_epoch",
                value: batches_per_epoch as f64,
                admissible: "from 1 to 10000000",
            });
        }
        ModeLaw::new(ModeMap::new(learning_rate, momentum, curvature), noise_variance)?.position_variance()?;
        let number = <Extended as From<f64>>::from;
        let rate = Extended::product(learning_rate, curvature);
        let map = Matrix2::new(
            number(1.0) - rate,
            Extended::product(learning_rate, momentum),
            number(-curvature),
            number(momentum),
        );
        let length = number(batches_per_epoch as f64);
        // L = 1: batches are independent
        let (own, shared) = if batches_per_epoch == 1 {
            (number(noise_variance), number(0.0))
        } else {
            let others = length - number(1.0);
            (number(noise_variance) * length / others, number(noise_variance) / others)
        };
        let mut kick = Vector2::new(number(learning_rate), number(1.0));
        let mut squares = Matrix2::from_element(number(0.0));
        let mut sum = Vector2::from_element(number(0.0));
        let mut power = Matrix2::<Extended>::identity();
        let mut noise = Vec::with_capacity(batches_per_epoch as usize);
        let mut powers = Vec::with_capacity(batches_per_epoch as usize);
        for _ in 0..batches_per_epoch {
            noise.push((squares * own) - (sum * sum.transpose()) * shared);
            powers.push(power);
            squares += kick * kick.transpose();
            sum += kick;
            kick = map * kick;
            power = map * power;
        }
        let per_epoch = (squares * own) - (sum * sum.transpose()) * shared;
        let boundary = accumulate(power, per_epoch)?;
        let covariances =
            powers.iter().zip(noise).map(|(power, noise)| power * boundary * power.transpose() + noise).collect();
        Ok(Self { epoch: power, covariances })
    }

    /// Covariance P_m of (x, v) after m batches of an epoch, m < L; 0 is the boundary. Positions are deviations from
    /// the minimum, rows and columns in the order (x, v).
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for an m that is not below L.
    ///
    /// ```
    /// use langevin_theory::reshuffle::EpochNoise;
    /// let law = EpochNoise::new(0.1, 0.0, 1.0, 1.0, 2).unwrap();
    /// let (boundary, middle) = (law.covariance(0).unwrap()[0][0], law.covariance(1).unwrap()[0][0]);
    /// assert!((middle - (0.81 * boundary + 0.01)).abs() < 1e-17); // one batch on: eta^2 s2 = 0.01
    /// assert!(law.covariance(2).is_err());
    /// ```
    pub fn covariance(&self, position: u64) -> Result<[[f64; 2]; 2]> {
        let matrix = usize::try_from(position).ok().and_then(|index| self.covariances.get(index)).ok_or(
            TheoryError::InvalidValue {
                name: "position in the epoch",
                value: position as f64,
                admissible: "below the number of batches per epoch",
            },
        )?;
        Ok(std::array::from_fn(|i| std::array::from_fn(|j| Number::value(matrix[(i, j)]))))
    }

    /// Number L of batches per epoch.
    ///
    /// ```
    /// use langevin_theory::reshuffle::EpochNoise;
    /// assert_eq!(EpochNoise::new(0.1, 0.0, 1.0, 1.0, 2).unwrap().batches_per_epoch(), 2);
    /// ```
    pub fn batches_per_epoch(&self) -> u64 {
        self.covariances.len() as u64
    }

    /// The mean squared displacement over a number e of epochs, from a stationary start at the boundary of an epoch,
    #[doc = equation!(r"\mathbb{E}\,(x_{eL} - x_0)^2 = 2 \left[ (I - M^{eL}) P_0 \right]_{xx}")]
    ///
    /// ```
    /// use langevin_theory::reshuffle::EpochNoise;
    /// let law = EpochNoise::new(0.1, 0.0, 1.0, 1.0, 2).unwrap();
    /// let boundary = law.covariance(0).unwrap()[0][0];
    /// assert!((law.displacement(1) - 2.0 * (1.0 - 0.81) * boundary).abs() < 1e-17);
    /// ```
    pub fn displacement(&self, epochs: u64) -> f64 {
        let mut power = Matrix2::<Extended>::identity();
        for place in (0..u64::BITS - epochs.leading_zeros()).rev() {
            power = power * power;
            if epochs >> place & 1 == 1 {
                power *= self.epoch;
            }
        }
        let boundary = &self.covariances[0];
        let left = Matrix2::identity() - power;
        let kept = left[(0, 0)] * boundary[(0, 0)] + left[(0, 1)] * boundary[(1, 0)];
        2.0 * Number::value(kept)
    }
}

/// sum_k E^k Q (E^k)^T by doubling.
fn accumulate(mut step: Matrix2<Extended>, mut sum: Matrix2<Extended>) -> Result<Matrix2<Extended>> {
    const DOUBLINGS: usize = 120;
    for _ in 0..DOUBLINGS {
        let left = step.iter().map(|entry| Number::value(*entry).abs()).fold(0.0, f64::max);
        if left < 1e-40 {
            return Ok(sum);
        }
        sum += step * sum * step.transpose();
        step = step * step;
    }
    Err(TheoryError::NotConverged { what: "the covariance at the boundary of an epoch", iterations: DOUBLINGS })
}
