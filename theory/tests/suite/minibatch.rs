//! Minibatch moments against the enumeration of all batches: for every batch the step is an affine map of (theta - mu, v),
//! and its second moments are averages over the batches, with no formula for the noise anywhere.

use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::reshuffle::ReshuffledLaw;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, gradient_noise};
use nalgebra::{DMatrix, DVector, dmatrix};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::problems::logarithmic;

/// Every equally likely batch: S-tuples with replacement, S-subsets without.
pub fn all_batches(samples: usize, size: usize, sampling: Sampling) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..size {
        batches = batches
            .into_iter()
            .flat_map(|batch| {
                let first = match (sampling, batch.last()) {
                    (Sampling::WithoutReplacement, Some(&last)) => last + 1,
                    _ => 0,
                };
                (first..samples).map(move |next| [batch.clone(), vec![next]].concat()).collect::<Vec<_>>()
            })
            .collect();
    }
    batches
}

#[derive(Clone, Debug)]
pub struct Problem {
    pub data: LeastSquares,
    pub sgd: Hyperparameters,
    pub sampling: Sampling,
}

/// The affine map z' = A z + c of one batch, z = (theta - centre, v).
pub struct Enumeration {
    maps: Vec<(DMatrix<f64>, DVector<f64>)>,
}

impl Enumeration {
    pub fn new(problem: &Problem, output: usize, centre: &DVector<f64>) -> Self {
        let (x, y) = (problem.data.features(), problem.data.targets().column(output));
        let d = problem.data.dimension();
        let (eta, b, decay) = (problem.sgd.learning_rate(), problem.sgd.momentum(), problem.sgd.weight_decay());
        let size = problem.sgd.batch_size();
        let maps = all_batches(problem.data.samples(), size, problem.sampling)
            .into_iter()
            .map(|batch| {
                let mut curvature = DMatrix::<f64>::identity(d, d) * decay;
                let mut pull = centre * decay;
                for sample in batch {
                    let row = x.row(sample);
                    curvature += row.transpose() * row / size as f64;
                    pull += row.transpose() * ((row * centre)[0] - y[sample]) / size as f64;
                }
                let mut map = DMatrix::zeros(2 * d, 2 * d);
                map.view_mut((0, 0), (d, d)).copy_from(&(DMatrix::identity(d, d) - &curvature * eta));
                map.view_mut((0, d), (d, d)).copy_from(&(DMatrix::identity(d, d) * (eta * b)));
                map.view_mut((d, 0), (d, d)).copy_from(&-&curvature);
                map.view_mut((d, d), (d, d)).copy_from(&(DMatrix::identity(d, d) * b));
                let kick = DVector::from_fn(2 * d, |i, _| if i < d { -eta * pull[i] } else { -pull[i - d] });
                (map, kick)
            })
            .collect();
        Self { maps }
    }

    fn average<T>(&self, zero: T, value: impl Fn(&DMatrix<f64>, &DVector<f64>) -> T) -> T
    where
        T: std::ops::AddAssign + std::ops::Div<f64, Output = T>,
    {
        let mut sum = zero;
        for (map, kick) in &self.maps {
            sum += value(map, kick);
        }
        sum / self.maps.len() as f64
    }

    /// Mean and second moment one step later.
    fn advance(&self, mean: &DVector<f64>, second: &DMatrix<f64>) -> (DVector<f64>, DMatrix<f64>) {
        let size = mean.len();
        let next = self.average(DVector::zeros(size), |map, kick| map * mean + kick);
        let moment = self.average(DMatrix::zeros(size, size), |map, kick| {
            let shifted = map * mean * kick.transpose();
            map * second * map.transpose() + &shifted + shifted.transpose() + kick * kick.transpose()
        });
        (next, moment)
    }

    /// The linear map of second moments, E[A x A], and the constant E[c c^T].
    pub fn moment_map(&self) -> (DMatrix<f64>, DMatrix<f64>) {
        let size = self.maps[0].1.len();
        (
            self.average(DMatrix::zeros(size * size, size * size), |map, _| map.kronecker(map)),
            self.average(DMatrix::zeros(size, size), |_, kick| kick * kick.transpose()),
        )
    }

    /// Spectral radius of the moment map: |K^(2^k)|^(1/2^k) by repeated squaring. Each squaring adds its roundings divided by
    /// 2^k, so the result is as good as the first few.
    pub fn spectral_radius(&self) -> f64 {
        let (mut power, _) = self.moment_map();
        let mut logarithm = 0.0;
        let mut weight = 1.0;
        for _ in 0..52 {
            let size = power.norm();
            if size == 0.0 {
                return 0.0;
            }
            logarithm += weight * size.ln();
            power /= size;
            power = &power * &power;
            weight *= 0.5;
        }
        logarithm.exp()
    }
}

fn matrix(rows: usize, columns: usize) -> impl Strategy<Value = DMatrix<f64>> {
    proptest::collection::vec(-1.5..1.5f64, rows * columns).prop_map(move |v| DMatrix::from_vec(rows, columns, v))
}

/// N <= 5, S <= 3, d <= 2, one or two outputs; learning rates as fractions of the classical limit.
pub fn problem() -> impl Strategy<Value = Problem> {
    (1usize..=5, 1usize..=2, 1usize..=2).prop_flat_map(|(samples, dimension, outputs)| {
        (
            matrix(samples, dimension),
            matrix(samples, outputs),
            1usize..=3,
            any::<bool>(),
            prop_oneof![Just(0.0), Just(0.5), Just(0.9), 0.0..0.95f64],
            prop_oneof![Just(0.0), 0.01..1.0f64],
            prop_oneof![0.001..0.95f64, logarithmic(-3.0, -0.3)],
            // duplicate a column or a row now and then: rank-deficient H
            prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(2)],
        )
            .prop_map(|(mut features, targets, batch, replacement, beta, decay, fraction, degenerate)| {
                if degenerate == 1 && features.ncols() == 2 {
                    let copy = features.column(0).into_owned();
                    features.set_column(1, &copy);
                } else if degenerate == 2 {
                    let copy = features.row(0).into_owned();
                    for row in 1..features.nrows() {
                        features.set_row(row, &copy);
                    }
                }
                let (batch, sampling) = if replacement {
                    (batch, Sampling::WithReplacement)
                } else {
                    (batch.min(features.nrows()), Sampling::WithoutReplacement)
                };
                let steepest =
                    (features.tr_mul(&features) / features.nrows() as f64).symmetric_eigenvalues().max() + decay;
                let eta = fraction * 2.0 * (1.0 + beta) / steepest;
                Problem {
                    data: LeastSquares::new(features, targets).unwrap(),
                    sgd: Hyperparameters::new(eta, beta, decay, batch).unwrap(),
                    sampling,
                }
            })
    })
}

/// A phase-space matrix in coordinates of a subspace, in the original ones.
fn lift(span: &DMatrix<f64>, matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let (d, r) = span.shape();
    let mut both = DMatrix::zeros(2 * d, 2 * r);
    both.view_mut((0, 0), (d, r)).copy_from(span);
    both.view_mut((d, r), (d, r)).copy_from(span);
    &both * matrix * both.transpose()
}

impl Problem {
    pub fn law(&self) -> MinibatchLaw {
        MinibatchLaw::new(&self.data, &self.sgd, self.sampling).unwrap()
    }
}

/// Smallest curvature above zero, relative to the largest (the relative rounding error of eigenvalues is its inverse).
pub fn flatness(problem: &Problem) -> f64 {
    let quadratic = problem.data.quadratic().unwrap();
    let curvatures = quadratic.eigenvalues();
    if quadratic.rank() == 0 {
        return 1.0;
    }
    // weight decay does not help against the error of the minimiser along a nearly null direction
    curvatures[quadratic.rank() - 1] / curvatures[0]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn noise_covariance_is_that_of_all_batches(problem in problem(), place in matrix(2, 2)) {
        let (x, y) = (problem.data.features(), problem.data.targets());
        let d = problem.data.dimension();
        let position = place.view((0, 0), (d, problem.data.outputs())).into_owned();
        let size = problem.sgd.batch_size();
        for output in 0..problem.data.outputs() {
            let gradients: Vec<DVector<f64>> = all_batches(problem.data.samples(), size, problem.sampling)
                .into_iter()
                .map(|batch| {
                    batch.iter().fold(DVector::zeros(d), |sum, &i| {
                        let residual = (x.row(i) * position.column(output))[0] - y[(i, output)];
                        sum + x.row(i).transpose() * residual
                    }) / size as f64
                })
                .collect();
            let count = gradients.len() as f64;
            let mean = gradients.iter().fold(DVector::zeros(d), |sum, g| sum + g) / count;
            let spread = gradients.iter().fold(DMatrix::zeros(d, d), |sum, g| sum + (g - &mean) * (g - &mean).transpose()) / count;
            let largest = gradients.iter().map(nalgebra::Matrix::norm_squared).fold(0.0, f64::max);
            let factor = problem.sampling.noise_factor(problem.data.samples(), size).unwrap();
            let found = gradient_noise::covariance(&problem.data, &position, output).unwrap() * factor;
            // at most 125 batches of gradients with a few roundings each; single gradients are up to S times their mean
            for (found, expected) in found.iter().zip(spread.iter()) {
                close("phi Sigma", *found, *expected, 64.0 * f64::EPSILON * (largest * 9.0 + spread.amax()))?;
            }
        }
        let residuals: f64 = (0..problem.data.samples()).map(|i| {
            (0..problem.data.outputs()).map(|o| ((x.row(i) * position.column(o))[0] - y[(i, o)]).powi(2)).sum::<f64>()
        }).sum::<f64>() / problem.data.samples() as f64;
        close_relative("sigma^2", gradient_noise::residual_variance(&problem.data, &position).unwrap(), residuals, 256.0)?;
    }

    #[test]
    fn transient_moments_are_those_of_all_batches(problem in problem(), start in matrix(2, 2)) {
        prop_assume!(flatness(&problem) > 1e-4);
        let law = problem.law();
        let d = problem.data.dimension();
        let output = problem.data.outputs() - 1;
        let centre = law.minimum_ridge().column(output).into_owned();
        let enumeration = Enumeration::new(&problem, output, &centre);
        let (position, velocity) = (start.column(0).rows(0, d).into_owned(), start.column(1).rows(0, d).into_owned());
        let mut transient = law.transient(output, &position, &velocity).unwrap();
        let mut mean = DVector::from_iterator(2 * d, (&position - &centre).iter().chain(velocity.iter()).copied());
        let mut second = &mean * mean.transpose();
        // velocities in units of positions / eta, where A has norm of at most 4
        let eta = problem.sgd.learning_rate();
        let unit = |index: usize| if index < d { 1.0 } else { 1.0 / eta };
        let mut largest = 0.0;
        for step in 0..40u64 {
            transient.advance_to(Steps(step)).unwrap();
            prop_assert_eq!(transient.steps(), Steps(step));
            let size = (0..2 * d).map(|i| second[(i, i)] / unit(i).powi(2)).fold(0.0, f64::max);
            // errors of earlier steps grow with the moments themselves, or stay where moments shrink; the minimiser and the
            // eigenbasis are known to 1e4 roundings
            largest = f64::max(largest, size) + f64::EPSILON;
            // M is not normal: its powers reach (1+b)/(1-b), and carry errors of moments with their square
            let b = problem.sgd.momentum();
            let transient_growth = ((1.0 + b) / (1.0 - b)).powi(2);
            let growth = (step + 1) as f64 * 64.0 * 1e4 * f64::EPSILON * transient_growth;
            let found = transient.second_moment();
            for i in 0..2 * d {
                for j in 0..2 * d {
                    let tolerance = growth * largest.max(centre.norm_squared()) * unit(i) * unit(j);
                    close("second moment", found[(i, j)], second[(i, j)], tolerance)?;
                }
                let tolerance = growth * largest.max(centre.norm_squared()).sqrt() * unit(i);
                close("mean", transient.mean()[i], mean[i], tolerance)?;
            }
            (mean, second) = enumeration.advance(&mean, &second);
        }
    }

    #[test]
    fn stationary_moments_are_those_of_all_batches(problem in problem()) {
        prop_assume!(flatness(&problem) > 1e-3);
        let law = problem.law();
        let quadratic = law.quadratic();
        let d = problem.data.dimension();
        if quadratic.rank() == 0 {
            return Ok(());
        }
        let gain = law.noise_gain().unwrap();
        if gain >= 1.0 {
            let refused = matches!(law.stationary_second_moment(0), Err(langevin_theory::TheoryError::MeanSquareUnstable { .. }));
            prop_assert!(refused);
            return Ok(());
        }
        prop_assume!(gain < 0.999);
        let mut totals = [0.0; 4];
        let rank = quadratic.rank();
        let span = quadratic.eigenvectors().columns(0, rank).into_owned();
        let reduced = Problem {
            data: LeastSquares::new(problem.data.features() * &span, problem.data.targets().clone()).unwrap(),
            ..problem.clone()
        };
        for output in 0..problem.data.outputs() {
            // no batch leaves the span of the features: enumerate in coordinates of it, where K has no eigenvalue 1
            let centre = span.tr_mul(&law.minimum_ridge().column(output));
            let (mut power, source) = Enumeration::new(&reduced, output, &centre).moment_map();
            // sum_k K^k vec(source) by doubling
            let mut sum = DVector::from_column_slice(source.as_slice());
            for _ in 0..60 {
                let more = &power * &sum;
                sum += &more;
                if more.norm() <= 1e-18 * sum.norm() {
                    break;
                }
                power = &power * &power;
            }
            let expected = lift(&span, &DMatrix::from_column_slice(2 * rank, 2 * rank, sum.as_slice()));
            let found = law.stationary_second_moment(output).unwrap();
            // 1/(1 - radius of K) amplifies the roundings of K; radius to leading order from gain, curvature and momentum.
            // A rounding of the eigenvalues is 1e3 of those of the flattest direction, the gain amplifies by 1/(1 - gain).
            let maps = law.maps();
            let nearest = maps.iter().take(quadratic.rank()).map(|map| {
                map.edge_distance().min(map.rate_times_curvature())
            }).fold(f64::INFINITY, f64::min);
            let eta = problem.sgd.learning_rate();
            let unit = |index: usize| if index < d { 1.0 } else { 1.0 / eta };
            let scale = (0..2 * d).map(|i| expected[(i, i)] / unit(i).powi(2)).fold(0.0, f64::max)
                + eta * eta * centre.norm_squared() * f64::EPSILON;
            let amplification = 1e3 / ((1.0 - gain) * nearest * (1.0 - problem.sgd.momentum()).powi(2));
            // the gradient at the minimum is zero to a rounding of its terms, and kicks the enumeration by that much
            let kick = 16.0 * f64::EPSILON * eta * problem.data.features().norm() * problem.data.targets().norm();
            let tolerance = amplification * (256.0 * f64::EPSILON * scale + kick * kick);
            for i in 0..2 * d {
                for j in 0..2 * d {
                    close("stationary moment", found[(i, j)], expected[(i, j)], tolerance * unit(i) * unit(j))?;
                }
            }
            let basis = quadratic.eigenvectors();
            let rotated = basis.transpose() * found.view((0, 0), (d, d)) * basis;
            let stationary = law.stationary_position_in_eigenbasis(output).unwrap();
            for (found, expected) in stationary.iter().zip(rotated.iter()) {
                close("in the eigenbasis", *found, *expected, 64.0 * f64::EPSILON * stationary.amax())?;
            }
            // lag: the mean map, whatever the noise
            let lagged = law.lag_second_moment(output, Steps(1)).unwrap();
            let mean_map = Enumeration::new(&problem, output, &(&span * &centre)).average(DMatrix::zeros(2 * d, 2 * d), |map, _| map.clone());
            let expected_lag = mean_map * &found;
            for i in 0..2 * d {
                for j in 0..2 * d {
                    close("lag moment", lagged[(i, j)], expected_lag[(i, j)], tolerance * unit(i) * unit(j))?;
                }
            }
            let curvature = quadratic.hessian() + DMatrix::identity(d, d) * problem.sgd.weight_decay();
            totals[0] += eta * eta * found.view((d, d), (d, d)).trace();
            totals[1] += 0.5 * (curvature * found.view((0, 0), (d, d))).trace();
            totals[2] += 0.5 * problem.sgd.mass() * found.view((d, d), (d, d)).trace();
            totals[3] += 2.0 * (found.view((0, 0), (d, d)).trace() - lagged.view((0, 0), (d, d)).trace());
        }
        let roundings = 1e4;
        close_relative("speed", law.speed().unwrap(), totals[0], roundings)?;
        close_relative("potential energy", law.potential_energy().unwrap(), totals[1], roundings)?;
        close_relative("kinetic energy", law.kinetic_energy().unwrap(), totals[2], roundings)?;
        close_relative("energies", law.kinetic_energy().unwrap(), law.potential_energy().unwrap(), roundings)?;
        let curve = law.displacement(&[Steps(0), Steps(1)]).unwrap();
        prop_assert_eq!(curve[0], 0.0);
        close_relative("displacement in one step", curve[1], totals[0], roundings)?;
        // one subtraction of second moments
        let p: f64 = (0..problem.data.outputs()).map(|o| law.stationary_position_in_eigenbasis(o).unwrap().trace()).sum();
        close("displacement by subtraction", curve[1], totals[3], 1e3 * f64::EPSILON * p)?;
    }

    #[test]
    fn the_excess_loss_is_the_expected_loss(problem in problem()) {
        prop_assume!(flatness(&problem) > 1e-3);
        let law = problem.law();
        prop_assume!(law.quadratic().rank() > 0 && law.noise_gain().unwrap() < 0.99);
        let (x, y) = (problem.data.features(), problem.data.targets());
        let n = problem.data.samples() as f64;
        let ols = law.quadratic().minimum_ols();
        let loss = |theta: &DMatrix<f64>| (x * theta - y).norm_squared() / (2.0 * n);
        // E L = L(mean) + tr(H P)/2, with the regulariser E |theta|^2 lambda / 2
        let mean = law.minimum_ridge();
        let decay = problem.sgd.weight_decay();
        let spread: f64 = (0..problem.data.outputs()).map(|o| {
            let p = law.stationary_second_moment(o).unwrap();
            let d = problem.data.dimension();
            let p = p.view((0, 0), (d, d)).into_owned();
            0.5 * (law.quadratic().hessian() * &p).trace() + 0.5 * decay * p.trace()
        }).sum();
        let expected = loss(mean) + 0.5 * decay * mean.norm_squared() + spread - loss(&ols);
        let scale = loss(&ols) + loss(mean) + decay * mean.norm_squared() + decay * ols.norm_squared() + spread;
        // data fit exactly have no loss at all; here it is the square of the roundings of residuals, d + 2 each
        let terms = (x.abs() * ols.abs() + y.abs()).amax();
        let fit = (x.ncols() as f64 + 2.0) * f64::EPSILON * terms;
        let rounding = fit * fit * problem.data.outputs() as f64;
        // the minimisers are known to 1e3 roundings, and the loss is stationary there
        let tolerance = 1e3 * 64.0 * f64::EPSILON * scale + rounding;
        close("excess loss", law.excess_loss().unwrap(), expected, tolerance)?;
    }
}

#[test]
fn enumeration_counts_batches() {
    assert_eq!(all_batches(5, 3, Sampling::WithReplacement).len(), 125);
    assert_eq!(all_batches(5, 3, Sampling::WithoutReplacement).len(), 10);
    assert_eq!(all_batches(1, 1, Sampling::WithoutReplacement), vec![vec![0]]);
}

/// Fewer samples than features, whatever their targets: the minimum of least norm fits them all.
#[test]
fn data_that_are_fit_exactly_have_no_noise() {
    let features = dmatrix![0.3, -1.1, 0.7, 0.2; 1.9, 0.4, -0.6, 1.3; -0.8, 0.1, 2.3, -0.5];
    let targets = dmatrix![0.1, 3.0; 1e3, -0.7; -7.7, 1e-3];
    let data = LeastSquares::new(features, targets).unwrap();
    let sgd = Hyperparameters::new(0.02, 0.5, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    let reshuffled = ReshuffledLaw::new(&data, &sgd).unwrap();
    for output in 0..2 {
        assert_eq!(law.gradient_noise_covariance(output).unwrap().amax(), 0.0);
        assert_eq!(law.stationary_second_moment(output).unwrap().amax(), 0.0);
        assert!(reshuffled.stationary(output).unwrap().iter().all(|moments| moments.second_moment.amax() == 0.0));
    }
    assert_eq!((law.speed().unwrap(), law.excess_loss().unwrap()), (0.0, 0.0));
    // a residual beyond rounding is noise: 1e-12 of a target, on a fourth sample that repeats the first
    let mut features = data.features().clone().insert_row(3, 0.0);
    features.set_row(3, &data.features().row(0));
    let mut targets = data.targets().clone().insert_row(3, 0.0);
    targets.set_row(3, &data.targets().row(0));
    targets[(3, 1)] *= 1.0 + 1e-12;
    let nearly = LeastSquares::new(features, targets).unwrap();
    let law = MinibatchLaw::new(&nearly, &sgd, Sampling::WithReplacement).unwrap();
    // the two residuals are half the difference each, +-1.5e-12, to a thousandth
    let noise = law.gradient_noise_covariance(1).unwrap().trace();
    let expected = 0.5 * 1.5e-12_f64.powi(2) * data.features().row(0).norm_squared();
    assert!((noise / expected - 1.0).abs() < 1e-2, "{noise:e} {expected:e}");
}

/// Whole periods of moments that repeat are left out, to the last bit.
#[test]
fn stationary_moments_are_not_iterated() {
    let features = nalgebra::dmatrix![1.0, 0.3; -1.5, 0.2; 2.0, -0.7; 0.25, 1.0];
    let data = LeastSquares::new(features, nalgebra::dmatrix![1.0; 0.5; 1.5; -1.0]).unwrap();
    let sgd = Hyperparameters::new(0.2, 0.5, 0.01, 2).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    let start = || law.transient(0, &nalgebra::dvector![0.4, -1.0], &nalgebra::dvector![0.1, 0.0]).unwrap();
    let (mut short, mut long) = (start(), start());
    for _ in 0..70_003 {
        short.advance();
    }
    long.advance_to(Steps(70_003)).unwrap();
    assert_eq!(short.steps(), long.steps());
    assert_eq!(short.second_moment_in_eigenbasis(), long.second_moment_in_eigenbasis());
    assert_eq!(short.mean(), long.mean());
    // this many would take a second otherwise, and the stationary law is met
    long.advance_to(Steps(10_000_000)).unwrap();
    assert!(long.advance_to(Steps(10_000_001)).is_err());
    let stationary = law.stationary_second_moment_in_eigenbasis(0).unwrap();
    assert!((long.second_moment_in_eigenbasis() - &stationary).amax() < 1e-12 * stationary.amax());
}

/// One sample at the edge, whose mean changes sign with every step for ever: periods are left out in phase.
#[test]
fn moments_that_alternate_keep_their_phase() {
    let data = LeastSquares::new(dmatrix![1.0], dmatrix![0.0]).unwrap();
    let sgd = Hyperparameters::new(2.0, 0.0, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    for steps in 0..300 {
        let mut moments = law.transient(0, &nalgebra::dvector![1.0], &nalgebra::dvector![0.0]).unwrap();
        moments.advance_to(Steps(steps)).unwrap();
        assert_eq!((moments.steps(), moments.mean()[0]), (Steps(steps), if steps % 2 == 0 { 1.0 } else { -1.0 }));
    }
}

/// Positions leave the range of doubles before velocities do, or after them: an error either way.
#[test]
fn moments_that_are_not_refused_are_finite() {
    let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    for (eta, momentum) in [(1e10, 0.0), (1e80, 0.0), (3.0, 0.9)] {
        let sgd = Hyperparameters::new(eta, momentum, 0.0, 1).unwrap();
        let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
        let mut moments = law.transient(0, &nalgebra::dvector![1.6], &nalgebra::dvector![0.0]).unwrap();
        let mut refused = false;
        for step in 1..2000 {
            refused = moments.advance_to(Steps(step)).is_err();
            if refused {
                break;
            }
            let second = moments.second_moment_in_eigenbasis();
            assert!(second[(0, 0)].is_finite() && second[(1, 1)].is_finite(), "{eta:e}, step {step}: {second}");
        }
        assert!(refused, "{eta:e}");
    }
}

/// The covariance of the mean of a batch of two and of three of four samples, by enumeration.
#[test]
fn the_noise_factor_is_the_variance_of_batch_means() {
    let values = [1.0, 2.0, 4.0, 9.0];
    let variance = |batches: &[Vec<usize>]| {
        let means = batches.iter().map(|batch| batch.iter().map(|&i| values[i]).sum::<f64>() / batch.len() as f64);
        means.map(|mean| (mean - 4.0).powi(2)).sum::<f64>() / batches.len() as f64
    };
    let single = variance(&[vec![0], vec![1], vec![2], vec![3]]);
    let data = LeastSquares::new(dmatrix![1.0; 2.0; 4.0; 9.0], DMatrix::zeros(4, 1)).unwrap();
    for sampling in [Sampling::WithReplacement, Sampling::WithoutReplacement] {
        for size in 1..=3 {
            let sgd = Hyperparameters::new(0.01, 0.0, 0.0, size).unwrap();
            let found = MinibatchLaw::new(&data, &sgd, sampling).unwrap().noise_factor();
            let expected = variance(&all_batches(4, size, sampling)) / single;
            assert!((found / expected - 1.0).abs() < 64.0 * f64::EPSILON, "{sampling:?} {size}: {found} {expected}");
        }
    }
}

/// Parts in 10^6 of the learning rate from the limit, in three directions of unequal curvature, where the feedback is a large
/// part of the moments: one step of all batches reproduces them.
#[test]
fn moments_near_the_limit_are_stationary() {
    let features = dmatrix![1.0, 0.3, -0.2; -1.5, 0.2, 0.1; 2.0, -0.7, 0.4; 0.25, 1.0, 0.3; -0.5, 0.6, -0.8];
    let data = LeastSquares::new(features, dmatrix![1.0; 0.5; 1.5; -1.0; 0.2]).unwrap();
    let sampling = Sampling::WithReplacement;
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
    let limit = MinibatchLaw::new(&data, &sgd, sampling).unwrap().learning_rate_limit().unwrap().unwrap();
    let sgd = sgd.with_learning_rate(limit * (1.0 - 1e-6)).unwrap();
    let problem = Problem { data, sgd, sampling };
    let law = problem.law();
    let found = law.stationary_second_moment(0).unwrap();
    let enumeration = Enumeration::new(&problem, 0, &law.minimum_ridge().column(0).into_owned());
    let (_, next) = enumeration.advance(&DVector::zeros(6), &found);
    let unit = |index: usize| if index < 3 { 1.0 } else { 1.0 / problem.sgd.learning_rate() };
    let scale = (0..6).map(|i| found[(i, i)] / unit(i).powi(2)).fold(0.0, f64::max);
    for i in 0..6 {
        for j in 0..6 {
            // maps of a few units, as are their products with moments
            let error = (next[(i, j)] - found[(i, j)]).abs() / (unit(i) * unit(j));
            assert!(error < 1e3 * f64::EPSILON * scale, "{i} {j}: {error:e} of {scale:e}");
        }
    }
}

/// A direction without curvature has no noise, whatever moment it is said to have and whatever holds it.
#[test]
fn null_directions_are_without_noise() {
    let data = LeastSquares::new(dmatrix![1.0, 0.0; 2.0, 0.0], dmatrix![1.0; 1.0]).unwrap();
    for decay in [0.0, 0.5] {
        let sgd = Hyperparameters::new(0.1, 0.0, decay, 1).unwrap();
        let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
        let modes = law.equivalent_modes(&DMatrix::from_element(2, 2, 1.0)).unwrap();
        assert!((modes[0].position_variance().unwrap() - 1.0).abs() < 1e-15);
        assert_eq!(modes[1].speed().unwrap(), 0.0);
    }
}
