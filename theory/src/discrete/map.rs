//! The deterministic part of one eigendirection: the map M, its regime and its powers (errata section 5, items 1, 2).
#![doc = langevin_equation::equation!(
    r"M = \begin{pmatrix} 1-u & \eta\beta \\ -h & \beta \end{pmatrix}, \qquad M^n = \begin{pmatrix} A_n & \eta\beta U_n \\ -h U_n & B_n \end{pmatrix}, \qquad u = \eta h,"
)]
#![doc = langevin_equation::equation!(
    r"A_n = U_{n+1} - \beta U_n = 1 - u W_n, \qquad B_n = \beta (U_n - U_{n-1}), \qquad W_n = U_1 + \dots + U_n,"
)]
#![doc = langevin_equation::equation!(
    r"U_0 = 0, \qquad U_1 = 1, \qquad U_{n+1} = T U_n - \beta U_{n-1}, \qquad T = 1 + \beta - u."
)]
//! `U_n` comes from logarithms of the roots, so its relative error does not grow with n; `W_n` from
//! `W_{2n} = W_n (2 - u W_n) + b U_n^2`, which has no cancellation when `u n` is tiny (and from `(1 - A_n) / u` where
//! T < 0).

use langevin_equation::equation;

use crate::extended_precision::Extended;

/// Character of the two roots of the map (erratum E31).
///
/// In units of u = eta h, the borders are
#[doc = equation!(r"(1 - \sqrt\beta)^2, \qquad (1 + \sqrt\beta)^2, \qquad 2(1+\beta).")]
///
/// ```
/// use langevin_theory::discrete::{ModeMap, Regime};
/// // beta = 1/4: the borders are 1/4, 9/4, 5/2
/// let regime = |u: f64| ModeMap::new(u, 0.25, 1.0).regime();
/// assert_eq!(
///     [regime(0.2), regime(0.25), regime(1.0)],
///     [Regime::Overdamped, Regime::Critical, Regime::Underdamped]
/// );
/// assert_eq!([regime(2.4), regime(2.5)], [Regime::Alternating, Regime::Unstable]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Regime {
    /// Two distinct positive roots: eta h < (1 - sqrt(beta))^2.
    Overdamped,
    /// A double root.
    Critical,
    /// A complex pair: (1 - sqrt(beta))^2 < eta h < (1 + sqrt(beta))^2.
    Underdamped,
    /// Two distinct negative roots: the mean flips its sign every step.
    Alternating,
    /// eta h is not inside (0, 2 (1 + beta)).
    Unstable,
}

impl Regime {
    /// The name used in files and reports.
    ///
    /// ```
    /// # use langevin_theory::discrete::Regime;
    /// assert_eq!(Regime::Alternating.name(), "alternating");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Overdamped => "overdamped",
            Self::Critical => "critical",
            Self::Underdamped => "underdamped",
            Self::Alternating => "alternating",
            Self::Unstable => "unstable",
        }
    }
}

/// Powers of the map of one eigendirection (errata section 5, items 1 and 2), acting on (position, velocity).
#[doc = equation!(
    r"M = \begin{pmatrix} 1-u & \eta\beta \\ -h & \beta \end{pmatrix}, \qquad u = \eta h, \qquad M^n = \begin{pmatrix} U_{n+1} - \beta U_n & \eta\beta U_n \\ -h U_n & \beta (U_n - U_{n-1}) \end{pmatrix},"
)]
#[doc = equation!(r"U_0 = 0, \qquad U_1 = 1, \qquad U_{n+1} = T U_n - \beta U_{n-1}, \qquad T = 1 + \beta - u.")]
///
/// ```
/// use langevin_theory::discrete::{ModeMap, Regime};
/// let map = ModeMap::new(0.1, 0.9, 1.0);
/// assert_eq!(map.regime(), Regime::Underdamped);
/// assert!((map.impulse(2) - 1.8).abs() < 1e-14); // U_2 = T = 1 + 0.9 - 0.1
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ModeMap {
    learning_rate: f64,
    momentum: f64,
    curvature: f64,
    /// u = eta h.
    rate_times_curvature: f64,
    /// 2 (1 + b) - u, to full relative precision.
    edge_distance: f64,
    /// T^2 - 4 b, to full relative precision.
    discriminant: f64,
    trace: f64,
    regime: Regime,
}

/// `(M^n)` split into its three functions of n.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapPower {
    /// A_n, upper left.
    pub(crate) position: f64,
    /// U_n.
    pub(crate) impulse: f64,
    /// B_n, lower right.
    pub(crate) velocity: f64,
}

impl ModeMap {
    /// The map for a learning rate, a momentum in [0, 1) and a curvature h = rho + lambda (any finite number).
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// let map = ModeMap::new(0.1, 0.9, 2.0 + 0.5); // rho = 2, lambda = 1/2
    /// assert_eq!(map.rate_times_curvature(), 0.25);
    /// ```
    pub fn new(learning_rate: f64, momentum: f64, curvature: f64) -> Self {
        Self::with_curvature(learning_rate, momentum, Extended::from(curvature))
    }

    /// The map of a curvature that is not a double (a sum rho + lambda, an eigenvalue): close to the stability edge its
    /// rounding would move the distance to the edge.
    pub(crate) fn with_curvature(learning_rate: f64, momentum: f64, curvature: Extended) -> Self {
        let rate_times_curvature = Extended::from(learning_rate).times(curvature);
        let curvature = curvature.value();
        let one_plus_b = Extended::sum(1.0, momentum);
        let twice_root = Extended::square_root(momentum).scaled(2.0);
        let edge_distance = one_plus_b.scaled(2.0).minus(rate_times_curvature).value();
        // (1 -+ sqrt b)^2 - u; their product is T^2 - 4b
        let lower = one_plus_b.minus(twice_root).minus(rate_times_curvature).value();
        let upper = one_plus_b.plus(twice_root).minus(rate_times_curvature).value();
        let u = rate_times_curvature.value();
        let rounding = 4.0 * f64::EPSILON * f64::max(u.abs(), f64::EPSILON);
        let regime = if !(u > 0.0 && edge_distance > 0.0) {
            Regime::Unstable
        } else if lower.abs() <= rounding || upper.abs() <= rounding {
            Regime::Critical
        } else if lower > 0.0 {
            Regime::Overdamped
        } else if upper > 0.0 {
            Regime::Underdamped
        } else {
            Regime::Alternating
        };
        Self {
            learning_rate,
            momentum,
            curvature,
            rate_times_curvature: u,
            edge_distance,
            discriminant: lower * upper,
            trace: one_plus_b.minus(rate_times_curvature).value(),
            regime,
        }
    }

    /// Learning rate eta: time per step.
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert_eq!(ModeMap::new(0.1, 0.9, 2.0).learning_rate(), 0.1);
    /// ```
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// Momentum beta, without unit.
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert_eq!(ModeMap::new(0.1, 0.9, 2.0).momentum(), 0.9);
    /// ```
    pub fn momentum(&self) -> f64 {
        self.momentum
    }

    /// Curvature h = rho + lambda.
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert_eq!(ModeMap::new(0.1, 0.9, 2.0).curvature(), 2.0);
    /// ```
    pub fn curvature(&self) -> f64 {
        self.curvature
    }

    /// u = eta h, without unit.
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert_eq!(ModeMap::new(0.1, 0.9, 2.0).rate_times_curvature(), 0.2);
    /// ```
    pub fn rate_times_curvature(&self) -> f64 {
        self.rate_times_curvature
    }

    /// Distance to the stability edge, to full relative precision, without unit,
    #[doc = equation!(r"2(1+\beta) - \eta h.")]
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert_eq!(ModeMap::new(0.5, 0.5, 1.0).edge_distance(), 2.5);
    /// ```
    pub fn edge_distance(&self) -> f64 {
        self.edge_distance
    }

    /// Character of the roots.
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeMap, Regime};
    /// // plain SGD never oscillates
    /// assert_eq!(ModeMap::new(0.5, 0.0, 1.0).regime(), Regime::Overdamped);
    /// ```
    pub fn regime(&self) -> Regime {
        self.regime
    }

    /// Whether the mean converges:
    #[doc = equation!(r"0 < \eta h < 2(1+\beta).")]
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert!(
    ///     ModeMap::new(0.1, 0.9, 37.9).is_stable() && !ModeMap::new(0.1, 0.9, 38.1).is_stable()
    /// );
    /// ```
    pub fn is_stable(&self) -> bool {
        self.regime != Regime::Unstable
    }

    /// The two eigenvalues of M as `[real, imaginary]`, 2 x 2; the larger real part (or positive imaginary part) first,
    #[doc = equation!(r"r_\pm = \tfrac12 \left( T \pm \sqrt{T^2 - 4\beta} \right), \qquad T = 1 + \beta - \eta h.")]
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// let [[re, im], second] = ModeMap::new(0.5, 0.5, 1.0).roots(); // T = 1, T^2 - 4 beta = -1
    /// assert!(re == 0.5 && (im - 0.5).abs() < 1e-15 && second == [re, -im]);
    /// ```
    pub fn roots(&self) -> [[f64; 2]; 2] {
        if self.discriminant < 0.0 {
            let imaginary = 0.5 * (-self.discriminant).sqrt();
            [[0.5 * self.trace, imaginary], [0.5 * self.trace, -imaginary]]
        } else {
            let large = 0.5 * (self.trace.abs() + self.discriminant.sqrt());
            let small = if large > 0.0 { self.momentum / large } else { 0.0 };
            if self.trace >= 0.0 { [[large, 0.0], [small, 0.0]] } else { [[-small, 0.0], [-large, 0.0]] }
        }
    }

    /// Largest modulus of the roots: the factor by which the mean shrinks per step. It is sqrt(beta) where they are
    /// complex.
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert_eq!(ModeMap::new(0.5, 0.25, 1.0).spectral_radius(), 0.5);
    /// // beta = 0: |1 - u|
    /// assert!((ModeMap::new(0.5, 0.0, 1.5).spectral_radius() - 0.25).abs() < 1e-15);
    /// ```
    pub fn spectral_radius(&self) -> f64 {
        if self.discriminant < 0.0 { self.momentum.sqrt() } else { self.log_radius().exp() }
    }

    /// Distance of the dominant root to +-1 along the real axis enters through this: u when T >= 0, 2(1+b) - u else.
    fn effective_rate(&self) -> f64 {
        if self.trace >= 0.0 { self.rate_times_curvature } else { self.edge_distance }
    }

    /// log of the larger modulus; real roots only.
    fn log_radius(&self) -> f64 {
        let rate = self.effective_rate();
        let root = self.discriminant.max(0.0).sqrt();
        let deficit = 2.0 * rate / (1.0 - self.momentum + rate + root);
        if deficit.abs() <= 0.5 { (-deficit).ln_1p() } else { (0.5 * (self.trace.abs() + root)).ln() }
    }

    /// psi with sinh(psi) = sqrt(T^2 - 4b) / (2 sqrt b): half the log of the ratio of the (real) roots.
    fn half_log_ratio(&self) -> f64 {
        let separation = self.discriminant.max(0.0).sqrt();
        if separation > 0.0 { (separation / (2.0 * self.momentum.sqrt())).asinh() } else { 0.0 }
    }

    /// (-1)^(n-1) where T < 0, else 1.
    fn sign(&self, n: u64) -> f64 {
        if self.trace >= 0.0 || n % 2 == 1 { 1.0 } else { -1.0 }
    }

    /// The position, in units of eta, n steps after a unit kick of the velocity (n in steps),
    #[doc = equation!(r"U_n = \frac{r_+^n - r_-^n}{r_+ - r_-}.")]
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// let map = ModeMap::new(0.5, 0.5, 1.0); // U_{n+1} = U_n - U_{n-1} / 2
    /// for (n, expected) in [0.0, 1.0, 1.0, 0.5, 0.0, -0.25].into_iter().enumerate() {
    ///     assert!((map.impulse(n as u64) - expected).abs() < 1e-15);
    /// }
    /// ```
    pub fn impulse(&self, n: u64) -> f64 {
        if n < 2 {
            return n as f64;
        }
        let count = n as f64;
        let magnitude = if self.discriminant < 0.0 {
            let phase = (-self.discriminant).sqrt().atan2(self.trace.abs());
            let log_modulus = 0.5 * self.momentum.ln();
            // the root of the smallest double is 1e-162: the phase is no subnormal number
            ((count - 1.0) * log_modulus).exp() * ((count * phase).sin() / phase.sin())
        } else {
            ((count - 1.0) * self.log_radius()).exp() * geometric_ratio(count, 2.0 * self.half_log_ratio())
        };
        self.sign(n) * magnitude
    }

    /// U_n - U_{n-1} for n >= 1: the velocity n steps after a unit kick.
    pub(crate) fn impulse_difference(&self, n: u64) -> f64 {
        let separation = self.discriminant.max(0.0).sqrt();
        let rate = self.rate_times_curvature;
        let half = 0.5 * (1.0 - self.momentum + rate + separation);
        // the spectral form has an error of half / separation roundings, the difference one of about n
        if n >= 2 && self.trace >= 0.0 && n as f64 * separation >= half {
            // the slow root contributes its small deficit, not a difference of nearly equal numbers
            let (slow_deficit, fast_deficit) = (rate / half, half);
            let log_slow = self.log_radius();
            let power = (n - 1) as f64;
            let slow = (power * log_slow).exp();
            let fast = (power * (log_slow - 2.0 * self.half_log_ratio())).exp();
            return (fast_deficit * fast - slow_deficit * slow) / separation;
        }
        self.impulse(n) - self.impulse(n.saturating_sub(1))
    }

    /// The sum of impulses over the first n steps,
    #[doc = equation!(r"W_n = \sum_{j=1}^{n} U_j = \frac{1 - U_{n+1} + \beta U_n}{\eta h},")]
    /// without the cancellation of the closed form when u n is tiny; n without curvature at beta = 0.
    ///
    /// ```
    /// # use langevin_theory::discrete::ModeMap;
    /// assert!((ModeMap::new(0.5, 0.5, 1.0).impulse_sum(3) - 2.5).abs() < 1e-15); // 1 + 1 + 1/2
    /// assert_eq!(ModeMap::new(0.5, 0.0, 0.0).impulse_sum(1000), 1000.0);
    /// ```
    pub fn impulse_sum(&self, n: u64) -> f64 {
        if self.is_alternating() {
            return self.oscillating_sum(n);
        }
        let mut walk = Walk::start(self);
        for bit in bits(n) {
            walk.double();
            if bit {
                walk.advance();
            }
        }
        walk.sum
    }

    /// W_n where the roots have negative real parts: u is of order one, so 1 - A_n does not cancel, while doubling
    /// would amplify rounding errors (A_n is far above 1 in between).
    fn oscillating_sum(&self, n: u64) -> f64 {
        (1.0 - (self.impulse(n.saturating_add(1)) - self.momentum * self.impulse(n))) / self.rate_times_curvature
    }

    /// The three functions of n that make up M^n, given W_n.
    fn power_with_sum(&self, n: u64, sum: f64) -> MapPower {
        let impulse = self.impulse(n);
        let by_sum = self.rate_times_curvature * sum;
        let position = if by_sum.abs() <= 0.5 {
            1.0 - by_sum
        } else {
            self.impulse(n.saturating_add(1)) - self.momentum * impulse
        };
        let velocity = if n == 0 { 1.0 } else { self.momentum * self.impulse_difference(n) };
        MapPower { position, impulse, velocity }
    }

    /// M^n.
    pub(crate) fn power(&self, n: u64) -> MapPower {
        self.power_with_sum(n, self.impulse_sum(n))
    }

    /// M^n as a row-major 2 x 2 matrix acting on (position, velocity), n in steps.
    ///
    /// ```
    /// use langevin_theory::discrete::ModeMap;
    /// let [[a, b], [c, d]] = ModeMap::new(0.5, 0.5, 1.0).matrix_power(1);
    /// assert!((a - 0.5).abs() < 1e-15 && (b, c, d) == (0.25, -1.0, 0.5));
    /// ```
    pub fn matrix_power(&self, n: u64) -> [[f64; 2]; 2] {
        let power = self.power(n);
        [
            [power.position, self.learning_rate * self.momentum * power.impulse],
            [-self.curvature * power.impulse, power.velocity],
        ]
    }

    /// Whether the roots have negative real parts: the mean changes its sign every step.
    pub(crate) fn is_alternating(&self) -> bool {
        self.trace < 0.0
    }

    /// The map whose roots have the opposite sign: u and 2 (1 + b) - u change places.
    pub(crate) fn mirrored(&self) -> Self {
        Self {
            rate_times_curvature: self.edge_distance,
            edge_distance: self.rate_times_curvature,
            trace: -self.trace,
            ..*self
        }
    }

    /// Sums over j = 1..=n of U_j^2, U_j d_j and d_j^2 with d_j = U_j - U_{j-1}: the covariance of
    /// (position / eta, velocity) after n steps of unit noise from a fixed start (errata section 5, item 6).
    pub(crate) fn noise_sums(&self, n: u64) -> [f64; 3] {
        if self.is_alternating() {
            // U_n = (-1)^(n-1) U'_n of the map with trace -T, where doubling does not amplify rounding errors
            let [xx, xv, vv] = self.mirrored().noise_sums(n);
            return [xx, 2.0 * xx - xv, vv + 4.0 * (xx - xv)];
        }
        let mut walk = Walk::start(self);
        let mut sums = [0.0; 3];
        for bit in bits(n) {
            let power = self.power_with_sum(walk.steps, walk.sum);
            let (a, c) = (power.position, self.momentum * power.impulse);
            let (l, m) = (-self.rate_times_curvature * power.impulse, power.velocity);
            let [xx, xv, vv] = sums;
            sums = [
                xx + (a * a * xx + 2.0 * a * c * xv + c * c * vv),
                xv + (a * l * xx + (a * m + c * l) * xv + c * m * vv),
                vv + (l * l * xx + 2.0 * l * m * xv + m * m * vv),
            ];
            walk.double();
            if bit {
                walk.advance();
                let (x, v) = (self.impulse(walk.steps), self.impulse_difference(walk.steps));
                sums = [sums[0] + x * x, sums[1] + x * v, sums[2] + v * v];
            }
        }
        sums
    }
}

/// W_n along the binary digits of n, for T >= 0.
struct Walk<'a> {
    map: &'a ModeMap,
    steps: u64,
    sum: f64,
}

impl<'a> Walk<'a> {
    fn start(map: &'a ModeMap) -> Self {
        Self { map, steps: 0, sum: 0.0 }
    }

    /// n -> 2n.
    fn double(&mut self) {
        let impulse = self.map.impulse(self.steps);
        self.sum = self.sum * (2.0 - self.map.rate_times_curvature * self.sum) + self.map.momentum * impulse * impulse;
        self.steps *= 2;
    }

    /// n -> n + 1.
    fn advance(&mut self) {
        self.steps += 1;
        self.sum += self.map.impulse(self.steps);
    }
}

/// Binary digits, most significant first.
fn bits(n: u64) -> impl Iterator<Item = bool> {
    (0..u64::BITS - n.leading_zeros()).rev().map(move |place| n >> place & 1 == 1)
}

/// (1 - e^{-n x}) / (1 - e^{-x}) for x >= 0, with its limit n at x = 0.
fn geometric_ratio(n: f64, x: f64) -> f64 {
    if x <= f64::MIN_POSITIVE { n } else { (-n * x).exp_m1() / (-x).exp_m1() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T = 0: roots on the imaginary axis, +-i sqrt(b), have no negative real part.
    #[test]
    fn an_imaginary_pair_does_not_alternate() {
        let map = |u: f64| ModeMap::new(1.0, 0.5, u);
        assert_eq!([1.25, 1.5, 1.75].map(|u| map(u).is_alternating()), [false, false, true]);
    }

    /// T -> -T changes the sign of both roots, and once more changes nothing.
    #[test]
    fn the_mirrored_map_has_the_roots_of_the_other_sign() {
        let map = ModeMap::new(0.5, 0.25, 4.75); // u = 2.375, and 0.125 to the edge
        let mirrored = map.mirrored();
        assert_eq!((map.rate_times_curvature(), map.edge_distance()), (2.375, 0.125));
        assert_eq!((mirrored.rate_times_curvature(), mirrored.edge_distance()), (0.125, 2.375));
        let ([first, second], [high, low]) = (map.roots(), mirrored.roots());
        assert_eq!((first[0], second[0]), (-low[0], -high[0]));
    }
}
