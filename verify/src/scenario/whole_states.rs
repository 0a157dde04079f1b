//! Exact tests of whole states of replicas (layer L1): scatters that are exactly Wishart once whitened, probability integral
//! transforms that are exactly uniform, and sums of lagged products that are differences of chi-squares.

use langevin_theory::discrete::ModeMap;
use nalgebra::DMatrix;

use crate::statistics::pit::{self, Transformed};
use crate::statistics::{Finding, Rates, lagged, wishart};

/// The states of replicas at the start and later.
pub(super) struct Replicas<'a> {
    /// Per snapshot: replicas x 2d, positions first. The first is the start.
    pub states: &'a [DMatrix<f64>],
    /// Steps of the snapshots.
    pub steps: &'a [u64],
    /// Sums of products of later states, and of later states with the start; 2d x 2d.
    scatters: Vec<[DMatrix<f64>; 2]>,
    /// Sums of products of the start.
    start: DMatrix<f64>,
}

impl<'a> Replicas<'a> {
    pub(super) fn new(states: &'a [DMatrix<f64>], steps: &'a [u64]) -> Self {
        let product = |left: &DMatrix<f64>, right: &DMatrix<f64>| left.transpose() * right;
        Self {
            states,
            steps,
            scatters: states[1..].iter().map(|later| [product(later, later), product(later, &states[0])]).collect(),
            start: product(&states[0], &states[0]),
        }
    }

    fn count(&self) -> u64 {
        self.states[0].nrows() as u64
    }
}

/// A check of whole states against a prediction: a family of exact tests.
pub(super) enum WholeStates {
    /// Determinant, likelihood ratio and all pairs of coordinates of the whitened scatter, per snapshot.
    Wishart { whitened: Vec<DMatrix<f64>>, count: u64 },
    /// Distance and bins of the probability integral transform, per snapshot.
    Shape { transformed: Vec<Transformed> },
    /// All products of a coordinate with one of the start, per snapshot.
    Products { members: Vec<Product>, count: u64 },
}

/// A sum of lagged products in units of the stationary spreads.
pub(super) struct Product {
    row: usize,
    column: usize,
    snapshot: usize,
    squares: [f64; 2],
    sum: f64,
    correlation: f64,
}

impl WholeStates {
    /// The whitened scatter; W with W^T covariance W = 1.
    pub(super) fn wishart(replicas: &Replicas<'_>, whitening: &DMatrix<f64>) -> Self {
        let whiten = |[scatter, _]: &[DMatrix<f64>; 2]| whitening.transpose() * scatter * whitening;
        Self::Wishart { whitened: replicas.scatters.iter().map(whiten).collect(), count: replicas.count() }
    }

    /// The distribution of all coordinates of the whitened states.
    pub(super) fn shape(replicas: &Replicas<'_>, whitening: &DMatrix<f64>) -> Self {
        let transform = |states: &DMatrix<f64>| Transformed::new((states * whitening).as_slice().to_vec());
        Self::Shape { transformed: replicas.states[1..].iter().map(transform).collect() }
    }

    /// E[z_k z_0^T] = M^k Cov(z), with the powers M^k per direction and snapshot, in units of the spreads that are given.
    pub(super) fn products(
        replicas: &Replicas<'_>,
        covariance: &DMatrix<f64>,
        powers: &[Vec<[[f64; 2]; 2]>],
        spread: &[f64],
    ) -> Self {
        let size = powers.len();
        let mut members = Vec::new();
        for (snapshot, [later, products]) in replicas.scatters.iter().enumerate() {
            for row in 0..2 * size {
                let factors = powers[row % size][snapshot][row / size];
                for column in 0..2 * size {
                    let expected = factors[0] * covariance[(row % size, column)]
                        + factors[1] * covariance[(size + row % size, column)];
                    let unit = spread[row] * spread[column];
                    members.push(Product {
                        row,
                        column,
                        snapshot,
                        squares: [
                            later[(row, row)] / spread[row].powi(2),
                            replicas.start[(column, column)] / spread[column].powi(2),
                        ],
                        sum: products[(row, column)] / unit,
                        correlation: expected / unit,
                    });
                }
            }
        }
        Self::Products { members, count: replicas.count() }
    }

    /// Number of tests.
    pub(super) fn members(&self) -> usize {
        match self {
            Self::Wishart { whitened, .. } => {
                whitened.len() * whitened.first().map_or(0, |first| wishart_members(first.nrows()))
            }
            Self::Shape { transformed } => 2 * transformed.len(),
            Self::Products { members, .. } => members.len(),
        }
    }

    /// Name of a test.
    pub(super) fn name(&self, index: usize, steps: &[u64], maps: &[ModeMap]) -> String {
        let at = |snapshot: usize| format!("k = {}", steps[1 + snapshot]);
        match self {
            Self::Wishart { whitened, .. } => {
                let members = wishart_members(whitened[0].nrows());
                let kind = match index % members {
                    0 => "determinant".into(),
                    1 => "likelihood ratio".into(),
                    place => {
                        let (row, column) = pair(place - 2);
                        format!("whitened coordinates {} and {}", column + 1, row + 1)
                    }
                };
                format!("{kind}, {}", at(index / members))
            }
            Self::Shape { .. } => {
                let kind = if index.is_multiple_of(2) { "distance of distribution functions" } else { "bins" };
                format!("{kind}, {}", at(index / 2))
            }
            Self::Products { members, .. } => {
                let product = &members[index];
                let coordinate = |i: usize| {
                    let kind = if i < maps.len() { "position" } else { "velocity" };
                    format!("{kind} of eta h = {:.3}", maps[i % maps.len()].rate_times_curvature())
                };
                format!("{} on {}, {}", coordinate(product.row), coordinate(product.column), at(product.snapshot))
            }
        }
    }

    /// What a test finds.
    pub(super) fn finding(&self, index: usize, rates: Rates) -> Finding {
        match self {
            Self::Wishart { whitened, count } => {
                let members = wishart_members(whitened[0].nrows());
                let scatter = &whitened[index / members];
                match index % members {
                    0 => wishart::determinant(scatter, *count, rates),
                    1 => wishart::likelihood_ratio(scatter, *count, rates),
                    place => {
                        let (row, column) = pair(place - 2);
                        wishart::product(scatter, column, row, rates)
                    }
                }
            }
            Self::Shape { transformed } => {
                let values = &transformed[index / 2];
                if index.is_multiple_of(2) { pit::distance(values, rates) } else { pit::bins(values, rates) }
            }
            Self::Products { members, count } => {
                let product = &members[index];
                lagged::test(product.squares, product.sum, product.correlation, *count, rates)
            }
        }
    }
}

/// Determinant, likelihood ratio, and all pairs of coordinates.
pub(super) fn wishart_members(dimension: usize) -> usize {
    2 + dimension * (dimension - 1) / 2
}

/// The pairs (row, column) with column < row, in order.
fn pair(index: usize) -> (usize, usize) {
    let mut row = 1;
    let mut before = 0;
    while before + row <= index {
        before += row;
        row += 1;
    }
    (row, index - before)
}
