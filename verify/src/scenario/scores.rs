//! Scores of a whole run that are too good, or too bad: standard errors that are overstated make every check pass, and no
//! single check sees it. Scenarios with an exact null hand over the p-values of coordinates of whitened states, which are
//! independent and exactly uniform under their claims; [`too_good`] tests their squared scores from both sides.

use super::{CheckSpec, Context, Made};
use crate::error::Result;
use crate::report::{CheckResult, Layer};
use crate::statistics::too_good;

/// Claim that is decided.
pub(crate) const CLAIM: &str = "scores-as-spread";

/// What stands for the scenario in its id: all that hand over scores.
pub(crate) const SCENARIO: &str = "exact-nulls";

/// Excess of the mean squared score that counts as resolved: standard errors understated to a third.
const TARGET: f64 = 8.0;

pub(crate) fn spec() -> CheckSpec {
    CheckSpec::sampled(CLAIM, "squares", TARGET)
        .because("standard errors that are overstated let every mutant live and every claim pass")
}

/// Decides, from p-values that are independent.
pub(crate) fn decide(context: &Context<'_>, p_values: &[f64]) -> Result<CheckResult> {
    let spec = spec();
    let rates = context.rates(SCENARIO, &spec)?;
    let reach = too_good::overstatement_found(p_values.len(), rates);
    let made = Made {
        layer: Layer::L1,
        method: "chi-square of scores",
        quantity: "mean squared score of independent whitened coordinates, minus 1".into(),
        unit: "relative",
        samples: p_values.len() as u64,
        note: Some(format!("standard errors overstated by a factor of {reach:.2} or more would have been seen")),
    };
    Ok(context.decide(SCENARIO, &spec, made, |rates| too_good::test(p_values, rates))?.record)
}
