//! One eigendirection of the drift (6): the damped harmonic oscillator of F.2, with the impulse response g.
#![doc = langevin_equation::equation!(
    r"\ddot x + 2\gamma \dot x + \omega^2 x = 0, \qquad \gamma = \frac{1-\beta}{\eta (1+\beta)}, \qquad \omega^2 = \frac{2h}{\eta (1+\beta)},"
)]
#![doc = langevin_equation::equation!(
    r"e^{-S t} = \begin{pmatrix} a & g \\ -\omega^2 g & d \end{pmatrix}, \qquad a = 1 - \omega^2 \int_0^t g, \qquad d = \dot g."
)]
//! One set of formulas serves every damping: with lambda_1 = omega^2 / (gamma + alpha) and E(x) = (1 - e^{-x}) / x,
//! `g = t e^{-lambda_1 t} E(2 alpha t)`, `a = e^{-lambda_1 t} + lambda_1 g`, `d = e^{-lambda_2 t} - lambda_1 g`; there
//! is no overflow at large times and no cancellation near critical damping (alpha -> 0).

use langevin_equation::equation;

use crate::extended_precision::{Extended, Number};
use crate::hyperparameters::Hyperparameters;
use crate::time::Time;

/// Damping of one oscillator of the SDE.
///
/// Written with the hyperparameters, the border is
#[doc = equation!(r"\gamma = \omega \quad\Leftrightarrow\quad \eta h = \frac{(1-\beta)^2}{2(1+\beta)},")]
/// close to that of the recursion for beta near 1, twice too small at beta = 0 (erratum E31).
///
/// ```
/// use langevin_theory::Hyperparameters;
/// use langevin_theory::langevin::{Damping, Oscillator};
/// let sgd = Hyperparameters::new(1.0, 0.0, 0.0, 1).unwrap(); // the border is 1/2
/// let damping = |h| Oscillator::new(&sgd, h).damping();
/// assert_eq!([damping(0.4), damping(0.5)], [Damping::Overdamped, Damping::Critical]);
/// assert_eq!(damping(0.6), Damping::Underdamped);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damping {
    /// gamma > omega.
    Overdamped,
    /// gamma = omega.
    Critical,
    /// gamma < omega.
    Underdamped,
}

impl Damping {
    /// The name used in files and reports.
    ///
    /// ```
    /// # use langevin_theory::langevin::Damping;
    /// assert_eq!(Damping::Underdamped.name(), "underdamped");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Overdamped => "overdamped",
            Self::Critical => "critical",
            Self::Underdamped => "underdamped",
        }
    }
}

/// The oscillator of one eigendirection of the drift (6), without noise (F.2).
#[doc = equation!(
    r"\ddot x + 2\gamma \dot x + \omega^2 x = 0, \qquad \gamma = \frac{1-\beta}{\eta (1+\beta)}, \qquad \omega^2 = \frac{2h}{\eta (1+\beta)}."
)]
/// Its block of the drift, acting on (position, velocity), is (erratum E07)
#[doc = equation!(r"S = \begin{pmatrix} 0 & -1 \\ \omega^2 & 2\gamma \end{pmatrix}.")]
///
/// ```
/// use langevin_theory::langevin::{Damping, Oscillator};
/// use langevin_theory::{Hyperparameters, Time};
/// let sgd = Hyperparameters::new(0.01, 0.9, 0.0, 1).unwrap();
/// let oscillator = Oscillator::new(&sgd, 30.0);
/// assert_eq!(oscillator.damping(), Damping::Underdamped);
/// let [[a, _], [_, d]] = oscillator.propagator(Time::new(0.0).unwrap());
/// assert_eq!((a, d), (1.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Oscillator {
    gamma: f64,
    omega_squared: f64,
    /// gamma^2 - omega^2, to full relative precision.
    discriminant: f64,
    damping: Damping,
    /// gamma, omega^2 and alpha with 32 digits: after many periods a phase keeps no more digits than its frequency has
    /// beyond their number.
    extended: [Extended; 3],
}

impl Oscillator {
    /// The oscillator of curvature h = rho + lambda >= 0. The weight decay of the hyperparameters is not added.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::Oscillator};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 7.0, 1).unwrap();
    /// assert_eq!(Oscillator::new(&sgd, 1.0).omega_squared(), 4.0); // 2 h / eta
    /// ```
    pub fn new(sgd: &Hyperparameters, curvature: f64) -> Self {
        Self::with_curvature(sgd, Extended::from(curvature))
    }

    /// The oscillator of curvature rho + lambda, the sum taken without rounding.
    pub(crate) fn of_mode(sgd: &Hyperparameters, rho: f64) -> Self {
        Self::with_curvature(sgd, Extended::sum(rho, sgd.weight_decay()))
    }

    pub(crate) fn with_curvature(sgd: &Hyperparameters, curvature: Extended) -> Self {
        let one_minus = Extended::sum(1.0, -sgd.momentum());
        let inertia = Extended::sum(1.0, sgd.momentum()).times(Extended::from(sgd.learning_rate()));
        let restoring = inertia.times(curvature).scaled(2.0);
        let friction = one_minus.times(one_minus);
        let difference = friction.minus(restoring);
        let size = if difference.value() < 0.0 { -difference } else { difference };
        let extended = [one_minus, curvature.scaled(2.0), size.root()].map(|numerator| numerator / inertia);
        let difference = difference.value();
        let inertia = inertia.value();
        let damping = if difference.abs() <= 4.0 * f64::EPSILON * f64::EPSILON * friction.value() {
            Damping::Critical
        } else if difference > 0.0 {
            Damping::Overdamped
        } else {
            Damping::Underdamped
        };
        Self {
            gamma: one_minus.value() / inertia,
            omega_squared: 2.0 * curvature.value() / inertia,
            discriminant: difference / (inertia * inertia),
            damping,
            extended,
        }
    }

    /// Friction, per unit of time,
    #[doc = equation!(r"\gamma = \frac{1-\beta}{\eta (1+\beta)}.")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::Oscillator};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    /// assert_eq!(Oscillator::new(&sgd, 1.0).gamma(), 2.0);
    /// ```
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// Angular frequency of the undamped oscillator, per unit of time,
    #[doc = equation!(r"\omega = \sqrt{\frac{2h}{\eta (1+\beta)}}.")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::Oscillator};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    /// // erratum E21
    /// assert_eq!(Oscillator::new(&sgd, 4.0).omega(), 2.0 * Oscillator::new(&sgd, 1.0).omega());
    /// ```
    pub fn omega(&self) -> f64 {
        self.omega_squared.sqrt()
    }

    /// omega^2, per unit of time squared.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::Oscillator};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    /// assert_eq!(Oscillator::new(&sgd, 1.0).omega_squared(), 4.0);
    /// ```
    pub fn omega_squared(&self) -> f64 {
        self.omega_squared
    }

    /// Damping ratio, without unit; infinite without curvature,
    #[doc = equation!(r"\zeta = \frac{\gamma}{\omega} = \frac{1-\beta}{\sqrt{2 \eta (1+\beta) h}}.")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::Oscillator};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    /// assert_eq!(Oscillator::new(&sgd, 0.25).zeta(), 2.0);
    /// assert_eq!(Oscillator::new(&sgd, 0.0).zeta(), f64::INFINITY);
    /// ```
    pub fn zeta(&self) -> f64 {
        self.gamma / self.omega()
    }

    /// The rate that splits the two roots, per unit of time: a decay rate if overdamped, an angular frequency if
    /// underdamped,
    #[doc = equation!(r"\alpha = \sqrt{\lvert \gamma^2 - \omega^2 \rvert}.")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::Oscillator};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    /// assert_eq!(Oscillator::new(&sgd, 2.0).alpha(), 2.0); // |4 - 8|
    /// ```
    pub fn alpha(&self) -> f64 {
        self.discriminant.abs().sqrt()
    }

    /// Over-, critically or underdamped.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::{Damping, Oscillator}};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    /// assert_eq!(Oscillator::new(&sgd, 1.0).damping(), Damping::Critical);
    /// ```
    pub fn damping(&self) -> Damping {
        self.damping
    }

    /// The slower of the two real rates, omega^2 / (gamma + alpha).
    fn slow_rate(&self) -> f64 {
        self.omega_squared / (self.gamma + self.alpha())
    }

    /// e^{-gamma t} times the cosine and the sine of alpha t; underdamped only.
    fn oscillation(&self, time: Extended) -> [f64; 2] {
        let envelope = (-self.gamma * time.value()).exp();
        // a phase beyond the range of doubles has no sine, and no envelope left either
        if envelope <= 0.0 {
            return [0.0, 0.0];
        }
        let (sine, cosine) = reduced_phase(self.extended[2] * time).sin_cos();
        [envelope * cosine, envelope * sine]
    }

    /// g(t): position after a unit kick of the velocity.
    pub(crate) fn impulse(&self, time: f64) -> f64 {
        self.impulse_after(Extended::from(time))
    }

    fn impulse_after(&self, long: Extended) -> f64 {
        let time = long.value();
        if self.discriminant < 0.0 {
            // sin(x) / x is 1 to rounding below 1e-8
            let short = self.alpha() * time < 1e-8;
            return if short { time * (-self.gamma * time).exp() } else { self.oscillation(long)[1] / self.alpha() };
        }
        let slow = (-self.slow_rate() * time).exp();
        let gap = 2.0 * self.alpha();
        if gap * time > 1.0 { slow * -(-gap * time).exp_m1() / gap } else { time * slow * relaxed_fraction(gap * time) }
    }

    /// The propagator over a time, 2 x 2, row-major, acting on (position, velocity), with the impulse response g,
    #[doc = equation!(
        r"e^{-S t} = \begin{pmatrix} 1 - \omega^2 \int_0^t g & g \\ -\omega^2 g & \dot g \end{pmatrix}, \qquad g(t) = e^{-\gamma t}\, \frac{\sin \alpha t}{\alpha}"
    )]
    /// with sinh for sin if overdamped, and g = t e^{-gamma t} at critical damping.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Time, langevin::Oscillator};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap(); // gamma = omega = 2 at h = 1
    /// let [[a, g], [c, d]] = Oscillator::new(&sgd, 1.0).propagator(Time::new(0.5).unwrap());
    /// // [[1 + gamma t, t], [-omega^2 t, 1 - gamma t]] e^{-gamma t}
    /// for (found, expected) in [(a, 2.0), (g, 0.5), (c, -2.0), (d, 0.0)] {
    ///     assert!((found - expected * (-1.0_f64).exp()).abs() < 1e-15);
    /// }
    /// ```
    pub fn propagator(&self, time: Time) -> [[f64; 2]; 2] {
        self.propagator_at(time.value())
    }

    pub(crate) fn propagator_at(&self, time: f64) -> [[f64; 2]; 2] {
        self.propagator_after(Extended::from(time))
    }

    /// The propagator over a time that is not a double: a product of a learning rate and a number of steps.
    pub(crate) fn propagator_after(&self, long: Extended) -> [[f64; 2]; 2] {
        let impulse = self.impulse_after(long);
        let time = long.value();
        let (position, velocity) = if self.discriminant >= 0.0 {
            let slow = self.slow_rate();
            let fast = self.gamma + self.alpha();
            ((-slow * time).exp() + slow * impulse, (-fast * time).exp() - slow * impulse)
        } else {
            let [cosine, _] = self.oscillation(long);
            (cosine + self.gamma * impulse, cosine - self.gamma * impulse)
        };
        [[position, impulse], [-self.omega_squared * impulse, velocity]]
    }

    /// int_0^t g, so that 1 - a(t) = omega^2 times it, without cancellation at small times.
    pub(crate) fn impulse_integral(&self, time: f64) -> f64 {
        self.impulse_integral_after(Extended::from(time))
    }

    pub(crate) fn impulse_integral_after(&self, long: Extended) -> f64 {
        let time = long.value();
        let position = self.propagator_after(long)[0][0];
        if position < 0.5 {
            return (1.0 - position) / self.omega_squared;
        }
        let (mut short, doublings) = halvings(time, self.rate());
        let series = self.impulse_series();
        let mut integral = (0..TERMS).rev().fold(0.0, |sum, n| sum * short + series[n] / (n + 1) as f64) * short;
        for _ in 0..doublings {
            let impulse = self.impulse(short);
            integral = integral * (2.0 - self.omega_squared * integral) + impulse * impulse;
            short *= 2.0;
        }
        integral
    }

    /// The propagator over a time, 2 x 2, with 32 digits: a Taylor series at a short time, then squarings, each of which
    /// doubles the relative error. `None` for a time so long that fewer digits than a double's would be left.
    pub(crate) fn extended_propagator(&self, time: f64) -> Option<[[Extended; 2]; 2]> {
        const MOST_SQUARINGS: u32 = 40;
        const EXTENDED_TERMS: usize = 22;
        let (short, squarings) = halvings(time, self.rate());
        if squarings > MOST_SQUARINGS || !self.rate().is_finite() {
            return None;
        }
        let [gamma, omega_squared, _] = self.extended;
        let short = Extended::from(short);
        // g and its integral from the terms of g, which have a scale where powers of the time have none; d = a - 2 gamma g
        let (friction, restoring) = (gamma.scaled(2.0) * short, omega_squared * short * short);
        let (mut before, mut term) = (Extended::from(0.0), short);
        let (mut impulse, mut integral) = (Extended::from(0.0), Extended::from(0.0));
        for n in 1..EXTENDED_TERMS {
            let (order, next_order) = (Extended::from(n as f64), Extended::from((n + 1) as f64));
            impulse += term;
            integral += term * short / next_order;
            let next = -(friction * order * term + restoring * before) / (order * next_order);
            (before, term) = (term, next);
        }
        let position = Extended::from(1.0) - omega_squared * integral;
        let velocity = position - gamma.scaled(2.0) * impulse;
        let mut step = [[position, impulse], [-(omega_squared * impulse), velocity]];
        for _ in 0..squarings {
            step = multiply(&step, &step);
        }
        Some(step)
    }

    /// A rate that bounds both gamma and omega.
    pub(crate) fn rate(&self) -> f64 {
        f64::max(2.0 * self.gamma, self.omega())
    }

    /// Taylor coefficients of g at 0.
    pub(crate) fn impulse_series(&self) -> [f64; TERMS] {
        let mut series = [0.0; TERMS];
        series[1] = 1.0;
        for n in 0..TERMS - 2 {
            let order = (n + 1) as f64;
            series[n + 2] =
                -(2.0 * self.gamma * order * series[n + 1] + self.omega_squared * series[n]) / (order * (order + 1.0));
        }
        series
    }
}

/// Terms of the Taylor series used below `rate * t = 1/16`.
pub(crate) const TERMS: usize = 14;

/// The time halved until `rate * t <= 1/16`, and how often.
pub(crate) fn halvings(time: f64, rate: f64) -> (f64, u32) {
    let mut short = time;
    let mut count = 0;
    while short * rate > 0.0625 {
        short *= 0.5;
        count += 1;
    }
    (short, count)
}

/// (1 - e^{-x}) / x with its limit 1 at 0.
fn relaxed_fraction(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { -(-x).exp_m1() / x }
}

/// The product of two 2 x 2 matrices.
pub(crate) fn multiply(left: &[[Extended; 2]; 2], right: &[[Extended; 2]; 2]) -> [[Extended; 2]; 2] {
    std::array::from_fn(|i| std::array::from_fn(|j| left[i][0] * right[0][j] + left[i][1] * right[1][j]))
}

/// A phase less the nearest multiple of 2 pi, taken with 32 digits, as a double.
fn reduced_phase(phase: Extended) -> f64 {
    // the nearest double to 2 pi, and what it lacks
    let turn = Extended::sum(std::f64::consts::TAU, 2.449_293_598_294_706_4e-16);
    let turns = (phase.value() / std::f64::consts::TAU).round();
    (phase - Extended::from(turns) * turn).value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oscillator(eta: f64, beta: f64, h: f64) -> Oscillator {
        Oscillator::new(&Hyperparameters::new(eta, beta, 0.0, 1).unwrap(), h)
    }

    /// gamma = omega = 1 at t = 1: e^{-1} [[2, 1], [-1, 0]], with 30 digits.
    #[test]
    fn critical_damping_to_30_digits() {
        // the nearest double to e, and what it lacks
        let e = Extended::sum(std::f64::consts::E, 1.445_646_891_729_250_2e-16);
        let step = oscillator(1.0, 0.0, 0.5).extended_propagator(1.0).unwrap();
        for (row, expected) in step.iter().zip([[2.0, 1.0], [-1.0, 0.0]]) {
            for (&entry, expected) in row.iter().zip(expected) {
                assert!((entry * e - Extended::from(expected)).value().abs() < 1e-30, "{row:?}");
            }
        }
    }

    /// Without curvature g = (1 - e^{-2 gamma t}) / (2 gamma): g_n = (-2 gamma)^{n-1} / n!, 2 gamma = 2.
    #[test]
    fn the_series_of_free_motion_is_that_of_the_exponential() {
        let mut expected = 1.0;
        for (n, found) in oscillator(1.0, 0.0, 0.0).impulse_series().into_iter().enumerate().skip(1) {
            assert!((found / expected - 1.0).abs() < 1e-14, "{n}: {found} {expected}");
            expected *= -2.0 / (n + 1) as f64;
        }
    }

    /// det e^{-S t} = e^{-2 gamma t}, and it commutes with S, at every damping.
    #[test]
    fn invariants_of_the_propagator_to_29_digits() {
        let e = Extended::sum(std::f64::consts::E, 1.445_646_891_729_250_2e-16);
        // gamma = 1, omega^2 = 2 h, t = 1
        for h in [0.0, 0.125, 0.5, 2.0, 32.0] {
            let [[a, g], [c, d]] = oscillator(1.0, 0.0, h).extended_propagator(1.0).unwrap();
            let rests = [(a * d - g * c) * e * e - Extended::from(1.0), c + g.scaled(2.0 * h), a - d - g.scaled(2.0)];
            assert!(rests.iter().all(|rest| rest.value().abs() < 1e-29), "{h}: {rests:?}");
        }
    }

    /// With omega = 1 and hardly any friction: after 10^10 radians the squarings agree with the closed form, after 10^18
    /// none of their digits would be right.
    #[test]
    fn squarings_end_where_digits_do() {
        let beta = 1.0 - f64::exp2(-40.0);
        let oscillator = oscillator(1.0, beta, 0.5 * (1.0 + beta));
        for power in [-3, 0, 10, 36] {
            let time = f64::exp2(f64::from(power));
            let (found, expected) = (oscillator.extended_propagator(time).unwrap(), oscillator.propagator_at(time));
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                assert!((found.value() - expected).abs() < 1e-14, "2^{power}: {found:?} {expected}");
            }
        }
        assert!(oscillator.extended_propagator(f64::exp2(60.0)).is_none());
    }
}
