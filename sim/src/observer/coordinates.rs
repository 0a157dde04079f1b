//! Sums of coordinates and their products over states, over lanes and within blocks first: the rounding of a long chain grows
//! with the number of its blocks, not of its steps.

use langevin_lanes::{Kernel, LANES, Lanes, Processor};

use super::{Observer, ResumableObserver, StateBlock, part};
use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter};

/// Coordinates taken together where registers are small and few.
const NARROW: usize = 4;

/// Sums over states of x, v, x^2, x v and v^2, coordinate by coordinate; x is the deviation from a centre.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoordinateSums {
    /// Number of states.
    pub count: u64,
    /// Sum of x.
    pub position: Vec<f64>,
    /// Sum of v.
    pub velocity: Vec<f64>,
    /// Sum of x^2.
    pub position_square: Vec<f64>,
    /// Sum of x v.
    pub product: Vec<f64>,
    /// Sum of v^2.
    pub velocity_square: Vec<f64>,
}

/// Collects [`CoordinateSums`].
///
/// ```
/// use langevin_sim::observer::CoordinateObserver;
/// use langevin_sim::{Observer, StateBlock};
/// let mut observer = CoordinateObserver::new(&[1.0]);
/// observer.observe(&StateBlock { first_step: 0, positions: &[2.0, 4.0], velocities: &[0.5, 1.0], width: 1 });
/// let sums = observer.finish();
/// assert_eq!((sums.position[0], sums.product[0], sums.velocity_square[0]), (4.0, 3.5, 1.25));
/// ```
#[derive(Clone, Debug)]
pub struct CoordinateObserver<'a> {
    processor: Processor,
    centre: &'a [f64],
    sums: CoordinateSums,
}

impl<'a> CoordinateObserver<'a> {
    /// For states as wide as the centre.
    pub fn new(centre: &'a [f64]) -> Self {
        let zero = vec![0.0; centre.len()];
        let sums = CoordinateSums {
            count: 0,
            position: zero.clone(),
            velocity: zero.clone(),
            position_square: zero.clone(),
            product: zero.clone(),
            velocity_square: zero,
        };
        Self { processor: Processor::best(), centre, sums }
    }

    /// The same on other instructions.
    #[must_use]
    pub fn on(mut self, processor: Processor) -> Self {
        self.processor = processor;
        self
    }
}

impl Observer for CoordinateObserver<'_> {
    type Output = CoordinateSums;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.sums.count += (block.positions.len() / block.width) as u64;
        self.processor.run(AddMoments { block, centre: self.centre, sums: &mut self.sums });
    }

    fn finish(self) -> CoordinateSums {
        self.sums
    }
}

impl ResumableObserver for CoordinateObserver<'_> {
    fn save(&self, state: &mut StateWriter) {
        let CoordinateSums { count, position, velocity, position_square, product, velocity_square } = &self.sums;
        state.count(*count);
        for sums in [position, velocity, position_square, product, velocity_square] {
            state.numbers(sums);
        }
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        let CoordinateSums { count, position, velocity, position_square, product, velocity_square } = &mut self.sums;
        *count = state.count()?;
        for sums in [position, velocity, position_square, product, velocity_square] {
            state.numbers_into(sums)?;
        }
        Ok(())
    }
}

struct AddMoments<'a> {
    block: &'a StateBlock<'a>,
    centre: &'a [f64],
    sums: &'a mut CoordinateSums,
}

impl Kernel for AddMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let mut first = 0;
        if L::REGISTERS < 8 {
            while first + NARROW <= self.block.width {
                self.add_narrow(first);
                first += NARROW;
            }
        }
        while first < self.block.width {
            // all sums of some lines in registers
            if L::REGISTERS >= 16 && self.block.width - first > LANES {
                self.add_lines::<L, 2>(lanes, first);
                first += 2 * LANES;
            } else {
                self.add_lines::<L, 1>(lanes, first);
                first += LANES;
            }
        }
    }
}

impl AddMoments<'_> {
    /// Adds the moments of few coordinates over all states, with the instructions that every processor has: registers hold no
    /// more sums.
    #[inline(always)]
    fn add_narrow(&mut self, first: usize) {
        let mut centre = [0.0; NARROW];
        centre.copy_from_slice(&self.centre[first..first + NARROW]);
        let mut sums = [[0.0; NARROW]; 5];
        let rows = |values| values_of_rows(values, self.block.width, first);
        for (position, velocity) in rows(self.block.positions).zip(rows(self.block.velocities)) {
            for k in 0..NARROW {
                let (x, v) = (position[k] - centre[k], velocity[k]);
                sums[0][k] += x;
                sums[1][k] += v;
                sums[2][k] += x * x;
                sums[3][k] += x * v;
                sums[4][k] += v * v;
            }
        }
        let CoordinateSums { position, velocity, position_square, product, velocity_square, .. } = &mut *self.sums;
        for (total, sums) in [position, velocity, position_square, product, velocity_square].into_iter().zip(sums) {
            total[first..].iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
    }

    /// Adds the moments of N lines of coordinates over all states. Lanes beyond a row belong to the next one and are left
    /// out in the end.
    #[inline(always)]
    fn add_lines<L: Lanes, const N: usize>(&mut self, lanes: L, first: usize) {
        let width = self.block.width;
        let mut centre = [lanes.splat(0.0); N];
        for n in 0..N {
            centre[n] = part(lanes, &self.centre[first + n * LANES..]);
        }
        let mut sums = [[lanes.splat(0.0); 5]; N];
        let (positions, velocities) = (&self.block.positions[first..], &self.block.velocities[first..]);
        // the last states have no whole lines behind them
        let mut place = 0;
        while let (Some(position), Some(velocity)) = (lines_at::<N>(positions, place), lines_at::<N>(velocities, place))
        {
            for n in 0..N {
                add_moments(lanes, centre[n], lanes.load(&position[n]), lanes.load(&velocity[n]), &mut sums[n]);
            }
            place += width;
        }
        while place < positions.len() {
            for n in 0..N {
                let at = (place + n * LANES).min(positions.len());
                let (position, velocity) = (part(lanes, &positions[at..]), part(lanes, &velocities[at..]));
                add_moments(lanes, centre[n], position, velocity, &mut sums[n]);
            }
            place += width;
        }
        let CoordinateSums { position, velocity, position_square, product, velocity_square, .. } = &mut *self.sums;
        for (k, total) in [position, velocity, position_square, product, velocity_square].into_iter().enumerate() {
            for n in 0..N {
                add_to(lanes, sums[n][k], &mut total[first + n * LANES..]);
            }
        }
    }
}

/// Some coordinates of every state.
#[inline(always)]
fn values_of_rows(values: &[f64], width: usize, first: usize) -> impl Iterator<Item = &[f64; NARROW]> {
    values.get(first..).unwrap_or_default().chunks(width).filter_map(|row| row.first_chunk())
}

/// N lines of values from a place on, if there are as many.
#[inline(always)]
fn lines_at<const N: usize>(values: &[f64], place: usize) -> Option<&[[f64; LANES]; N]> {
    values.get(place..)?.as_chunks().0.first_chunk()
}

/// Adds a value to the first coordinates of a sum.
#[inline(always)]
fn add_to<L: Lanes>(lanes: L, value: L::F, total: &mut [f64]) {
    if let Some(total) = total.first_chunk_mut() {
        lanes.store(lanes.add(lanes.load(total), value), total);
    } else {
        let mut values = [0.0; LANES];
        lanes.store(value, &mut values);
        total.iter_mut().zip(values).for_each(|(total, value)| *total += value);
    }
}

/// Adds x, v, x^2, x v and v^2 of eight coordinates.
#[inline(always)]
fn add_moments<L: Lanes>(lanes: L, centre: L::F, position: L::F, velocity: L::F, sums: &mut [L::F; 5]) {
    let (x, v) = (lanes.sub(position, centre), velocity);
    sums[0] = lanes.add(sums[0], x);
    sums[1] = lanes.add(sums[1], v);
    sums[2] = lanes.mul_add(x, x, sums[2]);
    sums[3] = lanes.mul_add(x, v, sums[3]);
    sums[4] = lanes.mul_add(v, v, sums[4]);
}
