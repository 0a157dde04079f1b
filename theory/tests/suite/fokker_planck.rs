//! The Fokker-Planck equation: exact laws against each other, the grid against the exact laws with its order measured, and the
//! wrong current (35) as printed refuted.
//!
//! An order is read from the ratio of errors on halving the cell, which tends to 4; at the cells used here the next term of
//! the error moves it by less than 10 %.

use langevin_theory::fokker_planck::{
    Axis, GaussianDensity, Grid, GridDensity, GridFokkerPlanck, HeavyTail, LinearFokkerPlanck, ModifiedPotential,
    ScalarStationaryLaw, TimeStepping,
};
use langevin_theory::langevin::{LangevinLaw, NoiseModel};
use langevin_theory::{Hyperparameters, Quadratic, TheoryError, Time};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;

use crate::comparison::close;
use crate::problems::{covariance, logarithmic, rotation, square};

const NOT_FINITE: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

fn line(low: f64, high: f64, cells: usize) -> Grid {
    Grid::new(&[Axis::new(low, high, cells).unwrap()]).unwrap()
}

fn rectangle(half: f64, cells: [usize; 2]) -> Grid {
    Grid::new(&cells.map(|cells| Axis::new(-half, half, cells).unwrap())).unwrap()
}

fn time(value: f64) -> Time {
    Time::new(value).unwrap()
}

/// B with A B + B A^T = 2 D, by the Kronecker sum.
fn lyapunov(drift: &DMatrix<f64>, diffusion: &DMatrix<f64>) -> DMatrix<f64> {
    let size = drift.nrows();
    let one = DMatrix::<f64>::identity(size, size);
    let sum = one.kronecker(drift) + drift.kronecker(&one);
    let solution = sum.lu().solve(&DVector::from_column_slice((diffusion * 2.0).as_slice())).unwrap();
    let solution = DMatrix::from_column_slice(size, size, solution.as_slice());
    (&solution + solution.transpose()) * 0.5
}

/// Errors on grids that halve the cell: the ratio of the last two is near 4, and the one before on its way there.
fn assert_second_order(what: &str, error: impl Fn(usize) -> f64, coarsest: usize) {
    let errors = [coarsest, 2 * coarsest, 4 * coarsest].map(error);
    let ratios = [errors[0] / errors[1], errors[1] / errors[2]];
    assert!(ratios[1] > 3.6 && ratios[1] < 4.4, "{what}: {errors:?} {ratios:?}");
    assert!(ratios[0] > 2.5, "{what}: {errors:?} {ratios:?}");
}

/// A process whose current circulates: A and D do not commute, kappa is not 1.
struct Circulating {
    drift: DMatrix<f64>,
    diffusion: DMatrix<f64>,
    kappa: f64,
}

impl Circulating {
    fn new() -> Self {
        Self { drift: dmatrix![1.0, 0.8; -1.2, 1.5], diffusion: dmatrix![1.0, 0.4; 0.4, 0.8], kappa: 2.0 }
    }

    fn stationary_covariance(&self) -> DMatrix<f64> {
        lyapunov(&self.drift, &self.diffusion) / self.kappa
    }

    fn stationary(&self) -> GaussianDensity {
        GaussianDensity::new(DVector::zeros(2), self.stationary_covariance()).unwrap()
    }

    fn equation(&self) -> LinearFokkerPlanck {
        LinearFokkerPlanck::new(self.drift.clone(), DVector::zeros(2), self.diffusion.clone(), self.kappa).unwrap()
    }

    fn on(&self, grid: &Grid) -> GridFokkerPlanck {
        GridFokkerPlanck::new(grid, self.kappa, |x| -(&self.drift * x), |_| self.diffusion.clone()).unwrap()
    }

    /// The law at a time from a Gaussian start.
    fn transient(&self, start: &GaussianDensity, at: f64) -> GaussianDensity {
        let flow = (&self.drift * -at).exp();
        let stationary = self.stationary_covariance();
        let covariance = &stationary + &flow * (start.covariance() - &stationary) * flow.transpose();
        GaussianDensity::new(&flow * start.mean(), (&covariance + covariance.transpose()) * 0.5).unwrap()
    }
}

fn start() -> GaussianDensity {
    GaussianDensity::new(dvector![0.8, -0.5], dmatrix![0.3, 0.1; 0.1, 0.25]).unwrap()
}

// ---- Gaussians --------------------------------------------------------------------------------------------------------

#[test]
fn the_phase_space_law_solves_the_equation() {
    // mean (7) and covariance (8) of the underdamped process, with their rates by differences in time
    let loss = Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![1.0; 0.3]).unwrap();
    let sgd = Hyperparameters::new(0.3, 0.6, 0.1, 2).unwrap();
    let law = LangevinLaw::new(&loss, &sgd, NoiseModel::Covariance(dmatrix![1.0, -0.3; -0.3, 0.5])).unwrap();
    let minimum = law.minimum_ridge();
    let centre = DVector::from_iterator(4, minimum.iter().copied().chain([0.0, 0.0]));
    let equation = LinearFokkerPlanck::new(law.drift(), centre.clone(), law.diffusion(), sgd.kappa()).unwrap();
    let (position, velocity) = (dvector![1.0, -1.0], dvector![0.5, 0.2]);
    let step = 1e-3;
    for t in [0.2, 1.0, 4.0] {
        let mean = |at: f64| law.mean(&position, &velocity, time(at)).unwrap();
        let spread = |at: f64| law.covariance(time(at));
        let rate = |ahead: DMatrix<f64>, behind: DMatrix<f64>| (ahead - behind) / (2.0 * step);
        let mean_rate = (mean(t + step) - mean(t - step)) / (2.0 * step);
        let covariance_rate = rate(spread(t + step), spread(t - step));
        let now = GaussianDensity::new(mean(t), spread(t)).unwrap();
        for sign in [-1.0, 0.0, 0.7] {
            let deviation = spread(t).diagonal().map(f64::sqrt) * sign;
            let point = mean(t) + &deviation;
            let residual = equation.relative_residual(&now, &mean_rate, &covariance_rate, &point).unwrap();
            // third derivatives are of the order of the cube of the rates in A: the difference is good to (rate step)^2
            let rate = equation.moment_rates(&now).unwrap();
            assert!((&rate.0 - &mean_rate).norm() < 1e-3 * (1.0 + rate.0.norm()));
            assert!(residual.abs() < 1e-2, "t = {t}: {residual}");
            let exact = equation.relative_residual(&now, &rate.0, &rate.1, &point).unwrap();
            assert!(exact.abs() < 1e-9, "t = {t}: {exact}");
            // a law that stands still does not solve it
            let still = equation.relative_residual(&now, &DVector::zeros(4), &DMatrix::zeros(4, 4), &point).unwrap();
            if t < 1.0 {
                assert!(still.abs() > 0.1, "{still}");
            }
        }
    }
    // (9) does
    let stationary = GaussianDensity::new(centre, law.stationary_covariance().unwrap()).unwrap();
    let point = dvector![0.3, -0.2, 0.1, 0.4];
    let residual = equation.relative_residual(&stationary, &DVector::zeros(4), &DMatrix::zeros(4, 4), &point).unwrap();
    assert!(residual.abs() < 1e-11, "{residual}");
}

#[test]
fn the_current_without_kappa_is_refuted() {
    // (35) as printed is the current of another process, of inverse temperature 1 (erratum E17)
    let process = Circulating::new();
    let (law, equation) = (process.stationary(), process.equation());
    let printed =
        LinearFokkerPlanck::new(process.drift.clone(), DVector::zeros(2), process.diffusion.clone(), 1.0).unwrap();
    let (rest, still) = (DVector::zeros(2), DMatrix::zeros(2, 2));
    for point in [dvector![0.0, 0.0], dvector![0.5, -0.8], dvector![-1.0, 0.3], dvector![1.2, 0.9]] {
        let residual = equation.relative_residual(&law, &rest, &still, &point).unwrap();
        assert!(residual.abs() < 1e-13, "{residual}");
        // div of the printed current: (1 - 1/kappa)(tr(D C^{-1}) - s^T D s)
        let wrong = printed.relative_residual(&law, &rest, &still, &point).unwrap();
        let score = law.score(&point).unwrap();
        let expected = (1.0 - 1.0 / process.kappa)
            * ((&process.diffusion * law.precision()).trace() - score.dot(&(&process.diffusion * &score)));
        assert!((wrong - expected).abs() < 1e-12 * expected.abs(), "{wrong} {expected}");
        assert!(wrong.abs() > 0.1, "{wrong}");
    }
}

#[test]
fn a_law_of_another_dimension_is_refused() {
    let equation = LinearFokkerPlanck::new(dmatrix![1.0], dvector![0.0], dmatrix![1.0], 1.0).unwrap();
    let plane = start();
    let shape = |error: TheoryError| matches!(error, TheoryError::Shape { .. });
    for point in [dvector![0.3], dvector![0.3, 0.4]] {
        assert!(shape(equation.current_velocity(&plane, &point).unwrap_err()));
        assert!(shape(equation.current(&plane, &point).unwrap_err()));
        let (rest, still) = (dvector![0.0], dmatrix![0.0]);
        assert!(shape(equation.relative_residual(&plane, &rest, &still, &point).unwrap_err()));
    }
    assert!(shape(equation.moment_rates(&plane).unwrap_err()));
}

// ---- orders in space --------------------------------------------------------------------------------------------------

#[test]
fn on_a_line_the_stationary_law_of_a_linear_drift_is_exact() {
    // the midpoint rule integrates a linear drift exactly: every ratio of neighbours is that of the Gaussian
    let grid = line(-9.0, 11.0, 50);
    let equation = GridFokkerPlanck::new(&grid, 2.0, |x| dvector![0.6] - x * 1.5, |_| dmatrix![1.2]).unwrap();
    let law = equation.stationary().unwrap();
    let exact = GridDensity::from_function(&grid, |x| (-2.0 / 2.4 * 1.5 * (x[0] - 0.4).powi(2)).exp()).unwrap();
    let mut smallest = f64::INFINITY;
    for (found, expected) in law.values().iter().zip(exact.values()) {
        // fifty factors, each with a handful of roundings of an exponent up to 20
        assert!((found / expected - 1.0).abs() < 1e-12, "{found:e} {expected:e}");
        smallest = smallest.min(*found);
    }
    assert!(smallest < 1e-55 && smallest > 0.0);
    // detailed balance: no current anywhere
    let current = equation.current(&law).unwrap();
    assert!(current.amax() < 1e-13, "{}", current.amax());
}

#[test]
fn second_order_on_a_line() {
    let (drift, diffusion) = (|x: f64| x - x.powi(3) + 0.2, |x: f64| 1.0 + 0.4 * (2.0 * x).sin());
    let exact = ScalarStationaryLaw::new(1.5, -3.0, 3.0, drift, diffusion).unwrap();
    let equation = |cells| {
        let b = |x: &DVector<f64>| dvector![drift(x[0])];
        GridFokkerPlanck::new(&line(-3.0, 3.0, cells), 1.5, b, |x| dmatrix![diffusion(x[0])]).unwrap()
    };
    let error = |cells| {
        let law = equation(cells).stationary().unwrap();
        law.total_variation(|x| exact.density(x[0]).unwrap()).unwrap()
    };
    assert_second_order("double well", error, 40);

    let error = |cells| {
        let grid = line(-6.0, 6.0, cells);
        let equation = GridFokkerPlanck::new(&grid, 2.0, |x| -x * 0.7, |_| dmatrix![1.3]).unwrap();
        let normal = |x: f64, m: f64, c: f64| (-0.5 * (x - m).powi(2) / c).exp() / (std::f64::consts::TAU * c).sqrt();
        let start = GridDensity::from_function(&grid, |x| normal(x[0], 1.0, 0.2)).unwrap();
        let end = equation.evolve(&start, time(0.6), TimeStepping::Uniformisation).unwrap();
        let (decay, limit) = ((-0.7f64 * 0.6).exp(), 1.3 / 1.4);
        end.total_variation(|x| normal(x[0], decay, limit + decay * decay * (0.2 - limit))).unwrap()
    };
    assert_second_order("transient on a line", error, 50);
}

#[test]
fn second_order_in_the_plane() {
    let process = Circulating::new();
    let (law, equation) = (process.stationary(), process.equation());
    let stationary = |cells: usize| {
        let grid = rectangle(3.6, [cells, cells]);
        let on_grid = process.on(&grid);
        let density = on_grid.stationary().unwrap();
        (grid, on_grid, density)
    };
    assert_second_order(
        "stationary in the plane",
        |cells| stationary(cells).2.total_variation(|x| law.density(x).unwrap()).unwrap(),
        24,
    );
    // the current circulates, and is the exact one
    let error = |cells| {
        let (grid, on_grid, density) = stationary(cells);
        let current = on_grid.current(&density).unwrap();
        let (mut error, mut circulation, mut size) = (0.0, 0.0, 0.0);
        for cell in 0..grid.cells() {
            let centre = grid.centre(cell);
            let exact = equation.current(&law, &centre).unwrap();
            let found = current.row(cell).transpose();
            error += (&found - &exact).norm();
            size += exact.norm();
            circulation += centre[0] * found[1] - centre[1] * found[0];
        }
        assert!(circulation * grid.cell_volume() > 0.5, "{circulation}");
        error / size
    };
    assert_second_order("current in the plane", error, 24);

    let error = |cells: usize| {
        let grid = rectangle(3.6, [cells, cells]);
        let start = GridDensity::from_function(&grid, |x| start().density(x).unwrap()).unwrap();
        let end = process.on(&grid).evolve(&start, time(0.4), TimeStepping::Uniformisation).unwrap();
        let exact = process.transient(&self::start(), 0.4);
        end.total_variation(|x| exact.density(x).unwrap()).unwrap()
    };
    assert_second_order("transient in the plane", error, 24);
}

/// A process with a diffusion matrix that varies in all its entries and the stationary law e^{-kappa Psi}, by (41) with
/// j = Q grad Psi, Q skew: Theorem 3.
mod constructed {
    use super::{DMatrix, DVector, dmatrix, dvector};

    pub const KAPPA: f64 = 1.7;

    pub fn potential(x: &DVector<f64>) -> f64 {
        0.5 * x.norm_squared() + 0.1 * x[0] * x[1] + 0.05 * x[0].powi(4)
    }

    pub fn gradient(x: &DVector<f64>) -> DVector<f64> {
        dvector![x[0] + 0.1 * x[1] + 0.2 * x[0].powi(3), x[1] + 0.1 * x[0]]
    }

    pub fn diffusion(x: &DVector<f64>) -> DMatrix<f64> {
        let cross = 0.2 * x[0] * x[1];
        dmatrix![1.0 + 0.2 * x[0] * x[0], cross; cross, 1.0 + 0.2 * x[1] * x[1]]
    }

    pub fn force(x: &DVector<f64>) -> DVector<f64> {
        let gradient = gradient(x);
        dvector![0.6 * gradient[1], -0.6 * gradient[0]]
    }

    pub fn drift(x: &DVector<f64>) -> DVector<f64> {
        // div D = 0.6 x
        force(x) + x * (0.6 / KAPPA) - diffusion(x) * gradient(x)
    }
}

#[test]
fn second_order_where_the_diffusion_matrix_varies() {
    let error = |cells: usize| {
        let grid = rectangle(3.5, [cells, cells]);
        let equation =
            GridFokkerPlanck::new(&grid, constructed::KAPPA, constructed::drift, constructed::diffusion).unwrap();
        let gibbs = |x: &DVector<f64>| (-constructed::KAPPA * constructed::potential(x)).exp();
        let exact = GridDensity::from_function(&grid, gibbs).unwrap();
        let found = equation.stationary().unwrap();
        0.5 * grid.cell_volume() * (exact.values() - found.values()).abs().sum()
    };
    assert_second_order("varying diffusion matrix", error, 24);
}

#[test]
fn a_boundary_with_mass_is_first_order_only_where_there_is_cross_diffusion() {
    // self-convergence: differences between successive grids fall by 4 or by 2
    let process = Circulating::new();
    let ratio = |diffusion: DMatrix<f64>| {
        let moment = |cells: usize| {
            let drift = |x: &DVector<f64>| -(&process.drift * x);
            let equation = GridFokkerPlanck::new(&rectangle(1.0, [cells, cells]), 2.0, drift, |_| diffusion.clone());
            equation.unwrap().stationary().unwrap().covariance()[(0, 1)]
        };
        let moments = [16, 32, 64].map(moment);
        (moments[1] - moments[0]) / (moments[2] - moments[1])
    };
    let (without, with) = (ratio(dmatrix![1.0, 0.0; 0.0, 0.8]), ratio(process.diffusion.clone()));
    assert!((without - 4.0).abs() < 0.2, "{without}");
    assert!((with - 2.0).abs() < 0.6, "{with}");
}

#[test]
fn first_order_in_phase_space() {
    // no noise on the position: upwinding, whose error halves with the cell
    let sgd = Hyperparameters::new(0.5, 0.5, 0.0, 1).unwrap();
    let loss = Quadratic::new(dmatrix![1.0], dmatrix![0.0]).unwrap();
    let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(1.0)).unwrap();
    let (drift, diffusion, exact) = (law.drift(), law.diffusion(), law.stationary_covariance().unwrap());
    let error = |cells: usize| {
        let widths = [6.0 * exact[(0, 0)].sqrt(), 6.0 * exact[(1, 1)].sqrt()];
        let grid = Grid::new(&widths.map(|half| Axis::new(-half, half, cells).unwrap())).unwrap();
        let equation = GridFokkerPlanck::new(&grid, sgd.kappa(), |x| -(&drift * x), |_| diffusion.clone()).unwrap();
        equation.stationary().unwrap().covariance()[(0, 0)] / exact[(0, 0)] - 1.0
    };
    let errors = [32, 64, 128].map(error);
    assert!(errors[2] > 0.0 && errors[2] < 0.1);
    assert!((errors[1] / errors[2] - 2.0).abs() < 0.3, "{errors:?}");
}

#[test]
fn heavy_tails_on_the_grid() {
    let (a, kappa, d0, d1) = (1.0, 2.0, 0.5, 0.8);
    let exact = HeavyTail::new(a, kappa, d0, d1).unwrap();
    // the law on an interval without flux is the law on the line, cut
    let cut = ScalarStationaryLaw::new(kappa, -12.0, 12.0, |x| -a * x, |x| d0 + d1 * x * x).unwrap();
    let inside = exact.density(0.3).unwrap() / cut.density(0.3).unwrap();
    for x in [-12.0, -4.0, 0.0, 1.0, 7.5] {
        let ratio = exact.density(x).unwrap() / cut.density(x).unwrap() / inside;
        assert!((ratio - 1.0).abs() < 1e-12, "{ratio}");
    }
    let on_grid = |cells| {
        let grid = line(-12.0, 12.0, cells);
        let diffusion = |x: &DVector<f64>| dmatrix![d0 + d1 * x[0] * x[0]];
        GridFokkerPlanck::new(&grid, kappa, |x| -x * a, diffusion).unwrap().stationary().unwrap()
    };
    // the logarithmic mean integrates a linear drift over a quadratic D exactly: so is every ratio of neighbours
    let law = on_grid(80);
    let sampled = GridDensity::from_function(law.grid(), |x| exact.density(x[0]).unwrap()).unwrap();
    for (found, expected) in law.values().iter().zip(sampled.values()) {
        assert!((found / expected - 1.0).abs() < 1e-12, "{found:e} {expected:e}");
    }
    let distance = on_grid(160).total_variation(|x| exact.density(x[0]).unwrap() / inside).unwrap();
    assert!(distance < 1e-8, "{distance:e}");
    // without the Ito term, kappa^{-1} D' in the drift, the law would be another
    let other = ScalarStationaryLaw::new(kappa, -12.0, 12.0, |x| 2.0 * d1 * x / kappa - a * x, |x| d0 + d1 * x * x);
    let other = other.unwrap();
    assert!(law.total_variation(|x| other.density(x[0]).unwrap()).unwrap() > 0.2);
    // the tail exponent on the grid, from the outer half of the interval: local slope 2m x^2 / (x^2 + d0/d1)
    let (near, far) = (law.grid().cell_of(&dvector![6.01]).unwrap(), law.grid().cell_of(&dvector![11.01]).unwrap());
    let (x, y) = (law.grid().centre(near)[0], law.grid().centre(far)[0]);
    let slope = (law.values()[near] / law.values()[far]).ln() / (y / x).ln();
    assert!((slope / exact.tail_exponent().unwrap() - 1.0).abs() < 0.02, "{slope}");
}

// ---- time -------------------------------------------------------------------------------------------------------------

#[test]
fn orders_in_time() {
    let process = Circulating::new();
    let grid = rectangle(3.0, [20, 24]);
    let equation = process.on(&grid);
    let start = GridDensity::from_function(&grid, |x| start().density(x).unwrap()).unwrap();
    let (t, rate) = (time(0.5), equation.largest_exit_rate());
    let exact = equation.evolve(&start, t, TimeStepping::Uniformisation).unwrap();
    let error = |stepping| {
        let end = equation.evolve(&start, t, stepping).unwrap();
        assert!(end.values().iter().all(|&value| value >= 0.0));
        assert!((end.mass() - 1.0).abs() < 1e-12);
        (end.values() - exact.values()).abs().sum()
    };
    let ratio = error(TimeStepping::BackwardEuler { steps: 40 }) / error(TimeStepping::BackwardEuler { steps: 80 });
    assert!((ratio - 2.0).abs() < 0.1, "{ratio}");
    let steps = (0.5 * rate * t.value()).ceil() as usize;
    let ratio = error(TimeStepping::CrankNicolson { steps }) / error(TimeStepping::CrankNicolson { steps: 2 * steps });
    assert!((ratio - 4.0).abs() < 0.2, "{ratio}");
    let refused = equation.evolve(&start, t, TimeStepping::CrankNicolson { steps: steps - 1 });
    assert!(matches!(refused, Err(TheoryError::StepTooLong { .. })));
    // two halves are a whole
    let half = equation.evolve(&start, time(0.25), TimeStepping::Uniformisation).unwrap();
    let whole = equation.evolve(&half, time(0.25), TimeStepping::Uniformisation).unwrap();
    assert!((whole.values() - exact.values()).amax() < 1e-13 * exact.values().amax());
}

#[test]
fn crank_nicolson_beyond_its_bound_would_be_negative() {
    // p(dt) of the cell that holds all mass: (1 - dt q/2) enters with a minus beyond the bound, at a cell with no inflow
    let grid = line(-1.0, 1.0, 3);
    let equation = GridFokkerPlanck::new(&grid, 1.0, |x| x * 0.0, |_| dmatrix![1.0]).unwrap();
    let start = GridDensity::point_mass(&grid, &dvector![0.0]).unwrap();
    let limit = 2.0 / equation.largest_exit_rate();
    let at_limit = equation.evolve(&start, time(limit), TimeStepping::CrankNicolson { steps: 1 }).unwrap();
    assert!(at_limit.values().iter().all(|&value| value >= 0.0));
    assert!(equation.evolve(&start, time(limit * 1.001), TimeStepping::CrankNicolson { steps: 1 }).is_err());
}

#[test]
fn any_step_of_backward_euler_is_positive_and_ends_in_the_stationary_law() {
    let process = Circulating::new();
    let grid = rectangle(4.0, [40, 30]);
    let equation = GridFokkerPlanck::new(&grid, 2.0, |x| -(&process.drift * x) * 3.0, |_| process.diffusion.clone());
    let equation = equation.unwrap();
    let stationary = equation.stationary().unwrap();
    let start = GridDensity::point_mass(&grid, &dvector![3.9, -3.9]).unwrap();
    for (t, steps) in [(1e-6, 1), (0.1, 3), (10.0, 2), (1e9, 4)] {
        let end = equation.evolve(&start, time(t), TimeStepping::BackwardEuler { steps }).unwrap();
        assert!((end.mass() - 1.0).abs() < 1e-12);
        assert!(end.values().iter().all(|&value| value >= 0.0));
        if t > 1e8 {
            // what is left of the start after four steps of 2.5e8 relaxation times
            assert!((end.values() - stationary.values()).amax() < 1e-12 * stationary.values().amax());
        }
    }
    // every value of the stationary law to a relative error, down to the corners
    let change = equation.rate_of_change(&stationary).unwrap();
    let rate = equation.largest_exit_rate();
    let mut smallest = f64::INFINITY;
    for (change, &value) in change.iter().zip(stationary.values()) {
        assert!(value > 0.0);
        // inflow and outflow of a cell are equal to roundings of either
        assert!(change.abs() <= 1e-12 * rate * value, "{change:e} {value:e}");
        smallest = smallest.min(value);
    }
    assert!(smallest < 1e-25, "{smallest:e}");
}

#[test]
fn the_mass_does_not_drift_over_many_steps() {
    let grid = line(-8.0, 8.0, 400);
    let equation = GridFokkerPlanck::new(&grid, 1.0, |x| -x, |x| dmatrix![1.0 + x[0] * x[0]]).unwrap();
    let mut density = GridDensity::point_mass(&grid, &dvector![4.0]).unwrap();
    for _ in 0..20 {
        density = equation.evolve(&density, time(1.0), TimeStepping::BackwardEuler { steps: 200 }).unwrap();
        assert!((density.mass() - 1.0).abs() < 1e-12, "{:e}", density.mass() - 1.0);
        let rate = equation.rate_of_change(&density).unwrap();
        // column sums of the generator are zero: flows cancel to roundings of themselves
        assert!(rate.sum().abs() <= 1e-14 * equation.largest_exit_rate() * density.values().sum());
    }
}

#[test]
fn the_free_energy_does_not_increase() {
    // Theorem 2 with the modified potential of the grid, for a circulating process that is far from its end
    let process = Circulating::new();
    let grid = rectangle(3.0, [24, 20]);
    let equation = process.on(&grid);
    let stationary = equation.stationary().unwrap();
    let psi = |x: &DVector<f64>| -stationary.values()[grid.cell_of(x).unwrap()].ln() / process.kappa;
    for (stepping, steps) in [(TimeStepping::Uniformisation, 30), (TimeStepping::BackwardEuler { steps: 1 }, 30)] {
        let mut density = GridDensity::point_mass(&grid, &dvector![2.0, 2.0]).unwrap();
        let mut energy = density.free_energy(process.kappa, psi).unwrap();
        for _ in 0..steps {
            density = equation.evolve(&density, time(0.2), stepping).unwrap();
            let next = density.free_energy(process.kappa, psi).unwrap();
            assert!(next <= energy + 1e-12, "{next} {energy}");
            energy = next;
        }
        // F = KL/kappa - ln Z/kappa, with Z = 1 here (erratum E39)
        assert!(energy.abs() < 1e-4 && energy > -1e-12, "{energy}");
    }
}

/// Cells of length 1 from 0, with D = 1, without drift: rates of 1 between neighbours.
fn unit_cells(cells: u32) -> GridFokkerPlanck {
    GridFokkerPlanck::new(&line(0.0, f64::from(cells), cells as usize), 1.0, |x| x * 0.0, |_| dmatrix![1.0]).unwrap()
}

#[test]
fn cells_too_far_to_be_reached_in_a_short_time_have_their_small_probabilities() {
    // a walk from the reflecting end: p_n = e^{-2 t} (I_n(2 t) + I_{n+1}(2 t)), about t^n / n!
    let t = 1e-3;
    let equation = unit_cells(12);
    let start = GridDensity::point_mass(equation.grid(), &dvector![0.5]).unwrap();
    let end = equation.evolve(&start, time(t), TimeStepping::Uniformisation).unwrap();
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let bessel =
        |n: u32| (0..4).map(|k| t.powi((n + 2 * k).cast_signed()) / (factorial(k) * factorial(n + k))).sum::<f64>();
    for n in 0..=8 {
        let expected = (-2.0 * t).exp() * (bessel(n) + bessel(n + 1));
        let found = end.values()[n as usize];
        assert!((found / expected - 1.0).abs() < 1e-9, "{n}: {found:e} {expected:e}");
    }
}

#[test]
fn long_times_in_whole_pieces_up_to_the_limit_of_uniformisation() {
    // two cells that exchange mass at rate 1: the difference is e^{-2 t}
    let equation = unit_cells(2);
    let start = GridDensity::point_mass(equation.grid(), &dvector![0.5]).unwrap();
    for t in [1.0, 400.0, 400.5, 800.0, 1e6] {
        let end = equation.evolve(&start, time(t), TimeStepping::Uniformisation).unwrap();
        let difference = (-2.0 * t).exp();
        let expected = dvector![0.5 * (1.0 + difference), 0.5 * (1.0 - difference)];
        assert!((end.values() - expected).amax() < 1e-14, "{t}: {}", end.values());
    }
    let grid = line(0.0, 2.0, 2);
    let twice = GridFokkerPlanck::new(&grid, 1.0, |x| x * 0.0, |_| dmatrix![2.0]).unwrap();
    match twice.evolve(&start, time(500_001.0), TimeStepping::Uniformisation).unwrap_err() {
        TheoryError::StepTooLong { step, limit, .. } => assert_eq!((step, limit), (500_001.0, 5e5)),
        error => panic!("{error}"),
    }
}

// ---- shape of the generator -------------------------------------------------------------------------------------------

#[test]
fn cross_diffusion_needs_the_right_cells() {
    let make = |cells, matrix: DMatrix<f64>| {
        GridFokkerPlanck::new(&rectangle(1.0, cells), 1.0, |x| x * 0.0, |_| matrix.clone())
    };
    let narrow = dmatrix![4.0, -1.5; -1.5, 1.0];
    match make([16, 16], narrow.clone()).unwrap_err() {
        TheoryError::CrossDiffusion { ratio, lowest_ratio, highest_ratio, .. } => {
            assert_eq!((ratio, lowest_ratio, highest_ratio), (1.0, 1.5, 4.0 / 1.5));
        }
        error => panic!("{error}"),
    }
    // without drift the law is uniform, up to the boundary
    for equation in [make([16, 32], narrow), make([16, 16], dmatrix![1.0, 0.7; 0.7, 0.9])] {
        let law = equation.unwrap().stationary().unwrap();
        assert!(law.values().iter().all(|value| (value - 0.25).abs() < 1e-13));
    }
    // a degenerate matrix on the grid made for it: one diagonal line of cells does not reach the next
    let degenerate = make([16, 16], dmatrix![1.0, 1.0; 1.0, 1.0]).unwrap();
    assert!(matches!(degenerate.stationary(), Err(TheoryError::Singular { .. })));
    assert!(matches!(make([16, 17], dmatrix![1.0, 1.0; 1.0, 1.0]), Err(TheoryError::CrossDiffusion { .. })));
}

#[test]
fn wells_far_apart_share_the_mass() {
    // a barrier of 1000 units of kappa^{-1}: e^{-1000} is not a double, the ratio of the wells is
    let grid = line(-1.5, 1.5, 3000);
    let equation = GridFokkerPlanck::new(&grid, 4000.0, |x| dvector![x[0] - x[0].powi(3)], |_| dmatrix![1.0]).unwrap();
    let law = equation.stationary().unwrap();
    let left: f64 = law.values().rows(0, 1500).sum() * grid.cell_volume();
    assert!((left - 0.5).abs() < 1e-9, "{left}");
    assert_eq!(law.values()[1500], 0.0);
}

#[test]
fn a_step_of_the_potential_is_a_ratio_of_densities_however_high() {
    // exponential fitting: p_1 / p_0 = e^w with w = kappa h c / a, here the drift at the face
    let law = |steps: &[f64]| {
        let grid = line(0.0, steps.len() as f64 + 1.0, steps.len() + 1);
        let drift = |x: &DVector<f64>| dvector![steps[x[0].round() as usize - 1]];
        let equation = GridFokkerPlanck::new(&grid, 1.0, drift, |_| dmatrix![1.0]).unwrap();
        equation.stationary().unwrap().values().clone()
    };
    for w in [1.0, 300.0, 450.0, 500.0, 650.0, 700.0] {
        let (up, down) = (law(&[w]), law(&[-w]));
        let expected = (-w).exp();
        assert!((up[0] / up[1] / expected - 1.0).abs() < 1e-13, "{w}: {up}");
        assert!((down[1] / down[0] / expected - 1.0).abs() < 1e-13, "{w}: {down}");
        // beyond the barrier the well is as deep as before, and its neighbour three times as probable
        let wells = law(&[-w, w, 3f64.ln()]);
        for (cell, expected) in [1.0, expected, 1.0, 3.0].into_iter().enumerate() {
            assert!((wells[cell] / wells[0] / expected - 1.0).abs() < 1e-13, "{w}: {wells}");
        }
    }
}

#[test]
fn the_stationary_law_has_no_unit_of_time() {
    let on = |unit: f64| {
        let grid = line(-5.0, 5.0, 40);
        let equation = GridFokkerPlanck::new(&grid, 2.0, |x| -x * unit, |_| dmatrix![unit]).unwrap();
        equation.stationary().unwrap().values().clone()
    };
    let reference = on(1.0);
    for unit in [1e-290, 1e-150, 1e150, 1e300] {
        let law = on(unit);
        assert!(law.iter().zip(&reference).all(|(found, expected)| (found / expected - 1.0).abs() < 1e-12), "{unit:e}");
    }
}

#[test]
fn the_upper_ends_belong_to_the_last_cells() {
    let (first, second) = (Axis::new(-2.0, 3.0, 5).unwrap(), Axis::new(0.5, 2.5, 4).unwrap());
    assert_eq!((first.low(), first.high(), second.low(), second.high()), (-2.0, 3.0, 0.5, 2.5));
    let grid = Grid::new(&[first, second]).unwrap();
    for (point, cell) in
        [([-2.0, 0.5], 0), ([3.0, 0.5], 4), ([2.9, 0.9], 4), ([-2.0, 2.5], 15), ([3.0, 2.5], 19), ([-1.0, 1.0], 6)]
    {
        assert_eq!(grid.cell_of(&dvector![point[0], point[1]]), Some(cell), "{point:?}");
    }
    let corner = GridDensity::point_mass(&grid, &dvector![3.0, 2.5]).unwrap();
    assert_eq!(corner.mean().as_slice(), [2.5, 2.25]);
}

#[test]
fn domains_of_one_cell_and_of_any_size() {
    for cells in [[1, 1], [1, 7], [7, 1]] {
        let grid = rectangle(2.0, cells);
        let equation = GridFokkerPlanck::new(&grid, 1.0, |x| -x, |_| dmatrix![1.0, 0.0; 0.0, 1.0]).unwrap();
        let law = equation.stationary().unwrap();
        let start = GridDensity::from_function(&grid, |_| 1.0).unwrap();
        for stepping in [
            TimeStepping::Uniformisation,
            TimeStepping::BackwardEuler { steps: 60 },
            TimeStepping::CrankNicolson { steps: 400 },
        ] {
            let end = equation.evolve(&start, time(60.0), stepping).unwrap();
            assert!((end.values() - law.values()).amax() < 1e-8, "{cells:?} {stepping:?}");
        }
    }
    // the equation has no scale of its own
    let on = |scale: f64| {
        let equation =
            GridFokkerPlanck::new(&line(-5.0 * scale, 5.0 * scale, 40), 1.0, |x| -x, |_| dmatrix![scale * scale]);
        equation.unwrap().stationary().unwrap().values() * scale
    };
    let reference = on(1.0);
    for scale in [1e-120, 1e-6, 1e6, 1e120] {
        assert!((on(scale) - &reference).amax() < 1e-12);
    }
}

// ---- exact laws in one dimension --------------------------------------------------------------------------------------

#[test]
fn heavy_tails_have_the_moments_they_say() {
    let law = HeavyTail::new(1.5, 2.0, 1.0, 0.5).unwrap();
    // kappa a / d1 = 6: density ~ |x|^-8, so a cut at 300 loses 1e-12 of the variance
    let cut = ScalarStationaryLaw::new(2.0, -300.0, 300.0, |x| -1.5 * x, |x| 1.0 + 0.5 * x * x).unwrap();
    assert!((cut.expectation(|x| x * x).unwrap() - law.variance().unwrap()).abs() < 1e-10);
    assert!((cut.density(0.7).unwrap() / law.density(0.7).unwrap() - 1.0).abs() < 1e-11);
    // the ends of the range: variance at the edge of its existence, outward drift, Gaussian limit
    assert!(matches!(HeavyTail::new(1.0, 1.0, 1.0, 1.0).unwrap().variance(), Err(TheoryError::Infinite { .. })));
    assert!(HeavyTail::new(-0.5, 1.0, 1.0, 1.0).unwrap().variance().is_err());
    assert_eq!(HeavyTail::new(-0.5, 1.0, 1.0, 1.0).unwrap().tail_exponent().unwrap(), 1.5);
    for drift in [-1.0, -1.5] {
        let error = HeavyTail::new(drift, 1.0, 1.0, 1.0).unwrap_err();
        assert_eq!(error.undefined_reason(), Some("infinite"));
    }
    let gauss = HeavyTail::new(2.0, 3.0, 0.5, 0.0).unwrap();
    assert!(matches!(gauss.tail_exponent(), Err(TheoryError::Infinite { .. })));
    for d1 in [1e-300, 1e-20, 1e-12] {
        let near = HeavyTail::new(2.0, 3.0, 0.5, d1).unwrap();
        for x in [0.0, 0.3, 2.0] {
            let difference = near.log_density(x).unwrap() - gauss.log_density(x).unwrap();
            assert!(difference.abs() < 1e-9, "{d1:e} {x} {difference:e}");
        }
    }
    assert!(matches!(HeavyTail::new(1.0, 1.0, 0.0, 1.0), Err(TheoryError::Singular { .. })));
    // far out, where the square overflows
    let exponent = law.log_density(1e200).unwrap() - law.log_density(1e199).unwrap();
    assert!((exponent + 8.0 * 10f64.ln()).abs() < 1e-9, "{exponent}");
}

#[test]
fn heavy_tails_have_the_densities_of_named_laws() {
    // without drift: Cauchy of width s = (d0/d1)^{1/2}, density s / (pi (s^2 + x^2)), also where x^2 is no double
    for (d0, d1) in [(3.0, 0.25), (0.5, 8.0), (1e-3, 1e-3)] {
        let law = HeavyTail::new(0.0, 1.0, d0, d1).unwrap();
        let width = f64::sqrt(d0 / d1);
        for x in [1e-5, 0.1, 1.0, 30.0, 1e100, 1e160, 1e200, 1e300] {
            let relative: f64 = x / width;
            // ln(1 + r^2) = 2 ln r + ln(1 + r^-2)
            let grown = if relative > 1.0 {
                2.0 * relative.ln() + (relative.recip() * relative.recip()).ln_1p()
            } else {
                (relative * relative).ln_1p()
            };
            let expected = -(std::f64::consts::PI * width).ln() - grown;
            let found = law.log_density(x).unwrap();
            assert!((found - expected).abs() < 1e-14 * (1.0 + expected.abs()), "{d0} {d1} {x:e}: {found} {expected}");
        }
        // close to the maximum: -x^2 / s^2, where it is far above the roundings
        let near = 1e-5 * width;
        let drop = law.log_density(near).unwrap() - law.log_density(0.0).unwrap();
        assert!((drop / -1e-10 - 1.0).abs() < 1e-4, "{drop:e}");
    }
    // constant noise: normal with variance d0 / (kappa a)
    for (a, kappa, d0) in [(2.0, 3.0, 0.5), (0.1, 1.0, 4.0)] {
        let (law, variance) = (HeavyTail::new(a, kappa, d0, 0.0).unwrap(), d0 / (kappa * a));
        for x in [0.0, 0.3, 2.0, 500.0] {
            let expected = -0.5 * (x * x / variance + (std::f64::consts::TAU * variance).ln());
            let found = law.log_density(x).unwrap();
            assert!((found - expected).abs() < 1e-14 * (1.0 + expected.abs()), "{x}: {found} {expected}");
        }
    }
    // nearly constant noise, far out: kappa a (x^2 / 2 - d1 x^4 / 4) / d0, with d1 x^2 / d0 small, and d1 x^2 / d0 of the Ito term
    let (confinement, d1, x) = (2.0, 7e-15, 1e3);
    let law = HeavyTail::new(confinement, 1.0, 1.0, d1).unwrap();
    let drop = law.log_density(0.0).unwrap() - law.log_density(x).unwrap();
    let (gaussian, bend) = (confinement * x * x / 2.0, confinement * d1 * x.powi(4) / 4.0);
    assert!((drop - gaussian + bend).abs() < 1e-2 * bend, "{} {bend}", drop - gaussian);
}

#[test]
fn a_tail_exponent_beyond_the_doubles_is_refused() {
    for (a, d1) in [(1.0, 1e-310), (1e300, 1e-10)] {
        let law = HeavyTail::new(a, 1.0, 1.0, d1).unwrap();
        assert!(matches!(law.tail_exponent(), Err(TheoryError::Infinite { .. })));
    }
    assert_eq!(HeavyTail::new(1.0, 1.0, 1.0, 0.125).unwrap().tail_exponent().unwrap(), 10.0);
}

#[test]
fn quadrature_holds_up_to_both_ends_and_names_a_diffusion_that_is_none() {
    // an oscillator between walls: ln p = -kappa x^2 / 2 + const
    let law = ScalarStationaryLaw::new(3.0, -1.0, 2.0, |x| -x, |_| 1.0).unwrap();
    let top = law.log_density(0.0).unwrap();
    for x in [-1.0, -0.999, 0.7, 1.999, 2.0] {
        let drop = law.log_density(x).unwrap() - top;
        assert!((drop + 1.5 * x * x).abs() < 1e-12, "{x}: {drop}");
    }
    for outside in [-1.0 - 1e-15, 2.0 + 1e-15, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(law.log_density(outside), Err(TheoryError::InvalidValue { name: "point", .. })), "{outside}");
    }
    assert!((law.expectation(|_| 1.0).unwrap() - 1.0).abs() < 1e-12);
    for bad in [-1.0, 0.0, f64::INFINITY, f64::NEG_INFINITY] {
        match ScalarStationaryLaw::new(1.0, -1.0, 1.0, |x| -x, |_| bad).map(|_| ()) {
            Err(TheoryError::InvalidValue { name, value, .. }) => assert_eq!((name, value), ("diffusion", bad)),
            other => panic!("{other:?}"),
        }
    }
}

// ---- Theorem 3 --------------------------------------------------------------------------------------------------------

#[test]
fn the_constructed_potential_is_stationary_and_wrong_ones_are_not() {
    use constructed::{KAPPA, diffusion, drift, force, gradient, potential};
    let claim = ModifiedPotential::new(KAPPA, drift, diffusion, potential, gradient, 1.0).unwrap();
    let doubled =
        ModifiedPotential::new(KAPPA, drift, diffusion, |x| 2.0 * potential(x), |x| gradient(x) * 2.0, 1.0).unwrap();
    // (35) as printed: div(D p) without kappa^{-1}, that is the drift of another kappa
    let printed = ModifiedPotential::new(1.0, drift, diffusion, |x| KAPPA * potential(x), |x| gradient(x) * KAPPA, 1.0);
    let printed = printed.unwrap();
    for point in [dvector![0.3, -0.4], dvector![-1.2, 0.8], dvector![2.0, 1.0], dvector![0.0, 0.0]] {
        assert!((claim.force(&point).unwrap() - force(&point)).norm() < 1e-11);
        let right = claim.stationarity(&point).unwrap();
        // Psi is a quartic and D a quadratic: the differences are exact up to roundings over the step
        assert!(right.residual().abs() < 1e-10 * (1.0 + right.scale), "{right:?}");
        assert!(right.divergence.abs() < 1e-10 * (1.0 + right.scale), "{right:?}");
        assert!(claim.gradient_error(&point).unwrap() < 1e-11);
        for wrong in [doubled.stationarity(&point).unwrap(), printed.stationarity(&point).unwrap()] {
            assert!(wrong.residual().abs() > 1e-2 * (1.0 + wrong.scale), "{point} {wrong:?}");
        }
    }
    let rotational =
        ModifiedPotential::new(KAPPA, drift, diffusion, potential, |x| dvector![x[1], -x[0]], 1.0).unwrap();
    assert!(rotational.gradient_error(&dvector![0.3, -0.4]).unwrap() > 0.1);
}

#[test]
fn both_terms_of_the_stationarity_scale_as_they_say() {
    // b = -x, D = 1, Psi = c x^2 / 2: j = (c - 1) x, div j = c - 1, kappa j Psi' = kappa (c - 1) c x^2
    for kappa in [0.5, 1.0, 3.0] {
        let c = 2.5;
        let potential = |x: &DVector<f64>| 0.5 * c * x[0] * x[0];
        let claim = ModifiedPotential::new(kappa, |x| -x, |_| dmatrix![1.0], potential, |x| x * c, 1.0).unwrap();
        let x = 0.75;
        let check = claim.stationarity(&dvector![x]).unwrap();
        assert!((check.divergence - (c - 1.0)).abs() < 1e-12, "{check:?}");
        assert!((check.along_gradient - kappa * (c - 1.0) * c * x * x).abs() < 1e-12, "{check:?}");
        assert!((check.scale - check.divergence - check.along_gradient).abs() < 1e-12, "{check:?}");
    }
}

#[test]
fn differences_are_good_on_the_length_over_which_the_potential_changes() {
    // Psi = sin(x / l): the error of sixth order is (1/64)^6 / 140, below the roundings over the step
    for length in [1e-6, 0.3, 1.0, 50.0, 64.0, 1e6] {
        let potential = |x: &DVector<f64>| (x[0] / length).sin() * length;
        let gradient = |x: &DVector<f64>| dvector![(x[0] / length).cos()];
        let claim = ModifiedPotential::new(1.0, |x| -x, |_| dmatrix![1.0], potential, gradient, length).unwrap();
        for x in [-1.0, 0.2, 2.0] {
            let error = claim.gradient_error(&dvector![x * length]).unwrap();
            assert!(error < 1e-12, "{length:e} {x}: {error:e}");
        }
    }
}

#[test]
fn the_circulation_of_phase_space_is_the_field_of_theorem_3() {
    let loss = Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![0.0; 0.0]).unwrap();
    let sgd = Hyperparameters::new(0.3, 0.6, 0.1, 2).unwrap();
    let law = LangevinLaw::new(&loss, &sgd, NoiseModel::Covariance(dmatrix![1.0, -0.3; -0.3, 0.5])).unwrap();
    let (drift, diffusion) = (law.drift(), law.diffusion());
    let (circulation, precision) = (law.circulation().unwrap(), law.precision().unwrap());
    let claim = ModifiedPotential::new(
        sgd.kappa(),
        |x: &DVector<f64>| -(&drift * x),
        |_: &DVector<f64>| diffusion.clone(),
        |x: &DVector<f64>| 0.5 * x.dot(&(&precision * x)),
        |x: &DVector<f64>| &precision * x,
        1.0,
    )
    .unwrap();
    let point = dvector![0.5, -0.3, 1.0, 0.2];
    // (44)
    let expected = -(&circulation * &precision * &point);
    assert!((claim.force(&point).unwrap() - &expected).norm() < 1e-11 * expected.norm());
    let check = claim.stationarity(&point).unwrap();
    assert!(check.divergence.abs() < 1e-10 * check.scale && check.along_gradient.abs() < 1e-10 * check.scale);
}

// ---- what is refused --------------------------------------------------------------------------------------------------

#[test]
fn what_is_not_finite_is_refused() {
    let grid = line(-1.0, 1.0, 4);
    for bad in NOT_FINITE {
        assert!(Axis::new(bad, 1.0, 3).is_err() && Axis::new(0.0, bad, 3).is_err());
        assert!(GridFokkerPlanck::new(&grid, bad, |x| -x, |_| dmatrix![1.0]).is_err());
        let not_finite = |error: TheoryError| matches!(error, TheoryError::NotFinite { .. });
        assert!(not_finite(GridFokkerPlanck::new(&grid, 1.0, |_| dvector![bad], |_| dmatrix![1.0]).unwrap_err()));
        assert!(not_finite(GridFokkerPlanck::new(&grid, 1.0, |x| -x, |_| dmatrix![bad]).unwrap_err()));
        assert!(not_finite(GridDensity::from_function(&grid, |_| bad).unwrap_err()));
        assert!(not_finite(GridDensity::point_mass(&grid, &dvector![bad]).unwrap_err()));
        assert!(not_finite(GaussianDensity::new(dvector![bad], dmatrix![1.0]).unwrap_err()));
        assert!(not_finite(GaussianDensity::new(dvector![0.0], dmatrix![bad]).unwrap_err()));
        let normal = GaussianDensity::new(dvector![0.0], dmatrix![1.0]).unwrap();
        assert!(not_finite(normal.density(&dvector![bad]).unwrap_err()));
        for (drift, mean, diffusion, kappa) in
            [(bad, 0.0, 1.0, 1.0), (1.0, bad, 1.0, 1.0), (1.0, 0.0, bad, 1.0), (1.0, 0.0, 1.0, bad)]
        {
            let equation = LinearFokkerPlanck::new(dmatrix![drift], dvector![mean], dmatrix![diffusion], kappa);
            assert!(equation.is_err());
        }
        let equation = LinearFokkerPlanck::new(dmatrix![1.0], dvector![0.0], dmatrix![1.0], 1.0).unwrap();
        assert!(equation.residual(&normal, &dvector![bad], &dmatrix![0.0], &dvector![0.0]).is_err());
        assert!(equation.residual(&normal, &dvector![0.0], &dmatrix![bad], &dvector![0.0]).is_err());
        for index in 0..4 {
            let mut numbers = [1.0, 1.0, 1.0, 0.5];
            numbers[index] = bad;
            assert!(HeavyTail::new(numbers[0], numbers[1], numbers[2], numbers[3]).is_err());
        }
        assert!(HeavyTail::new(1.0, 1.0, 1.0, 1.0).unwrap().density(bad).is_err());
        assert!(ScalarStationaryLaw::new(bad, -1.0, 1.0, |x| -x, |_| 1.0).is_err());
        assert!(ScalarStationaryLaw::new(1.0, bad, 1.0, |x| -x, |_| 1.0).is_err());
        assert!(ScalarStationaryLaw::new(1.0, -1.0, 1.0, |_| bad, |_| 1.0).is_err());
        assert!(ScalarStationaryLaw::new(1.0, -1.0, 1.0, |x| -x, |_| bad).is_err());
        let make = |value: f64| {
            ModifiedPotential::new(
                1.0,
                move |_| dvector![value],
                |_| dmatrix![1.0],
                |x| 0.5 * x[0] * x[0],
                Clone::clone,
                1.0,
            )
        };
        assert!(make(bad).unwrap().force(&dvector![0.0]).is_err());
        assert!(make(0.0).unwrap().stationarity(&dvector![bad]).is_err());
    }
}

#[test]
fn other_invalid_input() {
    let grid = line(-1.0, 1.0, 4);
    assert!(Axis::new(0.0, 1.0, 0).is_err() && Axis::new(1.0, 0.0, 3).is_err());
    assert!(Axis::new(1.0, 1.0 + 1e-15, 3).is_err() && Axis::new(-f64::MAX, f64::MAX, 3).is_err());
    let long = Axis::new(0.0, 1.0, 1 << 13).unwrap();
    assert!(Grid::new(&[]).is_err() && Grid::new(&[long; 3]).is_err() && Grid::new(&[long; 2]).is_err());
    // within the limit on cells, beyond the one on elimination
    let large = Grid::new(&[Axis::new(0.0, 1.0, 1 << 10).unwrap(); 2]).unwrap();
    let identity = DMatrix::identity(2, 2);
    let equation = GridFokkerPlanck::new(&large, 1.0, |x| -x, |_| identity.clone()).unwrap();
    assert!(matches!(equation.stationary(), Err(TheoryError::InvalidValue { .. })));

    assert!(matches!(
        GridFokkerPlanck::new(&grid, 1.0, |x| -x, |_| dmatrix![-1.0]),
        Err(TheoryError::NotPositiveSemiDefinite { .. })
    ));
    assert!(matches!(
        GridFokkerPlanck::new(&rectangle(1.0, [3, 3]), 1.0, |x| -x, |_| dmatrix![1.0, 2.0; 2.0, 1.0]),
        Err(TheoryError::NotPositiveSemiDefinite { .. })
    ));
    let shape = |error: TheoryError| matches!(error, TheoryError::Shape { .. });
    assert!(shape(GridFokkerPlanck::new(&grid, 1.0, |x| -x, |_| DMatrix::identity(2, 2)).unwrap_err()));
    assert!(shape(GridFokkerPlanck::new(&grid, 1.0, |_| DVector::zeros(2), |_| dmatrix![1.0]).unwrap_err()));
    assert!(shape(GridDensity::from_values(&grid, &DVector::zeros(3)).unwrap_err()));
    assert!(GridDensity::from_values(&grid, &DVector::zeros(4)).is_err());
    assert!(GridDensity::from_values(&grid, &dvector![1.0, -1e-300, 1.0, 1.0]).is_err());
    assert!(GridDensity::point_mass(&grid, &dvector![1.1]).is_err());
    assert!(shape(GridDensity::point_mass(&grid, &dvector![0.0, 0.0]).unwrap_err()));

    let equation = GridFokkerPlanck::new(&grid, 1.0, |x| -x, |_| dmatrix![1.0]).unwrap();
    let elsewhere = GridDensity::from_function(&line(-1.0, 1.0, 5), |_| 1.0).unwrap();
    assert!(shape(equation.rate_of_change(&elsewhere).unwrap_err()));
    assert!(shape(equation.current(&elsewhere).unwrap_err()));
    assert!(shape(equation.evolve(&elsewhere, time(1.0), TimeStepping::Uniformisation).unwrap_err()));
    let uniform = GridDensity::from_function(&grid, |_| 1.0).unwrap();
    for stepping in [TimeStepping::BackwardEuler { steps: 0 }, TimeStepping::CrankNicolson { steps: 0 }] {
        assert!(matches!(equation.evolve(&uniform, time(1.0), stepping), Err(TheoryError::InvalidValue { .. })));
    }
    assert!(matches!(
        equation.evolve(&uniform, time(1e9), TimeStepping::Uniformisation),
        Err(TheoryError::StepTooLong { .. })
    ));
    for stepping in [TimeStepping::Uniformisation, TimeStepping::BackwardEuler { steps: 1 }] {
        let unmoved = equation.evolve(&uniform, time(0.0), stepping).unwrap();
        assert!((unmoved.values() - uniform.values()).amax() < 1e-15);
    }
    // no diffusion, no law
    let still = GridFokkerPlanck::new(&grid, 1.0, |x| -x, |_| dmatrix![0.0]).unwrap();
    assert_eq!(still.stationary().unwrap_err().undefined_reason(), Some("singular"));
    let singular = GaussianDensity::new(dvector![0.0, 0.0], dmatrix![1.0, 1.0; 1.0, 1.0]).unwrap_err();
    assert_eq!(singular.undefined_reason(), Some("singular"));
    // D(0) = 0: nothing to normalise
    assert!(ScalarStationaryLaw::new(1.0, -1.0, 1.0, |x| -x, |x| x * x).is_err());
    assert!(ScalarStationaryLaw::new(1.0, -1.0, 1.0, |x| -x, |_| 0.0).is_err());
}

// ---- over the admissible range ----------------------------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn moment_rates_solve_the_equation(
        (drift, diffusion, spread, basis, mean, point) in (1usize..=4).prop_flat_map(|size| (
            square(size), covariance(size), proptest::collection::vec(logarithmic(-2.0, 1.0), size), rotation(size),
            proptest::collection::vec(-1.0..1.0f64, size), proptest::collection::vec(-1.0..1.0f64, size),
        )),
        kappa in logarithmic(-2.0, 2.0),
    ) {
        let size = mean.len();
        let product = &basis * DMatrix::from_diagonal(&DVector::from_vec(spread)) * basis.transpose();
        let law = GaussianDensity::new(DVector::from_vec(mean), (&product + product.transpose()) * 0.5).unwrap();
        let equation = LinearFokkerPlanck::new(drift.clone(), DVector::zeros(size), diffusion.clone(), kappa).unwrap();
        let (mean_rate, covariance_rate) = equation.moment_rates(&law).unwrap();
        let point = DVector::from_vec(point);
        let residual = equation.relative_residual(&law, &mean_rate, &covariance_rate, &point).unwrap();
        // terms s^T (...) s, with s up to |C^{-1}| |x - m|, and C^{-1} known to its condition number
        let score = law.score(&point).unwrap().norm() + law.precision().norm().sqrt();
        let terms = score * score * (covariance_rate.norm() + diffusion.norm() / kappa)
            + score * (mean_rate.norm() + drift.norm() * 4.0) + drift.norm() * size as f64;
        let condition = law.precision().norm() * law.covariance().norm();
        close("residual", residual, 0.0, 64.0 * size as f64 * condition * f64::EPSILON * terms)?;
        // and the current it comes with: divergence by differences of the log-density's own current
        let velocity = equation.current_velocity(&law, &point).unwrap();
        let current = equation.current(&law, &point).unwrap();
        prop_assert!((current - velocity * law.density(&point).unwrap()).norm() == 0.0);
    }

    #[test]
    fn any_grid_conserves_mass_and_sign(
        cells in [1usize..9, 1usize..9],
        half in prop_oneof![Just(1.0), logarithmic(-100.0, 100.0)],
        drift in proptest::collection::vec(-3.0..3.0f64, 6),
        spread in [prop_oneof![1 => Just(0.0), 4 => logarithmic(-6.0, 2.0)], prop_oneof![1 => Just(0.0), 4 => logarithmic(-6.0, 2.0)]],
        cross in -1.0..1.0f64,
        kappa in logarithmic(-3.0, 3.0),
        t in logarithmic(-4.0, 4.0),
        mass in proptest::collection::vec(0.0..1.0f64, 64),
    ) {
        let grid = rectangle(half, cells);
        let ratio = cells[1] as f64 / cells[0] as f64;
        // D varies over the grid; its cross term is what the cells can carry
        let diffusion = |x: &DVector<f64>| {
            let grown = 1.0 + x.norm_squared() / (half * half);
            let off = cross * (spread[0] / ratio).min(spread[1] * ratio);
            dmatrix![spread[0] * grown, off; off, spread[1]] * (half * half)
        };
        let field = |x: &DVector<f64>| {
            let y = x / half;
            dvector![drift[0] + drift[1] * y[0] + drift[2] * y[1], drift[3] + drift[4] * y[0] + drift[5] * y[1]] * half
        };
        let equation = GridFokkerPlanck::new(&grid, kappa, field, diffusion).unwrap();
        let start = GridDensity::from_function(&grid, |x| mass[grid.cell_of(x).unwrap()] + 1e-3).unwrap();
        let change = equation.rate_of_change(&start).unwrap();
        prop_assert!(change.sum().abs() <= 1e-13 * equation.largest_exit_rate() * start.values().sum());
        let rate = equation.largest_exit_rate();
        let steps = ((0.5 * rate * t).ceil() as usize).max(1);
        let mut ends = vec![equation.evolve(&start, time(t), TimeStepping::BackwardEuler { steps: 2 }).unwrap()];
        if rate * t < 2e3 {
            ends.push(equation.evolve(&start, time(t), TimeStepping::CrankNicolson { steps }).unwrap());
            ends.push(equation.evolve(&start, time(t), TimeStepping::Uniformisation).unwrap());
        }
        for end in &ends {
            prop_assert!((end.mass() - 1.0).abs() < 1e-12);
            prop_assert!(end.values().iter().all(|&value| value >= 0.0));
        }
        match equation.stationary() {
            Ok(law) => {
                // inflow is outflow, cell by cell, to what the law promises and as far as doubles are normal
                let change = equation.rate_of_change(&law).unwrap();
                let scale = law.values().map(|value| value * rate);
                let lost = f64::MIN_POSITIVE * (1.0 + rate) * (1.0 + law.values().amax());
                for cell in 0..grid.cells() {
                    prop_assert!(change[cell].abs() <= 2e-10 * scale[cell] + lost, "{}", change[cell]);
                }
                // it stays
                let later = equation.evolve(&law, time(t), TimeStepping::BackwardEuler { steps: 1 }).unwrap();
                prop_assert!((later.values() - law.values()).amax() <= 1e-10 * law.values().amax());
            }
            Err(error) => {
                // slopes whose exponential is no double, and no diffusion at all
                prop_assert!(matches!(error.undefined_reason(), Some("singular" | "overflow")), "{error}");
            }
        }
    }

    #[test]
    fn heavy_tails_are_the_quadrature(
        confinement in prop_oneof![Just(0.0), -0.9..20.0f64],
        kappa in logarithmic(-2.0, 2.0),
        d0 in logarithmic(-3.0, 3.0),
        d1 in logarithmic(-4.0, 2.0),
        at in -0.99..0.99f64,
    ) {
        // kappa a / d1 > -1
        let drift = confinement * d1 / kappa;
        let law = HeavyTail::new(drift, kappa, d0, d1).unwrap();
        let half = 6.0 * (d0 / d1).sqrt();
        let cut = ScalarStationaryLaw::new(kappa, -half, half, |x| -drift * x, |x| d0 + d1 * x * x).unwrap();
        let ratio = |x: f64| law.log_density(x).unwrap() - cut.log_density(x).unwrap();
        close("shape", ratio(at * half), ratio(0.0), 1e-11)?;
        // what the cut leaves out is the tail
        prop_assert!(ratio(0.0) <= 1e-11);
        // substitution x = sqrt(d0/d1) tan(u) covers the whole line: Z = sqrt(d0/d1) int cos^{2m-2}
        let m = 0.5 * law.tail_exponent().unwrap();
        let count = 4000;
        let angle = |k: usize| std::f64::consts::FRAC_PI_2 * (2.0 * (k as f64 + 0.5) / count as f64 - 1.0);
        if m >= 2.5 {
            let sum: f64 = (0..count).map(|k| angle(k).cos().powf(2.0 * m - 2.0)).sum();
            let integral = sum * std::f64::consts::PI / count as f64 * (d0 / d1).sqrt();
            close("normalised", law.density(0.0).unwrap() * integral, 1.0, 1e-6)?;
        }
        if let Ok(variance) = law.variance() {
            close("variance", variance, d0 / d1 / (2.0 * m - 3.0), 1e-9 * variance / (1.0 - 1.0 / (2.0 * m - 2.0)))?;
        }
    }

    #[test]
    fn explicit_construction(matrix in square(3), skew in square(3), linear in square(3), at in proptest::collection::vec(-1.0..1.0f64, 3), kappa in logarithmic(-1.0, 1.0)) {
        // any Psi, any D(x), any skew Q: b = Q grad Psi + kappa^{-1} div D - D grad Psi has the law e^{-kappa Psi}
        let curvature = &matrix * matrix.transpose() + DMatrix::identity(3, 3) * 0.1;
        let curvature = (&curvature + curvature.transpose()) * 0.5;
        let q = &skew - skew.transpose();
        let gradient = |x: &DVector<f64>| &curvature * x + x * (0.1 * x.norm_squared());
        // D = r r^T + 1, r = L x: div D = r tr L + L r
        let root = |x: &DVector<f64>| &linear * x;
        let diffusion = |x: &DVector<f64>| root(x) * root(x).transpose() + DMatrix::identity(3, 3);
        let divergence = |x: &DVector<f64>| root(x) * linear.trace() + &linear * root(x);
        let drift = |x: &DVector<f64>| &q * gradient(x) + divergence(x) / kappa - diffusion(x) * gradient(x);
        let potential = |x: &DVector<f64>| 0.5 * x.dot(&(&curvature * x)) + 0.025 * x.norm_squared().powi(2);
        let point = DVector::from_vec(at);
        let claim = ModifiedPotential::new(kappa, drift, diffusion, potential, gradient, 1.0).unwrap();
        let force = claim.force(&point).unwrap();
        let size = 1.0 / kappa + drift(&point).norm() + diffusion(&point).norm() * gradient(&point).norm();
        close("j", (force - &q * gradient(&point)).norm(), 0.0, 1e-11 * (1.0 + size) * 16.0)?;
        let check = claim.stationarity(&point).unwrap();
        close("residual", check.residual(), 0.0, 1e-9 * (1.0 + check.scale + size))?;
        prop_assert!(claim.gradient_error(&point).unwrap() < 1e-10);
    }
}
