//! A data set on a device, and batches of it.

use std::sync::atomic::AtomicBool;

use langevin_sim::data::RegressionTable;

use super::DataSet;
use super::image_set::{ImageSet, View};
use super::labels::{labels_of, one_hot};
use super::loader::LoadedBatch;
use crate::error::{NnError, Result};
use crate::model::InputShape;
use crate::network::Loss;
use crate::tensor::{Device, Kind, Precision, Tensor};

/// Rows copied at a time.
const ROWS: usize = 1024;

/// Rows that are looked at at a time: at most this many,
const MOST_ROWS: usize = 1024;

/// and at most so many numbers.
const MOST_NUMBERS: usize = 1 << 22;

/// All samples of a data set, or what is needed to get them.
#[derive(Debug)]
pub struct DeviceData {
    store: Store,
    samples: usize,
    /// Rows looked at at a time.
    rows: usize,
    loss: Loss,
    precision: Precision,
    device: Device,
}

#[derive(Debug)]
enum Store {
    Resident {
        /// Samples first, then the shape of an input.
        inputs: Tensor,
        /// Samples x outputs, or labels.
        targets: Tensor,
        /// Labels, for data with one output per class.
        labels: Option<Tensor>,
    },
    Streamed {
        images: ImageSet,
        /// 1 x 3 x 1 x 1.
        mean: Tensor,
        deviation: Tensor,
    },
}

/// Some samples on the device.
#[derive(Debug)]
pub struct Span {
    /// Samples first, then the shape of an input.
    pub inputs: Tensor,
    /// Samples x outputs, or labels.
    pub targets: Tensor,
    /// Labels, for data with one output per class.
    pub labels: Option<Tensor>,
}

impl DeviceData {
    /// A data set with targets as a loss takes them.
    ///
    /// # Errors
    /// As [`DeviceData::new`].
    pub fn of(data: &DataSet, shape: InputShape, loss: Loss, precision: Precision, device: Device) -> Result<Self> {
        match data {
            DataSet::Table(table) => Self::new(table, shape, loss, precision, device),
            DataSet::Images(images) => {
                let row = |values: [f64; 3]| Tensor::from_values(&values, &[1, 3, 1, 1], precision.kind(), device);
                let store = Store::Streamed {
                    images: images.clone(),
                    mean: row(images.normalisation.mean)?,
                    deviation: row(images.normalisation.deviation)?,
                };
                let rows = rows_at_a_time(images.bytes());
                Ok(Self { store, samples: images.folder.samples(), rows, loss, precision, device })
            }
        }
    }

    /// Copies a table to a device, with targets as a loss takes them.
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
        let labels = labels_of(table.targets(), outputs);
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
        let store = Store::Resident { inputs, targets, labels };
        Ok(Self { store, samples, rows: rows_at_a_time(width), loss, precision, device })
    }

    /// N.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Rows that are looked at at a time where all are.
    pub fn rows_at_a_time(&self) -> usize {
        self.rows
    }

    /// The images, where batches are decoded from files.
    pub fn images(&self) -> Option<&ImageSet> {
        match &self.store {
            Store::Resident { .. } => None,
            Store::Streamed { images, .. } => Some(images),
        }
    }

    /// Inputs and targets of a batch; of images, the squares in the middle.
    ///
    /// # Errors
    /// [`NnError::Torch`]; of images, [`NnError::Read`] and [`NnError::File`] naming the file.
    pub fn batch(&self, samples: &[u32]) -> Result<(Tensor, Tensor)> {
        let span = self.span(samples)?;
        Ok((span.inputs, span.targets))
    }

    /// The same with labels.
    ///
    /// # Errors
    /// As [`DeviceData::batch`].
    pub fn span(&self, samples: &[u32]) -> Result<Span> {
        match &self.store {
            Store::Resident { inputs, targets, labels } => {
                let numbers: Vec<i64> = samples.iter().map(|&sample| i64::from(sample)).collect();
                let numbers = Tensor::from_values(&numbers, &[numbers.len() as i64], Kind::Int64, self.device)?;
                let labels = labels.as_ref().map(|labels| labels.rows_at(&numbers)).transpose()?;
                Ok(Span { inputs: inputs.rows_at(&numbers)?, targets: targets.rows_at(&numbers)?, labels })
            }
            Store::Streamed { images, .. } => {
                let mut planes = vec![0; samples.len() * images.bytes()];
                images.decode(samples, View::Evaluation, &mut planes, &AtomicBool::new(false))?;
                self.of_planes(samples, &planes)
            }
        }
    }

    /// Inputs and targets of a batch that was decoded before.
    ///
    /// # Errors
    /// [`NnError::Torch`]; [`NnError::Input`] for data that are no images.
    pub fn loaded(&self, batch: &LoadedBatch) -> Result<(Tensor, Tensor)> {
        let span = self.of_planes(&batch.samples, &batch.planes)?;
        Ok((span.inputs, span.targets))
    }

    fn of_planes(&self, samples: &[u32], planes: &[u8]) -> Result<Span> {
        let Store::Streamed { images, mean, deviation } = &self.store else {
            return Err(NnError::Input { detail: "a decoded batch for data that are no images".into() });
        };
        let (rows, side) = (samples.len() as i64, images.crop.size as i64);
        // bytes cross to the device, a quarter of what numbers would be
        let bytes = Tensor::from_bytes(planes, &[rows, 3, side, side], Kind::Uint8, self.device)?;
        let inputs = bytes.as_kind(self.precision.kind())?.divided_by(255.0)?.minus(mean)?.divided(deviation)?;
        let labels = images.folder.labels(samples);
        let classes = images.folder.classes().len();
        let label_tensor = Tensor::from_values(&labels, &[rows], Kind::Int64, self.device)?;
        let targets = match self.loss {
            Loss::CrossEntropy => label_tensor.alias(),
            Loss::SquaredError => {
                let rows_of = one_hot(&labels, classes);
                Tensor::from_values(&rows_of, &[rows, classes as i64], self.precision.kind(), self.device)?
            }
        };
        Ok(Span { inputs, targets, labels: Some(label_tensor) })
    }
}

fn rows_at_a_time(numbers: usize) -> usize {
    (MOST_NUMBERS / numbers.max(1)).clamp(1, MOST_ROWS)
}
