//! What can be wrong with a problem, and why a quantity may not exist.

use thiserror::Error;

/// Result of a theory function.
///
/// ```
/// fn halved(steps: u64) -> langevin_theory::error::Result<f64> {
///     Ok(langevin_theory::Time::new(0.5 * steps as f64)?.value())
/// }
/// assert_eq!(halved(3), Ok(1.5));
/// ```
pub type Result<T> = std::result::Result<T, TheoryError>;

/// An invalid input, or a quantity that the problem does not have.
///
/// [`TheoryError::undefined_reason`] tells the two apart: an undefined quantity has a reason with a name, an invalid
/// input has not. The message says what was found and what is admissible.
///
/// ```
/// use langevin_theory::discrete::{ModeLaw, ModeMap};
/// let beyond_the_edge = ModeLaw::new(ModeMap::new(2.0, 0.9, 2.0), 1.0).unwrap();
/// let error = beyond_the_edge.position_variance().unwrap_err();
/// assert_eq!(error.to_string(), "unstable: eta * h = 4 is not inside (0, 3.8)");
/// ```
#[derive(Clone, Debug, PartialEq, Error)]
pub enum TheoryError {
    /// A number outside its admissible interval.
    #[error("{name} is {value}; it must be {admissible}")]
    InvalidValue {
        /// Name of the input.
        name: &'static str,
        /// What was found.
        value: f64,
        /// What is admissible.
        admissible: &'static str,
    },
    /// An array of the wrong shape.
    #[error("{name} has shape {found}; it must be {expected}")]
    Shape {
        /// Name of the input.
        name: &'static str,
        /// What was found.
        found: String,
        /// What is expected.
        expected: String,
    },
    /// An array that contains NaN or an infinity.
    #[error("{name} contains {value} at row {row}, column {column} (counted from 0); every entry must be finite")]
    NotFinite {
        /// Name of the input.
        name: &'static str,
        /// The entry.
        value: f64,
        /// Row of the first such entry.
        row: usize,
        /// Column of the first such entry.
        column: usize,
    },
    /// A matrix that must be symmetric positive semi-definite and is not.
    #[error("{name} must be symmetric positive semi-definite: {detail}")]
    NotPositiveSemiDefinite {
        /// Name of the input.
        name: &'static str,
        /// Which property failed, with the figure.
        detail: String,
    },
    /// The batch cannot be drawn.
    #[error("batch_size is {batch_size} but there are {samples} samples; {sampling} needs {admissible}")]
    BatchSize {
        /// S.
        batch_size: usize,
        /// N.
        samples: usize,
        /// The sampling scheme.
        sampling: &'static str,
        /// What is admissible.
        admissible: &'static str,
    },
    /// The mean of the process does not converge.
    #[error("unstable: eta * h = {rate_times_curvature} is not inside (0, {limit})")]
    Unstable {
        /// eta h of the offending mode.
        rate_times_curvature: f64,
        /// 2 (1 + beta).
        limit: f64,
    },
    /// The mean converges but the second moments do not.
    #[error("mean-square unstable: curvature noise amplifies second moments (gain {gain} >= 1)")]
    MeanSquareUnstable {
        /// Spectral radius of the noise feedback; stable below 1.
        gain: f64,
    },
    /// A drift under which deviations do not decay.
    #[error("unstable: the drift has an eigenvalue with real part near {real_part:e}; all must be positive")]
    NotHurwitz {
        /// Estimate of the smallest real part of an eigenvalue.
        real_part: f64,
    },
    /// The noise does not reach every direction, directly or through the drift.
    #[error("uncontrollable: {what}")]
    Uncontrollable {
        /// What does not exist because of it.
        what: &'static str,
    },
    /// A diffusion matrix whose off-diagonal entry a grid cannot carry with non-negative rates.
    #[error(
        "the diffusion matrix at ({position}) needs cells with hx/hy between {lowest_ratio} and {highest_ratio}; \
         hx/hy is {ratio}"
    )]
    CrossDiffusion {
        /// Coordinates of the first such cell.
        position: String,
        /// hx/hy of the grid.
        ratio: f64,
        /// |D_xy| / D_yy.
        lowest_ratio: f64,
        /// D_xx / |D_xy|.
        highest_ratio: f64,
    },
    /// A time step beyond what a method can take.
    #[error("{method}: a step of {step} is too long; it must be at most {limit}")]
    StepTooLong {
        /// The method.
        method: &'static str,
        /// The step.
        step: f64,
        /// The longest admissible step.
        limit: f64,
    },
    /// A matrix has no inverse, or a direction has no restoring force.
    #[error("singular: {what}")]
    Singular {
        /// What is singular.
        what: &'static str,
    },
    /// A finite quantity too large for double precision.
    #[error("overflow: {what} exceeds the range of double precision")]
    Overflow {
        /// The quantity.
        what: &'static str,
    },
    /// The quantity is infinite.
    #[error("infinite: {what}")]
    Infinite {
        /// The quantity.
        what: &'static str,
    },
    /// No exact formula is implemented for this case.
    #[error("no exact law: {what}")]
    NoExactLaw {
        /// The case.
        what: &'static str,
    },
    /// An iteration did not converge within its cap.
    #[error("{what} did not converge within {iterations} iterations")]
    NotConverged {
        /// The computation.
        what: &'static str,
        /// The cap.
        iterations: usize,
    },
    /// Rates so far apart, or phases so large, that rounding leaves no digit of a finite quantity.
    #[error("no digits left: {what} takes {doublings} doublings of a short time, in which rounding grows beyond it")]
    NoDigitsLeft {
        /// The quantity.
        what: &'static str,
        /// About log2 of the time times a norm of the drift.
        doublings: usize,
    },
}

impl TheoryError {
    /// The name of the reason when the quantity does not exist; `None` when the input itself is at fault.
    ///
    /// ```
    /// use langevin_theory::TheoryError;
    /// let error = TheoryError::Unstable { rate_times_curvature: 4.0, limit: 3.8 };
    /// assert_eq!(error.undefined_reason(), Some("unstable"));
    /// ```
    pub fn undefined_reason(&self) -> Option<&'static str> {
        match self {
            Self::Unstable { .. } | Self::NotHurwitz { .. } => Some("unstable"),
            Self::Uncontrollable { .. } => Some("uncontrollable"),
            Self::MeanSquareUnstable { .. } => Some("mean-square-unstable"),
            Self::Singular { .. } => Some("singular"),
            Self::Overflow { .. } => Some("overflow"),
            Self::Infinite { .. } => Some("infinite"),
            Self::NoExactLaw { .. } => Some("no-exact-law"),
            Self::NotConverged { .. } => Some("not-converged"),
            Self::NoDigitsLeft { .. } => Some("no-digits-left"),
            _ => None,
        }
    }
}
