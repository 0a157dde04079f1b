//! Exact samples of Ornstein-Uhlenbeck processes against closed forms that are derived here, and against each other.

use langevin_sim::ou::{Sampler, Start};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};

/// Mean and covariance of the last state over paths.
fn moments(sampler: &Sampler, paths: u64) -> (DVector<f64>, DMatrix<f64>) {
    let size = sampler.dimension();
    let products = sampler.products(0..paths, &[], &|_| ());
    let last = 1 + (sampler.states() - 1) * size;
    let count = products[(0, 0)];
    assert!((count - paths as f64).abs() < 0.5);
    let mean = DVector::from_fn(size, |i, _| products[(0, last + i)] / count);
    let second = DMatrix::from_fn(size, size, |i, j| products[(last + i, last + j)] / count);
    let covariance = second - &mean * mean.transpose();
    (mean, covariance)
}

/// dx = v dt, dv = s dW: Var x = s^2 t^3 / 3, Cov = s^2 t^2 / 2, Var v = s^2 t. The drift is nilpotent, G G^T singular.
#[test]
fn integrated_brownian_motion() {
    let (drift, noise) = (dmatrix![0.0, -1.0; 0.0, 0.0], dmatrix![0.0; 2.0]);
    for time in [1e-3_f64, 1.0, 40.0] {
        let start = Start::Fixed(dvector![1.0, 0.5]);
        let sampler = Sampler::new(&drift, dvector![0.0, 0.0], &noise, &[time], start, 3).unwrap();
        let paths = 40_000;
        let (mean, covariance) = moments(&sampler, paths);
        let (xx, xv, vv) = (4.0 * time.powi(3) / 3.0, 2.0 * time.powi(2), 4.0 * time);
        // six standard errors of a mean, a variance, a covariance
        let error = 6.0 / (paths as f64).sqrt();
        assert!((mean[0] - 1.0 - 0.5 * time).abs() < error * xx.sqrt(), "t = {time}");
        assert!((mean[1] - 0.5).abs() < error * vv.sqrt());
        assert!((covariance[(0, 0)] / xx - 1.0).abs() < error * 2_f64.sqrt());
        assert!((covariance[(1, 1)] / vv - 1.0).abs() < error * 2_f64.sqrt());
        assert!((covariance[(0, 1)] - xv).abs() < error * (xx * vv + xv * xv).sqrt());
    }
}

/// One long duration, or the same time in pieces: the same law. A rotating drift with rates far apart.
#[test]
fn durations_may_be_cut() {
    let drift = dmatrix![2.0, 30.0, 0.0; -30.0, 2.0, 1.0; 0.0, 0.0, 0.05];
    let noise = dmatrix![1.0, 0.0; 0.3, 0.0; 0.0, 0.7];
    let start = || Start::Fixed(dvector![1.0, -2.0, 0.5]);
    let mu = dvector![0.2, 0.0, -1.0];
    let paths = 60_000;
    let whole = Sampler::new(&drift, mu.clone(), &noise, &[1.5], start(), 1).unwrap();
    let cut = Sampler::new(&drift, mu, &noise, &[0.25, 0.25, 0.9, 0.1], start(), 2).unwrap();
    let ((m, c), (n, d)) = (moments(&whole, paths), moments(&cut, paths));
    let error = 6.0 * (2.0 / paths as f64).sqrt();
    for i in 0..3 {
        assert!((m[i] - n[i]).abs() < error * c[(i, i)].sqrt(), "mean {i}");
        for j in 0..3 {
            let scale = (c[(i, i)] * c[(j, j)] + c[(i, j)].powi(2)).sqrt();
            assert!((c[(i, j)] - d[(i, j)]).abs() < error * scale, "covariance {i} {j}");
        }
    }
}

#[test]
fn a_path_depends_on_seed_and_number_alone() {
    let drift = dmatrix![1.0, 0.5; 0.0, 2.0];
    let start = Start::Gaussian { mean: dvector![1.0, 1.0], root: dmatrix![0.5; 0.1] };
    let make = |seed| {
        Sampler::new(&drift, dvector![0.0, 1.0], &DMatrix::identity(2, 2), &[0.1, 0.2, 0.1], start.clone(), seed)
            .unwrap()
    };
    let all = make(9).run(0..8, &|_| ());
    assert_eq!(make(9).run(5..7, &|_| ()), all[5..7]);
    assert_ne!(make(10).run(5..7, &|_| ()), all[5..7]);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let products = || make(9).products(0..5000, &[], &|_| ());
    assert_eq!(one.install(products), products());
    // products are those of the paths
    let products = make(9).products(0..8, &[0.0; 8], &|_| ());
    let sum: f64 = all.iter().map(|path| path[(1, 0)] * path[(3, 1)]).sum();
    assert!((products[(1 + 2, 1 + 7)] - sum).abs() < 1e-12 * sum.abs());
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let good = || (dmatrix![1.0], dvector![0.0], dmatrix![1.0], Start::Fixed(dvector![0.0]));
    let refuse = |(drift, mu, noise, start): (DMatrix<f64>, DVector<f64>, DMatrix<f64>, Start), durations: &[f64]| {
        Sampler::new(&drift, mu, &noise, durations, start, 1).unwrap_err().to_string()
    };
    assert!(refuse(good(), &[0.0]).contains("duration is 0"));
    assert!(refuse(good(), &[f64::NAN]).contains("duration"));
    assert!(refuse((dmatrix![f64::NAN], dvector![0.0], dmatrix![1.0], good().3), &[1.0]).contains("finite"));
    assert!(refuse((dmatrix![1.0, 2.0], dvector![0.0], dmatrix![1.0], good().3), &[1.0]).contains("drift is 1 x 2"));
    assert!(refuse((dmatrix![1.0], dvector![0.0], dmatrix![1.0; 2.0], good().3), &[1.0]).contains("noise is 2 x 1"));
    assert!(refuse((dmatrix![1.0], dvector![0.0], dmatrix![1.0], Start::Fixed(dvector![])), &[1.0]).contains("start"));
    // an unstable process over a time in which it leaves the numbers, and one that no halving makes short
    assert!(refuse((dmatrix![-1.0], dvector![0.0], dmatrix![1.0], good().3), &[1e4]).contains("duration"));
    assert!(refuse((dmatrix![1e200], dvector![0.0], dmatrix![1.0], good().3), &[1e100]).contains("duration"));
}
