//! A data set on a device, and batches of it.

use langevin_sim::data::RegressionTable;

use crate::error::{NnError, Result};
use crate::model::InputShape;
use crate::network::Loss;
use crate::tensor::{Device, Kind, Precision, Tensor};

/// Rows copied at a time.
const ROWS: usize = 1024;

/// All samples of a data set.
#[derive(Debug)]
pub struct DeviceData {
    /// Samples first, then the shape of an input.
    inputs: Tensor,
    /// Samples x outputs, or labels.
    targets: Tensor,
    /// Labels, for data with one output per class.
    labels: Option<Tensor>,
    samples: usize,
    device: Device,
}

impl DeviceData {
    /// Copies a data set to a device, with targets as a loss takes them.
    ///
    /// # Errors
    /// [`NnError::Input`] for cross-entropy on targets that are no labels; [`NnError::Torch`] when there is no memory.
    pub fn new(
        table: &RegressionTable,
        shape: InputShape,
        loss: Loss,
        precision: Precision,
        device: Device,
    ) -> Result<Self> {
        let (samples, width, outputs) = (table.samples(), table.dimension(), table.outputs());
        let mut inputs = Tensor::zeros(&shape.of_batch(samples as i64), precision.kind(), device)?;
        let mut values = Vec::new();
        for first in (0..samples).step_by(ROWS) {
            let rows = ROWS.min(samples - first);
            values.resize(rows * width, 0.0);
            for (row, place) in values.chunks_exact_mut(width).enumerate() {
                table.features().read_row(first + row, place);
            }
            let part = Tensor::from_values(&values, &shape.of_batch(rows as i64), precision.kind(), device)?;
            inputs.part(first as i64..(first + rows) as i64)?.assign(&part)?;
        }
        let labels = labels_of(table);
        let label_tensor = |labels: &[i64]| Tensor::from_values(labels, &[samples as i64], Kind::Int64, device);
        let targets = match (loss, &labels) {
            (Loss::SquaredError, _) => {
                let shape = [samples as i64, outputs as i64];
                Tensor::from_values(table.targets(), &shape, precision.kind(), device)?
            }
            (Loss::CrossEntropy, Some(labels)) => label_tensor(labels)?,
            (Loss::CrossEntropy, None) => {
                return Err(NnError::Input {
                    detail: format!(
                        "model.loss is \"cross-entropy\", but the targets of {} are no one-hot labels; set data.one_hot = true, \
                         or model.loss = \"mse\"",
                        table.name
                    ),
                });
            }
        };
        inputs = inputs.detached()?;
        let labels = labels.as_deref().map(label_tensor).transpose()?;
        Ok(Self { inputs, targets, labels, samples, device })
    }

    /// N.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// All inputs, samples first.
    pub fn inputs(&self) -> &Tensor {
        &self.inputs
    }

    /// All targets, samples first.
    pub fn targets(&self) -> &Tensor {
        &self.targets
    }

    /// All labels, where the targets are one-hot.
    pub fn labels(&self) -> Option<&Tensor> {
        self.labels.as_ref()
    }

    /// Inputs and targets of a batch.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn batch(&self, samples: &[u32]) -> Result<(Tensor, Tensor)> {
        let numbers: Vec<i64> = samples.iter().map(|&sample| i64::from(sample)).collect();
        let numbers = Tensor::from_values(&numbers, &[numbers.len() as i64], Kind::Int64, self.device)?;
        Ok((self.inputs.rows_at(&numbers)?, self.targets.rows_at(&numbers)?))
    }
}

/// The label of each sample, when every row of the targets is a one among zeros.
fn labels_of(table: &RegressionTable) -> Option<Vec<i64>> {
    if table.outputs() < 2 {
        return None;
    }
    let label = |row: &[f64]| {
        let place = row.iter().position(|&value| value.to_bits() == 1.0_f64.to_bits())?;
        let is_one_hot = row.iter().enumerate().all(|(at, &value)| at == place || value.abs() == 0.0);
        is_one_hot.then_some(place as i64)
    };
    table.targets().chunks_exact(table.outputs()).map(label).collect()
}
