//! Constant noise of any covariance, all directions together, against the Stein equation X = M X M^T + Q in 2d dimensions:
//! a Kronecker solve in doubles, and a doubling sum with 106 bits.

use langevin_theory::discrete::{ConstantNoiseLaw, ModeLaw, ModeMap, Regime, stationary_kernel};
use langevin_theory::{Quadratic, Steps, TheoryError};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::double_double::{Dd, Matrix};
use crate::problems::{covariance, logarithmic, momentum, rotation, stable_mode};

/// M = [[1 - eta K, eta b], [-K, b]] with K = H + lambda, and Gam Sigma Gam^T with Gam = (eta; 1), 2d x 2d.
fn definition(h: &Matrix, eta: f64, beta: f64, decay: f64, noise: &DMatrix<f64>) -> (Matrix, Matrix) {
    let size = h.rows();
    let (eta, b) = (Dd::from(eta), Dd::from(beta));
    let curvature = h.plus(&Matrix::identity(size).scaled(Dd::from(decay)));
    let one = |i: usize, j: usize| if i == j { Dd::ONE } else { Dd::ZERO };
    let map = Matrix::from_fn(2 * size, 2 * size, |i, j| {
        let (r, c) = (i % size, j % size);
        match (i < size, j < size) {
            (true, true) => one(r, c) - eta * curvature.at(r, c),
            (true, false) => eta * b * one(r, c),
            (false, true) => -curvature.at(r, c),
            (false, false) => b * one(r, c),
        }
    });
    let kick = Matrix::from_fn(2 * size, 2 * size, |i, j| {
        let factor = |index: usize| if index < size { eta } else { Dd::ONE };
        Dd::from(noise[(i % size, j % size)]) * factor(i) * factor(j)
    });
    (map, kick)
}

fn kronecker_stein(map: &DMatrix<f64>, noise: &DMatrix<f64>) -> DMatrix<f64> {
    let size = map.nrows();
    let system = DMatrix::identity(size * size, size * size) - map.kronecker(map);
    let solution = system.lu().solve(&DVector::from_column_slice(noise.as_slice())).unwrap();
    DMatrix::from_column_slice(size, size, solution.as_slice())
}

#[derive(Clone, Debug)]
struct Problem {
    eta: f64,
    beta: f64,
    decay: f64,
    spectrum: Vec<f64>,
    basis: DMatrix<f64>,
    noise: DMatrix<f64>,
}

impl Problem {
    fn hessian(&self) -> DMatrix<f64> {
        let product =
            &self.basis * DMatrix::from_diagonal(&DVector::from_vec(self.spectrum.clone())) * self.basis.transpose();
        (&product + product.transpose()) * 0.5
    }
}

/// Moderate problems in a general basis: eta h from 1e-3 to 0.99 of the edge.
fn problem() -> impl Strategy<Value = Problem> {
    (1usize..=3).prop_flat_map(|size| {
        (
            logarithmic(-3.0, 1.0),
            prop_oneof![momentum().prop_map(|beta| beta.min(0.95)), Just(0.0)],
            prop_oneof![Just(0.0), 0.0..0.3f64],
            proptest::collection::vec(prop_oneof![1e-3..0.99f64, logarithmic(-3.0, -1.0)], size),
            prop_oneof![rotation(size), Just(DMatrix::identity(size, size))],
            covariance(size),
        )
            .prop_map(|(eta, beta, decay, fractions, basis, noise)| {
                // eta (rho + lambda) stays below the edge
                let edge = 2.0 * (1.0 + beta) / eta;
                let decay = decay * edge * 0.1;
                let spectrum = fractions.iter().map(|fraction| fraction * (edge - decay)).collect();
                Problem { eta, beta, decay, spectrum, basis, noise }
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_stationary_covariance_solves_the_stein_equation(problem in problem()) {
        let Problem { eta, beta, decay, noise, .. } = &problem;
        let hessian = problem.hessian();
        let quadratic = Quadratic::new(hessian.clone(), DMatrix::zeros(hessian.nrows(), 1)).unwrap();
        let law = ConstantNoiseLaw::new(&quadratic, *eta, *beta, *decay, noise).unwrap();
        let (map, kick) = definition(&Matrix::from_doubles(&hessian), *eta, *beta, *decay, noise);
        let exact = map.stein(&kick);
        let found = law.stationary_covariance().unwrap();
        let size = hessian.nrows();
        // eigenvalues are good to d roundings of the largest, which the kernel amplifies by 1/(u_min) and by 1/(distance to
        // the edge): at most 1e3 and 1e2 of the largest here; plus 16 d roundings of two changes of basis
        let maps = law.maps();
        let nearest = maps.iter().map(|map| map.edge_distance().min(map.rate_times_curvature())).fold(f64::INFINITY, f64::min);
        let largest = maps.iter().map(ModeMap::rate_times_curvature).fold(0.0, f64::max);
        let tolerance = f64::EPSILON * size as f64 * (32.0 + 16.0 * largest / nearest);
        for (rows, columns) in [(0, 0), (0, size), (size, 0), (size, size)] {
            let scale = (exact_block(&exact, rows, size) * exact_block(&exact, columns, size)).sqrt();
            // positions respond to small curvatures, velocities do not: the square root of the gain for the cross block
            for i in 0..size {
                for j in 0..size {
                    let (row, column) = (rows + i, columns + j);
                    close("stationary covariance", found[(row, column)], exact.get(row, column), tolerance * scale)?;
                }
            }
        }
        // I1, I2 and the residual in matrix form
        let block = |r: usize, c: usize| found.view((r * size, c * size), (size, size)).into_owned();
        let (p, c, v) = (block(0, 0), block(0, 1), block(1, 1));
        let curvature = &hessian + DMatrix::identity(size, size) * *decay;
        let partition = (&curvature * &p + &p * &curvature) / (eta * (1.0 + beta));
        let cross = &c + c.transpose();
        let unit = 64.0 * size as f64 * f64::EPSILON;
        for i in 0..size {
            for j in 0..size {
                close("I1 [matrix]", v[(i, j)], partition[(i, j)], unit * (curvature.amax() * p.amax() * size as f64 / eta + v.amax()))?;
                close("I2 [matrix]", cross[(i, j)], eta * v[(i, j)], unit * (eta * v.amax() + c.amax()))?;
            }
        }
        close_relative("speed [trace]", law.speed().unwrap(), eta * eta * v.trace(), 64.0 * size as f64)?;
        close_relative("energies [trace]", law.potential_energy().unwrap(), law.kinetic_energy().unwrap(), 64.0)?;
    }

    #[test]
    fn the_stationary_covariance_is_the_kronecker_solution(problem in problem()) {
        let Problem { eta, beta, decay, noise, .. } = &problem;
        let hessian = problem.hessian();
        let quadratic = Quadratic::new(hessian.clone(), DMatrix::zeros(hessian.nrows(), 1)).unwrap();
        let law = ConstantNoiseLaw::new(&quadratic, *eta, *beta, *decay, noise).unwrap();
        let (map, kick) = definition(&Matrix::from_doubles(&hessian), *eta, *beta, *decay, noise);
        let solved = kronecker_stein(&map.to_doubles(), &kick.to_doubles());
        let found = law.stationary_covariance().unwrap();
        // |(1 - M x M)^{-1}| is about 1/((1-b) u), and (2d)^2 unknowns; velocities have 1/eta the units of positions
        let maps = law.maps();
        let nearest = maps.iter().map(|map| map.edge_distance().min(map.rate_times_curvature())).fold(f64::INFINITY, f64::min);
        let size = hessian.nrows();
        let unit = |index: usize| if index < size { 1.0 } else { 1.0 / eta };
        let scale = (0..2 * size).map(|i| found[(i, i)] / unit(i).powi(2)).fold(0.0, f64::max);
        let balance = f64::max(*eta, 1.0 / eta).powi(2);
        let tolerance = f64::EPSILON * 64.0 * (2.0 * size as f64).powi(2) / (nearest * (1.0 - beta)) * scale * balance;
        for i in 0..2 * size {
            for j in 0..2 * size {
                close("kronecker", found[(i, j)], solved[(i, j)], tolerance * unit(i) * unit(j))?;
            }
        }
    }

    #[test]
    fn kernel_of_extreme_pairs((eta, beta, first) in stable_mode(), second in logarithmic(-12.0, 0.0)) {
        // a diagonal H has an exact eigenbasis: ratios of 1e12 between curvatures, either near an edge
        let hessian = DMatrix::from_diagonal(&DVector::from_vec(vec![first, second * first]));
        let noise = DMatrix::from_row_slice(2, 2, &[1.0, 0.6, 0.6, 1.0]);
        let (map, kick) = definition(&Matrix::from_doubles(&hessian), eta, beta, 0.0, &noise);
        let maps = [first, second * first].map(|h| ModeMap::new(eta, beta, h));
        // below a radius of 1 - 1e-11 the doubling sum converges before its powers are spent
        prop_assume!(maps.iter().all(|map| map.rate_times_curvature() > 1e-10 && map.edge_distance() > 1e-10));
        let exact = map.stein(&kick);
        for i in 0..2 {
            for j in 0..2 {
                let found = noise[(i, j)] * stationary_kernel(&maps[i], &maps[j]);
                // sums and products of positive numbers, and one difference of curvatures given as doubles
                close_relative("kernel", found, exact.get(i, j), 16.0)?;
            }
        }
        prop_assert_eq!(stationary_kernel(&maps[0], &maps[1]), stationary_kernel(&maps[1], &maps[0]));
        let quadratic = Quadratic::new(hessian, DMatrix::zeros(2, 1)).unwrap();
        if quadratic.rank() == 2 {
            let law = ConstantNoiseLaw::new(&quadratic, eta, beta, 0.0, &noise).unwrap();
            let found = law.stationary_covariance_in_eigenbasis().unwrap();
            for i in 0..4 {
                for j in 0..4 {
                    // E[theta_i v_j] is a difference, h_i - b h_j
                    let scale = (exact.get(i, i) * exact.get(j, j)).sqrt();
                    close("diagonal H", found[(i, j)], exact.get(i, j), 16.0 * f64::EPSILON * scale)?;
                }
            }
        }
    }

    #[test]
    fn lag_and_displacement(problem in problem(), lag in 0u64..2000) {
        let Problem { eta, beta, decay, noise, .. } = &problem;
        let hessian = problem.hessian();
        let size = hessian.nrows();
        let quadratic = Quadratic::new(hessian.clone(), DMatrix::zeros(size, 1)).unwrap();
        let law = ConstantNoiseLaw::new(&quadratic, *eta, *beta, *decay, noise).unwrap();
        let (map, kick) = definition(&Matrix::from_doubles(&hessian), *eta, *beta, *decay, noise);
        let exact = map.stein(&kick);
        let lagged = map.power(lag).times(&exact);
        let found = law.lag_covariance(Steps(lag)).unwrap();
        let maps = law.maps();
        let nearest = maps.iter().map(|map| map.edge_distance().min(map.rate_times_curvature())).fold(f64::INFINITY, f64::min);
        let largest = maps.iter().map(ModeMap::rate_times_curvature).fold(0.0, f64::max);
        // as for the covariance; in addition an error du of an eigenvalue moves M^n by n du r^n, times 1/(1 - sqrt b)^2 where
        // the matrix is close to defective
        let radius = law.spectral_radius();
        let memory = (lag as f64).min(1.0 / (1.0 - radius));
        let defect = 1.0 / (1.0 - beta.sqrt());
        let tolerance = f64::EPSILON * size as f64 * (64.0 + 16.0 * largest / nearest + 16.0 * memory * largest * defect * defect);
        for i in 0..2 * size {
            for j in 0..2 * size {
                let scale = (exact_block(&exact, i / size * size, size) * exact_block(&exact, j / size * size, size)).sqrt();
                close("lag covariance [matrix]", found[(i, j)], lagged.get(i, j), tolerance * scale * defect)?;
            }
        }
        let trace = |matrix: &Matrix| (0..size).fold(Dd::ZERO, |sum, i| sum + matrix.at(i, i));
        let lost = ((trace(&exact) - trace(&lagged)) * Dd::from(2.0)).value();
        let p = trace(&exact).value();
        close("displacement [trace]", law.displacement(Steps(lag)).unwrap(), lost, 4.0 * tolerance * defect * p)?;
        let total: f64 = (0..size).map(|i| law.mode(i).unwrap().displacement(Steps(lag)).unwrap()).sum();
        close_relative("displacement [sum]", law.displacement(Steps(lag)).unwrap(), total, 4.0)?;
    }

    #[test]
    fn null_directions_and_instability_have_names(eta in logarithmic(-3.0, 0.0), beta in momentum(), noise in covariance(2)) {
        let null = Quadratic::new(DMatrix::from_row_slice(2, 2, &[1.0, 1.0, 1.0, 1.0]), DMatrix::zeros(2, 1)).unwrap();
        prop_assert_eq!(null.rank(), 1);
        let law = ConstantNoiseLaw::new(&null, eta * 0.9, beta, 0.0, &noise).unwrap();
        let no_curvature = matches!(law.stationary_covariance(), Err(TheoryError::Singular { .. }));
        prop_assert!(no_curvature);
        prop_assert_eq!(law.spectral_radius(), 1.0);
        // diffusion of a null direction has a speed all the same
        let speed = law.speed().unwrap();
        prop_assert!(speed.is_finite() && speed >= 0.0);
        // weight decay gives it a law
        let law = ConstantNoiseLaw::new(&null, eta * 0.5, beta, 0.5, &noise).unwrap();
        prop_assert!(law.stationary_covariance().is_ok());
        prop_assert!(law.spectral_radius() < 1.0);
        let steep = ConstantNoiseLaw::new(&null, 1.2 * (1.0 + beta), beta, 0.0, &noise).unwrap();
        prop_assert_eq!(steep.maps()[0].regime(), Regime::Unstable);
        prop_assert!(steep.spectral_radius() > 1.0);
        let refused = [steep.speed(), steep.displacement(Steps(4)), steep.potential_energy(), steep.kinetic_energy()]
            .into_iter()
            .all(|result| matches!(result, Err(TheoryError::Unstable { .. })));
        let matrices = [steep.stationary_covariance(), steep.lag_covariance(Steps(1))]
            .into_iter()
            .all(|result| matches!(result, Err(TheoryError::Unstable { .. })));
        prop_assert!(refused && matrices);
    }
}

/// Largest variance of a block.
fn exact_block(exact: &Matrix, first: usize, size: usize) -> f64 {
    (first..first + size).map(|i| exact.get(i, i)).fold(0.0, f64::max)
}

#[test]
fn one_direction_is_the_law_of_a_mode() {
    let quadratic = Quadratic::new(DMatrix::from_element(1, 1, 2.0), DMatrix::zeros(1, 1)).unwrap();
    let law = ConstantNoiseLaw::new(&quadratic, 0.3, 0.8, 0.1, &DMatrix::from_element(1, 1, 0.7)).unwrap();
    let mode = ModeLaw::new(ModeMap::new(0.3, 0.8, 2.1), 0.7).unwrap();
    let (full, pair) = (law.stationary_covariance().unwrap(), mode.stationary_covariance().unwrap());
    for i in 0..2 {
        for j in 0..2 {
            assert!((full[(i, j)] - pair[i][j]).abs() <= 8.0 * f64::EPSILON * pair[i][j].abs());
        }
    }
}
