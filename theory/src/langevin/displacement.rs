//! Equation (17), the mean squared displacement, as it can be read (errata E01, E02). All readings are kept because the
//! toolkit shows which of them is refuted.

use langevin_equation::equation;

use super::mode::LangevinMode;
use crate::error::{Result, TheoryError};
use crate::time::Steps;

/// Where the velocity correlation C_l of (17) is evaluated.
///
/// ```
/// use langevin_theory::langevin::{
///     DisplacementReading, LangevinMode, displacement_equation17,
/// };
/// use langevin_theory::{Hyperparameters, Steps};
/// let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 1).unwrap();
/// let mode = LangevinMode::new(&sgd, 1.0, 1.0).unwrap();
/// let after =
///     |reading| displacement_equation17(&sgd, &[mode], reading, &[Steps(4)]).unwrap()[0];
/// let exact = mode.displacement(Steps(4)).unwrap();
/// assert!((after(DisplacementReading::StepsAsTime) / exact - 1.0).abs() < 0.02);
/// assert!(after(DisplacementReading::AsPrinted) / exact < 0.5); // erratum E01
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplacementReading {
    /// C_l(eta k): steps converted to time.
    StepsAsTime,
    /// C_l(k): literally as printed.
    AsPrinted,
}

/// Largest step count for which (17) is summed; it has no closed form worth having, being wrong.
const LONGEST_SUM: u64 = 20_000_000;

/// Equation (17) for several step counts, one value each, in units of theta squared.
///
/// It combines the discrete identity delta = eta v with the velocity correlation of the SDE,
#[doc = equation!(
    r"\mathbb E \lVert \Delta_t \rVert^2 = \eta^2 \sum_l V_l \Bigl[ t + 2 \sum_{k=1}^{t} (t-k)\, C_l \Bigr],"
)]
/// with C_l at eta k or at k. Either way it grows without bound (erratum E02).
///
/// # Errors
/// [`TheoryError::InvalidValue`] for more than twenty million steps.
///
/// ```
/// use langevin_theory::langevin::{
///     DisplacementReading, LangevinMode, displacement_equation17,
/// };
/// use langevin_theory::{Hyperparameters, Steps};
/// let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 1).unwrap();
/// let mode = LangevinMode::new(&sgd, 1.0, 1.0).unwrap();
/// let reading = DisplacementReading::StepsAsTime;
/// let curve =
///     displacement_equation17(&sgd, &[mode], reading, &[Steps(0), Steps(1)]).unwrap();
/// assert!(curve[0] == 0.0 && (curve[1] - 0.01 / sgd.kappa()).abs() < 1e-15);
/// ```
pub fn displacement_equation17(
    sgd: &crate::Hyperparameters,
    modes: &[LangevinMode],
    reading: DisplacementReading,
    steps: &[Steps],
) -> Result<Vec<f64>> {
    let longest = steps.iter().map(|count| count.0).max().unwrap_or(0);
    if longest > LONGEST_SUM {
        return Err(TheoryError::InvalidValue {
            name: "steps",
            value: longest as f64,
            admissible: "at most 20000000 for equation (17), which is summed step by step",
        });
    }
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|&index| steps[index]);
    let mut curve = vec![0.0; steps.len()];
    for mode in modes {
        let variance = mode.velocity_variance();
        // S_0 = sum_{k<t} C_k and S_1 = sum_{k<t} k C_k, extended from one requested count to the next
        let (mut sum, mut moment, mut next) = (0.0, 0.0, 1);
        for &index in &order {
            let count = steps[index].0;
            while next < count {
                let correlation = match reading {
                    DisplacementReading::StepsAsTime => mode.velocity_correlation(Steps(next)),
                    DisplacementReading::AsPrinted => mode.velocity_correlation_as_printed(Steps(next)),
                };
                sum += correlation;
                moment += next as f64 * correlation;
                next += 1;
            }
            let t = count as f64;
            curve[index] += sgd.learning_rate().powi(2) * variance * (t + 2.0 * (t * sum - moment));
        }
    }
    Ok(curve)
}
