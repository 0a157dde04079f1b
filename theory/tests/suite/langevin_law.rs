//! The SDE on a whole quadratic: Lyapunov equation, decomposition A = (D + Q) U, transients, means, entropy production.

use langevin_theory::langevin::{LangevinLaw, LangevinMode, NoiseModel, Oscillator};
use langevin_theory::{Hyperparameters, Quadratic, Steps, TheoryError, Time};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::double_double::{Dd, Matrix};
use crate::problems::{covariance, logarithmic, momentum, rotation, square};

#[derive(Clone, Debug)]
struct Problem {
    sgd: Hyperparameters,
    quadratic: Quadratic,
    noise: DMatrix<f64>,
}

/// Curvatures within a factor of 1e4 of each other, from far overdamped to far underdamped, noise of any rank.
fn problem() -> impl Strategy<Value = Problem> {
    (1usize..=3).prop_flat_map(|size| {
        (
            (logarithmic(-3.0, 0.5), momentum(), prop_oneof![Just(0.0), 0.01..1.0f64], 1usize..64),
            proptest::collection::vec(logarithmic(-3.0, 1.0), size),
            prop_oneof![rotation(size), Just(DMatrix::identity(size, size))],
            covariance(size),
            proptest::collection::vec(-1.0..1.0, size),
        )
            .prop_map(|((eta, beta, decay, batch), spectrum, basis, noise, linear)| {
                let product = &basis * DMatrix::from_diagonal(&DVector::from_vec(spectrum)) * basis.transpose();
                let hessian = (&product + product.transpose()) * 0.5;
                let linear = DMatrix::from_vec(linear.len(), 1, linear);
                Problem {
                    sgd: Hyperparameters::new(eta, beta, decay, batch).unwrap(),
                    quadratic: Quadratic::new(hessian, linear).unwrap(),
                    noise,
                }
            })
    })
}

fn time(value: f64) -> Time {
    Time::new(value).unwrap()
}

/// A and D of (6) from their definition, 2d x 2d.
fn definition(problem: &Problem) -> (DMatrix<f64>, DMatrix<f64>) {
    let size = problem.quadratic.dimension();
    let (eta, b) = (problem.sgd.learning_rate(), problem.sgd.momentum());
    let one = DMatrix::<f64>::identity(size, size);
    let mut drift = DMatrix::zeros(2 * size, 2 * size);
    drift.view_mut((0, size), (size, size)).copy_from(&-&one);
    let curvature = problem.quadratic.hessian() + &one * problem.sgd.weight_decay();
    drift.view_mut((size, 0), (size, size)).copy_from(&(curvature * (2.0 / (eta * (1.0 + b)))));
    drift.view_mut((size, size), (size, size)).copy_from(&(&one * (2.0 * (1.0 - b) / (eta * (1.0 + b)))));
    let mut diffusion = DMatrix::zeros(2 * size, 2 * size);
    let strength = 2.0 * (1.0 - b) / (eta * (1.0 + b));
    diffusion.view_mut((size, size), (size, size)).copy_from(&(&problem.noise * strength));
    (drift, diffusion)
}

/// Positions in units of velocity / unit.
fn balanced(matrix: &DMatrix<f64>, unit: f64, covariant: bool) -> DMatrix<f64> {
    let size = matrix.nrows() / 2;
    let factor = |index: usize| if index < size { unit } else { 1.0 };
    DMatrix::from_fn(2 * size, 2 * size, |i, j| {
        matrix[(i, j)] * factor(i) * if covariant { factor(j) } else { 1.0 / factor(j) }
    })
}

fn assert_close(
    what: &str,
    found: &DMatrix<f64>,
    expected: &DMatrix<f64>,
    tolerance: f64,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.shape(), expected.shape());
    for (found, expected) in found.iter().zip(expected.iter()) {
        close(what, *found, *expected, tolerance)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn drift_diffusion_lyapunov_and_circulation(problem in problem()) {
        let law = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::Covariance(problem.noise.clone())).unwrap();
        let (drift, diffusion) = definition(&problem);
        let size = problem.quadratic.dimension();
        // a unit in which position and velocity are alike, and a bound of |A| in it
        let unit = drift.amax().sqrt().max(drift[(size, size)]);
        let rate = 2.0 * size as f64 * unit;
        let roundings = |count: f64| count * size as f64 * f64::EPSILON;
        assert_close("A", &law.drift(), &drift, roundings(8.0) * drift.amax())?;
        assert_close("D", &law.diffusion(), &diffusion, roundings(16.0) * diffusion.amax())?;

        let stationary = law.stationary_covariance().unwrap();
        let kappa = problem.sgd.kappa();
        let b = balanced(&stationary, unit, true) * kappa;
        let (a, d) = (balanced(&drift, unit, false), balanced(&diffusion, unit, true));
        // each entry of B to a few roundings, times the entries of A
        let tolerance = roundings(64.0) * rate * b.amax();
        assert_close("A B + B A^T = 2 D", &(&a * &b + &b * a.transpose()), &(&d * 2.0), tolerance)?;

        let q = balanced(&law.circulation().unwrap(), unit, true);
        assert_close("Q = A B - D", &q, &(&a * &b - &d), tolerance)?;
        assert_close("Q = -Q^T", &q, &-q.transpose(), tolerance)?;
        match law.precision() {
            Ok(precision) => {
                let u = balanced(&precision, 1.0 / unit, true);
                // U is known to (condition of B) roundings of itself
                let condition = u.amax() * b.amax() * 4.0 * (size * size) as f64;
                let tolerance = roundings(64.0) * condition * (&d + &q).amax() * u.amax() * 2.0 * size as f64;
                assert_close("A = (D + Q) U", &((&d + &q) * &u), &a, tolerance + roundings(64.0) * rate)?;
            }
            Err(error) => prop_assert!(matches!(error, TheoryError::Singular { .. }), "{error}"),
        }
        close_relative("speed (16)", law.speed(),
            problem.sgd.learning_rate().powi(2) * problem.noise.trace() / kappa, 16.0 * size as f64 + 8.0)?;
        close_relative("kinetic energy", law.kinetic_energy(), 0.5 * problem.sgd.mass() * problem.noise.trace() / kappa, 32.0)?;
        close_relative("equipartition", law.potential_energy().unwrap(), law.kinetic_energy(), 64.0)?;
    }

    #[test]
    fn transient_covariance_is_the_integral(problem in problem(), scale in logarithmic(-4.0, 2.0)) {
        let law = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::Covariance(problem.noise.clone())).unwrap();
        let (drift, diffusion) = definition(&problem);
        let size = problem.quadratic.dimension();
        let unit = drift.amax().sqrt().max(drift[(size, size)]);
        let t = scale / unit;
        // Van Loan over a short time and doubling, 2d x 2d with 106 bits
        let mut short = scale;
        let mut doublings = 0;
        while short > 0.125 {
            short *= 0.5;
            doublings += 1;
        }
        let a = Matrix::from_doubles(&(balanced(&drift, unit, false) / unit));
        let d = Matrix::from_doubles(&(balanced(&diffusion, unit, true) * (2.0 / problem.sgd.kappa() / unit)));
        let n = 2 * size;
        let s = Dd::from(short);
        let block = Matrix::from_fn(2 * n, 2 * n, |i, j| match (i < n, j < n) {
            (true, true) => a.at(i, j) * s,
            (true, false) => d.at(i, j - n) * s,
            (false, true) => Dd::ZERO,
            (false, false) => -(a.at(j - n, i - n) * s),
        });
        let flow = block.exponential();
        let corner = Matrix::from_fn(n, n, |i, j| flow.at(i, j + n));
        let mut forward = a.scaled(-s).exponential();
        let mut integral = forward.times(&corner);
        for _ in 0..doublings {
            integral = integral.plus(&forward.times(&integral).times(&forward.transpose()));
            forward = forward.times(&forward);
        }
        let found = balanced(&law.covariance(time(t)), unit, true);
        // eigenvalues and the time are known to d roundings: (rate t) of them in the exponent until it has decayed; entries
        // relative to the variances of their blocks
        let slowest = problem.quadratic.curvatures(problem.sgd.weight_decay()).min();
        let largest = problem.quadratic.curvatures(problem.sgd.weight_decay()).max();
        let roundings = size as f64 * (256.0 + 32.0 * scale + 16.0 * largest / slowest);
        let block = |first: usize| (first..first + size).map(|i| integral.get(i, i)).fold(0.0, f64::max);
        for i in 0..n {
            for j in 0..n {
                let scale = (block(i / size * size) * block(j / size * size)).sqrt();
                close("covariance [integral]", found[(i, j)], integral.get(i, j), roundings * f64::EPSILON * scale)?;
            }
        }
    }

    #[test]
    fn transients_end_in_the_stationary_law(problem in problem()) {
        let law = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::Covariance(problem.noise.clone())).unwrap();
        let (gamma, slow) = problem.quadratic.curvatures(problem.sgd.weight_decay()).iter().fold((0.0, f64::INFINITY), |(_, slow), &h| {
            let inertia = problem.sgd.learning_rate() * (1.0 + problem.sgd.momentum());
            let gamma = (1.0 - problem.sgd.momentum()) / inertia;
            let square = 2.0 * h / inertia;
            let root = (gamma * gamma - square).max(0.0).sqrt();
            (gamma, f64::min(slow, (square / (gamma + root)).min(gamma)))
        });
        let t = 45.0 / slow;
        let size = problem.quadratic.dimension();
        let stationary = law.stationary_covariance().unwrap();
        let found = law.covariance(time(t));
        // doublings of the slowest mode; 8 roundings each
        let roundings = size as f64 * 64.0 * (8.0 + (gamma / slow).log2().max(0.0) + (t * stationary_rate(&problem)).log2().max(0.0) + 45.0 * stationary_rate(&problem) / slow.max(gamma));
        let block = |first: usize| (first..first + size).map(|i| stationary[(i, i)]).fold(0.0, f64::max);
        for i in 0..2 * size {
            for j in 0..2 * size {
                let scale = (block(i / size * size) * block(j / size * size)).sqrt();
                close("covariance at the end [matrix]", found[(i, j)], stationary[(i, j)], roundings * f64::EPSILON * scale)?;
            }
        }
        let start = DVector::from_element(size, 1.0);
        let mean = law.mean(&start, &start, time(t)).unwrap();
        let minimum = law.minimum_ridge();
        for i in 0..size {
            prop_assert!((mean[i] - minimum[i]).abs() <= 1e-12 * (1.0 + minimum.amax() + 1.0 / gamma), "{} {}", mean[i], minimum[i]);
        }
    }

    #[test]
    fn the_mean_is_the_flow_about_the_ridge_minimum(problem in problem(), scale in logarithmic(-4.0, 1.0)) {
        let law = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
        let (drift, _) = definition(&problem);
        let size = problem.quadratic.dimension();
        let unit = drift.amax().sqrt().max(drift[(size, size)]);
        let curvature = problem.quadratic.hessian() + DMatrix::identity(size, size) * problem.sgd.weight_decay();
        let minimum = curvature.clone().lu().solve(&problem.quadratic.linear_term().column(0).into_owned()).unwrap();
        let flow = Matrix::from_doubles(&(balanced(&drift, unit, false) * (-scale / unit))).exponential();
        let start = DVector::from_fn(2 * size, |i, _| if i < size { (1.0 - minimum[i]) * unit } else { 0.5 });
        let expected = flow.to_doubles() * start;
        let found = law.mean(&DVector::from_element(size, 1.0), &DVector::from_element(size, 0.5), time(scale / unit)).unwrap();
        // the minimum has the condition number of the curvature, at most 1e4
        let tolerance = 1e4 * size as f64 * f64::EPSILON * (64.0 + 16.0 * scale) * (1.0 + minimum.amax()) * unit.max(1.0);
        for i in 0..size {
            close("mean position [matrix]", (found[i] - minimum[i]) * unit, expected[i], tolerance)?;
            close("mean velocity [matrix]", found[size + i], expected[size + i], tolerance)?;
        }
        // E09: the offset is the regularised loss at the ridge minimum over the unregularised one at its own
        let loss = |theta: &DVector<f64>| 0.5 * theta.dot(&(problem.quadratic.hessian() * theta)) - problem.quadratic.linear_term().column(0).dot(theta);
        let ols = problem.quadratic.minimum_ols().column(0).into_owned();
        let offset = loss(&minimum) + 0.5 * problem.sgd.weight_decay() * minimum.norm_squared() - loss(&ols);
        let size_of_terms = loss(&ols).abs() + loss(&minimum).abs() + problem.sgd.weight_decay() * minimum.norm_squared();
        close("loss offset", law.loss_offset(), offset, 1e4 * 64.0 * f64::EPSILON * size_of_terms)?;
        close("excess loss", law.excess_loss().unwrap(), law.potential_energy().unwrap() + law.loss_offset(), 4.0 * f64::EPSILON * law.excess_loss().unwrap().abs())?;
    }

    #[test]
    fn entropy_production_is_not_negative(problem in problem(), root in square(3)) {
        let size = problem.quadratic.dimension();
        // singular values within 1.5 of 2: noise of condition 49 at most
        let root = root.view((0, 0), (size, size)) * 0.5 + DMatrix::identity(size, size) * 2.0;
        let noise = &root * root.transpose();
        let noise = (&noise + noise.transpose()) * 0.5;
        let law = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::Covariance(noise.clone())).unwrap();
        let production = law.entropy_production_with_parity().unwrap();
        let gamma = (1.0 - problem.sgd.momentum()) / (problem.sgd.learning_rate() * (1.0 + problem.sgd.momentum()));
        // its inverse is known to fewer than 1e3 roundings
        let rounding = 2.0 * gamma * 1e3 * 64.0 * f64::EPSILON * size as f64;
        prop_assert!(production >= -rounding, "{production}");
        // definition: irreversible drift with odd velocities, J = -(gamma_2 + D U_vv) v - D U_vx x, EPR = E[J^T D^{-1} J]
        let problem = Problem { noise, ..problem };
        let (_, diffusion) = definition(&problem);
        let precision = law.precision().unwrap();
        let covariance = law.stationary_covariance().unwrap();
        let kappa = problem.sgd.kappa();
        let block = |m: &DMatrix<f64>, r: usize, c: usize| m.view((r * size, c * size), (size, size)).into_owned();
        let d = block(&diffusion, 1, 1);
        let friction = DMatrix::identity(size, size) * (2.0 * gamma);
        // time reversal flips the sign of v: the even-odd part of the force balance is what dissipates
        let w_v = &d * block(&precision, 1, 1) - friction;
        let w_x = &d * block(&precision, 1, 0);
        let inverse = d.try_inverse().unwrap();
        let (p, c, v) = (block(&covariance, 0, 0), block(&covariance, 0, 1), block(&covariance, 1, 1));
        let moment = &w_v * &v * w_v.transpose() + &w_x * &c * w_v.transpose() + &w_v * c.transpose() * w_x.transpose() + &w_x * &p * w_x.transpose();
        let expected = kappa * (inverse * moment).trace();
        // the inverse of the covariance: its condition number, which grows with gamma / omega squared in position units
        let correlation_condition = condition(&covariance);
        close("entropy production", production, expected, (2.0 * gamma * 1e3 * 64.0 * f64::EPSILON) * (1.0 + correlation_condition))?;
        // isotropic noise commutes with everything
        let commuting = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::Covariance(DMatrix::identity(size, size))).unwrap();
        prop_assert!(commuting.entropy_production_with_parity().unwrap().abs() <= rounding);
        let assumption3 = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::ProportionalToHessian(0.7)).unwrap();
        prop_assert_eq!(assumption3.entropy_production_with_parity().unwrap(), 0.0);
    }

    #[test]
    fn assumption_3_is_the_covariance_sigma_squared_h(problem in problem(), sigma2 in logarithmic(-3.0, 3.0)) {
        let short = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::ProportionalToHessian(sigma2)).unwrap();
        let long = LangevinLaw::new(&problem.quadratic, &problem.sgd, NoiseModel::Covariance(problem.quadratic.hessian() * sigma2)).unwrap();
        let size = problem.quadratic.dimension();
        // eigenvalues good to d roundings of the largest, at most 1e4 times the smallest
        let unit = 64.0 * size as f64 * f64::EPSILON;
        let (first, second) = (short.stationary_covariance().unwrap(), long.stationary_covariance().unwrap());
        let (p, v) = (first.view((0, 0), (size, size)).amax(), first.view((size, size), (size, size)).amax());
        for i in 0..2 * size {
            for j in 0..2 * size {
                let scale = if i < size { p.sqrt() } else { v.sqrt() } * if j < size { p.sqrt() } else { v.sqrt() };
                close("Assumption 3", first[(i, j)], second[(i, j)], 1e4 * unit * scale)?;
            }
        }
        close_relative("Assumption 3 [speed]", short.speed(), long.speed(), 64.0 * size as f64)?;
        // (12): the precision without inverting a matrix, in units in which positions and velocities are alike
        let product = short.precision().unwrap() * &first * problem.sgd.kappa();
        let product = balanced(&product, (v / p).sqrt(), false);
        assert_close("U B = 1", &product, &DMatrix::identity(2 * size, 2 * size), 1e4 * 16.0 * unit)?;
    }
}

fn condition(covariance: &DMatrix<f64>) -> f64 {
    let scale = covariance.diagonal().map(f64::sqrt);
    let correlation = DMatrix::from_fn(scale.len(), scale.len(), |i, j| covariance[(i, j)] / (scale[i] * scale[j]));
    let inverse = correlation.try_inverse().unwrap();
    inverse.amax() * (scale.len() * scale.len()) as f64
}

/// The largest of gamma and omega.
fn stationary_rate(problem: &Problem) -> f64 {
    let inertia = problem.sgd.learning_rate() * (1.0 + problem.sgd.momentum());
    let largest = problem.quadratic.curvatures(problem.sgd.weight_decay()).max();
    f64::max(2.0 * (1.0 - problem.sgd.momentum()) / inertia, (2.0 * largest / inertia).sqrt())
}

#[test]
fn displacement_sums_the_modes() {
    let quadratic = Quadratic::new(DMatrix::from_row_slice(2, 2, &[2.0, 0.5, 0.5, 1.0]), DMatrix::zeros(2, 1)).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.9, 0.05, 8).unwrap();
    let noise = DMatrix::from_row_slice(2, 2, &[1.0, 0.3, 0.3, 0.4]);
    let law = LangevinLaw::new(&quadratic, &sgd, NoiseModel::Covariance(noise)).unwrap();
    let modes: Vec<LangevinMode> = law.modes().unwrap();
    for steps in [0, 1, 10, 1000] {
        let total: f64 = modes.iter().map(|mode| mode.displacement(Steps(steps)).unwrap()).sum();
        assert_eq!(law.displacement(Steps(steps)).unwrap(), total);
    }
    let maps = law.discrete_maps();
    assert_eq!(maps.len(), 2);
    for (map, h) in maps.iter().zip(quadratic.curvatures(0.05).iter()) {
        assert_eq!((map.learning_rate(), map.momentum(), map.curvature()), (0.1, 0.9, *h));
    }
}

#[test]
fn what_a_null_direction_has_not() {
    let null = Quadratic::new(DMatrix::from_row_slice(2, 2, &[1.0, 1.0, 1.0, 1.0]), DMatrix::zeros(2, 1)).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 8).unwrap();
    let law = LangevinLaw::new(&null, &sgd, NoiseModel::Covariance(DMatrix::identity(2, 2))).unwrap();
    let errors = [
        law.stationary_covariance().unwrap_err(),
        law.circulation().unwrap_err(),
        law.precision().unwrap_err(),
        law.potential_energy().unwrap_err(),
        law.excess_loss().unwrap_err(),
        law.entropy_production_with_parity().unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.undefined_reason() == Some("singular")), "{errors:?}");
    // what exists all the same
    assert!(law.displacement(Steps(100)).unwrap() > 0.0);
    assert!(law.covariance(time(3.0)).iter().all(|entry| entry.is_finite()));
    // with weight decay the law exists, but Assumption 3 leaves the null direction without noise (E15)
    let sgd = Hyperparameters::new(0.1, 0.9, 0.1, 8).unwrap();
    let law = LangevinLaw::new(&null, &sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
    assert!(law.stationary_covariance().is_ok() && law.circulation().is_ok());
    assert_eq!(law.precision().unwrap_err().undefined_reason(), Some("singular"));
    // noise in one direction that H turns into the other: infinite entropy production
    let tilted = Quadratic::new(DMatrix::from_row_slice(2, 2, &[2.0, 0.5, 0.5, 1.0]), DMatrix::zeros(2, 1)).unwrap();
    let law =
        LangevinLaw::new(&tilted, &sgd, NoiseModel::Covariance(DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 0.0])))
            .unwrap();
    assert_eq!(law.entropy_production_with_parity().unwrap_err().undefined_reason(), Some("infinite"));
}

proptest! {
    #[test]
    fn the_force_circulates_on_the_modified_loss(
        eta in logarithmic(-3.0, -0.5),
        beta in 0.0..0.95f64,
        decay in 0.01..1.0f64,
        root in square(3),
        sigma2 in 0.1..10.0f64,
        point in proptest::collection::vec(-2.0..2.0f64, 6),
    ) {
        let hessian = &root * root.transpose() + DMatrix::identity(3, 3) * 0.1;
        let hessian = (&hessian + hessian.transpose()) * 0.5;
        let quadratic = Quadratic::new(hessian.clone(), DMatrix::from_element(3, 1, 0.3)).unwrap();
        let sgd = Hyperparameters::new(eta, beta, decay, 4).unwrap();
        let law = LangevinLaw::new(&quadratic, &sgd, NoiseModel::ProportionalToHessian(sigma2)).unwrap();
        let (theta, v) = (DVector::from_column_slice(&point[..3]), DVector::from_column_slice(&point[3..]));
        let x = &theta - law.minimum_ridge();
        let regularised = &hessian + DMatrix::identity(3, 3) * decay;
        // (49), and (50) halved (E10)
        let inverse = hessian.clone().try_inverse().unwrap();
        let psi = law.modified_loss(&theta, &v).unwrap();
        let expected = x.dot(&(&inverse * &regularised * &x)) / (eta * (1.0 + beta) * sigma2);
        prop_assert!((psi.position - expected).abs() <= 1e-9 * expected, "{} {}", psi.position, expected);
        let expected = 0.5 * v.dot(&(&inverse * &v)) / sigma2;
        prop_assert!((psi.velocity - expected).abs() <= 1e-9 * expected, "{} {}", psi.velocity, expected);
        prop_assert_eq!(psi.mixed, 0.0);
        prop_assert_eq!(psi.total(), psi.position + psi.velocity);
        // (51): (v; -2/(eta (1+beta)) (H + lambda)(theta - mu))
        let force = law.force(&theta, &v).unwrap();
        let pull = &regularised * &x * (-2.0 / (eta * (1.0 + beta)));
        for i in 0..3 {
            prop_assert!((force[i] - v[i]).abs() <= 1e-9 * v.amax());
            prop_assert!((force[3 + i] - pull[i]).abs() <= 1e-9 * pull.amax());
        }
        let loss = law.regularised_loss(&theta).unwrap();
        prop_assert!((loss - 0.5 * x.dot(&(&regularised * &x))).abs() <= 1e-12 * loss);
    }
}

/// A direction so flat that its minimum is 1e14 away: the mean starts where it starts, and moves under a constant force.
#[test]
fn the_mean_in_a_flat_direction_keeps_its_start() {
    for flat in [0.0, 1e-14] {
        let sgd = Hyperparameters::new(0.25, 0.25, 0.0, 1).unwrap();
        let linear = dmatrix![1.0; 1.0];
        let loss = Quadratic::new(dmatrix![1.0, 0.0; 0.0, flat], linear).unwrap();
        let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
        let start = dvector![0.3, -0.7];
        let kick = dvector![0.0, 0.5];
        let at = |t: f64| law.mean(&start, &kick, Time::new(t).unwrap()).unwrap();
        let first = at(0.0);
        assert!((first.rows(0, 2) - &start).amax() <= 4.0 * f64::EPSILON);
        assert!((first[3] - 0.5).abs() <= 4.0 * f64::EPSILON);
        // without restoring force: v' = f - 2 gamma v
        let inertia = 0.25 * 1.25_f64;
        let (force, friction) = (2.0 / inertia, 2.0 * 0.75 / inertia);
        let t = 0.5_f64;
        let decay = (-friction * t).exp();
        let position = -0.7 + force / friction * t + (0.5 - force / friction) * (1.0 - decay) / friction;
        let velocity = force / friction + (0.5 - force / friction) * decay;
        let later = at(t);
        // the neglected restoring force is 1e-14 of the displacement
        assert!((later[1] - position).abs() <= 1e-13 && (later[3] - velocity).abs() <= 1e-13, "{later} {position}");
    }
}

/// Near the minimum of one direction, also of a loss that has none in another, the velocity keeps the digits of the distance.
#[test]
fn the_mean_near_a_minimum_keeps_the_distance() {
    let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    for (unit, null) in [(1.0, 1.0), (f64::exp2(40.0), 0.0), (f64::exp2(-40.0), 0.0), (1.0, 0.0)] {
        let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 0.0], dmatrix![2.0 * unit; null]).unwrap();
        let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
        let step = Oscillator::new(&sgd, 2.0).propagator(time(0.25));
        for distance in [unit * f64::exp2(-30.0), -unit * f64::exp2(-30.0)] {
            let mean = law.mean(&dvector![unit + distance, 0.0], &dvector![0.0, 0.0], time(0.25)).unwrap();
            close_relative("velocity", mean[2], step[1][0] * distance, 8.0).unwrap();
            close_relative("position", mean[0], unit + step[0][0] * distance, 2.0).unwrap();
        }
    }
}

#[test]
fn without_noise_no_entropy_is_produced() {
    let loss = Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![0.0; 0.0]).unwrap();
    let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    let law = LangevinLaw::new(&loss, &sgd, NoiseModel::Covariance(DMatrix::zeros(2, 2))).unwrap();
    assert_eq!(law.entropy_production_with_parity().unwrap(), 0.0);
}

/// The example of the documentation, 8/75, in any unit of the noise.
#[test]
fn entropy_production_does_not_depend_on_the_size_of_the_noise() {
    let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    for power in [-200, -60, 0, 60, 200] {
        let noise = NoiseModel::Covariance(dmatrix![1.0, 0.5; 0.5, 1.0] * f64::exp2(f64::from(power)));
        let production = LangevinLaw::new(&loss, &sgd, noise).unwrap().entropy_production_with_parity().unwrap();
        assert!((production - 8.0 / 75.0).abs() < 1e-14, "2^{power}: {production}");
    }
}

/// Noise in two directions of 48, rotated at random: the others explore nothing and produce nothing, whatever rounding
/// leaves of their noise.
#[test]
fn directions_without_noise_produce_no_entropy() {
    let basis = DMatrix::from_fn(48, 48, |i, j| ((7 * i + 3 * j + i * j) as f64).sin()).qr().q();
    let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    let mut curvatures = DVector::from_fn(48, |i, _| 1.0 + 0.25 * i as f64);
    curvatures.swap_rows(1, 4);
    let mut noise = DMatrix::zeros(48, 48);
    noise.view_mut((0, 0), (2, 2)).copy_from(&dmatrix![1.0, 0.5; 0.5, 1.0]);
    let rotated = |matrix: &DMatrix<f64>| {
        let product = &basis * matrix * basis.transpose();
        (&product + product.transpose()) * 0.5
    };
    let loss = Quadratic::new(rotated(&DMatrix::from_diagonal(&curvatures)), DMatrix::zeros(48, 1)).unwrap();
    let law = LangevinLaw::new(&loss, &sgd, NoiseModel::Covariance(rotated(&noise))).unwrap();
    // curvatures 2 and 1 as in the example
    let production = law.entropy_production_with_parity().unwrap();
    assert!((production - 8.0 / 75.0).abs() < 1e-13, "{production}");
}

/// A flat direction of a loss that has a minimum holds what is there, however long, also from a start at zero: the force along
/// it is a rounding of the coefficients.
#[test]
fn a_flat_direction_of_a_loss_with_a_minimum_holds_its_start() {
    let sgd = Hyperparameters::new(0.25, 0.5, 0.0, 1).unwrap();
    for slope in [0.3, 0.7, 1.1, 2.3, 0.09] {
        let steep = dvector![1.0, slope, -0.4 * slope];
        let hessian = &steep * steep.transpose();
        let loss = Quadratic::new(hessian, DMatrix::from_columns(&[&steep * 0.37])).unwrap();
        assert!(loss.has_minimum(0.0) && loss.rank() == 1);
        let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
        for across in [0.0, 1e-3] {
            let flat = dvector![slope, -1.0, 0.0] * across;
            let mean = law.mean(&flat, &DVector::zeros(3), time(1e15)).unwrap();
            let expected = &flat + &steep * (0.37 / steep.norm_squared());
            assert!((mean.rows(0, 3) - &expected).amax() < 1e-14, "{slope} {across}: {mean} {expected}");
        }
    }
}
