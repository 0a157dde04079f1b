//! Solving dp/dt = G p on a grid. All three methods keep densities non-negative and the mass at 1: backward Euler (any
//! step, first order), Crank-Nicolson (dt <= 2/q, second order) and uniformisation (exact in time, about q t products),
#![doc = langevin_equation::equation!(r"(I - \Delta t\, G)\, p_{n+1} = p_n, \qquad \left( I - \tfrac{\Delta t}{2} G \right) p_{n+1} = \left( I + \tfrac{\Delta t}{2} G \right) p_n, \qquad p(t) = \sum_n e^{-q t} \frac{(q t)^n}{n!} \left( I + \frac{G}{q} \right)^n p(0)")]
//!
//! q is the largest exit rate. No linear method of order above one keeps densities non-negative with steps of any
//! length (Bolley and Crouzeix 1978): Crank-Nicolson does while its explicit half has no negative weight, which is `dt
//! q <= 2`.

use langevin_equation::equation;
use nalgebra::DVector;

use super::generator::GridFokkerPlanck;
use super::grid_density::{GridDensity, sum};
use crate::error::{Result, TheoryError};
use crate::time::Time;

/// Longest piece q t that uniformisation takes at once: e^{-q t} is far from underflow.
const LONGEST_PIECE: f64 = 400.0;

/// Largest q t that uniformisation takes at all.
const LARGEST_PRODUCTS: f64 = 1e6;

/// Roundings may change the mass in a step by this much at most; it is then restored.
const MASS_TOLERANCE: f64 = 1e-12;

/// How a density is carried through time by the generator G. All three methods keep densities non-negative and the mass
/// at 1: backward Euler, Crank-Nicolson and uniformisation are, with q the largest exit rate,
#[doc = equation!(r"(I - \Delta t\, G)\, p_{n+1} = p_n")]
#[doc = equation!(r"\left( I - \tfrac{\Delta t}{2} G \right) p_{n+1} = \left( I + \tfrac{\Delta t}{2} G \right) p_n, \qquad \Delta t \le \frac{2}{q}")]
#[doc = equation!(r"p(t) = \sum_n e^{-q t} \frac{(q t)^n}{n!} \left( I + \frac{G}{q} \right)^n p(0)")]
///
/// | question | choose |
/// |---|---|
/// | q t up to about 1e5? | [`TimeStepping::Uniformisation`]: no error in time |
/// | a long time, or stiff rates, few digits needed? | [`TimeStepping::BackwardEuler`] |
/// | an implicit second-order reference? | [`TimeStepping::CrankNicolson`] |
/// | only the end? | [`GridFokkerPlanck::stationary`] |
///
/// ```
/// use langevin_theory::Time;
/// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity, GridFokkerPlanck, TimeStepping};
/// use nalgebra::{dmatrix, dvector};
/// let line = Grid::new(&[Axis::new(-5.0, 5.0, 100).unwrap()]).unwrap();
/// let equation = GridFokkerPlanck::new(&line, 1.0, |x| -x, |_| dmatrix![1.0]).unwrap();
/// let start = GridDensity::point_mass(&line, &dvector![1.05]).unwrap();
/// let time = Time::new(1.0).unwrap();
/// let exact = equation.evolve(&start, time, TimeStepping::Uniformisation).unwrap();
/// assert!((exact.mean()[0] - 1.05 * (-1.0f64).exp()).abs() < 1e-3);
/// let implicit = equation.evolve(&start, time, TimeStepping::BackwardEuler { steps: 100 }).unwrap();
/// assert!((implicit.mean()[0] - exact.mean()[0]).abs() < 3e-3);
/// // a Crank-Nicolson step beyond 2/q could make densities negative
/// assert!(equation.evolve(&start, time, TimeStepping::CrankNicolson { steps: 10 }).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStepping {
    /// Steps of any length, first order.
    BackwardEuler {
        /// Number of equal steps.
        steps: usize,
    },
    /// Second order; a step is at most 2/q.
    CrankNicolson {
        /// Number of equal steps.
        steps: usize,
    },
    /// The exponential of the generator to rounding; q t is at most 1e6.
    Uniformisation,
}

impl GridFokkerPlanck {
    /// The density after a time (not steps of SGD), dp/dt = G p.
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a density on another grid; [`TheoryError::InvalidValue`] for no steps or a grid too
    /// large to eliminate; [`TheoryError::StepTooLong`] beyond the bound of the method; [`TheoryError::NotConverged`]
    /// should roundings move more than 1e-12 of the mass in a step.
    ///
    /// ```
    /// use langevin_theory::Time;
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity, GridFokkerPlanck, TimeStepping};
    /// use nalgebra::{dmatrix, dvector};
    /// // two cells exchange mass at rate 2: the difference decays as e^{-4 t}
    /// let line = Grid::new(&[Axis::new(0.0, 2.0, 2).unwrap()]).unwrap();
    /// let equation = GridFokkerPlanck::new(&line, 1.0, |_| dvector![0.0], |_| dmatrix![2.0]).unwrap();
    /// let start = GridDensity::point_mass(&line, &dvector![0.5]).unwrap();
    /// let later = equation.evolve(&start, Time::new(0.25).unwrap(), TimeStepping::Uniformisation).unwrap();
    /// assert!((later.values()[0] - later.values()[1] - (-1.0_f64).exp()).abs() < 1e-14);
    /// ```
    pub fn evolve(&self, density: &GridDensity, time: Time, stepping: TimeStepping) -> Result<GridDensity> {
        self.require_grid(density)?;
        let time = time.value();
        // probabilities of the cells
        let start = density.values() * self.grid().cell_volume();
        let end = match stepping {
            TimeStepping::BackwardEuler { steps } => self.implicit(start, time, steps, 1.0)?,
            TimeStepping::CrankNicolson { steps } => {
                let step = time / steps as f64;
                let limit = 2.0 / self.largest_exit_rate();
                if steps > 0 && step > limit {
                    return Err(TheoryError::StepTooLong { method: "Crank-Nicolson", step, limit });
                }
                self.implicit(start, time, steps, 0.5)?
            }
            TimeStepping::Uniformisation => self.uniformisation(start, time)?,
        };
        GridDensity::from_values(self.grid(), &end)
    }

    /// Steps with the weight `implicitness` at their end and the rest at their start.
    fn implicit(&self, start: DVector<f64>, time: f64, steps: usize, implicitness: f64) -> Result<DVector<f64>> {
        if steps == 0 {
            return Err(TheoryError::InvalidValue { name: "steps", value: 0.0, admissible: "at least 1" });
        }
        let step = time / steps as f64;
        let elimination = self.elimination(1.0, implicitness * step)?;
        let explicit = (1.0 - implicitness) * step;
        let mut values = start;
        let mut ordered = DVector::zeros(values.len());
        for _ in 0..steps {
            if explicit > 0.0 {
                values = self.advanced(&values, explicit);
            }
            for (cell, &value) in values.iter().enumerate() {
                ordered[self.order(cell)] = value;
            }
            elimination.solve(&mut ordered);
            for (cell, value) in values.iter_mut().enumerate() {
                *value = ordered[self.order(cell)];
            }
            restore_mass(&mut values)?;
        }
        Ok(values)
    }

    /// (I + step G) p, without subtraction for step q <= 1.
    fn advanced(&self, values: &DVector<f64>, step: f64) -> DVector<f64> {
        let stay = |cell: usize| (1.0 - step * self.exit_rates()[cell]).max(0.0);
        let mut next = DVector::from_fn(values.len(), |cell, _| stay(cell) * values[cell]);
        for (from, to, rate) in self.transitions() {
            next[to] += step * rate * values[from];
        }
        next
    }

    fn uniformisation(&self, start: DVector<f64>, time: f64) -> Result<DVector<f64>> {
        let rate = self.largest_exit_rate();
        let products = rate * time;
        if products.is_nan() || products > LARGEST_PRODUCTS {
            return Err(TheoryError::StepTooLong {
                method: "uniformisation",
                step: time,
                limit: LARGEST_PRODUCTS / rate,
            });
        }
        let pieces = (products / LONGEST_PIECE).ceil();
        let mut values = start;
        if products == 0.0 {
            return Ok(values);
        }
        let piece = products / pieces;
        for _ in 0..pieces as usize {
            let mut weight = (-piece).exp();
            let mut power = values.clone();
            let mut mixture = &power * weight;
            let mut count = 0.0;
            // up to the mode the weights rise; beyond it they fall faster than a geometric series
            while count < piece || weight > f64::EPSILON * f64::EPSILON {
                count += 1.0;
                weight *= piece / count;
                power = self.advanced(&power, rate.recip());
                mixture.axpy(weight, &power, 1.0);
            }
            // the weights add up to 1 as the mass does: one division restores both
            values = mixture;
            restore_mass(&mut values)?;
        }
        Ok(values)
    }
}

/// Takes the roundings of a step out of the mass, so that they do not add up.
fn restore_mass(values: &mut DVector<f64>) -> Result<()> {
    let mass = sum(values);
    if mass.is_nan() || (mass - 1.0).abs() > MASS_TOLERANCE {
        return Err(TheoryError::NotConverged { what: "the conservation of mass in a time step", iterations: 1 });
    }
    values.unscale_mut(mass);
    Ok(())
}

#[cfg(test)]
mod tests {
    use nalgebra::dvector;

    use super::restore_mass;
    use crate::error::TheoryError;

    #[test]
    fn roundings_are_taken_out_of_the_mass_and_nothing_larger_is() {
        for error in [0.0, 1e-15, -1e-13, 5e-13] {
            let mut values = dvector![0.25, 0.75] * (1.0 + error);
            restore_mass(&mut values).unwrap();
            assert!((values - dvector![0.25, 0.75]).amax() < 2e-16, "{error:e}");
        }
        for error in [1e-11, -1e-11, 1.0, -1.0, f64::INFINITY, f64::NAN] {
            let refused = restore_mass(&mut (dvector![0.25, 0.75] * (1.0 + error)));
            assert!(matches!(refused, Err(TheoryError::NotConverged { .. })), "{error:e}");
        }
    }
}
