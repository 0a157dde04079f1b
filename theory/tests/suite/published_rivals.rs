//! Rival theories against the statements that their authors publish, and against those statements' premises by routes that
//! share nothing with the formulas in the library.

use langevin_theory::discrete::ConstantNoiseLaw;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::ou::OrnsteinUhlenbeck;
use langevin_theory::reshuffle::EpochNoise;
use langevin_theory::rivals::{BatchNoise, Jastrzebski, Kuhn, Liu, Mandt, Rival, RivalProblem, Ziyin};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Time};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::rivals::{Settings, correlation, noise_per_step, positions, settings};

/// All orders of 0, ..., n - 1.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(n - 1) {
        for place in 0..n {
            let mut order = shorter.clone();
            order.insert(place, n - 1);
            all.push(order);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Mandt et al.: d theta = -eta A theta dt + eta sqrt(C/S) dW, solved as a general Ornstein-Uhlenbeck process with a
    /// noise covariance that does not commute with A.
    #[test]
    fn mandt_is_the_ornstein_uhlenbeck_process(settings in settings(), fraction in 0.01..2.0f64) {
        let problem = Settings { momentum: 0.0, ..settings }.problem(fraction);
        let (eta, lambda) = (problem.hyperparameters().learning_rate(), problem.hyperparameters().weight_decay());
        let size = problem.data().dimension();
        let drift = (problem.quadratic().hessian() + DMatrix::identity(size, size) * lambda) * eta;
        let noise = noise_per_step(&problem);
        let process = OrnsteinUhlenbeck::new(drift, DVector::zeros(size), &noise, 2.0 / (eta * eta)).unwrap();
        let covariance = process.stationary().unwrap().covariance();
        let rotated = problem.quadratic().to_eigenbasis(&covariance).unwrap();
        let prediction = Mandt.predict(&problem).unwrap();
        // a direction may have little noise next to the others
        let tolerance = 1e-12 * rotated.trace();
        for (i, found) in prediction.position_variance.as_ref().unwrap().iter().enumerate() {
            close("position", *found, rotated[(i, i)], tolerance)?;
        }
        for (lag, found) in problem.lags().iter().zip(prediction.displacement.as_ref().unwrap()) {
            let kept = process.propagator(Time::new(lag.0 as f64).unwrap()).unwrap() * &covariance;
            close("displacement", *found, 2.0 * (covariance.trace() - kept.trace()), 10.0 * tolerance)?;
        }
    }

    /// Mandt et al.: the constant learning rate 2 S d / (N tr C) makes the stationary law as near to the posterior as any;
    /// the mean energy is then that of the posterior N(mu, A^{-1} / N), d / (2 N).
    #[test]
    fn mandt_has_the_energy_of_the_posterior_at_the_published_rate(settings in settings()) {
        let settings = Settings { momentum: 0.0, sampling: Sampling::WithReplacement, ..settings };
        let problem = settings.problem(0.1);
        let (samples, dimension) = (problem.data().samples() as f64, problem.data().dimension() as f64);
        let noise: f64 = problem.noise_strengths().iter().sum();
        let best = problem.with_rates(2.0 * settings.batch_size as f64 * dimension / (samples * noise), 0.0).unwrap();
        let energy = Mandt.predict(&best).unwrap().potential_energy.unwrap();
        close_relative("energy", energy, dimension / (2.0 * samples), 64.0)?;
    }

    /// Jastrzebski et al.: p ~ exp(-L / n) with n = eta c^2 / (2 S) for isotropic noise; noise like the Hessian makes the
    /// expected loss eta tr(sigma^2 H) / (4 S).
    #[test]
    fn jastrzebski_has_one_temperature(settings in settings(), fraction in 0.01..2.0f64) {
        let settings = Settings { momentum: 0.0, weight_decay: 0.0, sampling: Sampling::WithReplacement, ..settings };
        let problem = settings.problem(fraction);
        let (eta, size) = (problem.hyperparameters().learning_rate(), settings.batch_size as f64);
        let count = problem.noise_strengths().len() as f64;
        let temperature = eta * problem.noise_strengths().iter().sum::<f64>() / count / (2.0 * size);
        for (found, h) in positions(&Jastrzebski::Isotropic, &problem).iter().zip(problem.curvatures()) {
            close_relative("isotropic", *found, temperature / h, 64.0)?;
        }
        let loss = Jastrzebski::HessianLike.predict(&problem).unwrap().potential_energy.unwrap();
        let trace = problem.quadratic().hessian().trace();
        close_relative("loss", loss, eta * problem.residual_variance() * trace / (4.0 * size), 256.0)?;
    }

    /// Liu et al.: the whole matrix equation, with a noise covariance that does not commute with the Hessian.
    #[test]
    fn liu_is_the_published_matrix_equation(settings in settings(), fraction in 0.01..0.95f64) {
        let problem = settings.problem(fraction);
        let sgd = problem.hyperparameters();
        let (eta, b) = (sgd.learning_rate(), sgd.momentum());
        let noise = noise_per_step(&problem);
        let law = ConstantNoiseLaw::new(problem.quadratic(), eta, b, sgd.weight_decay(), &noise).unwrap();
        let size = problem.curvatures().len();
        let p = law.stationary_covariance_in_eigenbasis().unwrap().view((0, 0), (size, size)).into_owned();
        let k = DMatrix::from_diagonal(&DVector::from_column_slice(problem.curvatures()));
        let squares = 1.0 - b * b;
        let terms = [
            (&k * &p + &p * &k) * (eta * (1.0 - b)),
            &k * &p * &k * (-eta * eta * (1.0 + b * b) / squares),
            (&k * &k * &p + &p * &k * &k) * (eta * eta * b / squares),
            problem.quadratic().to_eigenbasis(&noise).unwrap() * (-eta * eta),
        ];
        let sum: DMatrix<f64> = terms.iter().sum();
        let scale = terms.iter().map(DMatrix::amax).fold(0.0, f64::max);
        // P loses up to 1 / (1 - fraction) = 20 roundings at the edge of stability, and the rotations a few
        prop_assert!(sum.amax() < 1e3 * f64::EPSILON * scale, "{} of {scale}", sum.amax());
        for (i, found) in positions(&Liu, &problem).iter().enumerate() {
            close("position", *found, p[(i, i)], 1e-11 * p.trace())?;
        }
    }

    /// Ziyin et al., label noise: P = (eta sigma^2 / S) (1 + kappa / S) / G with
    /// G = 2 (1-b) - ((1-b)/(1+b) + 1/S) eta A and kappa = tr(eta A / G) / (1 - tr(eta A / G) / S).
    #[test]
    fn ziyin_is_the_published_theorem_for_label_noise(settings in settings(), fraction in 0.001..0.9f64) {
        let settings = Settings { weight_decay: 0.0, sampling: Sampling::WithReplacement, ..settings };
        let problem = settings.problem(0.1);
        let limit = Ziyin.learning_rate_limit(&problem).unwrap().unwrap();
        let problem = problem.with_rates(fraction * limit, settings.momentum).unwrap();
        let (eta, b, size) = (problem.hyperparameters().learning_rate(), settings.momentum, settings.batch_size as f64);
        let g = |a: f64| 2.0 * (1.0 - b) - ((1.0 - b) / (1.0 + b) + 1.0 / size) * eta * a;
        let trace: f64 = problem.eigenvalues().iter().map(|&a| eta * a / g(a)).sum();
        let kappa = trace / (1.0 - trace / size);
        for (found, &a) in positions(&Ziyin, &problem).iter().zip(problem.eigenvalues()) {
            let expected = eta * problem.residual_variance() / size * (1.0 + kappa / size) / g(a);
            // 1 - s and 1 - beta are at least 0.05
            close_relative("published", *found, expected, 1e4)?;
        }
    }

    /// Ziyin et al., weight decay g, exact labels y = u . x, no momentum: with K = A + g and
    /// G = 2 - eta (K + A^2 / (S K)) the loss tr A E[(w-u)(w-u)'] / 2 is eta (t kappa + r) / (2 S) + t / 2,
    /// t = tr(A g^2 U / K^2), kappa = q / (1 - eta q / S), q = tr(A^2 / (K G)),
    /// r = tr(A^3 g^2 U / (K^3 G)) / (1 - eta q / S).
    #[test]
    fn ziyin_is_the_published_theorem_for_weight_decay(
        settings in settings(), weights in proptest::array::uniform3(0.5..2.0f64), decay in 0.1..1.0f64,
        fraction in 0.001..0.9f64,
    ) {
        let features = settings.data.features().clone();
        let targets = &features * DMatrix::from_column_slice(3, 1, &weights);
        let data = LeastSquares::new(features, targets).unwrap();
        let settings =
            Settings { data, momentum: 0.0, weight_decay: decay, sampling: Sampling::WithReplacement, ..settings };
        let problem = settings.problem(0.1);
        let limit = Ziyin.learning_rate_limit(&problem).unwrap().unwrap();
        let problem = problem.with_rates(fraction * limit, 0.0).unwrap();
        let (eta, size) = (problem.hyperparameters().learning_rate(), settings.batch_size as f64);
        let basis = problem.quadratic().eigenvectors();
        let u = basis.tr_mul(&DVector::from_column_slice(&weights));
        let rows: Vec<[f64; 4]> = problem.eigenvalues().iter().zip(u.iter()).map(|(&a, &u)| {
            let k = a + decay;
            [a, k, u * u, 2.0 - eta * (k + a * a / (size * k))]
        }).collect();
        let sum = |term: &dyn Fn([f64; 4]) -> f64| rows.iter().map(|&row| term(row)).sum::<f64>();
        let t = sum(&|[a, k, u, _]| a * decay * decay * u / (k * k));
        let q = sum(&|[a, k, _, g]| a * a / (k * g));
        let r = sum(&|[a, k, u, g]| a.powi(3) * decay * decay * u / (k.powi(3) * g)) / (1.0 - eta * q / size);
        let kappa = q / (1.0 - eta * q / size);
        let expected = eta / (2.0 * size) * (t * kappa + r) + 0.5 * t;
        let found: f64 = positions(&Ziyin, &problem)
            .iter()
            .zip(&rows)
            .map(|(p, [a, k, u, _])| 0.5 * a * (p + (decay / k).powi(2) * u))
            .sum();
        // residuals are small against the targets by decay / K, at least 1/100, and 1 - s is at least 0.05
        close_relative("test loss", found, expected, 1e6)?;
    }

    /// Yaida, plain SGD: the two relations with the full noise matrix, the mean of g g' over all batches of one sample and
    /// over the stationary law: <theta . grad L> = (eta/2) tr<g g'> and <|grad L|^2> = (eta/2) tr(H <g g'>).
    #[test]
    fn yaida_holds_with_the_gradients_of_all_batches(settings in settings(), fraction in 0.01..0.9f64) {
        let settings = Settings { momentum: 0.0, batch_size: 1, sampling: Sampling::WithReplacement, ..settings };
        let problem = settings.problem(0.1);
        let law = |rate: f64| {
            let sgd = Hyperparameters::new(rate, 0.0, settings.weight_decay, 1).unwrap();
            MinibatchLaw::new(&settings.data, &sgd, settings.sampling).unwrap()
        };
        let limit = law(problem.hyperparameters().learning_rate()).learning_rate_limit().unwrap().unwrap();
        let eta = fraction * limit;
        let moment = law(eta).stationary_second_moment(0).unwrap();
        let size = settings.data.dimension();
        let p = moment.view((0, 0), (size, size)).into_owned();
        let identity = DMatrix::<f64>::identity(size, size);
        let curvature = problem.quadratic().hessian() + &identity * settings.weight_decay;
        let minimum = problem.quadratic().minimum_ridge(settings.weight_decay).column(0).into_owned();
        let mut noise = DMatrix::zeros(size, size);
        for sample in 0..settings.data.samples() {
            let x = settings.data.features().row(sample).transpose();
            let map = &x * x.transpose() + &identity * settings.weight_decay;
            let residual = x.dot(&minimum) - settings.data.targets()[(sample, 0)];
            let constant = &x * residual + &minimum * settings.weight_decay;
            noise += (&map * &p * map.transpose() + &constant * constant.transpose()) / settings.data.samples() as f64;
        }
        // the mean deviation is zero, so theta may be replaced by it
        let first = (&curvature * &p).trace();
        close("FDR1", first, 0.5 * eta * noise.trace(), 1e-10 * first)?;
        let second = (&curvature * &p * &curvature).trace();
        close("FDR2", second, 0.5 * eta * (&curvature * &noise).trace(), 1e-10 * second)?;
    }

    /// Kühn and Rosenow: their noise is that of the epoch averaged over the place in it, so their variances are the averages
    /// of the exact ones.
    #[test]
    fn kuhn_is_the_average_over_the_epoch(settings in settings(), fraction in 0.01..0.9f64) {
        let batch_size = if settings.batch_size == 1 { 1 } else { 2 };
        let problem = Settings { sampling: Sampling::Reshuffle, batch_size, ..settings }.problem(fraction);
        let sgd = problem.hyperparameters();
        let epoch = problem.batches_per_epoch();
        let found = Kuhn.predict(&problem).unwrap();
        for (i, &h) in problem.curvatures().iter().enumerate() {
            let variance = problem.noise_factor() * problem.noise_strengths()[i];
            let law = EpochNoise::new(sgd.learning_rate(), sgd.momentum(), h, variance, epoch).unwrap();
            let average = |entry: usize| {
                (0..epoch).map(|m| law.covariance(m).unwrap()[entry][entry]).sum::<f64>() / epoch as f64
            };
            // the displacements D_n carry a few roundings of the largest of them, about the white variance
            let white = variance / (1.0 - sgd.momentum());
            let rate = sgd.learning_rate();
            close("position", found.position_variance.as_ref().unwrap()[i], average(0), 1e-12 * white * rate / h)?;
            close("velocity", found.velocity_variance.as_ref().unwrap()[i], average(1), 1e-12 * white)?;
        }
    }
}

/// Kühn and Rosenow: the autocorrelation of the noise from all 720 orders of six samples in batches of two, averaged over the
/// place in the epoch. Epochs are independent and their noise has mean zero, so nothing crosses their boundary.
#[test]
fn the_autocorrelation_is_that_of_all_orders() {
    let gradients = [2.0, -1.0, 0.5, 3.0, -4.0, -0.5];
    let (batches, all) = (3, orders(gradients.len()));
    assert_eq!(all.len(), 720);
    let mut covariance = [0.0; 3];
    for order in &all {
        let noise: Vec<f64> = order.chunks(2).map(|pair| 0.5 * (gradients[pair[0]] + gradients[pair[1]])).collect();
        for (lag, sum) in covariance.iter_mut().enumerate() {
            *sum += (0..batches - lag).map(|k| noise[k] * noise[k + lag]).sum::<f64>() / batches as f64;
        }
    }
    let variance = covariance[0] / all.len() as f64;
    let single = gradients.iter().map(|g| g * g).sum::<f64>() / 6.0;
    assert!((variance - single * Sampling::Reshuffle.noise_factor(6, 2).unwrap()).abs() < 1e-14 * single);
    for (lag, sum) in covariance.iter().enumerate() {
        let expected = correlation(lag as u64, batches as u64) * variance;
        assert!((sum / all.len() as f64 - expected).abs() < 1e-14 * single, "lag {lag}");
    }
    assert!(correlation(1, 3) < 0.0 && correlation(3, 3) == 0.0);
}

/// Far above the crossover h = (1 - beta) / (eta M) the epoch does not matter; far below, the variance falls with the curvature.
#[test]
fn the_crossover_is_at_one_relaxation_time_per_epoch() {
    let samples = 200;
    let features = DMatrix::from_fn(samples, 1, |i, _| if i % 2 == 0 { 1.0 } else { -1.0 });
    let data = LeastSquares::new(features, DMatrix::from_element(samples, 1, 1.0)).unwrap();
    let ratio = |relaxation_times: f64| {
        let rate = relaxation_times * 0.5 / samples as f64;
        let sgd = Hyperparameters::new(rate, 0.5, 0.0, 1).unwrap();
        let problem = RivalProblem::new(&data, &sgd, Sampling::Reshuffle, BatchNoise::Minibatch, vec![]).unwrap();
        positions(&Kuhn, &problem)[0] / positions(&Liu, &problem)[0]
    };
    // an epoch takes away 2 / 100 where a hundred relaxation times pass in it
    assert!((ratio(100.0) - 0.98).abs() < 0.01, "{}", ratio(100.0));
    // D_n = n eta^2 s2 / (1-beta)^2 leaves a third of the relaxation times in an epoch of the white variance, up to a few
    // batches' share of the epoch
    assert!((ratio(1e-3) / (1e-3 / 3.0) - 1.0).abs() < 6.0 / samples as f64, "{}", ratio(1e-3));
}
