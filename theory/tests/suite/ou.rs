//! The general Ornstein-Uhlenbeck process: identities of its law for any drift, the phase-space process of SGD against its
//! closed forms, and quantities that do not exist.
//!
//! The process computes with 32 digits, so what comes out is rounded once. Identities between outputs are good to a few
//! roundings of the terms they add up, which each test sums.

use langevin_theory::langevin::{LangevinLaw, NoiseModel};
use langevin_theory::ou::{OrnsteinUhlenbeck, symmetric_drift_decomposition};
use langevin_theory::{Hyperparameters, Quadratic, TheoryError, Time};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;

use crate::problems::{covariance, logarithmic, momentum, square};

/// Largest entry of a difference over roundings of a matrix of term sizes.
fn within(what: &str, difference: &DMatrix<f64>, terms: &DMatrix<f64>, roundings: f64) -> Result<(), TestCaseError> {
    for (error, size) in difference.iter().zip(terms.iter()) {
        prop_assert!(
            error.abs() <= roundings * f64::EPSILON * size + 1e-290,
            "{what}: error {error:e} of terms {size:e}"
        );
    }
    Ok(())
}

/// A drift whose symmetric part is positive, with rates over some orders of magnitude; often far from normal, or defective.
fn stable_drift(size: usize) -> impl Strategy<Value = DMatrix<f64>> {
    prop_oneof![
        3 => (square(size), logarithmic(-3.0, 1.0)).prop_map(move |(matrix, floor)| {
            let skew = &matrix - matrix.transpose();
            &matrix * matrix.transpose() + skew * 2.0 + DMatrix::identity(size, size) * floor
        }),
        // upper triangular with equal rates: defective
        1 => (square(size), logarithmic(-2.0, 2.0)).prop_map(move |(matrix, rate)| {
            DMatrix::from_fn(size, size, |i, j| match i.cmp(&j) {
                std::cmp::Ordering::Less => matrix[(i, j)],
                std::cmp::Ordering::Equal => rate,
                std::cmp::Ordering::Greater => 0.0,
            })
        }),
    ]
}

fn process() -> impl Strategy<Value = OrnsteinUhlenbeck> {
    (1usize..5).prop_flat_map(|size| (stable_drift(size), covariance(size), logarithmic(-2.0, 2.0))).prop_map(
        |(drift, diffusion, kappa)| {
            let size = drift.nrows();
            OrnsteinUhlenbeck::new(drift, DVector::from_element(size, 0.5), &diffusion, kappa).unwrap()
        },
    )
}

fn time() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), logarithmic(-12.0, 1.5)]
}

fn at(value: f64) -> Time {
    Time::new(value).unwrap()
}

fn exp2(exponent: i32) -> f64 {
    f64::from(exponent).exp2()
}

/// B from one Kronecker solve.
fn lyapunov_by_kronecker(drift: &DMatrix<f64>, diffusion: &DMatrix<f64>) -> DMatrix<f64> {
    let size = drift.nrows();
    let identity = DMatrix::<f64>::identity(size, size);
    let system = drift.kronecker(&identity) + identity.kronecker(drift);
    let right = DVector::from_fn(size * size, |index, _| 2.0 * diffusion[(index / size, index % size)]);
    let solution = system.full_piv_lu().solve(&right).unwrap();
    DMatrix::from_fn(size, size, |i, j| solution[i * size + j])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_stationary_law_solves_the_lyapunov_equation(process in process()) {
        let law = process.stationary().unwrap();
        let (a, b, d) = (process.drift(), law.lyapunov(), process.diffusion());
        let terms = a.abs() * b.abs();
        let terms = &terms + terms.transpose() + d.abs();
        within("A B + B A^T = 2D", &(a * b + b * a.transpose() - d * 2.0), &terms, 16.0)?;
        let q = law.circulation();
        within("Q is skew", &(q + q.transpose()), &q.abs(), 0.0)?;
        within("Q = A B - D", &(a * b - d - q), &terms, 16.0)?;
        // the oracle computes with doubles: it is good where the symmetric part of A bounds the condition of its system
        let damping = ((a + a.transpose()) * 0.5).symmetric_eigenvalues().min();
        if damping > 0.0 {
            let condition = a.nrows() as f64 * a.amax() / damping;
            let oracle = lyapunov_by_kronecker(a, d);
            prop_assert!((b - oracle).amax() <= 64.0 * f64::EPSILON * condition * b.amax() + 1e-290);
        }
        prop_assert_eq!(law.detailed_balance(), q.amax() <= 1e-12 * terms.amax());
        if let Ok(u) = law.precision() {
            let product = (d + q) * u;
            let terms = (d.abs() + q.abs()) * u.abs();
            within("A = (D + Q) U", &(product - a), &terms, 16.0)?;
        }
    }

    #[test]
    fn propagators_form_a_semigroup(process in process(), first in time(), second in time()) {
        let sum = process.propagator(at(first + second)).unwrap();
        let (one, two) = (process.propagator(at(first)).unwrap(), process.propagator(at(second)).unwrap());
        let size = one.nrows();
        // rounding the sum of the times moves the propagator by its rate
        let terms = one.abs() * two.abs() * (DMatrix::from_element(size, size, 1.0) * (process.drift().abs() * (first + second)) + DMatrix::from_element(size, size, 1.0));
        within("e^{-A(s+t)}", &(sum - &one * &two), &terms, 16.0)?;
        let start = DMatrix::zeros(size, size);
        let noise = |t: f64| process.covariance(&start, at(t)).unwrap();
        let both = noise(first + second);
        // rounding the sum of the times by a part of it moves C along dC/dt = -A C - C A^T + 2D/kappa, which mixes rows: a
        // small entry moves by its large neighbours
        let drag = process.drift().abs() * (first + second);
        let moved = &drag * both.abs();
        let source = process.diffusion().abs() * (2.0 * (first + second) / process.kappa());
        let terms = one.abs() * noise(second).abs() * one.transpose().abs()
            + noise(first).abs()
            + &moved
            + moved.transpose()
            + source;
        within("C(s+t)", &(&both - noise(first) - &one * noise(second) * one.transpose()), &terms, 16.0)?;
        let cross = process.cross_covariance(&start, at(first + second), at(first)).unwrap();
        let terms = two.abs() * noise(first).abs();
        let terms = &terms + drag * &terms;
        within("Cov(X_{s+t}, X_s)", &(&cross - &two * noise(first)), &terms, 16.0)?;
        let transposed = process.cross_covariance(&start, at(first), at(first + second)).unwrap();
        within("transposed", &(cross.transpose() - transposed), &cross.transpose().abs(), 4.0)?;
    }

    #[test]
    fn every_start_ends_in_the_stationary_law(process in process(), spread in 0.0..2.0f64) {
        let law = process.stationary().unwrap();
        let size = process.dimension();
        let late = at(1e5);
        let end = process.covariance(&(DMatrix::identity(size, size) * spread), late).unwrap();
        prop_assert!((&end - law.covariance()).amax() <= 64.0 * f64::EPSILON * law.covariance().amax() + 1e-40);
        let mean = process.mean(&DVector::from_element(size, -3.0), late).unwrap();
        prop_assert!((mean - process.equilibrium()).amax() <= 1e-15);
    }

    #[test]
    fn free_energy_never_increases(process in process(), spread in 0.1..2.0f64, early in logarithmic(-6.0, 0.5), factor in 1.1..3.0f64) {
        let law = process.stationary().unwrap();
        let size = process.dimension();
        let (mean, start) = (DVector::from_element(size, 1.0), DMatrix::identity(size, size) * spread);
        let at_time = |t: f64| law.relaxation(&process, &mean, &start, at(t)).unwrap();
        let (before, after) = (at_time(early), at_time(early * factor));
        if law.precision().is_err() {
            let reason = before.free_energy.unwrap_err().undefined_reason();
            prop_assert_eq!(reason, Some("uncontrollable"));
            return Ok(());
        }
        let (kl_before, kl_after) = (before.kl_to_stationary.unwrap(), after.kl_to_stationary.unwrap());
        prop_assert!(kl_after >= 0.0 && kl_after <= kl_before * (1.0 + 1e-12), "{kl_before:e} {kl_after:e}");
        prop_assert!(before.free_energy_rate.clone().unwrap() <= 0.0);
        // F = KL / kappa + a constant
        let constant = before.free_energy.unwrap() - kl_before / process.kappa();
        let other = after.free_energy.unwrap() - kl_after / process.kappa();
        let size_of_terms = constant.abs() + kl_before / process.kappa();
        prop_assert!((constant - other).abs() <= 1e-10 * size_of_terms, "{constant} {other}");
        // the rate is the slope
        let step = early * 1e-4 / (1.0 + early * size as f64 * process.drift().amax());
        let slope = (at_time(early + step).kl_to_stationary.unwrap() - at_time(early - step).kl_to_stationary.unwrap()) / (2.0 * step);
        let rate = before.free_energy_rate.unwrap() * process.kappa();
        prop_assert!((slope - rate).abs() <= 1e-4 * rate.abs() + 1e-9 * kl_before / step, "{slope} {rate}");
    }

    #[test]
    fn the_phase_space_process_of_sgd_has_its_closed_forms(
        eta in logarithmic(-3.0, -0.5),
        beta in momentum(),
        decay in prop_oneof![Just(0.01), 0.01..1.0f64],
        root in square(3),
        noise in covariance(3),
        k in 1u64..200,
    ) {
        let hessian = &root * root.transpose();
        let quadratic = Quadratic::new((&hessian + hessian.transpose()) * 0.5, DMatrix::from_element(3, 1, 0.3)).unwrap();
        let sgd = Hyperparameters::new(eta, beta, decay, 4).unwrap();
        let closed = LangevinLaw::new(&quadratic, &sgd, NoiseModel::Covariance(noise)).unwrap();
        let mut mean = DVector::zeros(6);
        mean.rows_mut(0, 3).copy_from(&closed.minimum_ridge());
        let process = OrnsteinUhlenbeck::new(closed.drift(), mean, &closed.diffusion(), sgd.kappa()).unwrap();
        let time = langevin_theory::Steps(k).time(&sgd);
        let (found, expected) = (process.covariance(&DMatrix::zeros(6, 6), time).unwrap(), closed.covariance(time));
        let scale = |i: usize, j: usize| (expected[(i, i)] * expected[(j, j)]).sqrt();
        for i in 0..6 {
            for j in 0..6 {
                prop_assert!((found[(i, j)] - expected[(i, j)]).abs() <= 1e-10 * scale(i, j) + 1e-17 * expected.amax(), "{i} {j}");
            }
        }
        let law = process.stationary().unwrap();
        let stationary = closed.stationary_covariance().unwrap();
        prop_assert!((law.covariance() - &stationary).amax() <= 1e-10 * stationary.amax() + 1e-290);
        let parity = [1, 1, 1, -1, -1, -1];
        if let (Ok(found), Ok(expected)) = (law.entropy_production_with_parity(&parity), closed.entropy_production_with_parity()) {
            let scale = process.drift().amax();
            // it divides by Sigma: a nearly singular one is known to its condition times a rounding
            let strengths = closed.diffusion().view((3, 3), (3, 3)).into_owned().symmetric_eigenvalues();
            let condition = strengths.max() / strengths.min().abs().max(f64::EPSILON * strengths.max());
            let tolerance = (1e-9 + 256.0 * f64::EPSILON * condition) * (expected.abs() + scale);
            prop_assert!((found - expected).abs() <= tolerance, "{found:e} {expected:e}");
        }
    }

    #[test]
    fn the_formula_for_symmetric_drifts_is_the_general_one(root in square(3), diffusion in square(3), floor in logarithmic(-2.0, 1.0)) {
        let drift = &root * root.transpose() + DMatrix::identity(3, 3) * floor;
        let drift = (&drift + drift.transpose()) * 0.5;
        let diffusion = &diffusion * diffusion.transpose() + DMatrix::identity(3, 3) * 0.1;
        let diffusion = (&diffusion + diffusion.transpose()) * 0.5;
        let (circulation, precision) = symmetric_drift_decomposition(&drift, &diffusion).unwrap();
        let law = OrnsteinUhlenbeck::new(drift, DVector::zeros(3), &diffusion, 1.0).unwrap().stationary().unwrap();
        prop_assert!((law.circulation() - circulation).amax() <= 1e-12 * diffusion.amax());
        prop_assert!((law.precision().unwrap() - &precision).amax() <= 1e-11 * precision.amax());
        // no current exactly where A D = D A (erratum E28)
        let production = law.entropy_production().unwrap();
        prop_assert!(production >= 0.0);
    }

    #[test]
    fn the_current_has_no_divergence_and_follows_level_sets(process in process(), point in proptest::collection::vec(-2.0..2.0f64, 4)) {
        let law = process.stationary().unwrap();
        let Ok(precision) = law.precision() else { return Ok(()) };
        let size = process.dimension();
        let point = DVector::from_column_slice(&point[..size]);
        let force = law.force(&point).unwrap();
        let gradient = precision * (&point - process.equilibrium());
        let terms = law.circulation().abs() * gradient.abs();
        // j . grad Psi = 0 and div j = -tr(Q U) = 0
        prop_assert!(force.dot(&gradient).abs() <= 1e-12 * terms.dot(&gradient.abs()) + 1e-290);
        let trace = (law.circulation() * precision).trace();
        let terms = (law.circulation().abs() * precision.abs()).trace();
        prop_assert!(trace.abs() <= 1e-12 * terms + 1e-290, "{trace} {terms}");
        // drift = j - D grad Psi
        let drift = -(process.drift() * (&point - process.equilibrium()));
        let rebuilt = &force - process.diffusion() * &gradient;
        let terms = process.diffusion().abs() * gradient.abs() + force.abs();
        prop_assert!((drift - rebuilt).amax() <= 1e-10 * terms.amax() + 1e-290);
    }
}

#[test]
fn what_does_not_exist_is_named() {
    let build = |drift: DMatrix<f64>, diffusion: DMatrix<f64>| {
        let size = drift.nrows();
        OrnsteinUhlenbeck::new(drift, DVector::zeros(size), &diffusion, 1.0).unwrap()
    };
    let one = DMatrix::<f64>::identity(2, 2);
    let unstable = build(dmatrix![1.0, 0.0; 0.0, -1e-9], one.clone()).stationary().unwrap_err();
    assert_eq!(unstable.undefined_reason(), Some("unstable"));
    // a Lyapunov solution exists here, and it is no covariance
    let opposite = build(dmatrix![1.0, 0.0; 0.0, -3.0], one.clone()).stationary().unwrap_err();
    assert!(matches!(opposite, TheoryError::NotHurwitz { real_part } if (real_part + 3.0).abs() < 1e-6));
    let undamped = build(dmatrix![0.0, -1.0; 1.0, 0.0], one.clone()).stationary().unwrap_err();
    assert_eq!(undamped.undefined_reason(), Some("unstable"));
    let free = build(dmatrix![0.0, -1.0; 0.0, 1.0], dmatrix![0.0, 0.0; 0.0, 1.0]).stationary().unwrap_err();
    assert_eq!(free.undefined_reason(), Some("singular"));
    let quiet = build(dmatrix![1.0, 0.0; 0.0, 2.0], dmatrix![1.0, 0.0; 0.0, 0.0]).stationary().unwrap();
    assert_eq!(quiet.precision().unwrap_err().undefined_reason(), Some("uncontrollable"));
    assert_eq!(quiet.potential(&dvector![0.0, 0.0]).unwrap_err().undefined_reason(), Some("uncontrollable"));
    assert_eq!(quiet.covariance(), dmatrix![1.0, 0.0; 0.0, 0.0]);
    // beside what flows against no noise, a coordinate in which nothing does
    let beside =
        build(dmatrix![0.0, -1.0, 0.0; 1.0, 1.0, 0.0; 0.0, 0.0, 2.0], DMatrix::from_diagonal(&dvector![0.0, 1.0, 3.0]));
    let beside = beside.stationary().unwrap();
    assert_eq!(beside.entropy_production().unwrap_err().undefined_reason(), Some("infinite"));
    assert_eq!(beside.entropy_production_with_parity(&[1, -1, 1]).unwrap(), 0.0);
    let oscillator = build(dmatrix![0.0, -1.0; 1.0, 1.0], dmatrix![0.0, 0.0; 0.0, 1.0]).stationary().unwrap();
    assert_eq!(oscillator.entropy_production().unwrap_err().undefined_reason(), Some("infinite"));
    assert_eq!(oscillator.entropy_production_with_parity(&[1, -1]).unwrap(), 0.0);
    assert!(oscillator.entropy_production_with_parity(&[1, 2]).is_err());
    assert!(oscillator.entropy_production_with_parity(&[1]).is_err());
}

#[test]
fn known_hard_drifts_return() {
    // matrices on which a QR iteration without a cap does not return
    let rings = dmatrix![1.0, -1.0, 0.0; 1.0, 1.0, -1.0; 0.0, 1.0, 1.0];
    let process = OrnsteinUhlenbeck::new(rings, DVector::zeros(3), &DMatrix::identity(3, 3), 1.0).unwrap();
    assert!(process.stationary().is_ok());
    // weakly damped, at the edge of decay
    for exponent in [3, 6, 9, 12] {
        let damping = 10f64.powi(-exponent);
        let drift = dmatrix![damping, 1.0; -1.0, damping];
        let process = OrnsteinUhlenbeck::new(drift, DVector::zeros(2), &DMatrix::identity(2, 2), 1.0).unwrap();
        let variance = process.stationary().unwrap().covariance()[(0, 0)];
        assert!((variance * damping - 1.0).abs() < 1e-14, "{exponent}: {variance}");
    }
}

#[test]
fn rates_too_far_apart_are_named() {
    let build = |drift: DMatrix<f64>| {
        let size = drift.nrows();
        OrnsteinUhlenbeck::new(drift, DVector::zeros(size), &DMatrix::identity(size, size), 1.0).unwrap()
    };
    // 4e27 radians: no double knows where in its turn that is
    let turning = build(dmatrix![0.2, 4.0; -1.7e51, 4.0]);
    let lost = turning.propagator(at(31.6)).unwrap_err();
    assert_eq!(lost.undefined_reason(), Some("no-digits-left"));
    assert!(lost.to_string().contains("the propagator takes 178 doublings"), "{lost}");
    assert!(turning.covariance(&DMatrix::zeros(2, 2), at(31.6)).is_err());
    // a slow rate beside one 1e40 times faster is lost, unless time is short for both
    let stiff = build(dmatrix![1e40, 0.0; 0.0, 1.0]);
    assert!(stiff.propagator(at(1.0)).is_err());
    assert!((stiff.propagator(at(1e-40)).unwrap()[(0, 0)] - (-1.0f64).exp()).abs() < 1e-15);
    let beside = build(dmatrix![1e20, 0.0; 0.0, 1.0]).propagator(at(1.0)).unwrap();
    assert!((beside - dmatrix![0.0, 0.0; 0.0, (-1.0f64).exp()]).amax() < 1e-12);
    // what has died out, or does not move at all, may take any time
    for time in [1e3, 1e30, 1e300] {
        assert_eq!(build(dmatrix![1.0, 0.3; -0.3, 2.0]).propagator(at(time)).unwrap(), DMatrix::zeros(2, 2));
        let free = build(dmatrix![0.0, -1.0; 0.0, 1.0]).propagator(at(time)).unwrap();
        assert!((free - dmatrix![1.0, 1.0; 0.0, 0.0]).amax() < 1e-15);
    }
}

#[test]
fn errata_on_entropy_production() {
    // E28: D = I with a drift that is not symmetric; diag(4, 1) with diag(1, 2)
    let rotating =
        OrnsteinUhlenbeck::new(dmatrix![1.0, 2.0; -2.0, 1.0], dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0);
    assert!((rotating.unwrap().stationary().unwrap().entropy_production().unwrap() - 8.0).abs() < 1e-14);
    let anisotropic =
        OrnsteinUhlenbeck::new(dmatrix![1.0, 0.0; 0.0, 2.0], dvector![0.0, 0.0], &dmatrix![4.0, 0.0; 0.0, 1.0], 1.0);
    let law = anisotropic.unwrap().stationary().unwrap();
    assert!(law.detailed_balance() && law.entropy_production().unwrap() == 0.0);
}

#[test]
fn wrong_input_is_refused() {
    let (one, zero) = (DMatrix::<f64>::identity(2, 2), DVector::<f64>::zeros(2));
    let new = |drift: DMatrix<f64>, mean: DVector<f64>, diffusion: DMatrix<f64>, kappa: f64| {
        OrnsteinUhlenbeck::new(drift, mean, &diffusion, kappa).err().map(|error| error.undefined_reason().is_none())
    };
    assert_eq!(new(DMatrix::zeros(0, 0), DVector::zeros(0), DMatrix::zeros(0, 0), 1.0), Some(true));
    assert_eq!(new(DMatrix::zeros(2, 3), zero.clone(), one.clone(), 1.0), Some(true));
    assert_eq!(new(&one * f64::NAN, zero.clone(), one.clone(), 1.0), Some(true));
    assert_eq!(new(one.clone(), DVector::zeros(3), one.clone(), 1.0), Some(true));
    assert_eq!(new(one.clone(), zero.clone(), dmatrix![1.0, 2.0; 2.0, 1.0], 1.0), Some(true));
    assert_eq!(new(one.clone(), zero.clone(), dmatrix![1.0, 2.0; 0.0, 1.0], 1.0), Some(true));
    for kappa in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(new(one.clone(), zero.clone(), one.clone(), kappa), Some(true));
    }
    let process = OrnsteinUhlenbeck::new(one.clone() * 1e300, zero.clone(), &one, 1.0).unwrap();
    assert!(process.covariance(&(-&one), at(1.0)).is_err());
    assert!(matches!(process.propagator(at(1e300)), Err(TheoryError::Overflow { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    /// The density is that of a Gaussian with the law's covariance, written with its determinant and inverse; the free energy
    /// of the stationary law itself is -log(Z) / kappa with Z the integral of e^{-kappa Psi}.
    #[test]
    fn the_density_is_the_gaussian_of_the_covariance(process in process(), point in proptest::collection::vec(-1.0..1.0f64, 4)) {
        let law = process.stationary().unwrap();
        let covariance = law.covariance();
        let eigenvalues = covariance.clone().symmetric_eigenvalues();
        prop_assume!(eigenvalues.min() > 1e-6 * eigenvalues.max());
        let size = process.dimension();
        let away = DVector::from_column_slice(&point[..size]) * eigenvalues.max().sqrt();
        let solved = covariance.clone().lu().solve(&away).unwrap();
        let log_determinant: f64 = eigenvalues.iter().map(|value| value.ln()).sum();
        let (n, kappa) = (size as f64, process.kappa());
        let distance = away.dot(&solved);
        let expected = -0.5 * (distance + n * std::f64::consts::TAU.ln() + log_determinant);
        let found = law.log_density(&(process.equilibrium() + &away)).unwrap();
        // the oracle loses the condition of the covariance, 1e6 roundings of the distance and of each logarithm
        let tolerance = 1e-8 * (1.0 + distance + n);
        prop_assert!((found - expected).abs() <= tolerance, "{found}, expected {expected}");
        let relaxed = law.relaxation(&process, process.equilibrium(), &covariance, at(0.0)).unwrap();
        let log_integral = 0.5 * (n * std::f64::consts::TAU.ln() + log_determinant);
        prop_assert!((relaxed.free_energy.unwrap() * kappa + log_integral).abs() <= tolerance);
    }

    /// The mean is the equilibrium and the propagated distance from it, in doubles and with 32 digits.
    #[test]
    fn means_move_by_the_propagator(process in process(), start in proptest::collection::vec(-2.0..2.0f64, 4), time in time()) {
        let start = DVector::from_column_slice(&start[..process.dimension()]);
        let step = process.propagator(at(time)).unwrap();
        let away = &start - process.equilibrium();
        let expected = process.equilibrium() + &step * &away;
        let terms = process.equilibrium().abs() + step.abs() * away.abs();
        let found = process.mean(&start, at(time)).unwrap();
        within("mean", &DMatrix::from_columns(&[found - expected]), &DMatrix::from_columns(&[terms]), 16.0)?;
    }
}

/// Many independent directions, beyond the size that is computed with 32 digits: each is the process of one dimension.
#[test]
fn large_processes_are_their_directions() {
    let size = 80;
    let rate = |i: usize| 0.5 + 0.1 * i as f64;
    let drift = DMatrix::from_fn(size, size, |i, j| if i == j { rate(i) } else { 0.0 });
    let diffusion = DMatrix::from_fn(size, size, |i, j| if i == j { 1.0 + i as f64 } else { 0.0 });
    let equilibrium = DVector::from_fn(size, |i, _| i as f64 - 3.0);
    let process = OrnsteinUhlenbeck::new(drift, equilibrium.clone(), &diffusion, 2.0).unwrap();
    let law = process.stationary().unwrap();
    let mean = process.mean(&DVector::from_element(size, 7.0), at(0.3)).unwrap();
    for i in 0..size {
        let expected = equilibrium[i] + (7.0 - equilibrium[i]) * (-0.3 * rate(i)).exp();
        assert!((mean[i] - expected).abs() < 1e-13 * (7.0 + equilibrium[i].abs()));
        let variance = (1.0 + i as f64) / (2.0 * rate(i));
        assert!((law.covariance()[(i, i)] / variance - 1.0).abs() < 1e-13);
    }
}

/// Two particles in a harmonic chain whose friction gamma couples them to baths of temperatures T_1 and T_2. The power taken
/// from a bath is gamma (T - <v^2>), so the entropy grows by J (1/T_2 - 1/T_1) with J that of the first. The diffusion is
/// singular (positions receive no noise), and units of the coordinates change nothing.
#[test]
fn heat_between_two_baths_produces_entropy() {
    let (gamma, spring, coupling, kappa) = (0.7, 1.5, 0.8, 2.0);
    let stiff = spring + coupling;
    for (first, second) in [(2.0, 0.5), (1.0, 3.0), (1.0, 1.0)] {
        let drift = dmatrix![
            0.0, 0.0, -1.0, 0.0;
            0.0, 0.0, 0.0, -1.0;
            stiff, -coupling, gamma, 0.0;
            -coupling, stiff, 0.0, gamma
        ];
        let diffusion = DMatrix::from_diagonal(&dvector![0.0, 0.0, gamma * first, gamma * second]) * kappa;
        for units in [
            dvector![1.0, 1.0, 1.0, 1.0],
            dvector![1024.0, 0.125, 1.0 / 4096.0, 256.0],
            dvector![1.0, 1.0, 16384.0, 1.0 / 16384.0],
        ] {
            let scale = DMatrix::from_diagonal(&units);
            let back = DMatrix::from_diagonal(&units.map(|unit| 1.0 / unit));
            let drift = &scale * &drift * &back;
            let diffusion = &scale * &diffusion * &scale;
            let law =
                OrnsteinUhlenbeck::new(drift, DVector::zeros(4), &diffusion, kappa).unwrap().stationary().unwrap();
            let speed = law.covariance()[(2, 2)] / (units[2] * units[2]);
            let heat = gamma * (first - speed);
            let expected = heat * (1.0 / second - 1.0 / first);
            let found = law.entropy_production_with_parity(&[1, 1, -1, -1]).unwrap();
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
            assert!(expected > 0.1 || first == second);
            assert!(law.entropy_production().is_err());
        }
    }
}

#[test]
fn diffusion_between_opposite_parities_and_numbers_beyond_doubles_are_named() {
    let law = OrnsteinUhlenbeck::new(DMatrix::identity(2, 2), DVector::zeros(2), &dmatrix![1.0, -0.5; -0.5, 1.0], 1.0);
    let law = law.unwrap().stationary().unwrap();
    assert!(matches!(law.entropy_production_with_parity(&[1, -1]), Err(TheoryError::Infinite { .. })));
    assert!(law.entropy_production_with_parity(&[-1, -1]).is_ok());
    for size in [2, 80] {
        let growing = -DMatrix::<f64>::identity(size, size);
        let process =
            OrnsteinUhlenbeck::new(growing, DVector::zeros(size), &DMatrix::identity(size, size), 1.0).unwrap();
        let overflows = |error: TheoryError| matches!(error, TheoryError::Overflow { .. });
        assert!(overflows(process.propagator(at(800.0)).unwrap_err()));
        // the noise grows with the square
        assert!(overflows(process.covariance(&DMatrix::zeros(size, size), at(500.0)).unwrap_err()));
        assert!(overflows(process.mean(&DVector::from_element(size, 1e300), at(100.0)).unwrap_err()));
    }
}

/// With time in other units and noise of another strength, B and Q scale and productions count per unit of time; powers of two
/// change no digit.
#[test]
fn units_of_time_and_noise_change_nothing() {
    let problems = [
        (dmatrix![1.0, 2.0; -2.0, 1.0], dmatrix![1.0, 0.5; 0.5, 3.0]),
        (dmatrix![1.0, 0.0; 0.0, 3.0], dmatrix![2.0, 0.0; 0.0, 1.0]),
        (dmatrix![0.0, -1.0; 4.0, 1.0], dmatrix![0.0, 0.0; 0.0, 1.0]),
        (dmatrix![1.0, -1.0; 4.0, 1.0], dmatrix![1.0, 0.0; 0.0, 0.25]),
    ];
    for (drift, diffusion) in problems {
        let in_units = |time: f64, noise: f64| {
            let diffusion = &diffusion * (time * noise);
            let process = OrnsteinUhlenbeck::new(&drift * time, DVector::zeros(2), &diffusion, 0.75).unwrap();
            let law = process.stationary().unwrap();
            let per_time = |production: Result<f64, TheoryError>| {
                production.map(|value| value / time).map_err(|error| error.undefined_reason())
            };
            (
                law.lyapunov() / noise,
                law.circulation() / (time * noise),
                law.detailed_balance(),
                per_time(law.entropy_production()),
                per_time(law.entropy_production_with_parity(&[1, -1])),
            )
        };
        let expected = in_units(1.0, 1.0);
        for time in [-100, 0, 100].map(exp2) {
            for noise in [-100, 0, 100].map(exp2) {
                assert_eq!(in_units(time, noise), expected, "{time:e} {noise:e}");
            }
        }
    }
}

/// T A T^{-1} and T D T^T are the same process in other coordinates; here all entries are exact and the noises nearly
/// proportional, D known to 2^-34.
#[test]
fn coordinates_do_not_produce_entropy() {
    let small = f64::exp2(-17.0);
    let change = dmatrix![1.0, 0.0; 1.0, small];
    let back = dmatrix![1.0, 0.0; -1.0 / small, 1.0 / small];
    let drift = &change * dmatrix![1.0, 2.0; -2.0, 1.0] * back;
    let diffusion = &change * change.transpose();
    let law = OrnsteinUhlenbeck::new(drift, DVector::zeros(2), &diffusion, 1.0).unwrap().stationary().unwrap();
    let found = law.entropy_production().unwrap();
    assert!((found - 8.0).abs() < 1e-12, "{found}");
}

/// Heat between two baths through a third particle, in coordinates that mix the velocities: one combination of them has no
/// noise, and none of them is without.
#[test]
fn heat_flows_whatever_the_coordinates_of_a_singular_diffusion() {
    let (gamma, first, second, kappa) = (0.7, 2.0, 0.5, 2.0);
    let stiffness = dmatrix![2.0, -0.5, -0.8; -0.5, 1.5, -0.3; -0.8, -0.3, 2.5];
    let mut drift = DMatrix::zeros(6, 6);
    drift.view_mut((0, 3), (3, 3)).copy_from(&-DMatrix::<f64>::identity(3, 3));
    drift.view_mut((3, 0), (3, 3)).copy_from(&stiffness);
    (drift[(3, 3)], drift[(4, 4)]) = (gamma, gamma);
    let diffusion = DMatrix::from_diagonal(&dvector![0.0, 0.0, 0.0, gamma * first, gamma * second, 0.0]) * kappa;
    let own =
        OrnsteinUhlenbeck::new(drift.clone(), DVector::zeros(6), &diffusion, kappa).unwrap().stationary().unwrap();
    let expected = gamma * (first - own.covariance()[(3, 3)]) * (1.0 / second - 1.0 / first);
    assert!(expected > 0.05, "{expected}");
    let mixed = dmatrix![1.0, 0.0, 0.0; 1.0, 1.0, 0.0; 1.0, -1.0, 1.0];
    let unmixed = dmatrix![1.0, 0.0, 0.0; -1.0, 1.0, 0.0; -2.0, 1.0, 1.0];
    for units in [[0; 6], [3, -5, 0, 10, 1, -10], [-40; 6], [40; 6]] {
        let units = DVector::from_iterator(6, units.into_iter().map(exp2));
        let (mut there, mut back) = (DMatrix::from_diagonal(&units), DMatrix::identity(6, 6));
        let mut mixing = DMatrix::<f64>::identity(6, 6);
        mixing.view_mut((3, 3), (3, 3)).copy_from(&mixed);
        back.view_mut((3, 3), (3, 3)).copy_from(&unmixed);
        there *= mixing;
        back *= DMatrix::from_diagonal(&units.map(|unit| 1.0 / unit));
        let drift = &there * &drift * back;
        let diffusion = &there * &diffusion * there.transpose();
        let law = OrnsteinUhlenbeck::new(drift, DVector::zeros(6), &diffusion, kappa).unwrap().stationary().unwrap();
        let found = law.entropy_production_with_parity(&[1, 1, 1, -1, -1, -1]).unwrap();
        assert!((found / expected - 1.0).abs() < 1e-9, "{found}, expected {expected}");
    }
}

/// A propagator does not feel the noise: where e^{-At} is a double it is given, although the covariance is none.
#[test]
fn only_what_leaves_the_range_of_doubles_is_refused() {
    let growing = |size: usize, noise: f64| {
        let one = DMatrix::<f64>::identity(size, size);
        OrnsteinUhlenbeck::new(-&one, DVector::zeros(size), &(one * noise), 1.0).unwrap()
    };
    for (size, noise) in [(2, 0.0), (2, 1.0), (65, 1.0)] {
        let grown = growing(size, noise).propagator(at(500.0)).unwrap()[(0, 0)];
        assert!((grown / 500.0_f64.exp() - 1.0).abs() < 1e-9, "{size} {noise}: {grown:e}");
        // a law that exists and is too wide
        let (slow, loud) = (DMatrix::identity(size, size) * 1e-5, DMatrix::identity(size, size) * 1e305);
        let process = OrnsteinUhlenbeck::new(slow, DVector::zeros(size), &loud, 1.0).unwrap();
        assert!(matches!(process.stationary(), Err(TheoryError::Overflow { .. })), "{size}");
    }
    assert!(growing(2, 1.0).mean(&dvector![1.0, 1.0], at(500.0)).is_ok());
    // without noise that would overflow too
    assert!(matches!(growing(2, 0.0).propagator(at(800.0)), Err(TheoryError::Overflow { .. })));
    let fast = OrnsteinUhlenbeck::new(dmatrix![1e308], dvector![0.0], &dmatrix![1.0], 1.0).unwrap();
    assert!(matches!(fast.stationary(), Err(TheoryError::Overflow { .. })));
}

/// Rates of 1 and 2^-75 have a law; after 2^90 units of time a rate of 2^-77 has not come to rest, and the squarings that
/// reach so far have used up all digits.
#[test]
fn slow_directions_keep_their_digits_or_are_refused() {
    let with_slow = |rate: f64| {
        let drift = DMatrix::from_diagonal(&dvector![1.0, rate]);
        OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0).unwrap()
    };
    for exponent in [-25.0, -50.0, -75.0] {
        let rate = f64::exp2(exponent);
        let variance = with_slow(rate).stationary().unwrap().covariance()[(1, 1)];
        assert!((variance * rate - 1.0).abs() < 1e-7, "2^{exponent}: {variance:e}");
    }
    let moving = with_slow(f64::exp2(-77.0)).propagator(at(f64::exp2(90.0)));
    assert!(matches!(moving, Err(TheoryError::NoDigitsLeft { .. })), "{moving:?}");
    let resting = with_slow(1.0).propagator(at(f64::exp2(90.0))).unwrap();
    assert_eq!(resting, DMatrix::zeros(2, 2));
}

/// A rotation without damping has no law, at any ratio of its two couplings: roundings are no damping.
#[test]
fn roundings_are_no_damping() {
    for index in 1..40 {
        let (one, other) = (1.0 + 0.1 * f64::from(index), 1.0 / (0.3 + 0.07 * f64::from(index)));
        let drift = dmatrix![0.0, -one; other, 0.0];
        let process = OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0).unwrap();
        assert!(matches!(process.stationary(), Err(TheoryError::NotHurwitz { .. })), "{index}");
    }
}

/// Small whole numbers, the last row the sum of the others: no inverse, whatever roundings leave of the last pivot.
#[test]
fn drifts_without_inverse_are_found() {
    for size in 2..30_usize {
        for variant in 0..4_u64 {
            let mut state = 17 * size as u64 + variant;
            let mut drift = DMatrix::from_fn(size, size, |_, _| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 33) % 7) as f64 - 3.0
            });
            let sum = drift.rows(0, size - 1).row_sum();
            drift.set_row(size - 1, &sum);
            let one = DMatrix::identity(size, size);
            let process = OrnsteinUhlenbeck::new(drift, DVector::zeros(size), &one, 1.0).unwrap();
            assert!(matches!(process.stationary(), Err(TheoryError::Singular { .. })), "{size} {variant}");
        }
    }
}

/// Two coordinates whose correlation is 1 to 14 digits, among more than are computed with 32: the logarithm of the determinant
/// has lost its digits, and no free energy is better than a wrong one.
#[test]
fn laws_too_narrow_for_doubles_have_no_free_energy() {
    let size = 65;
    let one = DMatrix::<f64>::identity(size, size);
    let process = OrnsteinUhlenbeck::new(one.clone(), DVector::zeros(size), &one, 1.0).unwrap();
    let law = process.stationary().unwrap();
    for excess in [0.9e-14, 1.1e-14, 1.7e-14, 2.3e-14, 1e-6] {
        let cross = 21.0_f64.sqrt() * (1.0 - excess);
        let mut start = one.clone();
        (start[(0, 0)], start[(1, 1)], start[(0, 1)], start[(1, 0)]) = (3.0, 7.0, cross, cross);
        let determinant = (-cross).mul_add(cross, 21.0);
        let entropy = 0.5 * (size as f64 * (1.0 + std::f64::consts::TAU.ln()) + determinant.ln());
        let expected = 0.5 * (size as f64 + 8.0) - entropy;
        let relaxation = law.relaxation(&process, &DVector::zeros(size), &start, at(0.0)).unwrap();
        match relaxation.free_energy {
            Ok(found) => assert!((found - expected).abs() < 1e-9 * expected.abs(), "{excess:e}: {found} {expected}"),
            Err(error) => assert!(matches!(error, TheoryError::Singular { .. }) && excess < 1e-13, "{excess:e}"),
        }
    }
}
