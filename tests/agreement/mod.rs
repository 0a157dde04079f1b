//! Three routes to the same quantity, compared over problems drawn at random with the edges among them: the closed form of
//! `langevin-theory`; the matrix route, which knows only the matrices of the process (doubling of Stein sums and of flows)
//! and works with 106 bits; brute force, which follows the recursion step by step or goes through all batches.
//!
//! A disagreement is relative to the number itself; for an entry of a covariance, to the geometric mean of the two variances
//! it stands between, and for a mean, to the start: an entry that happens to be small is a difference of larger terms.

#![allow(clippy::unwrap_used, clippy::float_cmp, dead_code)]

#[path = "../../theory/tests/suite/double_double.rs"]
mod double_double;

use double_double::{Dd, Matrix};
use langevin_theory::discrete::{ConstantNoiseLaw, ModeLaw, ModeMap};
use langevin_theory::langevin::LangevinMode;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::ou::OrnsteinUhlenbeck;
use langevin_theory::reshuffle::ReshuffledLaw;
use langevin_theory::{Hyperparameters, LeastSquares, Quadratic, Sampling, Steps, Time};
use nalgebra::{DMatrix, DVector};

/// One line of the table.
pub struct Row {
    pub quantity: &'static str,
    pub ranges: &'static str,
    pub routes: &'static str,
    pub cases: usize,
    pub largest: f64,
}

impl Row {
    fn new(quantity: &'static str, ranges: &'static str, routes: &'static str) -> Self {
        Self { quantity, ranges, routes, cases: 0, largest: 0.0 }
    }

    /// Adds a comparison; a number that is not one counts as a disagreement without bound.
    fn add(&mut self, found: f64, expected: f64, scale: f64) {
        let error = if found == expected { 0.0 } else { (found - expected).abs() / scale.abs().max(1e-290) };
        self.largest = if error.is_nan() { f64::INFINITY } else { self.largest.max(error) };
    }

    fn add_covariance(&mut self, found: &DMatrix<f64>, expected: &Matrix, variances: &Matrix) {
        for i in 0..found.nrows() {
            for j in 0..found.ncols() {
                let scale = (variances.get(i, i) * variances.get(j, j)).abs().sqrt();
                self.add(found[(i, j)], expected.get(i, j), scale);
            }
        }
    }
}

/// Uniform numbers (splitmix64).
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn logarithmic(&mut self, low: f64, high: f64) -> f64 {
        10f64.powf(self.between(low, high))
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.bits() % choices.len() as u64) as usize]
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> DMatrix<f64> {
        DMatrix::from_fn(rows, columns, |_, _| self.between(-1.0, 1.0))
    }

    fn momentum(&mut self) -> f64 {
        let inside = self.between(0.0, 0.99);
        self.of(&[0.0, 0.99, 0.25, 0.5625, 0.9, inside, inside])
    }

    /// (eta, beta, h): small, moderate, at and within 1e-9 of critical damping, within 1e-9 of the stability edge.
    fn mode(&mut self) -> (f64, f64, f64) {
        let beta = self.momentum();
        let scale = self.logarithmic(-6.0, 0.0);
        let eta = self.of(&[1.0, 0.125, scale]);
        let root = beta.sqrt();
        let edge = 2.0 * (1.0 + beta);
        let near = self.of(&[0.0, 1e-9, -1e-9, 1e-12, -1e-12]);
        let (inside, small) = (self.between(1e-3, 0.999) * edge, self.logarithmic(-12.0, -3.0));
        let past = self.of(&[1e-9, 1e-7, 1e-3]);
        let rate = self.of(&[
            inside,
            inside,
            small,
            (1.0 - root).powi(2) * (1.0 + near),
            (1.0 + root).powi(2) * (1.0 + near),
            edge * (1.0 - past),
        ]);
        (eta, beta, rate.clamp(1e-12, edge * (1.0 - 1e-9)) / eta)
    }

    fn steps(&mut self) -> u64 {
        let far = self.logarithmic(0.0, 6.0) as u64;
        self.of(&[0, 1, 2, 3, 1000, 1_000_000, far, far])
    }
}

/// The map of one direction and its noise, from the definition v' = b v - h x + n, x' = x + eta v'.
fn recursion((eta, beta, h): (f64, f64, f64), noise: f64) -> (Matrix, Matrix) {
    let [eta, beta, h, noise] = [eta, beta, h, noise].map(Dd::from);
    let map = [[Dd::ONE - eta * h, eta * beta], [-h, beta]];
    let kick = [[eta * eta * noise, eta * noise], [eta * noise, noise]];
    (Matrix::from_fn(2, 2, |i, j| map[i][j]), Matrix::from_fn(2, 2, |i, j| kick[i][j]))
}

fn dense(matrix: [[f64; 2]; 2]) -> DMatrix<f64> {
    DMatrix::from_fn(2, 2, |i, j| matrix[i][j])
}

/// One direction with constant noise: matrix route at up to a million steps, step by step at up to 400.
fn one_direction(draw: &mut Draw, cases: usize) -> Vec<Row> {
    const RANGES: &str = "beta 0..0.99, eta h 1e-12..edge - 1e-9, at and within 1e-9 of critical damping, 0..1e6 steps";
    let mut stationary = Row::new("stationary covariance, one direction", RANGES, "closed form, doubling");
    let mut lagged = Row::new("lag covariance, one direction", RANGES, "closed form, matrix power");
    let mut moved = Row::new("displacement, one direction", RANGES, "closed form, matrix power");
    let mut transient = Row::new("transient covariance, one direction", RANGES, "closed form, doubling");
    let mut stepped =
        Row::new("transient mean and covariance, one direction", "as above, 0..400 steps", "closed form, step by step");
    for _ in 0..cases {
        let (mode, n) = (draw.mode(), draw.steps());
        let noise = draw.logarithmic(-6.0, 6.0);
        let (map, kick) = recursion(mode, noise);
        let law = ModeLaw::new(ModeMap::new(mode.0, mode.1, mode.2), noise).unwrap();
        let exact = map.stein(&kick);
        stationary.add_covariance(&dense(law.stationary_covariance().unwrap()), &exact, &exact);
        let later = map.power(n).times(&exact);
        lagged.add_covariance(&dense(law.lag_covariance(Steps(n)).unwrap()), &later, &exact);
        let displacement = ((exact.at(0, 0) - later.at(0, 0)) * Dd::from(2.0)).value();
        moved.add(law.displacement(Steps(n)).unwrap(), displacement, displacement);
        let sum = map.noise_sum(&kick, n);
        transient.add_covariance(&dense(law.transient_covariance(Steps(n)).unwrap()), &sum, &sum);
        let few = n.min(400);
        let mut state = Matrix::from_fn(2, 1, |i, _| Dd::from([1.0, 0.0][i]));
        let mut spread = Matrix::zeros(2, 2);
        // a velocity is as large as the energy of the start allows
        let mut largest = [1.0_f64, 0.0];
        for _ in 0..few {
            state = map.times(&state);
            spread = map.times(&spread).times(&map.transpose()).plus(&kick);
            largest = [largest[0].max(state.get(0, 0).abs()), largest[1].max(state.get(1, 0).abs())];
        }
        let mean = law.transient_mean(1.0, 0.0, Steps(few)).unwrap();
        for (i, (found, scale)) in mean.into_iter().zip(largest).enumerate() {
            stepped.add(found, state.get(i, 0), scale);
        }
        stepped.add_covariance(&dense(law.transient_covariance(Steps(few)).unwrap()), &spread, &spread);
    }
    for row in [&mut stationary, &mut lagged, &mut moved, &mut transient, &mut stepped] {
        row.cases = cases;
    }
    vec![stationary, lagged, moved, transient, stepped]
}

/// Several directions: H in integers so that its rank is what it seems, noise that does not commute with it.
fn several_directions(draw: &mut Draw, cases: usize) -> Vec<Row> {
    const RANGES: &str =
        "d 1..4, rank-deficient H with weight decay, Sigma not commuting, eta h 1e-3..0.999 of the edge";
    let mut stationary = Row::new("stationary covariance, any Sigma", RANGES, "closed form, doubling");
    let mut moved = Row::new("displacement, any Sigma", RANGES, "closed form, matrix power");
    for _ in 0..cases {
        let size = draw.of(&[1, 2, 3, 4]);
        let rank = draw.of(&[1, size]);
        let root = DMatrix::from_fn(rank, size, |i, j| if i == j { 2.0 } else { draw.of(&[-1.0, 0.0, 1.0]) });
        let hessian = root.transpose() * &root;
        let decay = if rank < size { draw.logarithmic(-2.0, 0.0) } else { draw.of(&[0.0, 0.1]) };
        let beta = draw.momentum();
        let edge = 2.0 * (1.0 + beta);
        let eta = draw.of(&[1e-3, 0.3, 0.9, 0.999]) * edge / (hessian.trace() + decay);
        let span = draw.of(&[1, size]);
        let factor = draw.matrix(size, span);
        let noise = &factor * factor.transpose();
        let loss = Quadratic::new(hessian.clone(), DMatrix::zeros(size, 1)).unwrap();
        let law = ConstantNoiseLaw::new(&loss, eta, beta, decay, &noise).unwrap();
        let [e, b, l] = [eta, beta, decay].map(Dd::from);
        let map = Matrix::from_fn(2 * size, 2 * size, |i, j| {
            let identity = if i % size == j % size { Dd::ONE } else { Dd::ZERO };
            let curvature = Dd::from(hessian[(i % size, j % size)]) + identity * l;
            match (i / size, j / size) {
                (0, 0) => identity - e * curvature,
                (0, _) => identity * e * b,
                (_, 0) => -curvature,
                _ => identity * b,
            }
        });
        let kick = Matrix::from_fn(2 * size, 2 * size, |i, j| {
            let factor = |k: usize| if k < size { e } else { Dd::ONE };
            Dd::from(noise[(i % size, j % size)]) * factor(i) * factor(j)
        });
        let exact = map.stein(&kick);
        stationary.add_covariance(&law.stationary_covariance().unwrap(), &exact, &exact);
        let n = draw.steps();
        let lost = exact.minus(&map.power(n).times(&exact));
        let displacement = 2.0 * (0..size).fold(Dd::ZERO, |sum, i| sum + lost.at(i, i)).value();
        moved.add(law.displacement(Steps(n)).unwrap(), displacement, displacement);
    }
    stationary.cases = cases;
    moved.cases = cases;
    vec![stationary, moved]
}

/// e^{-At} and the noise accumulated over t: Taylor series at a short time, then C(2t) = C(t) + E C(t) E^T, with 106 bits.
fn accumulated(drift: &Matrix, source: &Matrix, time: f64) -> (Matrix, Matrix) {
    let size = drift.rows();
    let mut short = time;
    let mut doublings = 0;
    while drift.largest() * size as f64 * short > 0.25 {
        short *= 0.5;
        doublings += 1;
    }
    // Taylor series of C' = -A C - C A^T + S, C(0) = 0
    let t = Dd::from(short);
    let mut term = source.scaled(t);
    let mut noise = term.clone();
    for order in 2..30 {
        let half = drift.times(&term);
        term = half.plus(&half.transpose()).scaled(-(t / Dd::from(f64::from(order))));
        noise = noise.plus(&term);
    }
    let mut step = drift.scaled(-t).exponential();
    for _ in 0..doublings {
        noise = noise.plus(&step.times(&noise).times(&step.transpose()));
        step = step.times(&step);
    }
    (step, noise)
}

/// The noise accumulated over t, step by step: Van Loan's block exponential over one step, then C' = E C E^T + C_1.
fn walked(drift: &Matrix, source: &Matrix, time: f64) -> Matrix {
    let size = drift.rows();
    let steps = (drift.largest() * size as f64 * time).ceil().max(1.0);
    let t = Dd::from(time) / Dd::from(steps);
    let block = Matrix::from_fn(2 * size, 2 * size, |i, j| match (i / size, j / size) {
        (0, 0) => -(drift.at(i, j) * t),
        (0, _) => source.at(i, j - size) * t,
        (_, 0) => Dd::ZERO,
        _ => drift.at(j - size, i - size) * t,
    });
    let flow = block.exponential();
    let step = Matrix::from_fn(size, size, |i, j| flow.at(i, j));
    let first = Matrix::from_fn(size, size, |i, j| flow.at(i, size + j)).times(&step.transpose());
    let mut noise = first.clone();
    for _ in 1..steps as u64 {
        noise = step.times(&noise).times(&step.transpose()).plus(&first);
    }
    noise
}

/// A B + B A^T = S as one linear system, by elimination with pivots.
fn lyapunov(drift: &Matrix, source: &Matrix) -> Matrix {
    let size = drift.rows();
    let count = size * size;
    let mut system: Vec<Vec<Dd>> = (0..count)
        .map(|row| {
            let (i, j) = (row / size, row % size);
            let mut line: Vec<Dd> = (0..count)
                .map(|column| {
                    let (k, l) = (column / size, column % size);
                    let left = if j == l { drift.at(i, k) } else { Dd::ZERO };
                    left + if i == k { drift.at(j, l) } else { Dd::ZERO }
                })
                .collect();
            line.push(source.at(i, j));
            line
        })
        .collect();
    for column in 0..count {
        let pivot = (column..count)
            .max_by(|&a, &b| system[a][column].abs().value().total_cmp(&system[b][column].abs().value()))
            .unwrap();
        system.swap(column, pivot);
        let pivot = system[column].clone();
        for (row, line) in system.iter_mut().enumerate() {
            if row != column {
                let factor = line[column] / pivot[column];
                for k in column..=count {
                    line[k] = line[k] - factor * pivot[k];
                }
            }
        }
    }
    Matrix::from_fn(size, size, |i, j| system[i * size + j][count] / system[i * size + j][i * size + j])
}

/// The SDE of one direction, and the general process.
fn continuous(draw: &mut Draw, cases: usize) -> Vec<Row> {
    let mut mode_row = Row::new(
        "SDE covariance, one direction",
        "beta 0..0.99, near-critical damping, t/eta 1e-12..1e6",
        "closed form, doubling of the flow",
    );
    let mut displacement_row =
        Row::new("SDE displacement, one direction", "as above, 0..1e6 steps", "closed form, matrix exponential");
    let mut ou_row = Row::new(
        "Ornstein-Uhlenbeck covariance",
        "d 1..4, Jordan blocks, D of rank 1..d, rate times t 1e-12..10",
        "Taylor and doubling, block exponential step by step",
    );
    let mut lyapunov_row = Row::new("Lyapunov matrix B", "as above", "doubling, Kronecker solve");
    for _ in 0..cases {
        let (eta, beta, h) = draw.mode();
        let inertia = eta * (1.0 + beta);
        let at_critical = (1.0 - beta).powi(2) / (2.0 * inertia) * (1.0 + draw.of(&[0.0, 1e-9, -1e-9]));
        let h = draw.of(&[h, at_critical]);
        let sgd = Hyperparameters::new(eta, beta, 0.0, 1).unwrap();
        let mode = LangevinMode::new(&sgd, h, 1.0).unwrap();
        let one_plus = Dd::ONE + Dd::from(beta);
        let mass = Dd::from(eta) * one_plus;
        let (pull, friction) = (Dd::from(2.0 * h) / mass, Dd::from(2.0) * (Dd::ONE - Dd::from(beta)) / mass);
        // velocities in a unit that balances the drift
        let unit = Dd::from(f64::max(pull.value().sqrt(), friction.value()).log2().round().exp2());
        let rows = [[Dd::ZERO, -unit], [pull / unit, friction]];
        let drift = Matrix::from_fn(2, 2, |i, j| rows[i][j]);
        let strength = Dd::from(4.0) / (mass * one_plus) / (unit * unit);
        let source = Matrix::from_fn(2, 2, |i, j| if i + j == 2 { strength } else { Dd::ZERO });
        let time = eta * draw.logarithmic(-12.0, 6.0);
        let (_, noise) = accumulated(&drift, &source, time);
        let physical = |matrix: &Matrix| {
            let units = [Dd::ONE, unit];
            Matrix::from_fn(2, 2, |i, j| matrix.at(i, j) * units[i] * units[j])
        };
        let noise = physical(&noise);
        mode_row.add_covariance(&dense(mode.covariance(Time::new(time).unwrap())), &noise, &noise);
        let n = draw.steps();
        let (step, _) = accumulated(&drift, &source, Steps(n).time(&sgd).value());
        let variance = strength * unit * unit / (Dd::from(2.0) * friction * pull);
        let exact = (variance * (Dd::ONE - step.at(0, 0)) * Dd::from(2.0)).value();
        displacement_row.add(mode.displacement(Steps(n)).unwrap(), exact, exact);

        let size = draw.of(&[1, 2, 3, 4]);
        let rate = draw.logarithmic(-1.0, 1.0);
        let jordan = draw.unit() < 0.5;
        let skew = draw.matrix(size, size);
        let drift = DMatrix::from_fn(size, size, |i, j| match (jordan, i.cmp(&j)) {
            (_, std::cmp::Ordering::Equal) => rate,
            (true, std::cmp::Ordering::Less) => 1.0,
            (true, std::cmp::Ordering::Greater) => 0.0,
            (false, _) => 4.0 * (skew[(i, j)] - skew[(j, i)]),
        });
        let rank = draw.of(&[1, size]);
        let root = draw.matrix(size, rank);
        let product = &root * root.transpose();
        let diffusion = (&product + product.transpose()) * 0.5;
        let process = OrnsteinUhlenbeck::new(drift.clone(), DVector::zeros(size), &diffusion, 1.0).unwrap();
        let (drift, source) = (Matrix::from_doubles(&drift), Matrix::from_doubles(&diffusion).scaled(Dd::from(2.0)));
        let time = draw.logarithmic(-12.0, 1.0) / rate;
        let noise = walked(&drift, &source, time);
        let found = process.covariance(&DMatrix::zeros(size, size), Time::new(time).unwrap()).unwrap();
        ou_row.add_covariance(&found, &noise, &noise);
        let exact = lyapunov(&drift, &source);
        lyapunov_row.add_covariance(process.stationary().unwrap().lyapunov(), &exact, &exact);
    }
    for row in [&mut mode_row, &mut displacement_row, &mut ou_row, &mut lyapunov_row] {
        row.cases = cases;
    }
    vec![mode_row, displacement_row, ou_row, lyapunov_row]
}

/// Ordered lists of batches of an epoch, or single batches where one batch is asked for.
fn batch_lists(samples: usize, size: usize, sampling: Sampling) -> Vec<Vec<Vec<usize>>> {
    fn extend(chosen: &mut Vec<usize>, samples: usize, length: usize, repeat: bool, all: &mut Vec<Vec<usize>>) {
        if chosen.len() == length {
            all.push(chosen.clone());
            return;
        }
        for next in 0..samples {
            if repeat || !chosen.contains(&next) {
                chosen.push(next);
                extend(chosen, samples, length, repeat, all);
                chosen.pop();
            }
        }
    }
    let length = if sampling == Sampling::Reshuffle { samples } else { size };
    let mut all = Vec::new();
    extend(&mut Vec::new(), samples, length, sampling == Sampling::WithReplacement, &mut all);
    all.into_iter().map(|list| list.chunks(size).map(<[usize]>::to_vec).collect()).collect()
}

/// The affine map of a batch on (theta - mu, v, 1), from the gradient of its samples.
fn batch_map(data: &LeastSquares, sgd: &Hyperparameters, minimum: &DVector<f64>, batch: &[usize]) -> Matrix {
    let size = data.dimension();
    let [eta, beta, decay] = [sgd.learning_rate(), sgd.momentum(), sgd.weight_decay()].map(Dd::from);
    let feature = |sample: usize, i: usize| Dd::from(data.features()[(sample, i)]);
    let count = Dd::from(batch.len() as f64);
    let residual = |sample: usize| {
        (0..size).fold(-Dd::from(data.targets()[(sample, 0)]), |sum, i| sum + feature(sample, i) * Dd::from(minimum[i]))
    };
    let curvature = |i: usize, j: usize| {
        let sum = batch.iter().fold(Dd::ZERO, |sum, &k| sum + feature(k, i) * feature(k, j));
        sum / count + if i == j { decay } else { Dd::ZERO }
    };
    let gradient = |i: usize| {
        let sum = batch.iter().fold(Dd::ZERO, |sum, &k| sum + feature(k, i) * residual(k));
        sum / count + decay * Dd::from(minimum[i])
    };
    Matrix::from_fn(2 * size + 1, 2 * size + 1, |row, column| {
        if row == 2 * size {
            return if column == row { Dd::ONE } else { Dd::ZERO };
        }
        let (i, moves) = (row % size, row < size);
        let stretch = if moves { eta } else { Dd::ONE };
        if column == 2 * size {
            return -(stretch * gradient(i));
        }
        let j = column % size;
        let same = if i == j { Dd::ONE } else { Dd::ZERO };
        if column < size {
            (if moves { same } else { Dd::ZERO }) - stretch * curvature(i, j)
        } else {
            stretch * beta * same
        }
    })
}

/// Average of A W A^T over maps, exactly.
fn average(maps: &[Matrix], moments: &Matrix) -> Matrix {
    let size = moments.rows();
    let sum =
        maps.iter().fold(Matrix::zeros(size, size), |sum, map| sum.plus(&map.times(moments).times(&map.transpose())));
    sum.scaled(Dd::ONE / Dd::from(maps.len() as f64))
}

/// True minibatch noise: every batch, or every order of an epoch, followed from a start until nothing changes.
fn minibatches(draw: &mut Draw, cases: usize) -> Vec<Row> {
    const RANGES: &str = "d 1..2, N 1..4, S 1..N, N < d included, beta 0..0.99, lambda 0.05..1";
    let mut transient =
        Row::new("minibatch transient second moment", RANGES, "moment equations, every batch step by step");
    let mut stationary =
        Row::new("minibatch stationary second moment", RANGES, "closed form, every batch to saturation");
    let mut shuffled = Row::new("reshuffled stationary second moment", RANGES, "subsets, every order to saturation");
    for _ in 0..cases {
        let (size, samples) = (draw.of(&[1, 2]), draw.of(&[1usize, 2, 3, 4]));
        let sampling = draw.of(&[Sampling::WithReplacement, Sampling::WithoutReplacement, Sampling::Reshuffle]);
        let mut batch = draw.of(&[1, 2, samples]).min(samples);
        if sampling == Sampling::Reshuffle && !samples.is_multiple_of(batch) {
            batch = samples;
        }
        let data = LeastSquares::new(draw.matrix(samples, size), draw.matrix(samples, 1)).unwrap();
        let beta = draw.of(&[0.0, 0.5, 0.99]);
        let decay = draw.of(&[0.05, 0.3, 1.0]);
        let steepest = (0..samples).map(|k| data.features().row(k).norm_squared()).fold(0.0, f64::max) + decay;
        let eta = draw.of(&[0.05, 0.3]) * (1.0 - beta) / steepest;
        let sgd = Hyperparameters::new(eta, beta, decay, batch).unwrap();
        let minimum = data.quadratic().unwrap().minimum_ridge(decay).column(0).into_owned();
        let maps: Vec<Matrix> = batch_lists(samples, batch, sampling)
            .iter()
            .map(|list| {
                list.iter().fold(Matrix::identity(2 * size + 1), |product, batch| {
                    batch_map(&data, &sgd, &minimum, batch).times(&product)
                })
            })
            .collect();
        let start = DVector::from_element(size, 0.7);
        let mut state = Matrix::from_fn(2 * size + 1, 1, |i, _| {
            Dd::from(if i < size {
                start[i]
            } else if i < 2 * size {
                0.3
            } else {
                1.0
            })
        });
        for i in 0..size {
            state =
                state.minus(&Matrix::from_fn(2 * size + 1, 1, |k, _| Dd::from(if k == i { minimum[i] } else { 0.0 })));
        }
        let mut moments = state.times(&state.transpose());
        let phase = |moments: &Matrix| Matrix::from_fn(2 * size, 2 * size, |i, j| moments.at(i, j));
        let iid = sampling != Sampling::Reshuffle;
        let law = iid.then(|| MinibatchLaw::new(&data, &sgd, sampling).unwrap());
        if let Some(law) = &law {
            let mut found = law.transient(0, &start, &DVector::from_element(size, 0.3)).unwrap();
            for _ in 0..20 {
                moments = average(&maps, &moments);
            }
            found.advance_to(Steps(20)).unwrap();
            transient.add_covariance(&found.second_moment(), &phase(&moments), &phase(&moments));
            transient.cases += 1;
        }
        for _ in 0..20_000 {
            let next = average(&maps, &moments);
            let change = next.minus(&moments).largest();
            moments = next;
            if change <= 1e-20 * phase(&moments).largest() {
                break;
            }
        }
        // full batches make no noise: what is left is the distance to a minimum that is a double
        let exact = phase(&moments);
        if exact.largest() < 1e-20 {
            continue;
        }
        if let Some(law) = law {
            stationary.add_covariance(&law.stationary_second_moment(0).unwrap(), &exact, &exact);
            stationary.cases += 1;
        } else {
            let found = ReshuffledLaw::new(&data, &sgd).unwrap().stationary(0).unwrap();
            shuffled.add_covariance(&found[0].second_moment, &exact, &exact);
            shuffled.cases += 1;
        }
    }
    vec![transient, stationary, shuffled]
}

/// The whole table. Numbers of cases scale with `effort`; the seed is fixed.
pub fn table(seed: u64, effort: usize) -> Vec<Row> {
    let mut rows = one_direction(&mut Draw(seed), 200 * effort);
    rows.extend(several_directions(&mut Draw(seed + 1), 60 * effort));
    rows.extend(continuous(&mut Draw(seed + 2), 60 * effort));
    rows.extend(minibatches(&mut Draw(seed + 3), 15 * effort));
    rows
}
