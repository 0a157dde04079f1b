//! Data sets: tables, copied to the device as a whole, and folders of images, decoded batch by batch.

mod cifar100;
mod crop;
mod data_keys;
mod decode;
mod device_data;
mod image_folder;
mod image_set;
mod labels;
mod loader;
mod resize;

use langevin_sim::data::RegressionTable;

pub use cifar100::{LabelKind, read_cifar100};
pub use crop::{Crop, Draw};
pub use data_keys::read_data;
pub use decode::{decode, read_image};
pub use device_data::{DeviceData, Span};
pub use image_folder::{Classes, ImageFolder};
pub use image_set::{IMAGENET, ImageSet, Normalisation, View};
pub use loader::{LoadedBatch, Loader};
pub use resize::{Pixels, Rectangle};

use crate::error::{NnError, Result};

/// Samples with targets.
#[derive(Clone, Debug)]
pub enum DataSet {
    /// A table of numbers.
    Table(RegressionTable),
    /// Images in files.
    Images(ImageSet),
}

impl DataSet {
    /// Short name.
    pub fn name(&self) -> String {
        match self {
            Self::Table(table) => table.name.clone(),
            Self::Images(images) => images.folder.root().display().to_string(),
        }
    }

    /// N.
    pub fn samples(&self) -> usize {
        match self {
            Self::Table(table) => table.samples(),
            Self::Images(images) => images.folder.samples(),
        }
    }

    /// Numbers of an input.
    pub fn dimension(&self) -> usize {
        match self {
            Self::Table(table) => table.dimension(),
            Self::Images(images) => images.bytes(),
        }
    }

    /// Outputs, or classes.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Table(table) => table.outputs(),
            Self::Images(images) => images.folder.classes().len(),
        }
    }

    /// The table.
    ///
    /// # Errors
    /// [`NnError::Input`] for images in files.
    pub fn table(&self) -> Result<&RegressionTable> {
        match self {
            Self::Table(table) => Ok(table),
            Self::Images(images) => Err(NnError::Input {
                detail: format!("{} is a folder of images; this needs a table", images.folder.root().display()),
            }),
        }
    }
}
