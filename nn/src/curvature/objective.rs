//! The loss of a set of samples at the position of a network,
//!
//! ```text
//! L(theta) = (1/n) sum_i l_i(theta),   g = grad L,   H = grad grad L,   Sigma = (1/n) sum_i g_i g_i' - g g',
//! ```
//!
//! without weight decay; batch normalisation uses its running averages, so that L is a mean over samples. Products with H come
//! from differentiating twice: H v = grad (G(w) . v) at w_i = 1/n, where G(w) = sum_i w_i g_i. The numbers g_i . v of all samples come from
//! differentiating G(w) . v by w, in which it is linear; no gradient of a single sample is ever formed. All is summed over chunks of samples;
//! a chunk that does not fit memory is halved.
//!
//! What G(w) was computed from does not change while an objective lives (it borrows the network), so chunks keep it, as far as a limit of
//! memory allows: every product after the first then costs one differentiation in place of three.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use crate::data::DeviceData;
use crate::error::{NnError, Result};
use crate::model::Mode;
use crate::network::{Loss, Network};
use crate::tensor::{Device, Kind, Tensor, without_gradients};

/// Bytes that kept graphs may take, by estimate.
const MOST_KEPT: usize = 1 << 31;

/// Numbers that a graph of two differentiations holds for each number that layers put out: the output, its gradient, and what the operations
/// between keep beside them (windows of a pooling, masks).
const HELD_PER_OUTPUT: usize = 4;

/// The gradient of a chunk as a function of weights of its samples, and how it was computed.
#[derive(Debug)]
struct Graph {
    /// l_i.
    losses: Tensor,
    /// w, 1/n each: a leaf.
    weights: Tensor,
    /// G(w), a flat vector.
    gradient: Tensor,
}

/// Graphs by the first place and the number of samples of their chunk.
type Kept = Vec<((usize, usize), Rc<Graph>)>;

/// A loss, where a network stands.
#[derive(Debug)]
pub struct Objective<'a> {
    network: &'a Network,
    data: &'a DeviceData,
    loss: Loss,
    samples: Vec<u32>,
    chunk: Cell<usize>,
    /// Graphs of chunks.
    kept: RefCell<Kept>,
    /// Bytes they may take.
    most_kept: usize,
    /// Numbers that layers put out for one sample.
    outputs: OnceCell<usize>,
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
        let (chunk, kept, outputs) = (Cell::new(data.rows_at_a_time()), RefCell::default(), OnceCell::new());
        Self { network, data, loss, samples, chunk, kept, most_kept: MOST_KEPT, outputs }
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
        self.kept.take();
        Ok(self)
    }

    /// The loss of one of these samples alone.
    ///
    /// # Errors
    /// As [`Objective::of_samples`].
    pub fn alone(&self, place: usize) -> Result<Self> {
        let sample = self.samples.get(place).copied().into_iter().collect();
        Self::new(self.network, self.data, self.loss).in_chunks(self.chunk.get()).of_samples(sample)
    }

    /// With chunks of at most so many samples.
    #[must_use]
    pub fn in_chunks(self, rows: usize) -> Self {
        self.chunk.set(rows.max(1));
        self.kept.take();
        self
    }

    /// Keeping at most so many bytes (by estimate) of what products share; 0: nothing, each computes it again.
    #[must_use]
    pub fn keeping(mut self, bytes: usize) -> Self {
        self.most_kept = bytes;
        self.kept.take();
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
                Err(error) if is_lack_of_memory(&error) && !self.kept.take().is_empty() => {}
                Err(error) if rows > 1 && is_lack_of_memory(&error) => self.chunk.set(rows / 2),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The graph of a chunk, kept if there is room.
    fn graph(&self, first: usize, chunk: &[u32]) -> Result<Rc<Graph>> {
        let key = (first, chunk.len());
        if let Some((_, graph)) = self.kept.borrow().iter().find(|(found, _)| *found == key) {
            return Ok(Rc::clone(graph));
        }
        let (kind, device) = self.place();
        let losses = self.losses(chunk)?;
        let weights = Tensor::full(&[chunk.len() as i64], 1.0 / self.samples.len() as f64, kind, device)?.leaf()?;
        let gradient = Tensor::joined(&losses.dot(&weights)?.gradients(self.network.leaves(), true)?)?;
        let graph = Rc::new(Graph { losses, weights, gradient });
        let samples = self.kept.borrow().iter().map(|((_, rows), _)| rows).sum::<usize>() + chunk.len();
        if samples.saturating_mul(self.bytes_of_sample()?) <= self.most_kept {
            self.kept.borrow_mut().push((key, Rc::clone(&graph)));
        }
        Ok(graph)
    }

    /// Bytes of a graph for each of its samples, by estimate.
    fn bytes_of_sample(&self) -> Result<usize> {
        let outputs = if let Some(outputs) = self.outputs.get() {
            *outputs
        } else {
            let (input, _) = self.data.batch(&self.samples[..1])?;
            let found = without_gradients(|| self.network.outputs_of_layers(&input))?;
            *self.outputs.get_or_init(|| found)
        };
        Ok(outputs * HELD_PER_OUTPUT * if self.place().0 == Kind::Double { 8 } else { 4 })
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
        let mut sum = Tensor::zeros(&[self.dimension() as i64], kind, device)?;
        self.for_chunks(|first, chunk| {
            let weights =
                weights.map(|weights| weights.part(first as i64..(first + chunk.len()) as i64)).transpose()?;
            let weighted = |losses: &Tensor| match &weights {
                None => losses.sum()?.scaled(1.0 / self.samples.len() as f64),
                Some(weights) => losses.dot(weights),
            };
            let key = (first, chunk.len());
            let kept = self.kept.borrow().iter().find(|(found, _)| *found == key).map(|(_, graph)| Rc::clone(graph));
            let leaves = self.network.leaves();
            let gradients = match kept {
                Some(graph) => Tensor::gradients_again(&[weighted(&graph.losses)?], leaves)?,
                None => weighted(&self.losses(chunk)?)?.gradients(leaves, false)?,
            };
            sum.add(&Tensor::joined(&gradients)?)
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
        let mut sums = Vec::new();
        let leaves = self.network.leaves();
        self.for_chunks(|first, chunk| {
            let graph = self.graph(first, chunk)?;
            // first all, then the sum: a chunk that runs out of memory must leave nothing behind
            let mut products = Vec::new();
            for row in 0..shape[0] {
                let along = graph.gradient.dot(&block.row(row)?)?;
                products.push(Tensor::joined(&Tensor::gradients_again(&[along], leaves)?)?);
            }
            if sums.is_empty() {
                sums = products;
                return Ok(());
            }
            sums.iter_mut().zip(&products).try_for_each(|(sum, product): (&mut Tensor, _)| sum.add(product))
        })?;
        match sums.as_slice() {
            [] => {
                let (kind, device) = self.place();
                Tensor::zeros(&shape, kind, device)
            }
            [product] => product.shaped(&shape),
            products => Tensor::stacked(products),
        }
    }

    /// g_i . v of every sample, for each row v of a block: rows x samples.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn sample_gradients_along(&self, block: &Tensor) -> Result<Vec<Vec<f64>>> {
        let rows = block.shape()[0];
        let mut values = vec![vec![0.0; self.samples.len()]; usize::try_from(rows).unwrap_or(0)];
        self.for_chunks(|first, chunk| {
            let graph = self.graph(first, chunk)?;
            for (row, values) in values.iter_mut().enumerate() {
                let along = graph.gradient.dot(&block.row(row as i64)?)?;
                let along = Tensor::gradients_again(&[along], &[graph.weights.alias()])?;
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
