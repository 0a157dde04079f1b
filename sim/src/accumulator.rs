//! Running moments that can be merged (Pébay 2008): count, mean and central sums to the fourth power. Merging in a fixed
//! order gives the same bits whatever the number of threads.

use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// Count, mean and central moments of a stream of numbers.
///
/// ```
/// use langevin_sim::Moments;
/// let mut left = Moments::default();
/// let mut right = Moments::default();
/// [1.0, 2.0].iter().for_each(|&x| left.push(x));
/// [3.0, 6.0].iter().for_each(|&x| right.push(x));
/// let all = left.merged(&right);
/// assert_eq!((all.count(), all.mean()), (4, 3.0));
/// assert!((all.variance() - 14.0 / 3.0).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    second: f64,
    third: f64,
    fourth: f64,
}

impl Moments {
    /// Adds one number.
    pub fn push(&mut self, value: f64) {
        *self = self.merged(&Self { count: 1, mean: value, ..Self::default() });
    }

    /// The moments of both streams together.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if self.count == 0 {
            return *other;
        }
        if other.count == 0 {
            return *self;
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let total = n + m;
        let delta = other.mean - self.mean;
        let part = delta / total;
        let second = self.second + other.second + delta * part * n * m;
        let third = self.third
            + other.third
            + delta * part * part * n * m * (n - m)
            + 3.0 * part * (n * other.second - m * self.second);
        let fourth = self.fourth
            + other.fourth
            + delta * part.powi(3) * n * m * (n * n - n * m + m * m)
            + 6.0 * part * part * (n * n * other.second + m * m * self.second)
            + 4.0 * part * (n * other.third - m * self.third);
        Self { count: self.count + other.count, mean: self.mean + part * m, second, third, fourth }
    }

    /// Writes the five numbers.
    pub fn save(&self, state: &mut StateWriter) {
        state.count(self.count);
        for value in [self.mean, self.second, self.third, self.fourth] {
            state.number(value);
        }
    }

    /// Reads the five numbers.
    ///
    /// # Errors
    /// [`crate::SimError::SavedState`] at the end of the state.
    pub fn restore(state: &mut StateReader<'_>) -> Result<Self> {
        Ok(Self {
            count: state.count()?,
            mean: state.number()?,
            second: state.number()?,
            third: state.number()?,
            fourth: state.number()?,
        })
    }

    /// Moments of a slice.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut moments = Self::default();
        values.into_iter().for_each(|value| moments.push(value));
        moments
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean; 0 without values.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Unbiased variance; 0 for fewer than two values.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.second / (self.count - 1) as f64 }
    }

    /// Standard error of the mean.
    pub fn standard_error(&self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.variance() / self.count as f64).sqrt() }
    }

    /// Skewness; 0 without spread.
    pub fn skewness(&self) -> f64 {
        if self.second > 0.0 { (self.count as f64).sqrt() * self.third / self.second.powf(1.5) } else { 0.0 }
    }

    /// Excess kurtosis; 0 without spread.
    pub fn excess_kurtosis(&self) -> f64 {
        if self.second > 0.0 { self.count as f64 * self.fourth / self.second.powi(2) - 3.0 } else { 0.0 }
    }
}

/// [`Moments`] of several quantities that are always seen together. Its memory is that of the quantities, however many
/// times they were seen.
///
/// ```
/// use langevin_sim::MomentsOfMany;
/// let mut moments = MomentsOfMany::default();
/// moments.push(&[1.0, 10.0]);
/// moments.push(&[3.0, 30.0]);
/// assert_eq!(moments.quantities()[1].mean(), 20.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MomentsOfMany {
    quantities: Vec<Moments>,
}

impl MomentsOfMany {
    /// Adds one value of each quantity; the first call says how many there are.
    pub fn push(&mut self, values: &[f64]) {
        self.quantities.resize(values.len(), Moments::default());
        self.quantities.iter_mut().zip(values).for_each(|(moments, &value)| moments.push(value));
    }

    /// The moments of both streams together.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        if self.quantities.is_empty() {
            return other.clone();
        }
        self.quantities.iter_mut().zip(&other.quantities).for_each(|(left, right)| *left = left.merged(right));
        self
    }

    /// One entry per quantity; empty before the first values.
    pub fn quantities(&self) -> &[Moments] {
        &self.quantities
    }

    /// Writes all quantities.
    pub fn save(&self, state: &mut StateWriter) {
        state.count(self.quantities.len() as u64);
        self.quantities.iter().for_each(|moments| moments.save(state));
    }

    /// Reads what [`save`](Self::save) wrote; there are `quantities` of them, or none yet.
    ///
    /// # Errors
    /// [`crate::SimError::SavedState`] for another number of quantities.
    pub fn restore(state: &mut StateReader<'_>, quantities: usize) -> Result<Self> {
        let length = state.count()?;
        if length != 0 && length != quantities as u64 {
            return Err(mismatch(format!("{length} quantities where there must be {quantities}")));
        }
        Ok(Self { quantities: (0..length).map(|_| Moments::restore(state)).collect::<Result<_>>()? })
    }
}
