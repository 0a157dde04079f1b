//! Observers on states written by hand, whatever the blocks they come in: direct sums over all states are the reference.

use langevin_lanes::{Level, Processor};
use langevin_sim::observer::{
    AutocovarianceObserver, CoordinateObserver, DisplacementObserver, DistanceObserver, EnergyObserver, Observer,
    ResumableObserver, SecondMomentObserver, SnapshotObserver, StateBlock,
};
use langevin_sim::saved_state::{StateReader, StateWriter};

/// States of whole numbers: every sum is exact.
struct Path {
    width: usize,
    positions: Vec<f64>,
    velocities: Vec<f64>,
}

impl Path {
    fn new(width: usize, rows: usize) -> Self {
        let numbers = |a: usize, b: usize| (0..rows * width).map(|k| ((k * a + k * k * b) % 17) as f64 - 8.0).collect();
        Self { width, positions: numbers(5, 3), velocities: numbers(7, 2) }
    }

    fn rows(&self) -> usize {
        self.positions.len() / self.width
    }

    fn x(&self, row: usize) -> &[f64] {
        &self.positions[row * self.width..][..self.width]
    }

    fn v(&self, row: usize) -> &[f64] {
        &self.velocities[row * self.width..][..self.width]
    }

    fn block(&self, rows: std::ops::Range<usize>) -> StateBlock<'_> {
        let place = rows.start * self.width..rows.end * self.width;
        StateBlock {
            first_step: rows.start as u64,
            positions: &self.positions[place.clone()],
            velocities: &self.velocities[place],
            width: self.width,
        }
    }

    fn observed<O: Observer>(&self, mut observer: O, length: usize) -> O::Output {
        for first in (0..self.rows()).step_by(length) {
            observer.observe(&self.block(first..(first + length).min(self.rows())));
        }
        observer.finish()
    }
}

#[test]
fn products_and_displacements_a_lag_apart() {
    let (dimension, outputs) = (3, 2);
    let path = Path::new(dimension * outputs, 50);
    let centre = [1.0, -2.0, 0.0, 3.0, 1.0, -1.0];
    let lags = [0, 1, 4, 20];
    for spacing in [1, 3, 7] {
        let origins = |lag: usize| (0..path.rows() - lag).filter(|origin| origin % spacing == 0);
        for length in [1, 2, 5, 16, 50] {
            let found = path.observed(AutocovarianceObserver::new(&lags, spacing as u64, &centre, dimension), length);
            let displacement = path.observed(DisplacementObserver::new(&lags, spacing as u64), length);
            for (index, &lag) in lags.iter().enumerate() {
                let lag = lag as usize;
                let mean =
                    |term: &dyn Fn(usize) -> f64| origins(lag).map(term).sum::<f64>() / origins(lag).count() as f64;
                for i in 0..dimension {
                    let over_outputs = |term: &dyn Fn(usize) -> f64| term(i) + term(i + dimension);
                    let x = mean(&|s| over_outputs(&|j| (path.x(s)[j] - centre[j]) * (path.x(s + lag)[j] - centre[j])));
                    let v = mean(&|s| over_outputs(&|j| path.v(s)[j] * path.v(s + lag)[j]));
                    assert_eq!(found.position[index * dimension + i], x);
                    assert_eq!(found.velocity[index * dimension + i], v);
                }
                let square = mean(&|s| (0..path.width).map(|j| (path.x(s + lag)[j] - path.x(s)[j]).powi(2)).sum());
                assert_eq!(displacement[index], square);
            }
        }
    }
}

/// Widths around one, two and three lines of eight coordinates, more states than are gathered at once, and more columns than
/// a tile has, on all instructions.
#[test]
fn sums_over_states_are_exact_for_whole_numbers() {
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        sums_are_exact_on(Processor::at_most(level));
    }
}

fn sums_are_exact_on(processor: Processor) {
    for width in [1, 4, 5, 7, 8, 9, 15, 16, 17, 24, 25, 33] {
        let path = Path::new(width, 200);
        let centre: Vec<f64> = (0..width).map(|j| (j % 5) as f64 - 2.0).collect();
        let x = |row: usize, j: usize| path.x(row)[j] - centre[j];
        let sum = |term: &dyn Fn(usize) -> f64| (0..path.rows()).map(term).sum::<f64>();
        for length in [1, 32, 200] {
            let sums = path.observed(CoordinateObserver::new(&centre).on(processor), length);
            let (count, moments) = path.observed(SecondMomentObserver::new(&centre).on(processor), length);
            let distances = path.observed(DistanceObserver::new(&centre, 0.25).on(processor), length);
            let means = path.observed(EnergyObserver::new(&centre, width), length);
            assert_eq!((sums.count, count), (200, 200));
            for j in 0..width {
                assert_eq!(sums.position[j], sum(&|k| x(k, j)));
                assert_eq!(sums.velocity[j], sum(&|k| path.v(k)[j]));
                assert_eq!(sums.position_square[j], sum(&|k| x(k, j).powi(2)));
                assert_eq!(sums.product[j], sum(&|k| x(k, j) * path.v(k)[j]));
                assert_eq!(sums.velocity_square[j], sum(&|k| path.v(k)[j].powi(2)));
                let close = |found: f64, total: f64| (found - total / 200.0).abs() <= 1e-15 * total.abs();
                assert!(close(means.position[j], sums.position_square[j]) && close(means.cross[j], sums.product[j]));
                assert!(close(means.velocity[j], sums.velocity_square[j]));
            }
            let z = |row: usize, i: usize| if i < width { x(row, i) } else { path.v(row)[i - width] };
            for i in 0..2 * width {
                for j in 0..2 * width {
                    assert_eq!(moments[(i, j)], sum(&|k| z(k, i) * z(k, j)));
                }
            }
            assert_eq!((distances.local.len(), distances.global.len()), (199, 199));
            for k in 1..200 {
                assert_eq!(distances.global[k - 1], (0..width).map(|j| x(k, j).powi(2)).sum::<f64>());
                assert_eq!(distances.local[k - 1], 0.0625 * path.v(k).iter().map(|v| v * v).sum::<f64>());
            }
        }
    }
}

#[test]
fn an_observer_may_be_absent() {
    let path = Path::new(3, 10);
    let observer = CoordinateObserver::new(&[1.0, 0.0, -2.0]);
    assert_eq!(path.observed(Some(observer.clone()), 4), Some(path.observed(observer, 4)));
    assert_eq!(path.observed(None::<CoordinateObserver<'_>>, 4), None);
}

#[test]
fn chosen_states_are_kept_as_rows() {
    let path = Path::new(2, 30);
    for length in [1, 7, 30] {
        let kept = path.observed(SnapshotObserver::new(&[0, 3, 28, 99]), length);
        assert_eq!(kept.shape(), (3, 4));
        for (row, step) in [0, 3, 28].into_iter().enumerate() {
            let expected: Vec<f64> = path.x(step).iter().chain(path.v(step)).copied().collect();
            assert_eq!(kept.row(row).iter().copied().collect::<Vec<f64>>(), expected);
        }
    }
    // nothing seen
    assert_eq!(SnapshotObserver::new(&[0]).finish().len(), 0);
    assert_eq!(EnergyObserver::new(&[0.0], 1).finish().position, [0.0]);
}

fn saved(observer: &impl ResumableObserver) -> Vec<u8> {
    let mut state = StateWriter::default();
    observer.save(&mut state);
    state.into_bytes()
}

/// A state goes back into an observer with the same settings, at any row, and into no other.
#[test]
fn saved_observers_go_on_and_wrong_states_are_refused() {
    let path = Path::new(4, 40);
    let centre = [1.0, 0.0, -1.0, 2.0];
    let (lags, fewer) = ([0, 3, 9], [0, 3]);
    let fresh = || {
        let pair = (EnergyObserver::new(&centre, 2), Some(SnapshotObserver::new(&[0, 12, 13, 39])));
        (pair, (AutocovarianceObserver::new(&lags, 2, &centre, 2), DisplacementObserver::new(&lags, 5)))
    };
    let whole = path.observed(fresh(), 40);
    for cut in 1..40 {
        let mut first = fresh();
        first.observe(&path.block(0..cut));
        let bytes = saved(&first);
        let mut second = fresh();
        let mut state = StateReader::new(&bytes);
        second.restore(&mut state).unwrap();
        state.finish().unwrap();
        second.observe(&path.block(cut..40));
        assert_eq!(second.finish(), whole);
    }

    let restored =
        |mut observer: DisplacementObserver<'_>, bytes: &[u8]| observer.restore(&mut StateReader::new(bytes));
    let mut displacement = DisplacementObserver::new(&lags, 5);
    displacement.observe(&path.block(0..8));
    let bytes = saved(&displacement);
    assert!(restored(DisplacementObserver::new(&lags, 5), &bytes).is_ok());
    assert!(restored(DisplacementObserver::new(&fewer, 5), &bytes).is_err());
    let mut products = AutocovarianceObserver::new(&lags, 5, &centre, 2);
    products.observe(&path.block(0..8));
    let bytes = saved(&products);
    let restored = |mut observer: AutocovarianceObserver<'_>| observer.restore(&mut StateReader::new(&bytes));
    assert!(restored(AutocovarianceObserver::new(&lags, 5, &centre, 2)).is_ok());
    assert!(restored(AutocovarianceObserver::new(&fewer, 5, &centre, 2)).is_err());
    assert!(restored(AutocovarianceObserver::new(&lags, 5, &centre[..2], 2)).is_err());

    // origins written by hand: one of this problem, a step beyond all chains, a lag that is none, states of another width
    let origins = |step: u64, next: u64, position: usize, velocity: usize| {
        let mut state = StateWriter::default();
        state.count(4);
        state.count(1);
        state.count(step);
        state.count(next);
        state.numbers(&vec![0.0; position]);
        state.numbers(&vec![0.0; velocity]);
        state.counts(&[0; 3]);
        state.numbers(&[0.0; 3]);
        let bytes = state.into_bytes();
        DisplacementObserver::new(&lags, 5).restore(&mut StateReader::new(&bytes)).is_ok()
    };
    assert!(origins(5, 2, 4, 4) && origins(u64::MAX / 2, 0, 4, 4));
    assert!(
        !origins(u64::MAX / 2 + 1, 0, 4, 4) && !origins(5, 3, 4, 4) && !origins(5, 2, 3, 4) && !origins(5, 2, 4, 5)
    );

    let snapshot = |width: u64, numbers: usize| {
        let mut state = StateWriter::default();
        state.count(width);
        state.numbers(&vec![0.0; numbers]);
        let bytes = state.into_bytes();
        SnapshotObserver::new(&[0]).restore(&mut StateReader::new(&bytes)).is_ok()
    };
    assert!(snapshot(4, 8) && snapshot(0, 0) && !snapshot(4, 6) && !snapshot(0, 4));

    let absent = |here: bool, there: bool| {
        let observer = |there: bool| there.then(|| EnergyObserver::new(&centre, 2));
        let bytes = saved(&observer(here));
        observer(there).restore(&mut StateReader::new(&bytes)).is_ok()
    };
    assert!(absent(true, true) && absent(false, false) && !absent(true, false) && !absent(false, true));
}
