//! Equation (17), the mean squared displacement, as it can be read (errata E01, E02). All readings are kept because the
//! toolkit shows which of them is refuted.

use langevin_equation::equation;

use super::mode::LangevinMode;
use super::oscillator::multiply;
use crate::error::{Result, TheoryError};
use crate::extended_precision::Extended;
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

/// Largest step count for which (17) is evaluated: the errors of the sums grow with the count.
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
            admissible: "at most 20000000 for equation (17)",
        });
    }
    let mut curve = vec![0.0; steps.len()];
    for mode in modes {
        let time = match reading {
            DisplacementReading::StepsAsTime => sgd.learning_rate(),
            DisplacementReading::AsPrinted => 1.0,
        };
        let oscillator = mode.oscillator();
        let step = oscillator
            .extended_propagator(time)
            .unwrap_or_else(|| oscillator.propagator_at(time).map(|row| row.map(Extended::from)));
        let scale = sgd.learning_rate().powi(2) * mode.velocity_variance();
        for (value, count) in curve.iter_mut().zip(steps) {
            *value +=
                scale * (summed_correlations(&step, count.0).scaled(2.0) - Extended::from(count.0 as f64)).value();
        }
    }
    Ok(curve)
}

/// The lower right entry of
#[doc = equation!(r"T_n = \sum_{k=0}^{n-1} (n-k)\, E^k")]
/// for the propagator E over a step, along the binary digits of n, with S_n the sum of the first n powers,
#[doc = equation!(
    r"S_{2n} = S_n + E^n S_n, \qquad T_{2n} = T_n + n S_n + E^n T_n, \qquad S_{n+1} = S_n + E^n, \qquad T_{n+1} = T_n + S_{n+1}."
)]
/// Velocity correlations add up to nearly nothing: of n digits lost, 32 leave enough.
fn summed_correlations(step: &[[Extended; 2]; 2], count: u64) -> Extended {
    let zero = Extended::from(0.0);
    let mut power = [[Extended::from(1.0), zero], [zero, Extended::from(1.0)]];
    let (mut sum, mut twice) = ([[zero; 2]; 2], [[zero; 2]; 2]);
    let mut reached = 0.0;
    for place in (0..u64::BITS - count.leading_zeros()).rev() {
        let (moved_sum, moved_twice) = (multiply(&power, &sum), multiply(&power, &twice));
        let factor = Extended::from(reached);
        twice = combine(&twice, &combine(&moved_twice, &sum.map(|row| row.map(|entry| entry * factor))));
        sum = combine(&sum, &moved_sum);
        power = multiply(&power, &power);
        reached *= 2.0;
        if count >> place & 1 == 1 {
            sum = combine(&sum, &power);
            twice = combine(&twice, &sum);
            power = multiply(&power, step);
            reached += 1.0;
        }
    }
    twice[1][1]
}

/// The sum of two 2 x 2 matrices.
fn combine(left: &[[Extended; 2]; 2], right: &[[Extended; 2]; 2]) -> [[Extended; 2]; 2] {
    std::array::from_fn(|i| std::array::from_fn(|j| left[i][j] + right[i][j]))
}
