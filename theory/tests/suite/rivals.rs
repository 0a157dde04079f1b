//! Rival theories against each other, against matrix routes and brute force, and against the exact laws in the limits in
//! which they must agree.

use langevin_theory::discrete::{ConstantNoiseLaw, ModeMap};
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::rivals::{
    BatchNoise, ExactConstantNoise, ExactMinibatch, ExactReshuffled, Jastrzebski, Kuhn, Kunin, Liu, Mandt, Prediction,
    Rival, RivalProblem, Silence, Yaida, Ziyin, catalogue, truth,
};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, gradient_noise};
use nalgebra::{DMatrix, DVector, dmatrix};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};

const LAGS: [u64; 5] = [1, 2, 7, 50, 400];

/// Eight samples of three features, well conditioned, with two outputs and residuals of order one.
fn data() -> impl Strategy<Value = LeastSquares> {
    let entries = |count| proptest::collection::vec(-1.0..1.0f64, count);
    (entries(24), entries(16)).prop_map(|(features, targets)| {
        let spread = DMatrix::from_fn(8, 3, |row, column| if row % 3 == column { 2.0 } else { 0.0 });
        let targets = DMatrix::from_vec(8, 2, targets).map(|value| value + value.signum());
        LeastSquares::new(DMatrix::from_vec(8, 3, features) + spread, targets).unwrap()
    })
}

fn sampling() -> impl Strategy<Value = Sampling> {
    prop_oneof![Just(Sampling::WithReplacement), Just(Sampling::WithoutReplacement), Just(Sampling::Reshuffle)]
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub data: LeastSquares,
    pub momentum: f64,
    pub weight_decay: f64,
    pub batch_size: usize,
    pub sampling: Sampling,
    pub noise: BatchNoise,
}

impl Settings {
    /// The same with batches that have an exact law.
    fn independent(self) -> Self {
        let sampling = match self.sampling {
            Sampling::Reshuffle => Sampling::WithoutReplacement,
            other => other,
        };
        Self { sampling, ..self }
    }

    /// The problem at a fraction of the classical limit 2 (1 + beta) / h.
    pub fn problem(&self, fraction: f64) -> RivalProblem {
        let steepest = self.data.quadratic().unwrap().curvatures(self.weight_decay)[0];
        let rate = fraction * 2.0 * (1.0 + self.momentum) / steepest;
        let sgd = Hyperparameters::new(rate, self.momentum, self.weight_decay, self.batch_size).unwrap();
        let lags = LAGS.into_iter().map(Steps).collect();
        RivalProblem::new(&self.data, &sgd, self.sampling, self.noise, lags).unwrap()
    }
}

pub fn settings() -> impl Strategy<Value = Settings> {
    (
        data(),
        prop_oneof![Just(0.0), Just(0.9), 0.0..0.95f64],
        prop_oneof![Just(0.0), 0.01..1.0f64],
        prop_oneof![Just(1usize), Just(2), Just(4)],
        sampling(),
        prop_oneof![Just(BatchNoise::Minibatch), Just(BatchNoise::Constant)],
    )
        .prop_map(|(data, momentum, weight_decay, batch_size, sampling, noise)| Settings {
            data,
            momentum,
            weight_decay,
            batch_size,
            sampling,
            noise,
        })
}

pub fn positions(rival: &dyn Rival, problem: &RivalProblem) -> Vec<f64> {
    rival.predict(problem).unwrap().position_variance.unwrap()
}

/// Sigma at the ridge minimum, summed over outputs, times phi.
pub fn noise_per_step(problem: &RivalProblem) -> DMatrix<f64> {
    let data = problem.data();
    let minimum = problem.quadratic().minimum_ridge(problem.hyperparameters().weight_decay());
    let mut total = DMatrix::zeros(data.dimension(), data.dimension());
    for output in 0..data.outputs() {
        total += gradient_noise::covariance(data, &minimum, output).unwrap();
    }
    total * problem.noise_factor()
}

/// Autocorrelation of the noise of reshuffled epochs, averaged over the place in the epoch.
pub fn correlation(lag: u64, epoch: u64) -> f64 {
    match lag {
        0 => 1.0,
        lag if lag < epoch => -(1.0 - lag as f64 / epoch as f64) / (epoch - 1) as f64,
        _ => 0.0,
    }
}

/// Every prediction that was made is close, at every entry.
fn same(found: &Prediction, expected: &Prediction, roundings: f64) -> Result<(), TestCaseError> {
    let lists = [
        ("position", &found.position_variance, &expected.position_variance),
        ("velocity", &found.velocity_variance, &expected.velocity_variance),
        ("displacement", &found.displacement, &expected.displacement),
    ];
    for (what, found, expected) in lists {
        let (Ok(found), Ok(expected)) = (found, expected) else { continue };
        for (one, other) in found.iter().zip(expected) {
            close_relative(what, *one, *other, roundings)?;
        }
    }
    let numbers = [
        ("speed", found.speed, expected.speed),
        ("potential", found.potential_energy, expected.potential_energy),
        ("kinetic", found.kinetic_energy, expected.kinetic_energy),
    ];
    for (what, found, expected) in numbers {
        let (Ok(found), Ok(expected)) = (found, expected) else { continue };
        close_relative(what, found, expected, roundings)?;
    }
    Ok(())
}

/// P' = M P M' + phi Gam C Gam' iterated with the covariance C that Gaussian features give, in the eigenbasis.
fn gaussian_features(problem: &RivalProblem, steps: usize) -> DVector<f64> {
    let sgd = problem.hyperparameters();
    let size = problem.eigenvalues().len();
    let a = DMatrix::from_diagonal(&DVector::from_column_slice(problem.eigenvalues()));
    let h = DMatrix::from_diagonal(&DVector::from_column_slice(problem.curvatures()));
    let (eta, beta) = (sgd.learning_rate(), sgd.momentum());
    let identity = DMatrix::<f64>::identity(size, size);
    let mut map = DMatrix::zeros(2 * size, 2 * size);
    map.view_mut((0, 0), (size, size)).copy_from(&(&identity - &h * eta));
    map.view_mut((0, size), (size, size)).copy_from(&(&identity * (eta * beta)));
    map.view_mut((size, 0), (size, size)).copy_from(&-&h);
    map.view_mut((size, size), (size, size)).copy_from(&(&identity * beta));
    let kick = DMatrix::from_fn(2 * size, size, |i, j| match (i % size == j, i < size) {
        (true, true) => eta,
        (true, false) => 1.0,
        _ => 0.0,
    });
    // only the diagonal of the bias matters to the diagonal of the moments
    let bias = DMatrix::from_diagonal(&DVector::from_fn(size, |i, _| {
        (sgd.weight_decay() / problem.eigenvalues()[i]).powi(2) * problem.minimum_squares()[i]
    }));
    let mut moment = DMatrix::<f64>::zeros(2 * size, 2 * size);
    for _ in 0..steps {
        let position = moment.view((0, 0), (size, size)).into_owned();
        let spread = (&a * &position).trace() + problem.residual_variance();
        let noise = &a * (&position + &bias) * &a + &a * spread;
        moment = &map * &moment * map.transpose() + &kick * noise * kick.transpose() * problem.noise_factor();
    }
    moment.diagonal().rows(0, size).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn constant_noise_theories_are_the_matrix_law(settings in settings(), fraction in 0.01..0.95f64) {
        let problem = settings.problem(fraction);
        let sgd = problem.hyperparameters();
        let noise = noise_per_step(&problem);
        let law = ConstantNoiseLaw::new(
            problem.quadratic(), sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), &noise,
        ).unwrap();
        let full = law.stationary_covariance_in_eigenbasis().unwrap();
        let size = problem.curvatures().len();
        let expected = Prediction {
            position_variance: Ok((0..size).map(|i| full[(i, i)]).collect()),
            velocity_variance: Ok((0..size).map(|i| full[(size + i, size + i)]).collect()),
            speed: Ok(law.speed().unwrap()),
            potential_energy: Ok(law.potential_energy().unwrap()),
            kinetic_energy: Ok(law.kinetic_energy().unwrap()),
            displacement: Ok(problem.lags().iter().map(|&lag| law.displacement(lag).unwrap()).collect()),
        };
        // Sigma reaches the eigenbasis on two ways, and a strength may be small against its largest entry; 1 - fraction and
        // 1 - beta amplify by at most 20 each
        let roundings = 2e7;
        same(&ExactConstantNoise.predict(&problem).unwrap(), &expected, roundings)?;
        same(&Liu.predict(&problem).unwrap(), &expected, roundings)?;
        let midpoint = Kunin::Midpoint.predict(&problem).unwrap();
        same(&midpoint, &expected, roundings)?;
        prop_assert_eq!(midpoint.displacement, Err(Silence::OneTimeOnly));
    }

    #[test]
    fn plain_constant_noise_is_the_printed_formula(settings in settings(), fraction in 0.01..0.95f64) {
        let problem = Settings { momentum: 0.0, ..settings }.problem(fraction);
        let eta = problem.hyperparameters().learning_rate();
        let found = positions(&Liu, &problem);
        for ((found, h), strength) in found.iter().zip(problem.curvatures()).zip(problem.noise_strengths()) {
            let expected = eta * problem.noise_factor() * strength / (h * (2.0 - eta * h));
            close_relative("eta C / (h (2 - eta h))", *found, expected, 1e3)?;
        }
    }

    #[test]
    fn theories_with_the_true_noise_agree_at_small_rates(settings in settings()) {
        let settings = settings.independent();
        let error = |fraction: f64| -> Vec<f64> {
            let problem = settings.problem(fraction);
            let exact = truth(&problem).predict(&problem).unwrap();
            let exact_positions = exact.position_variance.unwrap();
            let rivals: [&dyn Rival; 4] = [&Mandt, &Kunin::TrueNoise, &Kunin::Midpoint, &Liu];
            rivals
                .iter()
                .map(|rival| {
                    let found = positions(*rival, &problem);
                    found.iter().zip(&exact_positions).map(|(one, other)| (one / other - 1.0).abs()).fold(0.0, f64::max)
                })
                .collect()
        };
        // the error of first order in the rate, over the gap 1 - beta of at least 0.05 and the spread of the noise
        for (coarse, fine) in error(1e-7).into_iter().zip(error(1e-9)) {
            prop_assert!(fine < 1e-4 && (fine < 0.02 * coarse + 1e-9), "{coarse} {fine}");
        }
    }

    #[test]
    fn noise_models_agree_with_each_other(settings in settings(), fraction in 1e-6..0.5f64) {
        let problem = settings.problem(fraction);
        for (one, other) in [(&Mandt as &dyn Rival, &Kunin::TrueNoise as &dyn Rival),
                             (&Jastrzebski::HessianLike, &Kunin::Assumption3)] {
            for (one, other) in positions(one, &problem).iter().zip(positions(other, &problem)) {
                close_relative("first and second order in time", *one, other, 256.0)?;
            }
        }
        // isotropic noise has the right trace, and with it the right energy
        let mandt = Mandt.predict(&problem).unwrap().potential_energy.unwrap();
        let isotropic = Jastrzebski::Isotropic.predict(&problem).unwrap().potential_energy.unwrap();
        close_relative("energy", isotropic, mandt, 256.0)?;
    }

    #[test]
    fn gaussian_features_are_the_streaming_formula(settings in settings(), fraction in 0.001..0.3f64) {
        let settings = Settings { weight_decay: 0.0, sampling: Sampling::WithReplacement, ..settings };
        let limit = Ziyin.learning_rate_limit(&settings.problem(0.1)).unwrap().unwrap();
        let problem = settings.problem(0.1);
        let problem = problem.with_rates(fraction * limit, settings.momentum).unwrap();
        let (eta, b) = (problem.hyperparameters().learning_rate(), settings.momentum);
        let size = settings.batch_size as f64;
        let rows = || problem.eigenvalues().iter().map(|&rho| {
            let f = 1.0 / (1.0 - eta * rho / (2.0 * (1.0 + b)));
            (rho, eta * f / (2.0 * rho * size * (1.0 - b)))
        });
        let s: f64 = rows().map(|(rho, a)| a * rho * rho / (1.0 - a * rho * rho)).sum();
        for ((rho, a), found) in rows().zip(positions(&Ziyin, &problem)) {
            let expected = a * rho * problem.residual_variance() / ((1.0 - s) * (1.0 - a * rho * rho));
            close_relative("streaming Gaussian", found, expected, 1e4)?;
        }
    }

    #[test]
    fn gaussian_features_are_the_fixed_point_of_their_moments(settings in settings(), fraction in 0.1..0.5f64) {
        let settings = Settings { momentum: settings.momentum.min(0.8), ..settings };
        let problem = settings.problem(0.1);
        let limit = Ziyin.learning_rate_limit(&problem).unwrap().unwrap();
        let problem = problem.with_rates(fraction * limit, settings.momentum).unwrap();
        let expected = gaussian_features(&problem, 4000);
        for (found, expected) in positions(&Ziyin, &problem).iter().zip(&expected) {
            close("fixed point", *found, *expected, 1e-7 * expected)?;
        }
    }

    #[test]
    fn gaussian_features_end_at_their_limit(settings in settings()) {
        let problem = settings.problem(0.1);
        let limit = Ziyin.learning_rate_limit(&problem).unwrap().unwrap();
        let classical = Liu.learning_rate_limit(&problem).unwrap().unwrap();
        prop_assert!(limit > 0.0 && limit <= classical);
        let at = |factor: f64| problem.with_rates(limit * factor, settings.momentum).unwrap();
        prop_assert!(Ziyin.predict(&at(1.0 - 1e-9)).unwrap().position_variance.is_ok());
        let beyond = Ziyin.predict(&at(1.0 + 1e-9)).unwrap();
        prop_assert!(beyond == Prediction::silent(Silence::Undefined("mean-square-unstable"))
            || beyond == Prediction::silent(Silence::Undefined("unstable")));
    }

    #[test]
    fn fluctuation_dissipation_is_exact_for_independent_batches(settings in settings(), fraction in 0.001..0.5f64) {
        let settings = settings.independent();
        let problem = settings.problem(0.1);
        let limit = truth(&problem).learning_rate_limit(&problem).unwrap().unwrap();
        let problem = problem.with_rates(fraction * limit, settings.momentum).unwrap();
        let exact = truth(&problem).predict(&problem).unwrap();
        let measured = problem.with_velocity_variances(exact.velocity_variance.clone().unwrap()).unwrap();
        let found = Yaida.predict(&measured).unwrap();
        prop_assert_eq!(&found.velocity_variance, &Err(Silence::TakenAsGiven));
        same(&Prediction { velocity_variance: Err(Silence::TakenAsGiven), ..found }, &exact, 1e3)?;
    }

    #[test]
    fn anticorrelated_noise_is_the_double_sum(
        settings in settings(), fraction in 0.05..0.9f64, batch_size in prop_oneof![Just(1usize), Just(2), Just(4)]
    ) {
        // slow enough to be told from white noise, fast enough to be summed
        let settings =
            Settings { sampling: Sampling::Reshuffle, batch_size, momentum: settings.momentum.min(0.8), ..settings };
        let problem = settings.problem(fraction);
        let (eta, epoch) = (problem.hyperparameters().learning_rate(), 8 / batch_size as u64);
        let found = Kuhn.predict(&problem).unwrap();
        let mut curve = vec![0.0; LAGS.len()];
        for (index, &h) in problem.curvatures().iter().enumerate() {
            let map = ModeMap::new(eta, settings.momentum, h);
            let horizon = 3000;
            let impulse: Vec<f64> = (0..=horizon).map(|n| map.impulse(n)).collect();
            let at = |n: i64| usize::try_from(n).ok().and_then(|n| impulse.get(n)).copied().unwrap_or(0.0);
            let variance = problem.noise_factor() * problem.noise_strengths()[index];
            // response of (what is measured) to the noise of each step, squared with the correlations
            let square = |response: &dyn Fn(i64) -> f64| -> f64 {
                let values: Vec<f64> = (-500..=horizon as i64).map(response).collect();
                let lagged = |lag: usize| values.iter().zip(&values[lag..]).map(|(a, b)| a * b).sum::<f64>();
                let others: f64 = (1..epoch).map(|lag| 2.0 * correlation(lag, epoch) * lagged(lag as usize)).sum();
                variance * (lagged(0) + others)
            };
            let position = eta * eta * square(&|n| at(n));
            let velocity = square(&|n| at(n) - at(n - 1));
            // the oracle cancels by up to the ratio of white to anticorrelated variance
            let white = variance * eta / (h * (1.0 - settings.momentum));
            close("position", found.position_variance.as_ref().unwrap()[index], position, 1e-10 * white)?;
            let scale = variance / (1.0 - settings.momentum);
            close("velocity", found.velocity_variance.as_ref().unwrap()[index], velocity, 1e-10 * scale)?;
            for (sum, &lag) in curve.iter_mut().zip(&LAGS) {
                let lag = i64::try_from(lag).unwrap();
                *sum += eta * eta * square(&|n| at(n) - at(n - lag));
            }
        }
        let total: f64 = problem.noise_strengths().iter().sum::<f64>() * problem.noise_factor();
        let slowest = problem.curvatures().last().unwrap();
        let scale = total * eta / (slowest * (1.0 - settings.momentum));
        for (found, expected) in found.displacement.as_ref().unwrap().iter().zip(&curve) {
            close("displacement", *found, *expected, 1e-9 * scale)?;
        }
        close("speed", found.speed.unwrap(), curve[0], 1e-9 * scale)?;
    }

    #[test]
    fn the_sum_over_outputs_is_one_solve(settings in settings(), fraction in 0.05..0.6f64) {
        let settings = settings.independent();
        let settings = Settings { noise: BatchNoise::Minibatch, ..settings };
        let problem = settings.problem(0.1);
        let limit = truth(&problem).learning_rate_limit(&problem).unwrap().unwrap();
        let problem = problem.with_rates(fraction * limit, settings.momentum).unwrap();
        let law = MinibatchLaw::new(problem.data(), problem.hyperparameters(), problem.sampling()).unwrap();
        let separate: DMatrix<f64> = law.stationary_positions_in_eigenbasis().unwrap().iter().sum();
        let together = law.stationary_position_summed_in_eigenbasis().unwrap();
        let error = (&together - &separate).amax() / separate.amax();
        prop_assert!(error < 1e-10, "{error}");
        let exact = ExactMinibatch.predict(&problem).unwrap();
        close_relative("speed", exact.speed.unwrap(), law.speed().unwrap(), 1e6)?;
        close_relative("energy", exact.potential_energy.unwrap(), law.potential_energy().unwrap(), 1e6)?;
    }

    #[test]
    fn nothing_fails_and_every_number_is_sound(settings in settings(), fraction in 0.01..3.0f64) {
        let problem = settings.problem(fraction);
        for rival in catalogue() {
            let found = rival.predict(&problem).unwrap();
            let lists = [&found.position_variance, &found.velocity_variance, &found.displacement];
            for value in lists.into_iter().flatten().flatten() {
                prop_assert!(value.is_finite() && *value >= 0.0, "{}: {value}", rival.id());
            }
            for value in [found.speed, found.potential_energy, found.kinetic_energy].into_iter().flatten() {
                prop_assert!(value.is_finite() && value >= 0.0, "{}: {value}", rival.id());
            }
            // a squared step is eta^2 v^2; where there is no velocity, it is the displacement after one
            if let (Ok(speed), Ok(kinetic)) = (found.speed, found.kinetic_energy) {
                let square = speed / problem.hyperparameters().learning_rate().powi(2);
                close_relative("kinetic energy", kinetic, 0.5 * problem.hyperparameters().mass() * square, 1e3)?;
            }
            if let (Ok(speed), Err(Silence::NoVelocity), Ok(curve)) =
                (found.speed, &found.velocity_variance, &found.displacement)
            {
                close_relative("one step", speed, curve[0], 1e3)?;
            }
            if rival.id() == "mandt" {
                prop_assert!(found.speed.is_ok());
            }
            let limit = rival.learning_rate_limit(&problem).unwrap();
            prop_assert!(limit.is_err() || limit.is_ok_and(|limit| limit > 0.0));
        }
    }
}

#[test]
fn names_are_unique_and_complete() {
    let rivals = catalogue();
    for (index, rival) in rivals.iter().enumerate() {
        assert!(rivals[..index].iter().all(|other| other.id() != rival.id() && other.name() != rival.name()));
        assert!(rival.citation().contains("20") && !rival.assumptions().is_empty(), "{}", rival.id());
    }
    let ids = [
        "mandt",
        "jastrzebski-isotropic",
        "jastrzebski-hessian",
        "kunin-assumption-3",
        "kunin-true-noise",
        "kunin-midpoint",
        "liu",
        "ziyin",
        "yaida",
        "kuhn",
    ];
    assert_eq!(rivals.iter().map(|rival| rival.id()).collect::<Vec<_>>(), ids);
    let truths: [&dyn Rival; 3] = [&ExactMinibatch, &ExactConstantNoise, &ExactReshuffled];
    for rival in rivals.iter().map(|rival| &**rival).chain(truths) {
        // several words each
        let texts = [rival.name(), rival.citation()];
        assert!(texts.iter().chain(rival.assumptions()).all(|text| text.contains(' ')), "{}", rival.id());
        assert!(!rival.assumptions().is_empty());
    }
}

/// The relation of variances is one of one time, with energies.
#[test]
fn fluctuation_dissipation_has_energies_and_no_displacement() {
    let data = LeastSquares::new(dmatrix![1.0; 2.0; -1.0; 0.5], dmatrix![1.0; 0.0; 1.0; 1.0]).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 2).unwrap();
    let problem =
        RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![Steps(1)]).unwrap();
    let exact = ExactMinibatch.predict(&problem).unwrap();
    let measured = problem.with_velocity_variances(exact.velocity_variance.unwrap()).unwrap();
    let found = Yaida.predict(&measured).unwrap();
    assert!((found.potential_energy.unwrap() / exact.potential_energy.unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(found.displacement, Err(Silence::NotAddressed));
}

#[test]
fn epochs_matter_only_where_there_are_some() {
    let data = LeastSquares::new(dmatrix![1.0; 2.0; -1.0; 0.5], dmatrix![1.0; 0.0; 1.0; 1.0]).unwrap();
    let problem = |batch_size, sampling| {
        let sgd = Hyperparameters::new(0.1, 0.5, 0.0, batch_size).unwrap();
        RivalProblem::new(&data, &sgd, sampling, BatchNoise::Minibatch, vec![]).unwrap()
    };
    for (batch_size, sampling) in [(1, Sampling::WithReplacement), (4, Sampling::Reshuffle)] {
        let problem = problem(batch_size, sampling);
        assert_eq!(Kuhn.predict(&problem).unwrap(), Prediction::silent(Silence::OnlyReshuffledEpochs));
    }
    // the others do not see the epoch, and there is no exact law to compare with
    let problem = problem(2, Sampling::Reshuffle);
    assert!(Kuhn.predict(&problem).unwrap().position_variance.is_ok());
    assert_eq!(ExactMinibatch.predict(&problem).unwrap(), Prediction::silent(Silence::Undefined("no-exact-law")));
    assert_eq!(Kuhn.learning_rate_limit(&problem).unwrap(), Liu.learning_rate_limit(&problem).unwrap());
}

/// The truth of reshuffled epochs: outputs add up, and its limit is where an epoch ceases to contract second moments.
#[test]
fn the_law_of_reshuffled_epochs_is_a_truth() {
    let features = nalgebra::dmatrix![1.0; -0.4; 2.0; 0.7; -1.1; 0.3];
    let targets = nalgebra::dmatrix![1.0, 0.2; 0.3, -1.0; -0.5, 0.6; 2.0, 0.0; 0.1, 0.4; -1.0, 1.5];
    let sgd = Hyperparameters::new(0.1, 0.5, 0.05, 2).unwrap();
    let problem = |columns: std::ops::Range<usize>| {
        let data = LeastSquares::new(features.clone(), targets.columns_range(columns).into_owned()).unwrap();
        RivalProblem::new(&data, &sgd, Sampling::Reshuffle, BatchNoise::Minibatch, vec![]).unwrap()
    };
    let variance = |problem: &RivalProblem| truth(problem).predict(problem).unwrap().position_variance.unwrap()[0];
    let (both, first, second) = (problem(0..2), problem(0..1), problem(1..2));
    assert_eq!(truth(&both).id(), "exact-reshuffled");
    assert!((variance(&both) / (variance(&first) + variance(&second)) - 1.0).abs() < 1e-12);
    let found = truth(&both).predict(&both).unwrap();
    let square: f64 = found.velocity_variance.unwrap().iter().sum();
    assert!((found.speed.unwrap() / (0.01 * square) - 1.0).abs() < 1e-12);
    assert!((found.kinetic_energy.unwrap() / (0.5 * sgd.mass() * square) - 1.0).abs() < 1e-12);
    let limit = truth(&both).learning_rate_limit(&both).unwrap().unwrap();
    let stable = |rate: f64| truth(&both).predict(&both.with_rates(rate, 0.5).unwrap()).unwrap().speed.is_ok();
    assert!(stable(limit * (1.0 - 1e-8)) && !stable(limit * (1.0 + 1e-8)), "{limit}");
}

#[test]
fn other_rates_have_other_velocities() {
    let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    let problem = RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![]).unwrap();
    let measured = problem.with_velocity_variances(vec![8.0]).unwrap();
    assert_eq!(measured.velocity_variances(), Some([8.0].as_slice()));
    let faster = measured.with_rates(0.6, 0.1).unwrap();
    assert_eq!((faster.hyperparameters().learning_rate(), faster.hyperparameters().momentum()), (0.6, 0.1));
    assert_eq!(Yaida.predict(&faster).unwrap().position_variance, Err(Silence::NeedsMeasurement));
}

/// One direction, phi the noise factor: s reaches 1 at eta h (phi / (1-beta) + 1 / (2 (1+beta))) = 1, however far below the
/// limit of the mean that is; at the limits themselves there is no law.
#[test]
fn gaussian_features_at_their_borders() {
    let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    let problem = |eta: f64, beta: f64, batch_size: usize, sampling| {
        let sgd = Hyperparameters::new(eta, beta, 0.0, batch_size).unwrap();
        RivalProblem::new(&data, &sgd, sampling, BatchNoise::Minibatch, vec![]).unwrap()
    };
    for exponent in [0, 10, 30, 50] {
        let rest = f64::from(-exponent).exp2();
        let problem = problem(0.1, 1.0 - rest, 1, Sampling::WithReplacement);
        let expected = 1.0 / (1.0 / rest + 0.5 / (2.0 - rest));
        let found = Ziyin.learning_rate_limit(&problem).unwrap().unwrap();
        assert!((found / expected - 1.0).abs() < 1e-14, "{exponent}: {found} {expected}");
    }
    let reason = |problem: &RivalProblem| Ziyin.predict(problem).unwrap().position_variance.unwrap_err();
    // phi = 1/2: s = 1; phi = 0: the mean stays where it is mirrored
    let edge = problem(1.0, 0.0, 2, Sampling::WithReplacement);
    assert_eq!(reason(&edge), Silence::Undefined("mean-square-unstable"));
    let edge = problem(2.0, 0.0, 2, Sampling::WithoutReplacement);
    assert_eq!(reason(&edge), Silence::Undefined("unstable"));
}

/// A limit beyond the range of doubles is none.
#[test]
fn curvatures_near_zero_limit_nothing() {
    let data = LeastSquares::new(dmatrix![1e-155; -1e-155], dmatrix![1.0; 1.0]).unwrap();
    let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    let problem = RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![]).unwrap();
    assert_eq!(problem.curvatures().len(), 1);
    for rival in [&Liu as &dyn Rival, &Ziyin] {
        assert_eq!(rival.learning_rate_limit(&problem).unwrap(), Err(Silence::Undefined("overflow")), "{}", rival.id());
    }
}

/// Two samples of curvatures g and h: an epoch multiplies a deviation by (1 - eta g) (1 - eta h), which ceases to contract at
/// 1/g + 1/h, beyond the limit of the mean curvature, 4 / (g + h).
#[test]
fn reshuffled_epochs_can_be_stable_beyond_the_limit_of_full_batches() {
    let problem = |squares: &[f64], unit: f64| {
        let features = DMatrix::from_fn(squares.len(), 1, |i, _| squares[i].sqrt() * unit);
        let targets = DMatrix::from_fn(squares.len(), 1, |i, _| i as f64 - 0.3);
        let data = LeastSquares::new(features, targets).unwrap();
        let sgd = Hyperparameters::new(0.1 / (unit * unit), 0.0, 0.0, 1).unwrap();
        RivalProblem::new(&data, &sgd, Sampling::Reshuffle, BatchNoise::Minibatch, vec![]).unwrap()
    };
    for unit in [1e-3, 1.0, 1e3] {
        let two = problem(&[1.44, 0.49], unit);
        let expected = (1.0 / 1.44 + 1.0 / 0.49) / (unit * unit);
        let found = truth(&two).learning_rate_limit(&two).unwrap().unwrap();
        assert!((found / expected - 1.0).abs() < 1e-10, "{unit:e}: {found} {expected}");
    }
    // 2, 4 and 8 times the inverse mean curvature all are rates at which an epoch ends in the minimum
    let many = problem(&[0.5, 0.25, 0.125, 3.125], 1.0);
    assert_eq!(truth(&many).learning_rate_limit(&many).unwrap(), Err(Silence::Undefined("infinite")));
}

/// Epochs of up to a million batches are summed.
#[test]
fn the_longest_epoch_has_a_million_batches() {
    let variance = |samples: usize| {
        let features = DMatrix::from_element(samples, 1, 1.0);
        let targets = DMatrix::from_fn(samples, 1, |i, _| if i % 2 == 0 { 1.0 } else { -1.0 });
        let data = LeastSquares::new(features, targets).unwrap();
        let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
        let problem = RivalProblem::new(&data, &sgd, Sampling::Reshuffle, BatchNoise::Minibatch, vec![]).unwrap();
        (Kuhn.predict(&problem).unwrap().position_variance, Liu.predict(&problem).unwrap().position_variance)
    };
    // a direction much faster than an epoch does not feel it
    let (found, independent) = variance(1_000_000);
    assert!((found.unwrap()[0] / independent.unwrap()[0] - 1.0).abs() < 1e-4);
    assert_eq!(variance(1_000_002).0, Err(Silence::Undefined("overflow")));
}
