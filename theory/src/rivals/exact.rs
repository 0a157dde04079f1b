//! The exact laws in the form of the rivals: [`MinibatchLaw`] for true minibatch noise, and the diagonal of the law of
//! constant noise (errata section 5, items 3 to 5) where the noise is constant by construction.

use langevin_equation::equation;

use super::prediction::{Prediction, Said, Silence, said};
use super::{Rival, RivalProblem};
use crate::discrete::ModeLaw;
use crate::error::{Result, TheoryError};
use crate::minibatch::MinibatchLaw;

/// The exact second moments with true minibatch noise (errata section 5, item 8): the diagonal of
#[doc = equation!(r"P = G \circ \varphi \left[ \Sigma(\mu_{\mathrm{ridge}}) + \frac1N \sum_x x x^\top (x^\top P x) - H P H \right]")]
/// with G the kernel of constant noise; see [`MinibatchLaw`]. There is none for reshuffled epochs.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, ExactMinibatch, Rival, RivalProblem, Silence};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 0.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
/// let problem = RivalProblem::new(&data, &sgd, Sampling::Reshuffle, BatchNoise::Minibatch, vec![]).unwrap();
/// assert_eq!(ExactMinibatch.predict(&problem).unwrap().speed, Err(Silence::Undefined("no-exact-law")));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ExactMinibatch;

fn law(problem: &RivalProblem) -> Result<MinibatchLaw> {
    MinibatchLaw::with_quadratic(problem.data(), problem.quadratic(), problem.hyperparameters(), problem.sampling())
}

fn moments(problem: &RivalProblem) -> Result<Prediction> {
    let law = law(problem)?;
    let position = law.stationary_position_summed_in_eigenbasis()?;
    let modes: Vec<ModeLaw> = law.equivalent_modes(&position)?.into_iter().take(problem.curvatures().len()).collect();
    Prediction::of_discrete_laws(problem, &modes)
}

impl Rival for ExactMinibatch {
    fn id(&self) -> &'static str {
        "exact-minibatch"
    }

    fn name(&self) -> &'static str {
        "exact law of minibatch SGD"
    }

    fn citation(&self) -> &'static str {
        "langevin_theory::minibatch (errata section 5, item 8)."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &["independent batches"]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        Ok(said(moments(problem))?.unwrap_or_else(Prediction::silent))
    }

    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>> {
        const UNLIMITED: TheoryError = TheoryError::Infinite { what: "nothing limits the learning rate" };
        said(law(problem).and_then(|law| law.learning_rate_limit()?.ok_or(UNLIMITED)))
    }
}

/// The exact moments with noise of constant covariance (errata section 5, items 3 to 5), with the noise variance s2 of
/// a step along a direction:
#[doc = equation!(r"V = \frac{2 s^2}{(1-\beta)\,(2(1+\beta) - \eta h)}, \qquad P = \frac{\eta (1+\beta)}{2h}\, V, \qquad s^2 = \varphi\, q^\top \Sigma\, q")]
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, ExactConstantNoise, Rival, RivalProblem};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(1.0, 0.0, 0.0, 1).unwrap();
/// let problem =
///     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Constant, vec![]).unwrap();
/// assert_eq!(ExactConstantNoise.predict(&problem).unwrap().speed, Ok(2.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ExactConstantNoise;

impl Rival for ExactConstantNoise {
    fn id(&self) -> &'static str {
        "exact-constant-noise"
    }

    fn name(&self) -> &'static str {
        "exact law of SGD with constant noise"
    }

    fn citation(&self) -> &'static str {
        "langevin_theory::discrete (errata section 5, items 3 to 5)."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &["noise of constant covariance, independent between steps"]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        let laws = problem.discrete_laws(problem.noise_strengths().iter().copied())?;
        if let Err(error) = laws.iter().try_for_each(|law| law.position_variance().map(drop)) {
            return error.undefined_reason().map(Silence::Undefined).map(Prediction::silent).ok_or(error);
        }
        Prediction::of_discrete_laws(problem, &laws)
    }

    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>> {
        said(problem.classical_limit())
    }
}
