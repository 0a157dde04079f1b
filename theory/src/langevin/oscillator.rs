//! One eigendirection of the drift (6): the damped harmonic oscillator of F.2,
//! `x'' + 2 gamma x' + omega^2 x = 0`, gamma = (1-beta)/(eta (1+beta)), omega^2 = 2 h/(eta (1+beta)).
//!
//! ```text
//! e^{-S t} = [[a, g], [-omega^2 g, d]],   g = impulse response,   a = 1 - omega^2 int g,   d = g'
//! ```
//!
//! One set of formulas serves every damping: with lambda_1 = omega^2 / (gamma + alpha) and E(x) = (1 - e^{-x}) / x,
//! `g = t e^{-lambda_1 t} E(2 alpha t)`, `a = e^{-lambda_1 t} + lambda_1 g`, `d = e^{-lambda_2 t} - lambda_1 g`; there is
//! no overflow at large times and no cancellation near critical damping (alpha -> 0).

use crate::extended_precision::Extended;
use crate::hyperparameters::Hyperparameters;
use crate::time::Time;

/// Damping of one oscillator of the SDE.
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
    pub fn name(self) -> &'static str {
        match self {
            Self::Overdamped => "overdamped",
            Self::Critical => "critical",
            Self::Underdamped => "underdamped",
        }
    }
}

/// The oscillator of one eigendirection.
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
}

impl Oscillator {
    /// The oscillator of curvature h = rho + lambda >= 0.
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
        let difference = friction.minus(restoring).value();
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
        }
    }

    /// Friction gamma.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// Frequency of the undamped oscillator, omega.
    pub fn omega(&self) -> f64 {
        self.omega_squared.sqrt()
    }

    /// omega^2.
    pub fn omega_squared(&self) -> f64 {
        self.omega_squared
    }

    /// Damping ratio zeta = gamma / omega; infinite without curvature.
    pub fn zeta(&self) -> f64 {
        self.gamma / self.omega()
    }

    /// alpha = sqrt|gamma^2 - omega^2|.
    pub fn alpha(&self) -> f64 {
        self.discriminant.abs().sqrt()
    }

    /// Over-, critically or underdamped.
    pub fn damping(&self) -> Damping {
        self.damping
    }

    /// The slower of the two real rates, omega^2 / (gamma + alpha).
    fn slow_rate(&self) -> f64 {
        self.omega_squared / (self.gamma + self.alpha())
    }

    /// g(t): position after a unit kick of the velocity.
    pub(crate) fn impulse(&self, time: f64) -> f64 {
        if self.discriminant < 0.0 {
            let envelope = (-self.gamma * time).exp();
            // a phase beyond the range of doubles has no sine, and no envelope left either
            return if envelope > 0.0 { time * envelope * sinc(self.alpha() * time) } else { 0.0 };
        }
        let slow = (-self.slow_rate() * time).exp();
        let gap = 2.0 * self.alpha();
        if gap * time > 1.0 { slow * -(-gap * time).exp_m1() / gap } else { time * slow * relaxed_fraction(gap * time) }
    }

    /// e^{-S t}, row-major, acting on (position, velocity).
    pub fn propagator(&self, time: Time) -> [[f64; 2]; 2] {
        self.propagator_at(time.value())
    }

    pub(crate) fn propagator_at(&self, time: f64) -> [[f64; 2]; 2] {
        let impulse = self.impulse(time);
        let (position, velocity) = if self.discriminant >= 0.0 {
            let slow = self.slow_rate();
            let fast = self.gamma + self.alpha();
            ((-slow * time).exp() + slow * impulse, (-fast * time).exp() - slow * impulse)
        } else {
            let envelope = (-self.gamma * time).exp();
            let cosine = if envelope > 0.0 { envelope * (self.alpha() * time).cos() } else { 0.0 };
            (cosine + self.gamma * impulse, cosine - self.gamma * impulse)
        };
        [[position, impulse], [-self.omega_squared * impulse, velocity]]
    }

    /// int_0^t g, so that 1 - a(t) = omega^2 times it, without cancellation at small times.
    pub(crate) fn impulse_integral(&self, time: f64) -> f64 {
        let position = self.propagator_at(time)[0][0];
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
    if x < f64::EPSILON { 1.0 } else { -(-x).exp_m1() / x }
}

/// sin(x) / x with its limit 1 at 0.
fn sinc(x: f64) -> f64 {
    if x < 1e-8 { 1.0 } else { x.sin() / x }
}
