//! Exact variance of a chain's time-averaged energy, by enumeration of all batches. The state y = (1, e, v) of minibatch
//! SGD moves by a random linear map L_B, so moments of every order are closed: order 4 gives the variance of averages of
//! squares. Where the fourth moments contract, an e-value may use that variance.

use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
use nalgebra::{DMatrix, DVector};

use crate::statistics::Untestable;
use crate::statistics::catoni::TheoryVariance;

/// The equally likely maps of a small problem.
pub(super) struct EnumeratedMaps {
    maps: Vec<DMatrix<f64>>,
    /// 1 + 2d.
    size: usize,
}

/// A fully symmetric tensor of order 4, stored densely.
type Tensor = Vec<f64>;

impl EnumeratedMaps {
    /// All batches of a small single-output problem, about a centre (d x 1).
    pub(super) fn new(data: &LeastSquares, sgd: &Hyperparameters, sampling: Sampling, centre: &DMatrix<f64>) -> Self {
        let maps: Vec<DMatrix<f64>> = batches(data.samples(), sgd.batch_size(), sampling)
            .iter()
            .map(|batch| step_map(data, sgd, batch, centre))
            .collect();
        Self { maps, size: 1 + 2 * data.dimension() }
    }

    /// Average over batches of L S L^T.
    pub(super) fn second_moment_step(&self, moment: &DMatrix<f64>) -> DMatrix<f64> {
        let sum = self
            .maps
            .iter()
            .fold(DMatrix::zeros(self.size, self.size), |sum, map| sum + map * moment * map.transpose());
        sum / self.maps.len() as f64
    }

    /// Average over batches of L^T W L.
    fn weight_step(&self, weight: &DMatrix<f64>) -> DMatrix<f64> {
        let sum = self
            .maps
            .iter()
            .fold(DMatrix::zeros(self.size, self.size), |sum, map| sum + map.transpose() * weight * map);
        sum / self.maps.len() as f64
    }

    /// Average over batches of L applied to each index; `linear` leaves out the shift.
    fn fourth_moment_step(&self, tensor: &Tensor, linear: bool) -> Tensor {
        let mut sum = vec![0.0; tensor.len()];
        for map in &self.maps {
            let mut map = map.clone();
            if linear {
                map.column_mut(0).fill(0.0);
            }
            let mut image = tensor.clone();
            for _ in 0..4 {
                image = contract_and_rotate(&map, &image, self.size);
            }
            sum.iter_mut().zip(image).for_each(|(total, value)| *total += value);
        }
        for total in &mut sum {
            *total /= self.maps.len() as f64;
        }
        sum
    }

    /// Growth per step of the fourth moments, from the linear part iterated on a positive tensor.
    pub(super) fn fourth_moment_growth(&self) -> f64 {
        const ITERATIONS: usize = 400;
        let mut identity = DMatrix::identity(self.size, self.size);
        identity[(0, 0)] = 0.0;
        let mut tensor = gaussian_fourth_moment(&identity, &DVector::zeros(self.size));
        let mut growth = 0.0;
        for _ in 0..ITERATIONS {
            let next = self.fourth_moment_step(&tensor, true);
            let norm = |t: &Tensor| t.iter().map(|value| value * value).sum::<f64>().sqrt();
            growth = norm(&next) / norm(&tensor);
            let scale = norm(&next).max(f64::MIN_POSITIVE);
            tensor = next.iter().map(|value| value / scale).collect();
        }
        growth
    }

    /// The variance of [`Self::variance_of_average`] for a test, if fourth moments contract.
    pub(super) fn gated_variances(
        &self,
        second: &DMatrix<f64>,
        weights: &[DMatrix<f64>],
        steps: u64,
    ) -> Result<Vec<TheoryVariance>, Untestable> {
        let growth = self.fourth_moment_growth();
        // the gate goes first: the variance of a process whose fourth moments grow means nothing
        TheoryVariance::gated(1.0, growth)?;
        let variances = weights.iter().map(|weight| self.variance_of_average(second, weight, steps));
        variances.map(|variance| TheoryVariance::gated(variance, growth)).collect()
    }

    /// Variance of (1/(n+1)) sum_{k=0}^{n} y_k^T W y_k for chains that start at a Gaussian draw with this second moment
    /// (mean (1, 0, ..., 0)).
    fn variance_of_average(&self, second: &DMatrix<f64>, weight: &DMatrix<f64>, steps: u64) -> f64 {
        let mut mean = DVector::zeros(self.size);
        mean[0] = 1.0;
        // futures[j] = sum over i = 1..=j of the weight carried i steps back
        let mut futures = vec![DMatrix::zeros(self.size, self.size)];
        let mut carried = weight.clone();
        for _ in 0..steps {
            carried = self.weight_step(&carried);
            let last = futures[futures.len() - 1].clone();
            futures.push(last + &carried);
        }
        let mut tensor = gaussian_fourth_moment(second, &mean);
        let mut moment = second.clone();
        let (mut square, mut average) = (0.0, 0.0);
        for step in 0..=steps {
            let future = &futures[(steps - step) as usize];
            square += pair(&tensor, weight, &(weight + future * 2.0), self.size);
            average += weight.dot(&moment);
            if step < steps {
                tensor = self.fourth_moment_step(&tensor, false);
                moment = self.second_moment_step(&moment);
            }
        }
        let count = (steps + 1) as f64;
        square / (count * count) - (average / count).powi(2)
    }
}

/// All batches: ordered draws with replacement, subsets without.
fn batches(samples: usize, batch: usize, sampling: Sampling) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..batch {
        all = all
            .into_iter()
            .flat_map(|chosen: Vec<usize>| {
                let first = match sampling {
                    Sampling::WithReplacement => 0,
                    Sampling::WithoutReplacement | Sampling::Reshuffle => chosen.last().map_or(0, |last| last + 1),
                };
                (first..samples).map(move |next| {
                    let mut longer = chosen.clone();
                    longer.push(next);
                    longer
                })
            })
            .collect();
    }
    all
}

/// One step of (2) with a given batch on (1, e, v).
fn step_map(data: &LeastSquares, sgd: &Hyperparameters, batch: &[usize], centre: &DMatrix<f64>) -> DMatrix<f64> {
    let d = data.dimension();
    let (eta, b) = (sgd.learning_rate(), sgd.momentum());
    let mut curvature = DMatrix::identity(d, d) * sgd.weight_decay();
    let mut pull = centre * sgd.weight_decay();
    for &sample in batch {
        let row = data.features().row(sample).transpose();
        let residual = (row.transpose() * centre)[(0, 0)] - data.targets()[(sample, 0)];
        curvature += &row * row.transpose() / batch.len() as f64;
        pull += &row * (residual / batch.len() as f64);
    }
    let mut map = DMatrix::zeros(1 + 2 * d, 1 + 2 * d);
    map[(0, 0)] = 1.0;
    for i in 0..d {
        let (x, v) = (1 + i, 1 + d + i);
        map[(v, 0)] = -pull[(i, 0)];
        map[(v, v)] = b;
        map[(x, 0)] = -eta * pull[(i, 0)];
        map[(x, x)] = 1.0;
        map[(x, v)] = eta * b;
        for j in 0..d {
            map[(v, 1 + j)] = -curvature[(i, j)];
            map[(x, 1 + j)] -= eta * curvature[(i, j)];
        }
    }
    map
}

/// Applies the map to the last index and makes it the first; four times in a row apply it to all of them in order.
fn contract_and_rotate(map: &DMatrix<f64>, tensor: &Tensor, size: usize) -> Tensor {
    let rest = size.pow(3);
    let mut image = vec![0.0; tensor.len()];
    for head in 0..rest {
        let source = &tensor[head * size..(head + 1) * size];
        for row in 0..size {
            let value = (0..size).map(|column| map[(row, column)] * source[column]).sum();
            image[row * rest + head] = value;
        }
    }
    image
}

/// E[y_a y_b y_c y_d] of a Gaussian with this second moment and mean (Isserlis).
fn gaussian_fourth_moment(second: &DMatrix<f64>, mean: &DVector<f64>) -> Tensor {
    let size = mean.len();
    let mut tensor = Vec::with_capacity(size.pow(4));
    for a in 0..size {
        for b in 0..size {
            for c in 0..size {
                for d in 0..size {
                    let pairs = second[(a, b)] * second[(c, d)]
                        + second[(a, c)] * second[(b, d)]
                        + second[(a, d)] * second[(b, c)];
                    tensor.push(pairs - 2.0 * mean[a] * mean[b] * mean[c] * mean[d]);
                }
            }
        }
    }
    tensor
}

/// sum W_ab Z_cd E[y_a y_b y_c y_d].
fn pair(tensor: &Tensor, first: &DMatrix<f64>, second: &DMatrix<f64>, size: usize) -> f64 {
    let block = size * size;
    let mut sum = 0.0;
    for (outer, chunk) in tensor.chunks_exact(block).enumerate() {
        let weight = first[(outer / size, outer % size)];
        if weight != 0.0 {
            let inner: f64 =
                chunk.iter().enumerate().map(|(place, value)| second[(place / size, place % size)] * value).sum();
            sum += weight * inner;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps of a one-dimensional problem, all 2^2 paths times a discrete start replaced by its exact Gaussian moments.
    #[test]
    fn variance_equals_enumeration_of_paths() {
        let data = LeastSquares::new(
            DMatrix::from_column_slice(2, 1, &[1.0, 0.5]),
            DMatrix::from_column_slice(2, 1, &[0.3, -0.4]),
        )
        .unwrap();
        let sgd = Hyperparameters::new(0.2, 0.5, 0.1, 1).unwrap();
        let centre = DMatrix::from_element(1, 1, 0.1);
        let maps = EnumeratedMaps::new(&data, &sgd, Sampling::WithReplacement, &centre);
        // a start without spread: every path has probability 1/4 and a definite average
        let mut second = DMatrix::zeros(3, 3);
        second[(0, 0)] = 1.0;
        let mut weight = DMatrix::zeros(3, 3);
        weight[(1, 1)] = 1.0;
        weight[(2, 2)] = 0.3;
        let mut averages = Vec::new();
        for first in &maps.maps {
            for next in &maps.maps {
                let start = DVector::from_vec(vec![1.0, 0.0, 0.0]);
                let one = first * &start;
                let two = next * &one;
                let energy = |y: &DVector<f64>| (y.transpose() * &weight * y)[(0, 0)];
                averages.push((energy(&start) + energy(&one) + energy(&two)) / 3.0);
            }
        }
        let mean = averages.iter().sum::<f64>() / 4.0;
        let variance = averages.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 4.0;
        let found = maps.variance_of_average(&second, &weight, 2);
        assert!((found / variance - 1.0).abs() < 1e-10, "{found:e}, expected {variance:e}");
    }

    /// The growth of fourth moments is the spectral radius of the average of L (x) L (x) L (x) L, on either side of 1.
    #[test]
    fn growth_equals_the_spectral_radius_of_the_kronecker_power() {
        let data = LeastSquares::new(
            DMatrix::from_column_slice(3, 1, &[1.0, 0.2, -1.4]),
            DMatrix::from_column_slice(3, 1, &[0.3, -0.4, 0.1]),
        )
        .unwrap();
        let mut sides = [false; 2];
        for rate in [0.1, 0.5, 1.0, 1.5] {
            let sgd = Hyperparameters::new(rate, 0.5, 0.1, 1).unwrap();
            let maps = EnumeratedMaps::new(&data, &sgd, Sampling::WithReplacement, &DMatrix::zeros(1, 1));
            let mut fourth = DMatrix::zeros(16, 16);
            for map in &maps.maps {
                let linear = map.view((1, 1), (2, 2)).into_owned();
                let square = linear.kronecker(&linear);
                fourth += square.kronecker(&square) / maps.maps.len() as f64;
            }
            let exact = langevin_theory::linear_algebra::spectral_radius(&fourth).unwrap();
            let found = maps.fourth_moment_growth();
            assert!((found / exact - 1.0).abs() < 1e-6, "{found}, expected {exact} at {rate}");
            sides[usize::from(exact > 1.0)] = true;
        }
        assert_eq!(sides, [true, true], "both contraction and growth must be met");
        let gate = |rate: f64| {
            let sgd = Hyperparameters::new(rate, 0.5, 0.1, 1).unwrap();
            let maps = EnumeratedMaps::new(&data, &sgd, Sampling::WithReplacement, &DMatrix::zeros(1, 1));
            maps.gated_variances(&DMatrix::identity(3, 3), &[DMatrix::identity(3, 3)], 5)
        };
        assert!(gate(0.1).is_ok_and(|variances| variances[0].value() > 0.0));
        assert!(matches!(gate(1.5), Err(Untestable::FourthMoments { growth }) if growth > 1.0));
    }
}
