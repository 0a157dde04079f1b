//! Diffusion (section 7, H.2, H.7): how the mean squared displacement grows with the number of steps.
//!
#![doc = langevin_equation::equation!(
    r"c(k) = \frac{d \ln \mathbb E \lVert \Delta_k \rVert^2}{d \ln k}, \qquad \text{fitted:}\quad \mathbb E \lVert \Delta_k \rVert^2 \approx \alpha k^c \quad \text{by least squares in } (\ln k, \ln \lVert \Delta_k \rVert^2)."
)]
//! From a stationary start c falls from 2 (straight motion, k well below (1+beta)/(1-beta)) to 0 (saturation): a fitted
//! exponent is a property of the window as much as of the process (errata E19, E20, E33). From a fixed start away from
//! the minimum the drift of the mean adds to it.

use langevin_equation::equation;

use crate::discrete::ModeLaw;
use crate::error::{Result, TheoryError};
use crate::time::Steps;

/// How a trajectory starts.
///
/// ```
/// use langevin_theory::Steps;
/// use langevin_theory::diffusion::{DiffusionStart, displacement};
/// use langevin_theory::discrete::{ModeLaw, ModeMap};
/// // stationary variance 0.6
/// let mode = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
/// let far = |start| displacement(&[mode], start, Steps(200)).unwrap();
/// // two independent stationary positions, or one against the minimum (erratum E33)
/// assert!((far(DiffusionStart::Stationary) - 1.2).abs() < 1e-14);
/// assert!((far(DiffusionStart::Minimum) - 0.6).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffusionStart {
    /// In the stationary state.
    Stationary,
    /// At a stationary position with an emptied momentum buffer.
    Rest,
    /// At the minimum, at rest.
    Minimum,
}

/// Mean squared displacement after k steps from a start, in units of theta squared, of a sum of directions.
#[doc = equation!(r"\mathbb E \lVert \Delta_k \rVert^2 = \sum_l \mathbb E\, (x_{l,k} - x_{l,0})^2.")]
///
/// # Errors
/// [`TheoryError::Unstable`], [`TheoryError::Singular`], [`TheoryError::Overflow`] of the directions.
///
/// ```
/// use langevin_theory::Steps;
/// use langevin_theory::diffusion::{DiffusionStart, displacement};
/// use langevin_theory::discrete::{ModeLaw, ModeMap};
/// let mode = ModeLaw::new(ModeMap::new(0.001, 0.9, 1.0), 1.0).unwrap();
/// let saturated =
///     displacement(&[mode], DiffusionStart::Stationary, Steps(10_000_000)).unwrap();
/// assert!((saturated / (2.0 * mode.position_variance().unwrap()) - 1.0).abs() < 1e-12);
/// // the first step from rest is shorter: 1 - beta^2 of the stationary one, and the pull
/// // of the minimum (erratum E33)
/// let ratio = displacement(&[mode], DiffusionStart::Rest, Steps(1)).unwrap()
///     / mode.speed().unwrap();
/// assert!((ratio - 0.1909).abs() < 1e-4);
/// ```
pub fn displacement(modes: &[ModeLaw], start: DiffusionStart, steps: Steps) -> Result<f64> {
    modes
        .iter()
        .map(|mode| match start {
            DiffusionStart::Stationary => mode.displacement(steps),
            DiffusionStart::Rest => mode.displacement_from_rest(steps),
            DiffusionStart::Minimum => Ok(mode.transient_covariance(steps)?[0][0]),
        })
        .sum()
}

/// The exponent at k steps, without unit, from the displacements one step before and after (from k and k + 1 at k = 1).
#[doc = equation!(
    r"c(k) = \frac{d \ln \mathbb E \lVert \Delta_k \rVert^2}{d \ln k} \approx \frac{\ln \mathbb E \lVert \Delta_{k+1} \rVert^2 - \ln \mathbb E \lVert \Delta_{k-1} \rVert^2}{\ln (k+1) - \ln (k-1)}."
)]
///
/// # Errors
/// [`TheoryError::InvalidValue`] at k = 0 or where the displacement is not positive; whatever the displacement returns.
///
/// ```
/// use langevin_theory::Steps;
/// use langevin_theory::diffusion::local_exponent;
/// let brownian = |steps: Steps| Ok(3.0 * steps.0 as f64);
/// assert!((local_exponent(brownian, Steps(50)).unwrap() - 1.0).abs() < 1e-12);
/// ```
pub fn local_exponent(displacement: impl Fn(Steps) -> Result<f64>, steps: Steps) -> Result<f64> {
    let k = steps.0;
    if k == 0 || k == u64::MAX {
        return Err(TheoryError::InvalidValue { name: "steps", value: k as f64, admissible: "at least 1" });
    }
    let (before, after) = (if k == 1 { 1 } else { k - 1 }, k + 1);
    let (low, high) = (displacement(Steps(before))?, displacement(Steps(after))?);
    for value in [low, high] {
        if !(value.is_finite() && value > 0.0) {
            return Err(TheoryError::InvalidValue { name: "displacement", value, admissible: "finite and above 0" });
        }
    }
    // ln(1 + x) of the relative increments: the displacements differ little
    Ok(((high - low) / low).ln_1p() / ((after - before) as f64 / before as f64).ln_1p())
}

/// A power law fitted to a curve of displacements.
#[doc = equation!(r"\mathbb E \lVert \Delta_k \rVert^2 \approx \alpha k^c.")]
///
/// ```
/// use langevin_theory::diffusion::PowerLaw;
/// let curve: Vec<(f64, f64)> =
///     (1..50).map(|k| (f64::from(k), 2.0 * f64::from(k).powf(1.25))).collect();
/// let fit = PowerLaw::fit(&curve).unwrap();
/// assert!((fit.exponent - 1.25).abs() < 1e-12 && (fit.prefactor - 2.0).abs() < 1e-11);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// c.
    pub exponent: f64,
    /// alpha.
    pub prefactor: f64,
    /// Root mean square of the residuals in ln |Delta|^2: how far the curve is from a power law.
    pub residual: f64,
}

impl PowerLaw {
    /// Least squares in (ln k, ln |Delta_k|^2), as the paper does it (H.2), for a curve of (k, displacement) pairs,
    #[doc = equation!(r"\min_{\alpha, c} \sum_k \left( \ln \lVert \Delta_k \rVert^2 - \ln \alpha - c \ln k \right)^2.")]
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a number of steps or a displacement that is not positive,
    /// [`TheoryError::Shape`] for fewer than two different numbers of steps.
    ///
    /// ```
    /// use langevin_theory::diffusion::PowerLaw;
    /// // two points lie on a line: |Delta|^2 = 3 k^2
    /// let fit = PowerLaw::fit(&[(1.0, 3.0), (10.0, 300.0)]).unwrap();
    /// assert!((fit.exponent - 2.0).abs() < 1e-14 && fit.residual < 1e-14);
    /// assert!(PowerLaw::fit(&[(1.0, 3.0)]).is_err());
    /// ```
    pub fn fit(curve: &[(f64, f64)]) -> Result<Self> {
        for &(steps, displacement) in curve {
            for (name, value) in [("steps", steps), ("displacement", displacement)] {
                if !(value.is_finite() && value > 0.0) {
                    return Err(TheoryError::InvalidValue { name, value, admissible: "finite and above 0" });
                }
            }
        }
        let count = curve.len() as f64;
        let mean = |value: &dyn Fn(&(f64, f64)) -> f64| curve.iter().map(value).sum::<f64>() / count;
        let (x, y) = (mean(&|point| point.0.ln()), mean(&|point| point.1.ln()));
        let spread = mean(&|point| (point.0.ln() - x).powi(2));
        if curve.len() < 2 || spread <= 0.0 {
            return Err(TheoryError::Shape {
                name: "the curve",
                found: format!("{} points", curve.len()),
                expected: "at least two different numbers of steps".into(),
            });
        }
        let exponent = mean(&|point| (point.0.ln() - x) * (point.1.ln() - y)) / spread;
        let offset = y - exponent * x;
        let residual = mean(&|point| (point.1.ln() - offset - exponent * point.0.ln()).powi(2)).sqrt();
        Ok(Self { exponent, prefactor: offset.exp(), residual })
    }
}

/// The exponent fitted to 1..=k, one for each of a list of windows (Figure 8): points at `every`, 2 `every`, ... steps
/// up to each length.
///
/// # Errors
/// [`TheoryError::InvalidValue`] for an `every` of 0; as [`PowerLaw::fit`], also for a window of fewer than two points;
/// whatever the displacement returns.
///
/// ```
/// use langevin_theory::Steps;
/// use langevin_theory::diffusion::exponent_by_window;
/// // ballistic at first, diffusive later: the exponent falls as the window grows
/// // (errata E19, E20)
/// let curve = |steps: Steps| Ok((steps.0 as f64).powi(2) / (10.0 + steps.0 as f64));
/// let exponents =
///     exponent_by_window(curve, 1, &[Steps(3), Steps(30), Steps(3000)]).unwrap();
/// for (fitted, expected) in exponents.into_iter().zip([1.851, 1.568, 1.054]) {
///     assert!((fitted - expected).abs() < 1e-3);
/// }
/// ```
pub fn exponent_by_window(
    displacement: impl Fn(Steps) -> Result<f64>,
    every: u64,
    windows: &[Steps],
) -> Result<Vec<f64>> {
    if every == 0 {
        return Err(TheoryError::InvalidValue { name: "every", value: 0.0, admissible: "at least 1" });
    }
    let longest = windows.iter().map(|window| window.0).max().unwrap_or(0);
    let curve = (1..=longest / every)
        .map(|index| {
            let steps = index * every;
            Ok((steps as f64, displacement(Steps(steps))?))
        })
        .collect::<Result<Vec<(f64, f64)>>>()?;
    windows.iter().map(|window| Ok(PowerLaw::fit(&curve[..(window.0 / every) as usize])?.exponent)).collect()
}
