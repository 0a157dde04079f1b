//! e^{-At} and int_0^t e^{-As} 2D e^{-A^T s} ds for any A and t: Taylor series at short times, then
//! `C(2t) = C(t) + E(t) C(t) E(t)^T`, `E(2t) = E(t)^2` (errata section 6). Entries that start at a high power of t, like the
//! variance of a position that only its velocity drives, come out with full relative precision, because the terms below
//! that power are exact zeros.

use nalgebra::DMatrix;

use crate::error::{Result, TheoryError};
use crate::extended_precision::{Number, largest, lift};

/// Terms of the Taylor series; with |A| t <= 1/4 the rest is below 1e-33.
const TERMS: usize = 27;

/// log2 of the relative error at which a propagator counts as lost, with the sign changed.
const SPARE_BITS: f64 = 20.0;

/// The propagator and the accumulated noise over a time.
#[derive(Clone, Debug)]
pub(super) struct Propagation<T: Number> {
    /// e^{-At}.
    pub(super) step: DMatrix<T>,
    /// int_0^t e^{-As} 2D e^{-A^T s} ds.
    pub(super) noise: DMatrix<T>,
}

impl<T: Number> Propagation<T> {
    /// By Taylor series, for |A| t of at most 1/4.
    fn short(drift: &DMatrix<f64>, diffusion: &DMatrix<f64>, time: f64) -> Self {
        let size = drift.nrows();
        let generator: DMatrix<T> = lift(drift).map(|entry: T| -entry);
        let duration = T::from(time);
        let mut power = DMatrix::<T>::identity(size, size);
        let mut step = power.clone();
        let mut term = lift::<T>(diffusion).map(|entry| (entry + entry) * duration);
        let mut noise = term.clone();
        for order in 1..TERMS {
            let factor = duration / T::from(order as f64);
            power = (&generator * &power).map(|entry| entry * factor);
            step += &power;
            let factor = duration / T::from((order + 1) as f64);
            let half = &generator * &term;
            term = DMatrix::from_fn(size, size, |i, j| (half[(i, j)] + half[(j, i)]) * factor);
            noise += &term;
        }
        Self { step, noise }
    }

    /// From t to 2t.
    fn double(&mut self) {
        let moved = &self.step * &self.noise * self.step.transpose();
        let size = moved.nrows();
        let half = T::from(0.5);
        self.noise += DMatrix::from_fn(size, size, |i, j| (moved[(i, j)] + moved[(j, i)]) * half);
        self.step = &self.step * &self.step;
    }

    /// Over a time. The noise may leave the range of doubles where the propagator does not.
    pub(super) fn over(drift: &DMatrix<f64>, diffusion: &DMatrix<f64>, time: f64) -> Result<Self> {
        let rate = rate(drift);
        let overflow = TheoryError::Overflow { what: "the propagator" };
        if !(rate * time).is_finite() {
            return Err(overflow);
        }
        let mut short = time;
        let mut doublings = 0;
        while rate * short > 0.25 {
            short *= 0.5;
            doublings += 1;
        }
        let mut propagation = Self::short(drift, diffusion, short);
        for doubling in 0..doublings {
            if largest(&propagation.step) == 0.0 {
                break;
            }
            if doubling == trusted_doublings::<T>() && !propagation.is_settled(drift, time) {
                return Err(TheoryError::NoDigitsLeft { what: "the propagator", doublings });
            }
            propagation.double();
            if !largest(&propagation.step).is_finite() {
                return Err(overflow);
            }
        }
        Ok(propagation)
    }

    /// Whether what moves has died out: A E = 0, so that E and what it leaves stay as they are for the rest of the time.
    fn is_settled(&self, drift: &DMatrix<f64>, time: f64) -> bool {
        largest(&(lift::<T>(drift) * &self.step)) * time <= (-SPARE_BITS).exp2() * largest(&self.step)
    }

    /// The accumulated noise after infinite time, which solves A B + B A^T = 2D. It exists when deviations decay: every
    /// eigenvalue of A has a positive real part. That is decided here, by propagating until nothing is left.
    pub(super) fn stationary(drift: &DMatrix<f64>, diffusion: &DMatrix<f64>) -> Result<DMatrix<T>> {
        // from |A| t = 1/4 to what is left of a rate of |A| at 1e-80
        const DECAY: usize = 10;
        let rate = rate(drift);
        if !(4.0 * rate).is_finite() {
            return Err(TheoryError::Overflow { what: "the norm of the drift" });
        }
        if is_singular(drift) {
            return Err(TheoryError::Singular {
                what: "the drift has an eigenvalue zero, whose direction has no restoring force",
            });
        }
        let mut time = (-(4.0 * rate).log2().ceil()).exp2();
        let mut propagation = Self::short(drift, diffusion, time);
        let mut left = largest(&propagation.step);
        // a real part of which no digit is left counts as zero
        for _ in 0..trusted_doublings::<T>() + DECAY {
            propagation.double();
            time *= 2.0;
            left = largest(&propagation.step);
            if left < 1e-80 {
                return Ok(propagation.noise);
            }
            if left > 1e80 {
                break;
            }
        }
        Err(TheoryError::NotHurwitz { real_part: -left.ln() / time })
    }
}

/// Doublings after which digits are left: each may double the relative rounding.
fn trusted_doublings<T: Number>() -> usize {
    (-T::EPSILON.log2() - SPARE_BITS) as usize
}

/// A bound of the norm of A.
fn rate(drift: &DMatrix<f64>) -> f64 {
    drift.column_iter().map(|column| column.iter().map(|entry| entry.abs()).sum::<f64>()).fold(0.0, f64::max)
}

/// Whether a matrix has no inverse, to rounding.
fn is_singular(matrix: &DMatrix<f64>) -> bool {
    let size = matrix.nrows();
    // rows of unit size: units of the coordinates do not matter
    let rows = DMatrix::from_fn(size, size, |i, j| {
        let largest = matrix.row(i).amax();
        if largest > 0.0 { matrix[(i, j)] / largest } else { 0.0 }
    });
    let pivots = rows.full_piv_lu().u().diagonal().abs();
    // the first of them is 1
    pivots.min() <= 4.0 * size as f64 * f64::EPSILON
}
