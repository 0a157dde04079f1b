//! The exact law of reshuffled minibatch SGD on a linear regression, from all orders of the samples. Moments after k
//! batches depend on the order only through the set of samples used, averaged over its orders; so sets are enumerated,
//! level by level, instead of orders:
#![doc = langevin_equation::equation!(r"y(A) = \frac{1}{\#\{b \subset A\}} \sum_{b \subset A} \mathrm{step}_b\, y(A \setminus b), \qquad y = (1,\; \mathbb{E} z,\; \mathbb{E} z z^\top), \qquad z = (\theta - \mu_{\mathrm{ridge}},\, v)")]
//!
//! The step of a batch is affine (H_b with weight decay), and the mean is biased: E theta != mu_ridge.
#![doc = langevin_equation::equation!(r"z' = \begin{pmatrix} I - \eta H_b & \eta \beta I \\ -H_b & \beta I \end{pmatrix} z - \begin{pmatrix} \eta I \\ I \end{pmatrix} g_b(\mu_{\mathrm{ridge}})")]

use std::collections::BTreeMap;

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, Number, lift, lower};
use crate::gaussian_elimination;
use crate::gradient_noise;
use crate::hyperparameters::{Hyperparameters, Sampling};
use crate::linear_algebra::{require_vector, spectral_radius};
use crate::quadratic::{LeastSquares, Quadratic};

/// First and second moments of z = (theta - mu_ridge, v), positions first: 2d, and 2d x 2d.
///
/// ```
/// use langevin_theory::reshuffle::EpochMoments;
/// use nalgebra::{dmatrix, dvector};
/// let moments = EpochMoments { mean: dvector![0.5, 0.0], second_moment: dmatrix![0.35, 0.0; 0.0, 1.0] };
/// let covariance = &moments.second_moment - &moments.mean * moments.mean.transpose();
/// assert!((covariance[(0, 0)] - 0.1).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EpochMoments {
    /// E z, 2d.
    pub mean: DVector<f64>,
    /// E z z^T, 2d x 2d; not centred.
    pub second_moment: DMatrix<f64>,
}

/// The exact law of reshuffled SGD for small data: averages over all orders of the samples, by sets A of samples and
/// the batches b in them,
#[doc = equation!(r"y(A) = \frac{1}{\#\{b \subset A\}} \sum_{b \subset A} \mathrm{step}_b\, y(A \setminus b), \qquad y = (1,\; \mathbb{E} z,\; \mathbb{E} z z^\top), \qquad z = (\theta - \mu_{\mathrm{ridge}},\, v)")]
/// with the affine step of a batch
#[doc = equation!(r"z' = \begin{pmatrix} I - \eta H_b & \eta \beta I \\ -H_b & \beta I \end{pmatrix} z - \begin{pmatrix} \eta I \\ I \end{pmatrix} g_b(\mu_{\mathrm{ridge}})")]
///
/// Its mean is biased, E theta != mu_ridge, unless all batches have the same curvature. In the examples of the methods
/// that is so: data x = (1, -1), y = (1, 1), learning rate 0.1, no momentum, no weight decay, batches of 1.
///
/// ```
/// use langevin_theory::reshuffle::ReshuffledLaw;
/// use langevin_theory::{Hyperparameters, LeastSquares};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
/// let law = ReshuffledLaw::new(&data, &sgd).unwrap();
/// let stationary = law.stationary(0).unwrap();
/// // gradients theta -+ 1, curvature 1: the law of constant curvature and two batches
/// let boundary = (0.1 * 0.1_f64).powi(2) / (1.0 - 0.9_f64.powi(4));
/// assert!((stationary[0].second_moment[(0, 0)] - boundary).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct ReshuffledLaw {
    data: LeastSquares,
    quadratic: Quadratic,
    sgd: Hyperparameters,
    minimum: DMatrix<Extended>,
    rounded_minimum: DMatrix<f64>,
    batches: usize,
}

/// Moments during the enumeration, in double or extended precision.
#[derive(Clone)]
struct Moments<T: Number> {
    mean: DVector<T>,
    second_moment: DMatrix<T>,
}

impl<T: Number> Moments<T> {
    fn rounded(&self) -> EpochMoments {
        EpochMoments { mean: self.mean.map(T::value), second_moment: lower(&self.second_moment) }
    }
}

/// Steps of all batches for one output.
struct Steps<T: Number> {
    samples: usize,
    batch_size: usize,
    size: usize,
    by_batch: BTreeMap<u64, (DMatrix<T>, DVector<T>)>,
}

/// Most multiplications of a stationary law that is computed with 32 digits; it takes a second or so.
const EXTENDED_WORK: f64 = 3e7;

/// The same expression in extended precision where the work allows it, else in doubles.
macro_rules! with_digits {
    ($law:expr, $number:ident => $answer:expr) => {
        if $law.work() <= EXTENDED_WORK {
            type $number = Extended;
            $answer
        } else {
            type $number = f64;
            $answer
        }
    };
}

impl ReshuffledLaw {
    /// Most multiplications of a law.
    ///
    /// ```
    /// use langevin_theory::reshuffle::ReshuffledLaw;
    /// // twelve samples one by one in two dimensions are well within reach
    /// assert!(ReshuffledLaw::multiplications(12, 1, 2) < ReshuffledLaw::MOST_WORK);
    /// ```
    pub const MOST_WORK: f64 = 2e10;

    /// Multiplications that the law of one output takes, for N samples of d features in batches of S; infinite or NaN where
    /// there are more than can be counted.
    ///
    /// ```
    /// use langevin_theory::reshuffle::ReshuffledLaw;
    /// assert!(ReshuffledLaw::multiplications(8, 1, 1) < 1e5);
    /// assert!(ReshuffledLaw::multiplications(48, 4, 1) > ReshuffledLaw::MOST_WORK);
    /// ```
    pub fn multiplications(samples: usize, batch_size: usize, dimension: usize) -> f64 {
        let size = 2.0 * dimension as f64;
        0.5 * size * (size + 3.0) * Self::epoch_multiplications(samples, batch_size, dimension)
    }

    /// Multiplications that an epoch takes from one start.
    fn epoch_multiplications(samples: usize, batch_size: usize, dimension: usize) -> f64 {
        let ways = |level: usize| binomial(samples, level * batch_size) * binomial(level * batch_size, batch_size);
        let transitions: f64 = (1..=samples / batch_size.max(1)).map(ways).sum();
        transitions * 16.0 * (dimension as f64).powi(3)
    }

    /// The law for a data set and hyperparameters.
    ///
    /// # Errors
    /// [`TheoryError::BatchSize`] when S does not divide N; [`TheoryError::NoExactLaw`] when there are too many sets of
    /// samples to enumerate; whatever the eigendecomposition returns.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, LeastSquares, TheoryError, reshuffle::ReshuffledLaw};
    /// use nalgebra::DMatrix;
    /// let data = |samples| {
    ///     let features = DMatrix::from_fn(samples, 1, |i, _| 1.0 + i as f64);
    ///     LeastSquares::new(features, DMatrix::from_element(samples, 1, 1.0)).unwrap()
    /// };
    /// let sgd = Hyperparameters::new(1e-3, 0.0, 0.0, 1).unwrap();
    /// assert!(ReshuffledLaw::new(&data(6), &sgd).is_ok());
    /// assert!(matches!(ReshuffledLaw::new(&data(60), &sgd), Err(TheoryError::NoExactLaw { .. })));
    /// ```
    pub fn new(data: &LeastSquares, sgd: &Hyperparameters) -> Result<Self> {
        let (samples, size) = (data.samples(), sgd.batch_size());
        Sampling::Reshuffle.noise_factor(samples, size)?;
        let quadratic = data.quadratic()?;
        let batches = samples / size;
        let work = Self::multiplications(samples, size, data.dimension());
        if samples > 63 || work.is_nan() || work > Self::MOST_WORK {
            return Err(TheoryError::NoExactLaw {
                what: "too many orders of the samples to enumerate, N!/(S!)^(N/S); simulate, or take fewer samples",
            });
        }
        let minimum = data.minimum_ridge(&quadratic, sgd.weight_decay());
        let rounded_minimum = lower(&minimum);
        Ok(Self { data: data.clone(), quadratic, sgd: *sgd, minimum, rounded_minimum, batches })
    }

    fn work(&self) -> f64 {
        Self::multiplications(self.data.samples(), self.sgd.batch_size(), self.data.dimension())
    }

    /// The loss, without weight decay.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, reshuffle::ReshuffledLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    /// assert_eq!(law.quadratic().hessian()[(0, 0)], 1.0);
    /// ```
    pub fn quadratic(&self) -> &Quadratic {
        &self.quadratic
    }

    /// The ridge minimum about which the moments are taken, d x outputs.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, reshuffle::ReshuffledLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    /// assert_eq!(law.minimum_ridge()[(0, 0)], 0.0); // the targets pull in opposite directions
    /// ```
    pub fn minimum_ridge(&self) -> &DMatrix<f64> {
        &self.rounded_minimum
    }

    /// Number of batches in an epoch, N / S.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, reshuffle::ReshuffledLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    /// assert_eq!(law.batches_per_epoch(), 2);
    /// ```
    pub fn batches_per_epoch(&self) -> usize {
        self.batches
    }

    /// Steps of every batch in a basis (d x r, orthonormal columns).
    ///
    /// The gradients at the minimum add up to nothing over an epoch, so what they do to it is of higher order in the
    /// learning rate than each of them: they are taken at a minimum of 32 digits.
    fn steps<T: Number>(&self, output: usize, basis: &DMatrix<f64>) -> Result<Steps<T>> {
        if output >= self.data.outputs() {
            return Err(TheoryError::Shape {
                name: "output",
                found: format!("index {output}"),
                expected: format!("below {}", self.data.outputs()),
            });
        }
        let (samples, batch_size, size) = (self.data.samples(), self.sgd.batch_size(), basis.ncols());
        let basis = lift::<Extended>(basis);
        let features = lift::<Extended>(self.data.features()) * &basis;
        let fits_exactly = gradient_noise::residual(&self.data, &self.rounded_minimum, output).amax() <= 0.0;
        let residual: Vec<Extended> = (0..samples)
            .map(|sample| {
                let rest = self.data.extended_residual(&self.minimum, sample, output);
                if fits_exactly { Extended::from(0.0) } else { rest }
            })
            .collect();
        let decay = Extended::from(self.sgd.weight_decay());
        let pull = (basis.transpose() * self.minimum.column(output)) * decay;
        let mut by_batch = BTreeMap::new();
        for_each_subset(full(samples), batch_size, &mut |batch| {
            let mut curvature = DMatrix::<Extended>::identity(size, size) * decay;
            let mut gradient = pull.clone();
            for sample in members(batch) {
                let share = Extended::from(1.0) / Extended::from(batch_size as f64);
                let row = features.row(sample).transpose() * share;
                curvature += &row * features.row(sample);
                gradient += row * residual[sample];
            }
            by_batch.insert(batch, self.step(&curvature, &gradient));
        });
        Ok(Steps { samples, batch_size, size: 2 * size, by_batch })
    }

    fn step<T: Number>(&self, curvature: &DMatrix<Extended>, gradient: &DVector<Extended>) -> (DMatrix<T>, DVector<T>) {
        let (eta, beta) = (Extended::from(self.sgd.learning_rate()), Extended::from(self.sgd.momentum()));
        let size = curvature.nrows();
        let mut step = DMatrix::from_element(2 * size, 2 * size, T::zero());
        let mut kick = DVector::from_element(2 * size, T::zero());
        for i in 0..size {
            for j in 0..size {
                let identity = Extended::from(if i == j { 1.0 } else { 0.0 });
                step[(i, j)] = T::nearest(identity - eta * curvature[(i, j)]);
                step[(i, size + j)] = T::nearest(eta * beta * identity);
                step[(size + i, j)] = T::nearest(-curvature[(i, j)]);
                step[(size + i, size + j)] = T::nearest(beta * identity);
            }
            kick[i] = T::nearest(-(eta * gradient[i]));
            kick[size + i] = T::nearest(-gradient[i]);
        }
        (step, kick)
    }

    fn active_basis(&self) -> DMatrix<f64> {
        self.quadratic.eigenvectors().columns(0, self.quadratic.rank()).into_owned()
    }

    /// Spectral radius of the map of second moments over an epoch (not a step), on directions with curvature. Below 1
    /// there is a stationary law.
    ///
    /// # Errors
    /// [`TheoryError::Overflow`], [`TheoryError::NotConverged`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, reshuffle::ReshuffledLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    /// assert!((law.spectral_radius().unwrap() - 0.9_f64.powi(4)).abs() < 1e-12); // two batches, squared
    /// ```
    pub fn spectral_radius(&self) -> Result<f64> {
        if self.quadratic.rank() == 0 {
            return Ok(self.sgd.momentum().powi(2));
        }
        let steps = self.steps::<f64>(0, &self.active_basis())?;
        spectral_radius(&steps.second_moment_map())
    }

    /// Stationary moments of one output after 0, 1, ..., N/S - 1 batches of an epoch (0 is its boundary). Zero in
    /// directions without curvature, and without noise where the data are fit exactly (see
    /// [`gradient_noise::covariance`]).
    ///
    /// At a small learning rate eta the gradients of an epoch cancel to a part eta of each. Laws of up to 3e7
    /// [multiplications](ReshuffledLaw::multiplications) are computed with 32 digits; larger ones in doubles, with relative
    /// errors of roundings over eta h.
    ///
    /// # Errors
    /// [`TheoryError::MeanSquareUnstable`] (with the spectral radius of an epoch), [`TheoryError::Singular`],
    /// [`TheoryError::Shape`] for an output that does not exist.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, LeastSquares, reshuffle::ReshuffledLaw};
    /// use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap(); // minimum 0.6
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    /// // the batches move a deviation e to 0.9 e + 0.04 and 0.6 e - 0.04: in the two orders to 0.54 e - 0.016
    /// // and 0.54 e + 0.004, whose mean is stationary at -0.006 / 0.46: a bias
    /// let mean = law.stationary(0).unwrap()[0].mean[0];
    /// assert!((mean + 0.006 / 0.46).abs() < 1e-15);
    /// ```
    pub fn stationary(&self, output: usize) -> Result<Vec<EpochMoments>> {
        let rank = self.quadratic.rank();
        let dimension = self.quadratic.dimension();
        let basis = self.active_basis();
        if rank == 0 {
            self.steps::<f64>(output, &basis)?;
            let zero = EpochMoments {
                mean: DVector::zeros(2 * dimension),
                second_moment: DMatrix::zeros(2 * dimension, 2 * dimension),
            };
            return Ok(vec![zero; self.batches]);
        }
        let levels = with_digits!(self, T => self.stationary_levels::<T>(output, &basis))?;
        let mut lifted = DMatrix::zeros(2 * dimension, 2 * rank);
        lifted.view_mut((0, 0), (dimension, rank)).copy_from(&basis);
        lifted.view_mut((dimension, rank), (dimension, rank)).copy_from(&basis);
        Ok(levels
            .into_iter()
            .map(|level| EpochMoments {
                mean: &lifted * level.mean,
                second_moment: &lifted * level.second_moment * lifted.transpose(),
            })
            .collect())
    }

    /// Stationary moments after each count of batches in an epoch, in a basis.
    fn stationary_levels<T: Number>(&self, output: usize, basis: &DMatrix<f64>) -> Result<Vec<EpochMoments>> {
        let steps = self.steps::<T>(output, basis)?;
        let mut levels = steps.epoch(&steps.stationary_boundary()?, true);
        levels.pop();
        Ok(levels.iter().map(Moments::rounded).collect())
    }

    /// Moments of one output in epochs after a start at (position, velocity), d entries each: for each count e of
    /// completed epochs the moments after 0, ..., N/S - 1 batches of epoch e.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::Overflow`], [`TheoryError::InvalidValue`] beyond 10^5 epochs.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, reshuffle::ReshuffledLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    /// # use nalgebra::dvector;
    /// let epochs = law.transient(0, &dvector![1.0], &dvector![0.0], &[0, 1]).unwrap();
    /// assert!((epochs[0][1].mean[0] - 0.9).abs() < 1e-15); // one batch of the first epoch
    /// assert!((epochs[1][0].mean[0] - 0.81).abs() < 1e-15); // one epoch
    /// ```
    pub fn transient(
        &self,
        output: usize,
        position: &DVector<f64>,
        velocity: &DVector<f64>,
        epochs: &[u64],
    ) -> Result<Vec<Vec<EpochMoments>>> {
        const MOST_EPOCHS: u64 = 100_000;
        let dimension = self.quadratic.dimension();
        for (name, vector) in [("initial_position", position), ("initial_velocity", velocity)] {
            require_vector(name, vector, dimension)?;
        }
        if let Some(&epoch) = epochs.iter().find(|&&epoch| epoch > MOST_EPOCHS) {
            return Err(TheoryError::InvalidValue {
                name: "steps (epochs)",
                value: epoch as f64,
                admissible: "at most 100000",
            });
        }
        let epoch = Self::epoch_multiplications(self.data.samples(), self.sgd.batch_size(), dimension);
        let last = epochs.iter().copied().max().unwrap_or(0) as f64;
        if EXTENDED_WORK / epoch > last {
            self.transient_in::<Extended>(output, position, velocity, epochs)
        } else {
            self.transient_in::<f64>(output, position, velocity, epochs)
        }
    }

    fn transient_in<T: Number>(
        &self,
        output: usize,
        position: &DVector<f64>,
        velocity: &DVector<f64>,
        epochs: &[u64],
    ) -> Result<Vec<Vec<EpochMoments>>> {
        let dimension = self.quadratic.dimension();
        let steps = self.steps::<T>(output, &DMatrix::identity(dimension, dimension))?;
        let mean = DVector::from_fn(2 * dimension, |i, _| {
            if i < dimension {
                T::nearest(Extended::from(position[i]) - self.minimum[(i, output)])
            } else {
                T::from(velocity[i - dimension])
            }
        });
        let mut now = Moments { second_moment: &mean * mean.transpose(), mean };
        let mut order: Vec<usize> = (0..epochs.len()).collect();
        order.sort_by_key(|&index| epochs[index]);
        let mut answer = vec![Vec::new(); epochs.len()];
        let mut reached = 0;
        let mut levels = steps.epoch(&now, true);
        for index in order {
            while reached < epochs[index] {
                now = levels.pop().unwrap_or(now);
                if !now.second_moment.iter().all(|entry| entry.value().is_finite()) {
                    return Err(TheoryError::Overflow { what: "the transient second moments" });
                }
                levels = steps.epoch(&now, true);
                reached += 1;
            }
            answer[index] = levels[..self.batches].iter().map(Moments::rounded).collect();
        }
        Ok(answer)
    }

    /// The mean squared displacement of one output over numbers of epochs e, from a stationary start at the boundary of
    /// an epoch,
    #[doc = equation!(r"\mathbb{E}\,|\theta_{e} - \theta_0|^2 = 2 \operatorname{tr}\left[ (I - A^e)\, \operatorname{Cov} z_0 \right]_{\theta\theta}")]
    /// with A the map of the mean over an epoch.
    ///
    /// # Errors
    /// As [`ReshuffledLaw::stationary`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, reshuffle::ReshuffledLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    /// let boundary = law.stationary(0).unwrap()[0].second_moment[(0, 0)];
    /// let displacement = law.displacement(0, &[0, 1]).unwrap();
    /// assert_eq!(displacement[0], 0.0);
    /// assert!((displacement[1] - 2.0 * (1.0 - 0.81) * boundary).abs() < 1e-15);
    /// ```
    pub fn displacement(&self, output: usize, epochs: &[u64]) -> Result<Vec<f64>> {
        let rank = self.quadratic.rank();
        if rank == 0 {
            return Ok(vec![0.0; epochs.len()]);
        }
        with_digits!(self, T => self.displacement_in::<T>(output, epochs))
    }

    fn displacement_in<T: Number>(&self, output: usize, epochs: &[u64]) -> Result<Vec<f64>> {
        let steps = self.steps::<T>(output, &self.active_basis())?;
        let start = steps.stationary_boundary()?;
        let (step, _) = steps.mean_map();
        // about the stationary mean the mean map is linear
        let covariance = &start.second_moment - &start.mean * start.mean.transpose();
        Ok(epochs
            .iter()
            .map(|&count| {
                let kept = matrix_power(&step, count) * &covariance;
                let lost = |i: usize| covariance[(i, i)] - kept[(i, i)];
                2.0 * (0..self.quadratic.rank()).fold(T::zero(), |sum, i| sum + lost(i)).value()
            })
            .collect())
    }
}

impl<T: Number> Steps<T> {
    /// Moments after 0, 1, ..., N/S batches, for a start, with the kicks or without (the linear map).
    fn epoch(&self, start: &Moments<T>, kicked: bool) -> Vec<Moments<T>> {
        let mut level: BTreeMap<u64, Moments<T>> = BTreeMap::from([(0, start.clone())]);
        let mut averages = vec![start.clone()];
        let mut used = 0;
        while used < self.samples {
            used += self.batch_size;
            let ways = T::one() / T::from(binomial(used, self.batch_size));
            let mut next: BTreeMap<u64, Moments<T>> = BTreeMap::new();
            for (&set, moments) in &level {
                for_each_subset(full(self.samples) & !set, self.batch_size, &mut |batch| {
                    let Some((step, kick)) = self.by_batch.get(&batch) else { return };
                    let moved = step * &moments.mean;
                    let mut second_moment = step * &moments.second_moment * step.transpose();
                    let mut mean = moved;
                    if kicked {
                        let cross = &mean * kick.transpose();
                        second_moment += &cross + cross.transpose() + kick * kick.transpose();
                        mean += kick;
                    }
                    let sum = next.entry(set | batch).or_insert_with(|| self.zero());
                    sum.mean += mean * ways;
                    sum.second_moment += second_moment * ways;
                });
            }
            let count = T::one() / T::from(next.len() as f64);
            let mut average = self.zero();
            for moments in next.values() {
                average.mean += &moments.mean * count;
                average.second_moment += &moments.second_moment * count;
            }
            averages.push(average);
            level = next;
        }
        averages
    }

    fn zero(&self) -> Moments<T> {
        Moments {
            mean: DVector::from_element(self.size, T::zero()),
            second_moment: DMatrix::from_element(self.size, self.size, T::zero()),
        }
    }

    fn last(&self, start: &Moments<T>, kicked: bool) -> Moments<T> {
        self.epoch(start, kicked).pop().unwrap_or_else(|| self.zero())
    }

    /// E z' = A E z + c over an epoch.
    fn mean_map(&self) -> (DMatrix<T>, DVector<T>) {
        let mut map = DMatrix::from_element(self.size, self.size, T::zero());
        for column in 0..self.size {
            let mut start = self.zero();
            start.mean[column] = T::one();
            map.set_column(column, &self.last(&start, false).mean);
        }
        (map, self.last(&self.zero(), true).mean)
    }

    /// The linear map of second moments over an epoch, on the upper triangle.
    fn second_moment_map(&self) -> DMatrix<T> {
        let places = triangle(self.size);
        let mut map = DMatrix::from_element(places.len(), places.len(), T::zero());
        for (column, &(i, j)) in places.iter().enumerate() {
            let mut start = self.zero();
            start.second_moment[(i, j)] = T::one();
            start.second_moment[(j, i)] = T::one();
            let image = self.last(&start, false).second_moment;
            for (row, &place) in places.iter().enumerate() {
                map[(row, column)] = image[place];
            }
        }
        map
    }

    /// The moments at the boundary of epochs that an epoch leaves as they are.
    fn stationary_boundary(&self) -> Result<Moments<T>> {
        let map = self.second_moment_map();
        let gain = spectral_radius(&lower(&map))?;
        if gain.is_nan() || gain >= 1.0 {
            return Err(TheoryError::MeanSquareUnstable { gain });
        }
        let singular = TheoryError::Singular { what: "the moments of an epoch have an eigenvalue 1" };
        let (step, kick) = self.mean_map();
        let identity = DMatrix::<T>::identity(self.size, self.size);
        let kick = DMatrix::from_column_slice(self.size, 1, kick.as_slice());
        let mean = gaussian_elimination::solve(&(identity - step), &kick).ok_or(singular.clone())?;
        let mean = mean.column(0).into_owned();
        let source = self.last(&Moments { mean: mean.clone(), ..self.zero() }, true).second_moment;
        let places = triangle(self.size);
        let right = DMatrix::from_fn(places.len(), 1, |row, _| source[places[row]]);
        let identity = DMatrix::<T>::identity(places.len(), places.len());
        let solution = gaussian_elimination::solve(&(identity - map), &right).ok_or(singular)?;
        let mut second_moment = DMatrix::from_element(self.size, self.size, T::zero());
        for (row, &(i, j)) in places.iter().enumerate() {
            second_moment[(i, j)] = solution[(row, 0)];
            second_moment[(j, i)] = solution[(row, 0)];
        }
        Ok(Moments { mean, second_moment })
    }
}

/// Index pairs i <= j.
fn triangle(size: usize) -> Vec<(usize, usize)> {
    (0..size).flat_map(|i| (i..size).map(move |j| (i, j))).collect()
}

fn matrix_power<T: Number>(matrix: &DMatrix<T>, exponent: u64) -> DMatrix<T> {
    let mut power = DMatrix::<T>::identity(matrix.nrows(), matrix.nrows());
    for place in (0..u64::BITS - exponent.leading_zeros()).rev() {
        power = &power * &power;
        if exponent >> place & 1 == 1 {
            power = &power * matrix;
        }
    }
    power
}

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>().round()
}

fn full(samples: usize) -> u64 {
    (1 << samples) - 1
}

fn members(set: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |index| set >> index & 1 == 1)
}

/// Calls a function with every subset of a given size.
fn for_each_subset(set: u64, size: usize, visit: &mut impl FnMut(u64)) {
    fn extend(rest: u64, missing: usize, chosen: u64, visit: &mut impl FnMut(u64)) {
        if missing == 0 {
            visit(chosen);
            return;
        }
        let mut rest = rest;
        while rest.count_ones() as usize >= missing {
            let lowest = rest & rest.wrapping_neg();
            rest &= !lowest;
            extend(rest, missing - 1, chosen | lowest, visit);
        }
    }
    extend(set, size, 0, visit);
}
