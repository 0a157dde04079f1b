//! Traces by Hutch++ (Meyer, Musco, Musco and Woodruff 2021): with Q an orthonormal basis of the image of random vectors,
//!
//! ```text
//! tr A = tr Q'AQ + tr P A P,   P = 1 - Q Q',   tr P A P = E z' P A P z for random signs z.
//! ```
//!
//! The first part is exact given Q, and the second is a mean of independent numbers, whose Student interval is the interval of
//! the trace.

use langevin_sim::random::Stream;
use langevin_verify::statistics::tail::student_quantile_above;

use super::LinearOperator;
use super::orthonormal::{normals, orthogonalise, orthonormal, roundoff, row_dot, signs};
use crate::error::{NnError, Result};
use crate::tensor::Tensor;

/// How many products to spend.
#[derive(Clone, Copy, Debug)]
pub struct TracePlan {
    /// Random vectors whose images span Q.
    pub sketch: usize,
    /// Random signs for the rest, one product each.
    pub probes: usize,
    /// Probability that the interval misses the trace.
    pub alpha: f64,
    /// Seed.
    pub seed: u64,
}

/// A trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trace {
    /// The estimate.
    pub value: f64,
    /// Half the width of its interval.
    pub half_width: f64,
    /// The part of it that needed no sampling.
    pub exact_part: f64,
    /// Products that were made.
    pub products: u64,
}

impl Trace {
    /// Whether a number is in the interval.
    pub fn contains(&self, value: f64) -> bool {
        (value - self.value).abs() <= self.half_width
    }
}

/// The trace of an operator, symmetric or not.
///
/// # Errors
/// [`NnError::Torch`]; [`NnError::Input`] for fewer than two probes.
pub fn trace(operator: &dyn LinearOperator, plan: &TracePlan) -> Result<Trace> {
    if plan.probes < 2 {
        let detail = format!("{} probes; an interval takes at least 2", plan.probes);
        return Err(NnError::Input { detail });
    }
    let (dimension, place) = (operator.dimension(), operator.place());
    let mut stream = Stream::new(plan.seed, 2);
    let (mut exact_part, mut products, mut scale) = (0.0, 0, 0.0);
    let mut range: Option<Tensor> = None;
    if plan.sketch > 0 {
        let drawn = normals(&mut stream, plan.sketch.min(dimension), dimension, place)?;
        range = orthonormal(&operator.products(&drawn)?)?;
        products += drawn.shape()[0].unsigned_abs();
    }
    if let Some(rows) = &range {
        let images = operator.products(rows)?;
        for row in 0..rows.shape()[0] {
            let part = row_dot(&rows.row(row)?, &images.row(row)?)?;
            exact_part += part;
            scale += part.abs();
            products += 1;
        }
    }
    let mut rest = Vec::with_capacity(plan.probes);
    for _ in 0..plan.probes {
        let mut probe = signs(&mut stream, 1, dimension, place)?.row(0)?;
        if let Some(rows) = &range {
            orthogonalise(&mut probe, rows)?;
        }
        let image = operator.products(&probe.shaped(&[1, dimension as i64])?)?.row(0)?;
        products += 1;
        rest.push(row_dot(&probe, &image)?);
    }
    let count = rest.len() as f64;
    let mean = rest.iter().sum::<f64>() / count;
    let variance = rest.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let quantile = student_quantile_above(count - 1.0, 0.5 * plan.alpha);
    // sums of `dimension` products, each rounded; without it the interval of a trace without a rest would be empty
    let rounding = 4.0 * roundoff(place.0) * (dimension as f64).sqrt() * (scale + mean.abs());
    Ok(Trace {
        value: exact_part + mean,
        half_width: quantile * (variance / count).sqrt() + rounding,
        exact_part,
        products,
    })
}
