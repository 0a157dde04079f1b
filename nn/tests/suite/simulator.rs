//! The harness and the simulator make the same steps: a linear model in float64 on the processor, from the same seed.
//!
//! Tolerance: both round each step differently, by a few units in the last place of entries below 10, so some 1e-15 per step.
//! The recursion damps such errors in directions with curvature; in the three directions that the digits do not span they add
//! up like a random walk with momentum, at most some 1e-15 x 10 x sqrt(10,000) = 1e-12 for beta = 0.9.

use langevin_nn::tensor::{Device, set_threads};
use langevin_nn::train::Trainer;
use langevin_nn::training_file::TrainingFile;
use langevin_sim::observer::SnapshotObserver;
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::Sampling;
use nalgebra::DMatrix;

const STEPS: u64 = 10_000;

fn largest_difference(sampling: Sampling, name: &str) -> f64 {
    let text = format!(
        r#"
        [data]
        source = "digits"
        rows = 1792
        [model]
        kind = "linear"
        [sgd]
        learning_rate = 0.05
        momentum = 0.9
        weight_decay = 0.01
        batch_size = 32
        sampling = "{name}"
        [run]
        seed = 11
        chain = 3
        precision = "float64"
        "#
    );
    set_threads(1);
    let file = TrainingFile::parse("test", &text, ".".as_ref()).unwrap();
    let mut trainer = Trainer::new(&file, Device::Cpu).unwrap();
    let problem = file.data.table().unwrap().to_dataset().unwrap().problem;
    let noise = NoiseSource::Minibatch(MinibatchNoise::new(&problem, &file.sgd, sampling).unwrap());
    let start = Start::Fixed(DMatrix::zeros(problem.dimension(), problem.outputs()));
    let ensemble = Ensemble::new(noise, &file.sgd, start, 11).unwrap();
    // steps around the ends of the simulator's blocks of 32 states, and the last
    let looked_at = [1, 30, 31, 32, 33, 63, 64, 1000, STEPS];
    let states = ensemble.run(3..4, STEPS, || SnapshotObserver::new(&looked_at), &|_| ()).remove(0);
    let mut largest: f64 = 0.0;
    let mut row = 0;
    for step in 1..=STEPS {
        trainer.step().unwrap();
        if looked_at.contains(&step) {
            let (position, velocity) = trainer.network().phase();
            let values = [position.to_values().unwrap(), velocity.to_values().unwrap()].concat();
            assert_eq!(values.len(), states.ncols());
            for (column, value) in values.iter().enumerate() {
                assert!(value.is_finite());
                largest = largest.max((value - states[(row, column)]).abs());
            }
            row += 1;
        }
    }
    assert!(trainer.network().phase().0.to_values().unwrap().iter().any(|value| value.abs() > 0.1));
    largest
}

#[test]
fn linear_regression_is_the_simulators_with_replacement() {
    let largest = largest_difference(Sampling::WithReplacement, "with-replacement");
    assert!(largest < 1e-12, "{largest:e}");
}

#[test]
fn linear_regression_is_the_simulators_without_replacement() {
    let largest = largest_difference(Sampling::WithoutReplacement, "without-replacement");
    assert!(largest < 1e-12, "{largest:e}");
}

#[test]
fn linear_regression_is_the_simulators_reshuffled() {
    let largest = largest_difference(Sampling::Reshuffle, "reshuffle");
    assert!(largest < 1e-12, "{largest:e}");
}
