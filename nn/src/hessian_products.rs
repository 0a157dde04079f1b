//! Products of a network's Hessian with vectors from a file, for programs that need no more than those, and what one product costs here: the
//! first at a position pays for the loss and its gradient, further ones share them as far as memory allows.

use std::path::Path;
use std::time::Instant;

use langevin_sim::random::Stream;
use serde::Serialize;

use crate::curvature::{Objective, normals};
use crate::directions::{read_directions, write_directions};
use crate::error::Result;
use crate::tensor::{Device, Tensor, synchronize};
use crate::train::Trainer;
use crate::training_file::TrainingFile;

/// Products that were made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Products {
    /// m.
    pub dimension: usize,
    /// Samples of the loss.
    pub samples: usize,
    /// v'Hv/v'v of each vector.
    pub quotients: Vec<f64>,
    /// Seconds of a product that computes the loss and its gradient, too; the median over repetitions.
    pub seconds_first: f64,
    /// Seconds of a product after it.
    pub seconds_next: f64,
}

/// Multiplies the Hessian of the loss of all samples (without weight decay), where a training file starts, with the rows of a NumPy file, or with
/// one random vector; writes the products as rows of another.
///
/// # Errors
/// [`crate::NnError`] for vectors that do not fit the network, and for files.
pub fn hessian_products(
    file: &TrainingFile,
    vectors: Option<&Path>,
    out: Option<&Path>,
    repetitions: u32,
    device: Device,
) -> Result<Products> {
    let trainer = Trainer::new(file, device)?;
    let (network, data) = trainer.parts();
    let block = if let Some(path) = vectors {
        read_directions(path, network)?
    } else {
        let place = (network.precision().kind(), device);
        normals(&mut Stream::new(file.run.seed, 4), 1, network.dimension(), place)?
    };
    // before the clock starts: the first product of a process takes memory from the system
    let products = Objective::new(network, data, trainer.loss()).hessian_products(&block)?;
    let (mut first, mut next) = (Vec::new(), Vec::new());
    let one = block.part(0..1)?;
    let timed = |objective: &Objective<'_>| -> Result<f64> {
        let begun = Instant::now();
        objective.hessian_products(&one)?;
        synchronize(device);
        Ok(begun.elapsed().as_secs_f64())
    };
    let mut objective = Objective::new(network, data, trainer.loss());
    first.push(timed(&objective)?);
    for _ in 1..repetitions.max(1) {
        objective = Objective::new(network, data, trainer.loss());
        first.push(timed(&objective)?);
    }
    for _ in 0..repetitions.max(1) {
        next.push(timed(&objective)?);
    }
    if let Some(path) = out {
        write_directions(path, &products)?;
    }
    let quotient = |row: i64| -> Result<f64> {
        let (vector, product): (Tensor, Tensor) = (block.row(row)?, products.row(row)?);
        Ok(vector.dot(&product)?.value()? / vector.dot(&vector)?.value()?)
    };
    Ok(Products {
        dimension: network.dimension(),
        samples: data.samples(),
        quotients: (0..block.shape()[0]).map(quotient).collect::<Result<_>>()?,
        seconds_first: median(first),
        seconds_next: median(next),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
