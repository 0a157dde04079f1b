//! Rival theories of the stationary state of SGD near a quadratic minimum, each as its authors state it, with one
//! interface, so that they can be ranked against the exact law.
//!
//! Per eigendirection of the Hessian: rho is its eigenvalue, `h = rho + lambda`, `Sigma` the gradient-noise covariance
//! at the ridge minimum and phi its factor for one batch (1/S with replacement). Positions are about the ridge minimum,
//! and everything is summed over the outputs of a regression, in which all of these theories are linear. With the noise
//! s of a direction, the position variances at first order in the rate and with the correction for discrete time are
#![doc = langevin_equation::equation!(r"P_{\mathrm{mandt}} = \frac{\eta\, \varphi\, s}{2 h (1-\beta)}, \qquad P_{\mathrm{liu}} = \frac{P_{\mathrm{mandt}}}{1 - \frac{\eta h}{2(1+\beta)}}, \qquad s = q^\top \Sigma\, q")]
//! and the others differ from these as the table says.
//!
//! | id | theory | stationary position variance of a direction |
//! |---|---|---|
//! | `mandt` | [`Mandt`]: first-order Ornstein-Uhlenbeck process | first order, with the true noise |
//! | `jastrzebski-isotropic` | [`Jastrzebski`]: isotropic noise | first order, with the noise averaged over directions |
//! | `jastrzebski-hessian` | [`Jastrzebski`]: noise like the Hessian | first order, with noise sigma^2 rho |
//! | `kunin-assumption-3` | [`Kunin`]: Langevin equation, `Sigma = sigma^2 H` | first order, with noise sigma^2 rho |
//! | `kunin-true-noise` | [`Kunin`]: Langevin equation, true `Sigma` | as `mandt` |
//! | `kunin-midpoint` | [`Kunin`]: the same, read as the law of midpoints of steps | as `liu` |
//! | `liu` | [`Liu`]: discrete time, constant noise | discrete time, with the true noise |
//! | `ziyin` | [`Ziyin`]: discrete time, Gaussian features | fixed point with the noise that grows with the distance |
//! | `yaida` | [`Yaida`]: fluctuation-dissipation | from the velocity variances, which it takes as given |
//! | `kuhn` | [`Kuhn`]: anticorrelated noise of reshuffled epochs | `liu` less what an epoch cancels |
//!
//! ```
//! use langevin_theory::rivals::{BatchNoise, RivalProblem, catalogue, truth};
//! use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
//! use nalgebra::dmatrix;
//! let data = LeastSquares::new(dmatrix![1.0; 2.0; -1.0], dmatrix![1.0; 1.0; 0.5]).unwrap();
//! let sgd = Hyperparameters::new(1e-6, 0.5, 0.0, 1).unwrap();
//! let problem =
//!     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![Steps(1)]).unwrap();
//! let exact = truth(&problem).predict(&problem).unwrap().position_variance.unwrap()[0];
//! let mandt = catalogue()[0].predict(&problem).unwrap().position_variance.unwrap()[0];
//! assert!((mandt / exact - 1.0).abs() < 1e-4); // at small learning rates
//! ```

mod exact;
mod jastrzebski;
mod kuhn;
mod kunin;
mod liu;
mod mandt;
mod prediction;
mod problem;
mod reshuffled;
mod yaida;
mod ziyin;

pub use exact::{ExactConstantNoise, ExactMinibatch};
pub use jastrzebski::Jastrzebski;
pub use kuhn::Kuhn;
pub use kunin::Kunin;
pub use liu::Liu;
pub use mandt::Mandt;
pub use prediction::{Prediction, Said, Silence};
pub use problem::{BatchNoise, RivalProblem};
pub use reshuffled::ExactReshuffled;
pub use yaida::Yaida;
pub use ziyin::Ziyin;

use crate::error::Result;
use crate::hyperparameters::Sampling;

/// A theory of the stationary state: what it is called, and what it says about a [`RivalProblem`].
///
/// ```
/// use langevin_theory::rivals::{Liu, Rival};
/// assert_eq!(Liu.id(), "liu");
/// assert!(Liu.citation().contains("finite learning rate"));
/// ```
pub trait Rival: Sync {
    /// Stable name, as files and tables use it.
    ///
    /// ```
    /// use langevin_theory::rivals::{Kunin, Rival};
    /// assert_eq!(Kunin::Midpoint.id(), "kunin-midpoint");
    /// ```
    fn id(&self) -> &'static str;

    /// The theory in a few words.
    ///
    /// ```
    /// use langevin_theory::rivals::{Kuhn, Rival};
    /// assert!(Kuhn.name().contains("reshuffled epochs"));
    /// ```
    fn name(&self) -> &'static str;

    /// Where it is published.
    ///
    /// ```
    /// use langevin_theory::rivals::{Rival, Yaida};
    /// assert!(Yaida.citation().contains("arXiv:1810.00004"));
    /// ```
    fn citation(&self) -> &'static str;

    /// What it assumes, and what is read into it where the publication stops short of the problem.
    ///
    /// ```
    /// use langevin_theory::rivals::{Liu, Rival};
    /// assert_eq!(Liu.assumptions(), ["constant noise covariance"]);
    /// ```
    fn assumptions(&self) -> &'static [&'static str];

    /// What it says about a problem. Where a theory says nothing the prediction names the reason.
    ///
    /// # Errors
    /// Only for a problem that is itself at fault, such as a batch that cannot be drawn.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// # use langevin_theory::rivals::{Mandt, Rival, Silence};
    /// let prediction = Mandt.predict(&problem).unwrap();
    /// assert!((prediction.position_variance.unwrap()[0] - 0.1 * 0.16 / 5.0).abs() < 1e-16); // eta s / (2 h)
    /// assert_eq!(prediction.kinetic_energy, Err(Silence::NoVelocity));
    /// ```
    fn predict(&self, problem: &RivalProblem) -> Result<Prediction>;

    /// The largest learning rate with a stationary state, all else fixed.
    ///
    /// # Errors
    /// As [`Rival::predict`].
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// # use langevin_theory::rivals::{ExactMinibatch, Liu, Mandt, Rival, Silence};
    /// let limit = |theory: &dyn Rival| theory.learning_rate_limit(&problem).unwrap();
    /// assert_eq!(limit(&Mandt), Err(Silence::NoStabilityLimit));
    /// assert_eq!(limit(&Liu), Ok(0.8)); // 2 / h
    /// assert!((limit(&ExactMinibatch).unwrap() - 5.0 / 8.5).abs() < 1e-12);
    /// ```
    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>>;
}

/// Every rival, in the order of the table above.
///
/// ```
/// use langevin_theory::rivals::catalogue;
/// let ids: Vec<&str> = catalogue().iter().map(|rival| rival.id()).collect();
/// assert_eq!(ids[0], "mandt");
/// assert_eq!(ids.len(), 10);
/// ```
pub fn catalogue() -> Vec<Box<dyn Rival>> {
    vec![
        Box::new(Mandt),
        Box::new(Jastrzebski::Isotropic),
        Box::new(Jastrzebski::HessianLike),
        Box::new(Kunin::Assumption3),
        Box::new(Kunin::TrueNoise),
        Box::new(Kunin::Midpoint),
        Box::new(Liu),
        Box::new(Ziyin),
        Box::new(Yaida),
        Box::new(Kuhn),
    ]
}

/// The exact law of a problem in the same form: what the rivals are compared with.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, RivalProblem, truth};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; 2.0; -1.0], dmatrix![1.0; 1.0; 0.5]).unwrap();
/// let sgd = Hyperparameters::new(0.05, 0.5, 0.0, 1).unwrap();
/// let noise = BatchNoise::Constant;
/// let problem = RivalProblem::new(&data, &sgd, Sampling::WithReplacement, noise, vec![]).unwrap();
/// assert_eq!(truth(&problem).id(), "exact-constant-noise");
/// ```
pub fn truth(problem: &RivalProblem) -> Box<dyn Rival> {
    match (problem.batch_noise(), problem.sampling()) {
        (BatchNoise::Minibatch, Sampling::Reshuffle) => Box::new(ExactReshuffled),
        (BatchNoise::Minibatch, _) => Box::new(ExactMinibatch),
        (BatchNoise::Constant, _) => Box::new(ExactConstantNoise),
    }
}
