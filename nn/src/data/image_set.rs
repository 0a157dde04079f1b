//! Images of a folder with what is done to them. They are decoded when they are needed, in parallel; a batch is planes of bytes, red, green
//! and blue, image after image, and becomes
//!
//! ```text
//! x = (byte/255 - mean)/deviation     (channel by channel)
//! ```
//!
//! on the device. Each image is its own piece of work: the number of threads changes nothing in the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::ThreadPool;
use rayon::prelude::*;

use super::crop::{Crop, Draw};
use super::decode::read_image;
use super::image_folder::ImageFolder;
use crate::error::{NnError, Result};

/// Means and deviations of the channels of ImageNet, as Torchvision's networks expect them.
pub const IMAGENET: Normalisation = Normalisation { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/// What is done to channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Subtracted.
    pub mean: [f64; 3],
    /// Divided by.
    pub deviation: [f64; 3],
}

/// Images, crops, normalisation, threads; cheap to clone.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// The files.
    pub folder: ImageFolder,
    /// Which part of an image is seen.
    pub crop: Crop,
    /// What is done to its channels.
    pub normalisation: Normalisation,
    /// Batches that may wait, decoded.
    pub prefetch: usize,
    pool: Arc<ThreadPool>,
}

/// Which squares a batch is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The middle.
    Evaluation,
    /// Those of a training step of a chain of a seed.
    Training {
        /// Seed.
        seed: u64,
        /// Chain.
        chain: u64,
        /// Step, from 0.
        step: u64,
    },
}

impl ImageSet {
    /// With so many threads for decoding.
    ///
    /// # Errors
    /// [`NnError::Input`] when the system gives no threads.
    pub fn new(
        folder: ImageFolder,
        crop: Crop,
        normalisation: Normalisation,
        (threads, prefetch): (usize, usize),
    ) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("decoder {number}"))
            .build()
            .map_err(|error| NnError::Input { detail: format!("{threads} threads for decoding: {error}") })?;
        Ok(Self { folder, crop, normalisation, prefetch, pool: Arc::new(pool) })
    }

    /// Another folder seen in the same way, on the same threads.
    #[must_use]
    pub fn with_folder(&self, folder: ImageFolder) -> Self {
        Self { folder, ..self.clone() }
    }

    /// Bytes of an image.
    pub fn bytes(&self) -> usize {
        3 * self.crop.size * self.crop.size
    }

    /// Does something with every sample on the decoding threads; gives the error of the first that has one.
    ///
    /// # Errors
    /// What the job says.
    pub fn for_all(&self, job: impl Fn(u32) -> Result<()> + Sync) -> Result<()> {
        let samples = 0..self.folder.samples() as u32;
        let first = self.pool.install(|| samples.into_par_iter().find_map_first(|sample| job(sample).err()));
        first.map_or(Ok(()), Err)
    }

    /// Decodes samples into planes of bytes, as many as there is room for; gives up early when `stop` is set.
    ///
    /// # Errors
    /// [`NnError::Read`] or [`NnError::File`] of the first sample that cannot be decoded, naming its file.
    pub fn decode(&self, samples: &[u32], view: View, planes: &mut [u8], stop: &AtomicBool) -> Result<()> {
        let work = |(place, (sample, planes)): (usize, (&u32, &mut [u8]))| {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            self.decode_one(*sample, place as u64, view, planes).err()
        };
        let failure = self.pool.install(|| {
            let places = samples.par_iter().zip(planes.par_chunks_exact_mut(self.bytes())).enumerate();
            places.map(work).find_map_first(|error| error)
        });
        failure.map_or(Ok(()), Err)
    }

    fn decode_one(&self, sample: u32, place: u64, view: View, planes: &mut [u8]) -> Result<()> {
        let image = read_image(&self.folder.path(sample))?;
        let square = match view {
            View::Evaluation => self.crop.middle(&image),
            View::Training { seed, chain, step } => self.crop.training(&image, Draw { seed, chain, step, place }),
        };
        let pixels = square.rgb.as_chunks::<3>().0;
        for (channel, plane) in planes.chunks_exact_mut(pixels.len().max(1)).enumerate() {
            for (value, pixel) in plane.iter_mut().zip(pixels) {
                *value = pixel[channel];
            }
        }
        Ok(())
    }
}
