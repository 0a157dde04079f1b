//! How long the exact laws take. Run with `cargo bench -p langevin-tests`.

use langevin_sim::Dataset;
use langevin_sim::data::{GaussianSpec, Standardize};
use langevin_theory::diffusion::{DiffusionStart, displacement};
use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, Sampling, Steps};

fn main() {
    divan::main();
}

/// 2,000 modes, from overdamped to alternating.
fn modes() -> Vec<ModeLaw> {
    (0..2000)
        .map(|i| {
            let h = 3.5 * 10f64.powf(-6.0 * f64::from(i) / 2000.0);
            ModeLaw::new(ModeMap::new(1.0, 0.9, h), 0.1 * h).expect("the mode is valid")
        })
        .collect()
}

#[divan::bench]
fn displacement_of_2000_modes_after_100000_steps(bencher: divan::Bencher<'_, '_>) {
    let modes = modes();
    bencher.bench(|| displacement(divan::black_box(&modes), DiffusionStart::Stationary, Steps(100_000)));
}

/// The displacement at 1,000 step counts up to 100,000.
#[divan::bench(sample_count = 3)]
fn displacement_curve_of_2000_modes(bencher: divan::Bencher<'_, '_>) {
    let modes = modes();
    bencher.bench(|| {
        (1..=1000)
            .map(|k| displacement(&modes, DiffusionStart::Stationary, Steps(100 * k)).unwrap_or(f64::NAN))
            .sum::<f64>()
    });
}

/// d = 64, N = 1,797, one output: eigendecomposition, stability and stationary second moments.
#[divan::bench(sample_count = 3)]
fn minibatch_law_of_digits(bencher: divan::Bencher<'_, '_>) {
    let digits = Dataset::digits(Standardize::Center, false, None).expect("the digits are embedded");
    let sgd = Hyperparameters::new(0.3, 0.9, 0.01, 32).expect("valid");
    bencher.bench(|| MinibatchLaw::new(&digits.problem, &sgd, Sampling::WithReplacement)?.stationary_second_moment(0));
}

/// d = 512, N = 50,000.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn minibatch_law_of_50000_samples_in_512_dimensions(bencher: divan::Bencher<'_, '_>) {
    let spec = GaussianSpec {
        eigenvalues: (0..512).map(|i| 10f64.powf(-3.0 * f64::from(i) / 512.0)).collect(),
        noise: 0.5,
        rows: 50_000,
        seed: 5,
    };
    let data = Dataset::gaussian(&spec).expect("valid");
    let sgd = Hyperparameters::new(0.05, 0.9, 0.01, 32).expect("valid");
    bencher.bench(|| MinibatchLaw::new(&data.problem, &sgd, Sampling::WithReplacement)?.stationary_second_moment(0));
}
