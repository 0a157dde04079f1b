//! Scores that are too good: standard errors that are too large make every test pass, and no single test sees it.
//!
//! Scores z^2 = (Phi^{-1}(p/2))^2 of tests whose p-values are exactly uniform under their claims and independent: those of the
//! coordinates of whitened states, one snapshot per sample, of scenarios that draw from streams of their own. Their sum is
//! exactly chi-square with as many degrees as there are scores. Both sides are tested. The checks of a scenario are not
//! pooled: they come from the same chains.

use super::tail::normal_quantile_above;
use super::{Finding, Rates, Untestable, chi_square};

/// z^2 of a two-sided p-value.
pub fn score(p_value: f64) -> f64 {
    // below the range of doubles the score would be infinite
    normal_quantile_above(0.5 * p_value.clamp(1e-300, 1.0)).powi(2)
}

/// Tests independent p-values. The effect is the mean squared score minus 1: negative where errors
/// are overstated. Untestable without any.
///
/// ```
/// use langevin_verify::statistics::{Rates, too_good};
/// let rates = Rates { alpha: 1e-6, power: 0.999 };
/// assert!(too_good::test(&[0.9, 0.2, 0.5, 0.03, 0.6], rates).p_value > 0.1);
/// assert!(too_good::test(&[0.9999; 12], rates).p_value < 1e-6);
/// ```
pub fn test(p_values: &[f64], rates: Rates) -> Finding {
    if p_values.is_empty() || p_values.iter().any(|p_value| p_value.is_nan()) {
        return Finding {
            effect: 0.0,
            interval: [f64::NEG_INFINITY, f64::INFINITY],
            minimum_detectable_effect: f64::INFINITY,
            p_value: if p_values.is_empty() { 1.0 } else { f64::NAN },
            untestable: Some(Untestable::Nothing),
        };
    }
    let sum: f64 = p_values.iter().map(|&p_value| score(p_value)).sum();
    chi_square::test(sum, p_values.len() as f64, rates)
}

/// The factor above 1 by which all standard errors must be overstated to be found: the sum is then smaller by its square.
pub fn overstatement_found(scores: usize, rates: Rates) -> f64 {
    chi_square::minimum_detectable_deficit(scores as f64, rates).sqrt()
}
