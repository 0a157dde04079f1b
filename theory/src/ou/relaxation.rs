//! Relaxation of a Gaussian law to the stationary one: free energy (38) with the modified loss, its rate of change, and
//! the Kullback-Leibler divergence to the stationary law. Close to the stationary law all of them are differences of
//! nearly equal numbers; they are computed from the distance `C_t - B/kappa = e^{-At} (C_0 - B/kappa) e^{-A^T t}`,
//! which is not.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::stationary::{Digits, StationaryLaw, Workings};
use super::{OrnsteinUhlenbeck, Propagation, require_no_overflow};
use crate::cholesky::Cholesky;
use crate::error::{Result, TheoryError};
use crate::extended_precision::{Number, lift, lower};
use crate::linear_algebra::require_vector;
use crate::time::Time;
use crate::variational::divergence;

/// A Gaussian law on its way to the stationary one, at one time. Energies are in units of the potential; entropies in
/// nats.
///
/// ```
/// use langevin_theory::Time;
/// use langevin_theory::ou::OrnsteinUhlenbeck;
/// use nalgebra::{dmatrix, dvector};
/// let process =
///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![0.0], &dmatrix![1.0], 1.0).unwrap();
/// let law = process.stationary().unwrap();
/// let at = |t: f64| {
///     law.relaxation(&process, &dvector![1.0], &dmatrix![0.0], Time::new(t).unwrap())
///         .unwrap()
/// };
/// let (early, late) = (at(0.1), at(0.2));
/// assert!(late.kl_to_stationary.unwrap() < early.kl_to_stationary.unwrap());
/// assert!(early.free_energy_rate.unwrap() < 0.0);
/// // a point has infinite free energy (erratum E30)
/// assert!(at(0.0).free_energy.is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Relaxation {
    /// The free energy (38) with the modified loss,
    #[doc = equation!(r"F = \mathbb E\, \Psi(X_t) - \kappa^{-1} H(p_t), \qquad H(p) = -\mathbb E \ln p.")]
    pub free_energy: Result<f64>,
    /// Its rate of change, per unit of time: never positive (Theorem 2, erratum E30),
    #[doc = equation!(
        r"\frac{dF}{dt} = -\mathbb E\, w^\top D\, w, \qquad w = \nabla \left( \Psi + \kappa^{-1} \ln p_t \right)."
    )]
    pub free_energy_rate: Result<f64>,
    /// The divergence from the stationary law, in nats,
    #[doc = equation!(r"\operatorname{KL}(p_t \,\Vert\, p_{ss}) = \mathbb E \ln \frac{p_t}{p_{ss}}.")]
    pub kl_to_stationary: Result<f64>,
}

impl StationaryLaw {
    /// The law at a time from a Gaussian start (mean of n entries, covariance n x n), compared with this one. The
    /// divergence is the free energy above its stationary value,
    #[doc = equation!(r"\operatorname{KL}(p_t \,\Vert\, p_{ss}) = \kappa\, (F(p_t) - F(p_{ss})).")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`] for a start that is
    /// none. Quantities that do not exist carry their own reason: [`TheoryError::Singular`] at a time at which the law
    /// has no density, [`TheoryError::Uncontrollable`] when the stationary law has none.
    ///
    /// ```
    /// # use langevin_theory::{Time, ou::OrnsteinUhlenbeck};
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![0.0], &dmatrix![1.0], 3.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let from = |mean: f64, covariance| {
    ///     law.relaxation(&process, &dvector![mean], &covariance, Time::new(0.0).unwrap())
    ///         .unwrap()
    /// };
    /// let (away, there) = (from(1.0, dmatrix![0.5]), from(0.0, law.covariance()));
    /// assert!(there.kl_to_stationary.unwrap().abs() < 1e-15);
    /// let excess = away.free_energy.unwrap() - there.free_energy.unwrap();
    /// assert!((away.kl_to_stationary.unwrap() - 3.0 * excess).abs() < 1e-14);
    /// ```
    pub fn relaxation(
        &self,
        process: &OrnsteinUhlenbeck,
        initial_mean: &DVector<f64>,
        initial_covariance: &DMatrix<f64>,
        time: Time,
    ) -> Result<Relaxation> {
        require_vector("initial_mean", initial_mean, process.dimension())?;
        process.require_covariance(initial_covariance)?;
        match self.digits() {
            Digits::Double(workings) => relax(process, workings, initial_mean, initial_covariance, time),
            Digits::Extended(workings) => relax(process, workings, initial_mean, initial_covariance, time),
        }
    }
}

fn relax<T: Number>(
    process: &OrnsteinUhlenbeck,
    workings: &Workings<T>,
    initial_mean: &DVector<f64>,
    initial_covariance: &DMatrix<f64>,
    time: Time,
) -> Result<Relaxation> {
    let size = process.dimension();
    let (precision, stationary_factor) = match workings.inverse() {
        Ok(found) => found,
        Err(error) => {
            return Ok(Relaxation {
                free_energy: Err(error.clone()),
                free_energy_rate: Err(error.clone()),
                kl_to_stationary: Err(error),
            });
        }
    };
    let kappa = T::from(process.kappa());
    let Propagation { step, noise } = process.propagation::<T>(time)?;
    let start = lift::<T>(initial_covariance);
    let covariance = noise.map(|entry| entry / kappa) + &step * &start * step.transpose();
    require_no_overflow(lower(&covariance).iter(), "the covariance")?;
    let excess = &step * (start - workings.lyapunov.map(|entry| entry / kappa)) * step.transpose();
    let deviation = &step * process.deviation::<T>(initial_mean);
    // roundings of the covariance count relative to its smallest pivot: with 32 digits, ten of the answer must be left
    let smallest_pivot = f64::max(64.0 * T::EPSILON, 5e-21);
    let Some(factor) = Cholesky::new(&covariance, smallest_pivot * size as f64) else {
        let error = TheoryError::Singular { what: "the law at this time has no density" };
        return Ok(Relaxation {
            free_energy: Err(error.clone()),
            free_energy_rate: Err(error.clone()),
            kl_to_stationary: Err(error),
        });
    };
    let trace = |matrix: &DMatrix<T>| (0..size).fold(T::zero(), |sum, i| sum + matrix[(i, i)]);
    let distance = stationary_factor.norm_squared(&deviation);

    let potential = 0.5 * (trace(&(precision * &covariance)).value() + distance);
    let log_determinant = factor.log_determinant();
    let entropy = 0.5 * (size as f64 * (1.0 + std::f64::consts::TAU.ln()) + log_determinant);
    let free_energy = potential - entropy / process.kappa();

    let pull = precision * &deviation;
    let drag = pull.dot(&(&workings.diffusion * &pull)).value();
    let towards = precision * &excess;
    let spread = trace(&(&workings.diffusion * &towards * factor.solve(&excess) * precision)).value();

    let root_kappa = process.kappa().sqrt();
    let white = stationary_factor.solve_root(&excess);
    let white = stationary_factor.solve_root(&white.transpose()).map(|entry| entry * kappa);
    let stationary_determinant = stationary_factor.log_determinant() - 2.0 * size as f64 * root_kappa.ln();
    let kl = divergence(&white, log_determinant - stationary_determinant);

    Ok(Relaxation {
        free_energy: Ok(free_energy),
        free_energy_rate: Ok(0.0 - (drag + spread)),
        kl_to_stationary: kl.map(|spread| spread + 0.5 * process.kappa() * distance),
    })
}
