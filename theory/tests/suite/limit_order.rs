//! The limit column: how fast each prediction of the SDE meets the recursion as eta h -> 0, at fixed momentum. The truth is
//! the moment recursion itself, iterated; no closed form, no random numbers. Declared orders are asserted.

use langevin_theory::langevin::LangevinMode;
use langevin_theory::{Hyperparameters, Steps, Time};

/// The recursion for one direction with h = 1 and unit noise per step.
struct Recursion {
    eta: f64,
    beta: f64,
}

impl Recursion {
    fn step(&self, [x, v]: [f64; 2]) -> [f64; 2] {
        let v = self.beta * v - x;
        [x + self.eta * v, v]
    }

    /// E x^2, E x v, E v^2, iterated until nothing changes.
    fn stationary(&self) -> [f64; 3] {
        let [mut p, mut c, mut v] = [0.0_f64; 3];
        for _ in 0..5_000_000 {
            let velocity = self.beta * self.beta * v - 2.0 * self.beta * c + p + 1.0;
            let ahead = self.beta * c - p;
            let next = p + 2.0 * self.eta * ahead + self.eta * self.eta * velocity;
            let moved = (next - p).abs();
            c = ahead + self.eta * velocity;
            v = velocity;
            p = next;
            if moved <= 1e-18 * p {
                break;
            }
        }
        [p, c, v]
    }

    /// E z_k z_0^T from the stationary state.
    fn lagged(&self, steps: u64) -> [[f64; 2]; 2] {
        let [p, c, v] = self.stationary();
        let mut columns = [[p, c], [c, v]];
        for _ in 0..steps {
            columns = columns.map(|column| self.step(column));
        }
        [[columns[0][0], columns[1][0]], [columns[0][1], columns[1][1]]]
    }

    /// The mean from (1, 0).
    fn mean(&self, steps: u64) -> [f64; 2] {
        (0..steps).fold([1.0, 0.0], |state, _| self.step(state))
    }
}

/// A fixed time that is a whole number of steps at every learning rate used.
const TIME: f64 = 0.75;

/// Error of a prediction, relative to the truth (or to its scale where the prediction is zero).
type ErrorOf = fn(&Recursion, &LangevinMode) -> f64;

fn relative(found: f64, truth: f64) -> f64 {
    (found / truth - 1.0).abs()
}

fn steps_of(recursion: &Recursion) -> u64 {
    (TIME / recursion.eta).round() as u64
}

fn time() -> Time {
    Time::new(TIME).unwrap()
}

/// Every prediction with the order in eta h at which it becomes true.
const PREDICTIONS: [(&str, f64, ErrorOf); 10] = [
    ("position variance (9)", 1.0, |r, sde| relative(sde.stationary_covariance().unwrap()[0][0], r.stationary()[0])),
    ("velocity variance (9)", 1.0, |r, sde| relative(sde.velocity_variance(), r.stationary()[2])),
    // Cov(theta, v) = eta V / 2, zero in the SDE: in units of the two deviations a square root
    ("no cross-covariance (9)", 0.5, |r, _| {
        let [p, c, v] = r.stationary();
        c / (p * v).sqrt()
    }),
    ("speed (16)", 1.0, |r, sde| {
        let lagged = r.lagged(1);
        let truth = 2.0 * (r.stationary()[0] - lagged[0][0]);
        relative(r.eta * r.eta * sde.velocity_variance(), truth)
    }),
    ("displacement at a fixed time", 1.0, |r, sde| {
        let steps = steps_of(r);
        let truth = 2.0 * (r.stationary()[0] - r.lagged(steps)[0][0]);
        relative(sde.displacement(Steps(steps)).unwrap(), truth)
    }),
    // the first orders of variance and correlation cancel
    ("position autocovariance at a fixed time (8)", 2.0, |r, sde| {
        relative(sde.stationary_cross_covariance(time()).unwrap()[0][0], r.lagged(steps_of(r))[0][0])
    }),
    ("mean position at a fixed time (7)", 1.0, |r, sde| {
        relative(sde.mean(1.0, 0.0, time())[0], r.mean(steps_of(r))[0])
    }),
    ("mean velocity at a fixed time (7)", 2.0, |r, sde| {
        relative(sde.mean(1.0, 0.0, time())[1], r.mean(steps_of(r))[1])
    }),
    // after a fixed number of steps the velocity remembers beta^k, in the SDE e^{-2k(1-beta)/(1+beta)}: no limit
    ("velocity correlation at a fixed lag (G.2)", 0.0, |r, sde| {
        relative(sde.velocity_correlation(Steps(3)), r.lagged(3)[1][1] / r.stationary()[2])
    }),
    ("one step of the displacement", 0.0, |r, sde| {
        relative(sde.displacement(Steps(1)).unwrap(), r.eta * r.eta * r.stationary()[2])
    }),
];

#[test]
fn every_prediction_meets_the_recursion_at_its_declared_order() {
    let mut report = Vec::new();
    for beta in [0.3, 0.5, 0.9] {
        for (name, declared, error) in PREDICTIONS {
            // small against the critical (1-beta)^2 / (2(1+beta))
            let first = if beta < 0.9 { 6 } else { 12 };
            let errors: Vec<f64> = [0, 1, 2, 3]
                .map(|halvings| {
                    let eta = TIME / f64::from(1 << (first + halvings));
                    let sgd = Hyperparameters::new(eta, beta, 0.0, 1).unwrap();
                    error(&Recursion { eta, beta }, &LangevinMode::new(&sgd, 1.0, 1.0).unwrap())
                })
                .to_vec();
            let orders: Vec<f64> = errors.windows(2).map(|pair| (pair[0] / pair[1]).log2()).collect();
            let last = orders[orders.len() - 1];
            if (last - declared).abs() > 0.12 {
                report.push(format!("beta {beta}, {name}: order {last:.3}, declared {declared}; errors {errors:?}"));
            }
        }
    }
    assert!(report.is_empty(), "{}", report.join("\n"));
}

#[test]
fn equipartition_and_the_midpoint_are_exact_at_every_learning_rate() {
    for beta in [0.0, 0.5, 0.9] {
        for eta in [0.01, 0.3, 1.0, 1.9 * (1.0 + beta)] {
            let recursion = Recursion { eta, beta };
            let [p, c, v] = recursion.stationary();
            let mass = 0.5 * eta * (1.0 + beta);
            assert!((mass * v / p - 1.0).abs() < 1e-9, "{beta} {eta}: {} {p}", mass * v);
            assert!((c / (0.5 * eta * v) - 1.0).abs() < 1e-9);
            // I3: the midpoint of a step has the covariance of the SDE's position
            let lagged = recursion.lagged(1)[0][0];
            let midpoint = 0.5 * (p + lagged);
            let sgd = Hyperparameters::new(eta, beta, 0.0, 1).unwrap();
            let sde = LangevinMode::new(&sgd, 1.0, 1.0).unwrap().stationary_covariance().unwrap()[0][0];
            assert!((midpoint / sde - 1.0).abs() < 1e-9, "{beta} {eta}: {midpoint} {sde}");
        }
    }
}
