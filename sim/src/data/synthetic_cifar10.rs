//! A synthetic stand-in for CIFAR-10 in its binary format, for machines that cannot fetch the real one: images of 10 classes
//! that share the second-order statistics of natural images.
//!
//! Each colour channel is a Gaussian field on the 32 x 32 torus whose power falls with frequency as a power law (Ruderman and
//! Bialek 1994), plus a brightness of its own for each image with 29 % of the variance, the share of CIFAR-10's first
//! principal component; the channels are correlated at 0.9, around a grey level of 0.48 with a contrast of 0.24. A class adds
//! a fixed pattern from the same law. So the Hessian of raw pixels has one large eigenvalue, about 700 in units of 1/255 (the
//! mean image and the brightness), the next ones are 70 times smaller, and the last ones 4,000,000 times.

use std::f64::consts::TAU;
use std::io::{BufWriter, Write};
use std::path::Path;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::cifar10::{CLASSES, PIXELS, RECORD, batch_names};
use crate::error::{Result, SimError};

/// Side of an image.
const SIDE: usize = 32;

/// Pixels of a channel.
const CHANNEL: usize = SIDE * SIDE;

/// Colour channels.
const CHANNELS: usize = 3;

/// Mean grey level and standard deviation of a pixel, of 1.
const GREY: f64 = 0.48;
const CONTRAST: f64 = 0.24;

/// Correlation between colour channels.
const COLOUR: f64 = 0.9;

/// Power at frequency f is f to minus this.
const DECAY: f64 = 2.4;

/// Part of the variance of a field that is the same at all pixels.
const BRIGHTNESS: f64 = 0.29;

/// Part of the variance that is the class's pattern.
const CLASS_SHARE: f64 = 0.08;

/// cos and sin of every wave along one axis, SIDE x SIDE.
struct Waves {
    cosine: Vec<f64>,
    sine: Vec<f64>,
    /// Root of the power of each wave, SIDE x SIDE; their squares sum to 1.
    amplitude: Vec<f64>,
}

impl Waves {
    fn new() -> Self {
        let angle = |index: usize| TAU * ((index / SIDE) * (index % SIDE) % SIDE) as f64 / SIDE as f64;
        let distance = |wave: usize| wave.min(SIDE - wave) as f64;
        let power: Vec<f64> =
            (1..CHANNEL).map(|wave| distance(wave / SIDE).hypot(distance(wave % SIDE)).powf(-DECAY)).collect();
        let total: f64 = power.iter().sum();
        let varying = power.iter().map(|power| ((1.0 - BRIGHTNESS) * power / total).sqrt());
        Self {
            amplitude: std::iter::once(BRIGHTNESS.sqrt()).chain(varying).collect(),
            cosine: (0..CHANNEL).map(|index| angle(index).cos()).collect(),
            sine: (0..CHANNEL).map(|index| angle(index).sin()).collect(),
        }
    }

    /// A field of unit variance: real part of a sum of waves with independent complex amplitudes.
    fn field(&self, stream: &mut ChaCha8Rng) -> Vec<f64> {
        let mut normal = || -> f64 { StandardNormal.sample(stream) };
        let (mut real, mut imaginary) = (vec![0.0; CHANNEL], vec![0.0; CHANNEL]);
        for (wave, amplitude) in self.amplitude.iter().enumerate() {
            (real[wave], imaginary[wave]) = (amplitude * normal(), amplitude * normal());
        }
        // one axis after the other
        let (mut half_real, mut half_imaginary) = (vec![0.0; CHANNEL], vec![0.0; CHANNEL]);
        for row in 0..SIDE {
            for place in 0..SIDE {
                let (mut re, mut im) = (0.0, 0.0);
                for wave in 0..SIDE {
                    let (c, s) = (self.cosine[wave * SIDE + place], self.sine[wave * SIDE + place]);
                    let (a, b) = (real[row * SIDE + wave], imaginary[row * SIDE + wave]);
                    re += a * c - b * s;
                    im += a * s + b * c;
                }
                half_real[row * SIDE + place] = re;
                half_imaginary[row * SIDE + place] = im;
            }
        }
        let mut field = vec![0.0; CHANNEL];
        for place in 0..SIDE {
            for wave in 0..SIDE {
                let (c, s) = (self.cosine[wave * SIDE + place], self.sine[wave * SIDE + place]);
                for column in 0..SIDE {
                    let index = wave * SIDE + column;
                    field[place * SIDE + column] += half_real[index] * c - half_imaginary[index] * s;
                }
            }
        }
        field
    }

    /// Three correlated channels of unit variance.
    fn image(&self, stream: &mut ChaCha8Rng) -> Vec<f64> {
        let shared = self.field(stream);
        (0..CHANNELS)
            .flat_map(|_| {
                let own = self.field(stream);
                let (common, separate) = (COLOUR.sqrt(), (1.0 - COLOUR).sqrt());
                shared.iter().zip(own).map(|(a, b)| common * a + separate * b).collect::<Vec<f64>>()
            })
            .collect()
    }
}

/// Writes `data_batch_1.bin` to `data_batch_5.bin` into a folder that exists, `records` images each (CIFAR-10 has 10,000). The
/// bytes depend on the seed alone.
///
/// # Errors
/// [`SimError::InvalidValue`] for no records, [`SimError::File`].
///
/// ```
/// use langevin_sim::data::{RegressionTable, Standardize, write_synthetic_cifar10};
/// let folder = tempfile::tempdir().unwrap();
/// write_synthetic_cifar10(folder.path(), 4, 1).unwrap();
/// let data = RegressionTable::cifar10(folder.path(), Standardize::None, true, None).unwrap();
/// assert_eq!((data.samples(), data.dimension(), data.outputs()), (20, 3072, 10));
/// ```
pub fn write_synthetic_cifar10(folder: &Path, records: usize, seed: u64) -> Result<()> {
    if records == 0 {
        return Err(SimError::InvalidValue { name: "records", value: "0".into(), admissible: "at least 1".into() });
    }
    let waves = Waves::new();
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    let patterns: Vec<Vec<f64>> = (0..CLASSES).map(|_| waves.image(&mut stream)).collect();
    let (pattern_part, own_part) = (CLASS_SHARE.sqrt(), (1.0 - CLASS_SHARE).sqrt());
    for (batch, name) in batch_names().enumerate() {
        let path = folder.join(name);
        let fail = |source| SimError::File { path: path.clone(), source };
        let mut file = BufWriter::new(std::fs::File::create(&path).map_err(fail)?);
        // images in parallel, a thousand at a time, written in order
        for first in (0..records).step_by(1000) {
            let chunk: Vec<Vec<u8>> = (first..records.min(first + 1000))
                .into_par_iter()
                .map(|record| {
                    let mut stream = ChaCha8Rng::seed_from_u64(seed);
                    stream.set_stream(1 + (batch * records + record) as u64);
                    let label = stream.random_range(0..CLASSES as u8);
                    let own = waves.image(&mut stream);
                    let pattern = &patterns[usize::from(label)];
                    let mut bytes = Vec::with_capacity(RECORD);
                    bytes.push(label);
                    bytes.extend(own.iter().zip(pattern).map(|(a, b)| {
                        let level = GREY + CONTRAST * (own_part * a + pattern_part * b);
                        // the cast saturates at 0 and 255
                        (255.0 * level).round() as u8
                    }));
                    debug_assert_eq!(bytes.len(), 1 + PIXELS);
                    bytes
                })
                .collect();
            for record in chunk {
                file.write_all(&record).map_err(fail)?;
            }
        }
        file.flush().map_err(fail)?;
    }
    Ok(())
}
