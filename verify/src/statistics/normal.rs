//! Statistics that are exactly standard normal under the claim.

use super::tail::{normal_above, normal_quantile_above};
use super::{Finding, Rates};

/// Tests a standard normal `z`; `scale` converts it to an effect (effect = z * scale, with a standard error of `scale`).
pub fn test(z: f64, scale: f64, rates: Rates) -> Finding {
    let critical = normal_quantile_above(0.5 * rates.alpha);
    Finding {
        effect: z * scale,
        interval: [(z - critical) * scale, (z + critical) * scale],
        minimum_detectable_effect: minimum_detectable(rates) * scale,
        p_value: (2.0 * normal_above(z.abs())).min(1.0),
        untestable: None,
    }
}

/// The effect, in standard errors, that is found with the stated power.
pub fn minimum_detectable(rates: Rates) -> f64 {
    normal_quantile_above(0.5 * rates.alpha) + normal_quantile_above(1.0 - rates.power)
}
