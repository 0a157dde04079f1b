//! Why a test says nothing: a guard that fired, as a value. What a guard stopped refutes nothing, supports nothing and is no
//! evidence; readers of a report decide by the variant, never by its words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why numbers could not be tested.
///
/// ```
/// use langevin_verify::statistics::Untestable;
/// let reason = Untestable::FewChains { found: 12, needed: 1000 };
/// assert_eq!(reason.to_string(), "12 chains; at least 1000 are needed");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "guard", rename_all = "kebab-case")]
pub enum Untestable {
    /// Fewer chains than a t-test takes.
    FewChains {
        /// Chains there are.
        found: usize,
        /// Fewest that are tested.
        needed: usize,
    },
    /// Equal numbers away from the claimed value: the spread of their law lies in rare values that none of them took.
    NoSpread {
        /// How many.
        count: usize,
        /// Their common value.
        value: f64,
    },
    /// The leading Edgeworth term is too large.
    Skewness {
        /// Skewness of the numbers.
        skewness: f64,
        /// |skewness| z^3 / (6 sqrt(chains)) at the critical z.
        edgeworth: f64,
        /// The largest admissible term.
        most: f64,
    },
    /// The tails of the numbers are too heavy.
    HeavyTail {
        /// Hill estimate of the tail index.
        index: f64,
        /// Its standard error.
        error: f64,
        /// The smallest admissible index.
        least: f64,
    },
    /// Neighbouring numbers are alike: states of one chain.
    Dependence {
        /// Probability of as few runs above and below the median.
        p_value: f64,
    },
    /// The fourth moments of the process grow: averages of squares have no variance.
    FourthMoments {
        /// Their growth per step.
        growth: f64,
    },
    /// The statistic is not defined on these states.
    Undefined {
        /// Why.
        reason: String,
    },
    /// There is nothing that could be tested.
    Nothing,
}

impl fmt::Display for Untestable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewChains { found, needed } => write!(formatter, "{found} chains; at least {needed} are needed"),
            Self::NoSpread { count, value } => {
                write!(formatter, "all {count} numbers are {value:.3e}: their spread cannot be estimated")
            }
            Self::Skewness { skewness, edgeworth, most } => write!(
                formatter,
                "skewness {skewness:.2} of the chain averages: Edgeworth term {edgeworth:.2} exceeds {most}"
            ),
            Self::HeavyTail { index, error, least } => {
                write!(formatter, "tail index {index:.1} (+- {error:.1}) of the chain averages is below {least}")
            }
            Self::Dependence { p_value } => write!(
                formatter,
                "neighbouring numbers are alike (p = {p_value:.1e}): they are not one per independent chain"
            ),
            Self::FourthMoments { growth } => {
                write!(formatter, "fourth moments grow by {growth:.4} per step; they must contract")
            }
            Self::Undefined { reason } => formatter.write_str(reason),
            Self::Nothing => formatter.write_str("there is no score"),
        }
    }
}
