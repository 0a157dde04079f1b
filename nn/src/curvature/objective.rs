//! The loss of a set of samples at the position of a network,
//!
//! ```text
//! L(theta) = (1/n) sum_i l_i(theta),   g = grad L,   H = grad grad L,   Sigma = (1/n) sum_i g_i g_i' - g g',
//! ```
//!
//! without weight decay; batch normalisation uses its running averages, so that L is a mean over samples. Products with H come
//! from differentiating twice: H v = grad (g . v). The numbers g_i . v of all samples come from differentiating G(w) . v by w, where
//! G(w) = sum_i w_i g_i is linear in the weights w; no gradient of a single sample is ever formed. All is summed over chunks of samples;
//! a chunk that does not fit memory is halved.

use std::cell::Cell;

use crate::data::DeviceData;
use crate::error::{NnError, Result};
use crate::model::Mode;
use crate::network::{Loss, Network};
use crate::tensor::{Device, Kind, Tensor, without_gradients};

/// A loss, where a network stands.
#[derive(Debug)]
pub struct Objective<'a> {
    network: &'a Network,
    data: &'a DeviceData,
    loss: Loss,
    samples: Vec<u32>,
    chunk: Cell<usize>,
}

/// Whether an error says that a smaller chunk may do.
fn is_lack_of_memory(error: &NnError) -> bool {
    let NnError::Torch { detail, .. } = error else { return false };
    ["out of memory", "allocate memory", "not enough memory", "CUDNN_STATUS_ALLOC_FAILED"]
        .iter()
        .any(|text| detail.contains(text))
}

impl<'a> Objective<'a> {
    /// The loss of all samples.
    pub fn new(network: &'a Network, data: &'a DeviceData, loss: Loss) -> Self {
        let samples = (0..data.samples()).map(|sample| u32::try_from(sample).unwrap_or(u32::MAX)).collect();
        Self { network, data, loss, samples, chunk: Cell::new(data.rows_at_a_time()) }
    }

    /// The loss of some samples.
    ///
    /// # Errors
    /// [`NnError::Input`] for no samples, or one that the data does not have.
    pub fn of_samples(mut self, samples: Vec<u32>) -> Result<Self> {
        let count = self.data.samples();
        if samples.is_empty() {
            return Err(NnError::Input { detail: "a loss of no samples; it must be at least one".into() });
        }
        if let Some(bad) = samples.iter().find(|&&sample| sample as usize >= count) {
            return Err(NnError::Input { detail: format!("sample {bad}; the data has {count}") });
        }
        self.samples = samples;
        Ok(self)
    }

    /// The loss of one of these samples alone.
    ///
    /// # Errors
    /// As [`Objective::of_samples`].
    pub fn alone(&self, place: usize) -> Result<Self> {
        let sample = self.samples.get(place).copied().into_iter().collect();
        Self { samples: Vec::new(), chunk: self.chunk.clone(), ..*self }.of_samples(sample)
    }

    /// With chunks of at most so many samples.
    #[must_use]
    pub fn in_chunks(self, rows: usize) -> Self {
        self.chunk.set(rows.max(1));
        self
    }

    /// n.
    pub fn samples(&self) -> usize {
        self.samples.len()
    }

    /// The network.
    pub fn network(&self) -> &Network {
        self.network
    }

    /// m.
    pub fn dimension(&self) -> usize {
        self.network.dimension()
    }

    fn place(&self) -> (Kind, Device) {
        (self.network.precision().kind(), self.network.device())
    }

    /// Losses of the samples of a chunk, to be differentiated.
    fn losses(&self, chunk: &[u32]) -> Result<Tensor> {
        let (inputs, targets) = self.data.batch(chunk)?;
        let outputs = self.network.outputs(&inputs, Mode::Evaluate)?;
        match self.loss {
            Loss::SquaredError => outputs.half_squared_distances(&targets),
            Loss::CrossEntropy => outputs.cross_entropies(&targets),
        }
    }

    /// Does something with each chunk (its first place, its samples).
    fn for_chunks(&self, mut job: impl FnMut(usize, &[u32]) -> Result<()>) -> Result<()> {
        let mut first = 0;
        while first < self.samples.len() {
            let rows = self.chunk.get().min(self.samples.len() - first);
            match job(first, &self.samples[first..first + rows]) {
                Ok(()) => first += rows,
                Err(error) if rows > 1 && is_lack_of_memory(&error) => self.chunk.set(rows / 2),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Adds arrays of the layers to a flat vector.
    fn add_flat(&self, sum: &Tensor, arrays: &[Tensor]) -> Result<()> {
        without_gradients(|| {
            let mut first = 0;
            for (array, leaf) in arrays.iter().zip(self.network.leaves()) {
                let last = first + leaf.count() as i64;
                sum.part(first..last)?.add(&array.shaped_flat()?)?;
                first = last;
            }
            Ok(())
        })
    }

    /// L.
    ///
    /// # Errors
    /// [`NnError::Torch`], here and below.
    pub fn value(&self) -> Result<f64> {
        let mut sum = 0.0;
        self.for_chunks(|_, chunk| {
            sum += without_gradients(|| self.losses(chunk)?.sum()?.value())?;
            Ok(())
        })?;
        Ok(sum / self.samples.len() as f64)
    }

    /// sum_i w_i g_i, a flat vector; without weights g, which is w_i = 1/n.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn gradient(&self, weights: Option<&Tensor>) -> Result<Tensor> {
        let (kind, device) = self.place();
        let sum = Tensor::zeros(&[self.dimension() as i64], kind, device)?;
        self.for_chunks(|first, chunk| {
            let losses = self.losses(chunk)?;
            let loss = match weights {
                None => losses.sum()?.scaled(1.0 / self.samples.len() as f64)?,
                Some(weights) => losses.dot(&weights.part(first as i64..(first + chunk.len()) as i64)?)?,
            };
            self.add_flat(&sum, &loss.gradients(self.network.leaves(), false)?)
        })?;
        Ok(sum)
    }

    /// H times each row of a block.
    ///
    /// # Errors
    /// [`NnError::Torch`]; [`NnError::Input`] for rows of another length.
    pub fn hessian_products(&self, block: &Tensor) -> Result<Tensor> {
        let shape = block.shape();
        if shape.len() != 2 || shape[1] != self.dimension() as i64 {
            let detail = format!("vectors of shape {shape:?}; they must be rows of {} numbers", self.dimension());
            return Err(NnError::Input { detail });
        }
        let (kind, device) = self.place();
        let sums = Tensor::zeros(&shape, kind, device)?;
        let leaves = self.network.leaves();
        self.for_chunks(|_, chunk| {
            let loss = self.losses(chunk)?.sum()?.scaled(1.0 / self.samples.len() as f64)?;
            let gradients = loss.gradients(leaves, true)?;
            // first all, then the sum: a chunk that runs out of memory must leave nothing behind
            let mut products = Vec::new();
            for row in 0..shape[0] {
                let along = dot_flat(&gradients, &block.row(row)?)?;
                products.push(along.gradients_again(leaves)?);
            }
            for (row, product) in products.iter().enumerate() {
                self.add_flat(&sums.row(row as i64)?, product)?;
            }
            Ok(())
        })?;
        Ok(sums)
    }

    /// g_i . v of every sample, for each row v of a block: rows x samples.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn sample_gradients_along(&self, block: &Tensor) -> Result<Vec<Vec<f64>>> {
        let (kind, device) = self.place();
        let rows = block.shape()[0];
        let mut values = vec![vec![0.0; self.samples.len()]; usize::try_from(rows).unwrap_or(0)];
        self.for_chunks(|first, chunk| {
            let losses = self.losses(chunk)?;
            let weights = Tensor::full(&[chunk.len() as i64], 1.0, kind, device)?.leaf()?;
            let gradients = losses.dot(&weights)?.gradients(self.network.leaves(), true)?;
            for (row, values) in values.iter_mut().enumerate() {
                let along = dot_flat(&gradients, &block.row(row as i64)?)?;
                let along = along.gradients_again(&[weights.alias()])?;
                if let Some(along) = along.first() {
                    along.write_to(&mut values[first..first + chunk.len()])?;
                }
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// Sigma v.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn noise_product(&self, vector: &Tensor) -> Result<Tensor> {
        let (kind, device) = self.place();
        let row = vector.shaped(&[1, self.dimension() as i64])?;
        let along = self.sample_gradients_along(&row)?.pop().unwrap_or_default();
        let samples = along.len() as f64;
        let mean = along.iter().sum::<f64>() / samples;
        // centred first: sum_i (g_i . v - g . v) g_i / n is Sigma v without cancellation between two large vectors
        let weights: Vec<f64> = along.iter().map(|value| (value - mean) / samples).collect();
        self.gradient(Some(&Tensor::from_values(&weights, &[weights.len() as i64], kind, device)?))
    }
}

/// The sum over layers of the products of arrays with a flat vector, to be differentiated.
fn dot_flat(arrays: &[Tensor], vector: &Tensor) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    let mut first = 0;
    for array in arrays {
        let last = first + array.count() as i64;
        let term = array.shaped_flat()?.dot(&vector.part(first..last)?)?;
        sum = Some(match sum {
            None => term,
            Some(sum) => sum.plus(&term)?,
        });
        first = last;
    }
    sum.ok_or_else(|| NnError::Input { detail: "a network without parameters".into() })
}
