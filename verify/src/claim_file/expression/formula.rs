//! Formulas written in Rust: functions of the symbols, taken through the same decisions as the ones of claim files.

use std::fmt;
use std::sync::Arc;

use super::program::{Point, Rounded};
use super::symbol::Symbol;

/// The symbols of a formula at one point. Those of a mode are NaN where the formula is for a total; there they are met in
/// [`sum`](Self::sum).
#[derive(Clone, Debug)]
pub struct Symbols<'a> {
    /// Learning rate.
    pub eta: f64,
    /// Momentum.
    pub beta: f64,
    /// Weight decay.
    pub lambda: f64,
    /// S.
    pub batch_size: f64,
    /// N.
    pub samples: f64,
    /// d.
    pub dimension: f64,
    /// Number of steps, in observables with (k).
    pub k: f64,
    /// Mean squared residual at the ridge minimum.
    pub sigma2: f64,
    /// S (1 - beta^2).
    pub kappa: f64,
    /// (1 - beta) / (eta (1 + beta)).
    pub gamma: f64,
    /// Trace of the Hessian.
    pub trace: f64,
    /// Eigenvalue of the Hessian.
    pub rho: f64,
    /// rho + lambda.
    pub h: f64,
    /// q^T Sigma q at the minimum, not divided by S.
    pub noise: f64,
    /// q^T b with b = X^T Y / N.
    pub b: f64,
    /// sqrt(2 h / (eta (1 + beta))).
    pub omega: f64,
    /// gamma / omega.
    pub zeta: f64,
    /// Exact stationary variance of the position; NaN where the claim is about it.
    pub var_theta: f64,
    /// Exact stationary variance of the velocity; NaN where the claim is about it.
    pub var_v: f64,
    point: &'a Point,
}

impl<'a> Symbols<'a> {
    fn of(point: &'a Point, mode: Option<usize>) -> Self {
        let get = |symbol| point.get(symbol, mode);
        Self {
            eta: get(Symbol::LearningRate),
            beta: get(Symbol::Momentum),
            lambda: get(Symbol::WeightDecay),
            batch_size: get(Symbol::BatchSize),
            samples: get(Symbol::Samples),
            dimension: get(Symbol::Dimension),
            k: get(Symbol::Lag),
            sigma2: get(Symbol::ResidualVariance),
            kappa: get(Symbol::Kappa),
            gamma: get(Symbol::Gamma),
            trace: get(Symbol::Trace),
            rho: get(Symbol::Eigenvalue),
            h: get(Symbol::Curvature),
            noise: get(Symbol::Noise),
            b: get(Symbol::LinearTerm),
            omega: get(Symbol::Frequency),
            zeta: get(Symbol::DampingRatio),
            var_theta: get(Symbol::PositionVariance),
            var_v: get(Symbol::VelocityVariance),
            point,
        }
    }

    /// The sum of a term over all modes.
    pub fn sum(&self, term: impl Fn(&Symbols<'_>) -> f64) -> f64 {
        (0..self.point.modes.len()).map(|mode| term(&Symbols::of(self.point, Some(mode)))).sum()
    }
}

/// A formula in Rust. Functions of [`Symbols`] are formulas.
///
/// ```
/// use langevin_verify::claim_file::expression::{Formula, Symbols};
/// struct Variance;
/// impl Formula for Variance {
///     fn evaluate(&self, m: &Symbols<'_>) -> f64 {
///         m.eta * m.noise / (2.0 * m.batch_size * m.h * (1.0 - m.beta))
///     }
/// }
/// ```
pub trait Formula: Send + Sync {
    /// The value; NaN where there is none.
    fn evaluate(&self, symbols: &Symbols<'_>) -> f64;
}

impl<F: Fn(&Symbols<'_>) -> f64 + Send + Sync> Formula for F {
    fn evaluate(&self, symbols: &Symbols<'_>) -> f64 {
        self(symbols)
    }
}

/// Relative change of a symbol that shows how much of its rounding arrives in the value.
const PROBE: f64 = 1e-7;

/// Roundings that a formula is granted for every symbol, and for itself: what it does inside is not known.
const ROUNDINGS: f64 = 16.0;

/// A formula in Rust, shared.
#[derive(Clone)]
pub(super) struct Function(pub(super) Arc<dyn Formula>);

impl Function {
    /// The value with an estimate of its rounding error: that of 16 roundings of every symbol and of the value itself.
    pub(super) fn evaluate(&self, point: &Point, mode: Option<usize>) -> Rounded {
        let value = self.0.evaluate(&Symbols::of(point, mode));
        if value.is_nan() {
            return Rounded { value, error: f64::INFINITY, undefined_at: 1 };
        }
        let mut moved = 0.0;
        let mut probe = |changed: &Point| {
            let change = (self.0.evaluate(&Symbols::of(changed, mode)) - value).abs() / PROBE;
            // a border of a formula in pieces is no rounding
            moved += if change.is_finite() { change } else { 0.0 };
        };
        let mut changed = point.clone();
        for place in 0..changed.shared.len() {
            let before = changed.shared[place];
            if before != 0.0 {
                changed.shared[place] = before * (1.0 + PROBE);
                probe(&changed);
                changed.shared[place] = before;
            }
        }
        // the modes of a total all at once; one mode symbol by symbol
        match mode {
            Some(mode) => {
                for place in 0..changed.modes.get(mode).map_or(0, |symbols| symbols.len()) {
                    let before = changed.modes[mode][place];
                    changed.modes[mode][place] = before * (1.0 + PROBE);
                    probe(&changed);
                    changed.modes[mode][place] = before;
                }
            }
            None => {
                for place in 0..super::OF_A_MODE {
                    changed.modes.iter_mut().for_each(|symbols| symbols[place] *= 1.0 + PROBE);
                    probe(&changed);
                    changed.modes.clone_from(&point.modes);
                }
            }
        }
        Rounded { value, error: ROUNDINGS * f64::EPSILON * (moved + value.abs()), undefined_at: 0 }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a function in Rust")
    }
}

/// Two functions are equal when they are the same one.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Expression, Scope};
    use super::*;

    fn point() -> Point {
        let mut point = Point::new(3);
        point.set(Symbol::LearningRate, 0.3);
        point.set(Symbol::Momentum, 0.7);
        for mode in 0..3 {
            point.set_of_mode(mode, Symbol::Curvature, 0.3 + 0.7 * mode as f64);
            point.set_of_mode(mode, Symbol::Noise, 1.1);
        }
        point
    }

    #[test]
    fn functions_and_expressions_have_the_same_values() {
        let point = point();
        let of_a_mode = Scope::of_a_mode(false);
        let text = Expression::parse("eta*noise/(2*h*(1 - beta)) / (1 - eta*h/(2*(1 + beta)))", &of_a_mode).unwrap();
        let function = Expression::function(Arc::new(|m: &Symbols<'_>| {
            m.eta * m.noise / (2.0 * m.h * (1.0 - m.beta)) / (1.0 - m.eta * m.h / (2.0 * (1.0 + m.beta)))
        }));
        for mode in 0..3 {
            let (a, b) = (text.evaluate(&point, Some(mode)), function.evaluate(&point, Some(mode)));
            assert!((a.value / b.value - 1.0).abs() < 1e-14);
            // estimates of the same rounding
            assert!(b.error > 0.3 * a.error && b.error < 300.0 * a.error, "{a:?} {b:?}");
        }
        assert_eq!(function.evaluate_modes(&point).len(), 3);
        let total = Expression::parse("sum(h*noise)", &Scope::of_a_total(false)).unwrap();
        let function = Expression::function(Arc::new(|m: &Symbols<'_>| m.sum(|q| q.h * q.noise)));
        assert!((total.evaluate(&point, None).value - function.evaluate(&point, None).value).abs() < 1e-14);
    }

    #[test]
    fn cancellation_shows_in_the_error_and_what_has_no_value_is_named() {
        let point = point();
        // 0.3 - 0.3 (1 + 1e-13): nothing but rounding
        let cancelling = Expression::function(Arc::new(|m: &Symbols<'_>| m.eta - m.h * (1.0 + 1e-13)));
        let found = cancelling.evaluate(&point, Some(0));
        assert!(found.error > 1e-15 && found.value.abs() < 1e-12, "{found:?}");
        let undefined = Expression::function(Arc::new(|m: &Symbols<'_>| (-m.h).sqrt())).evaluate(&point, Some(0));
        assert!(undefined.value.is_nan() && undefined.undefined_at == 1);
    }
}
