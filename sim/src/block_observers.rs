//! Observers whose sums run over lanes: moments per coordinate, distances per step, and all second moments together.

use langevin_lanes::{Kernel, LANES, Lanes, Line, Processor, as_values};
use nalgebra::DMatrix;

use crate::observer::{Observer, StateBlock};

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
/// use langevin_sim::block_observers::CoordinateObserver;
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

struct AddMoments<'a> {
    block: &'a StateBlock<'a>,
    centre: &'a [f64],
    sums: &'a mut CoordinateSums,
}

impl Kernel for AddMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let width = self.block.width;
        let mut first = 0;
        while first < width {
            let count = LANES.min(width - first);
            let centre = part(lanes, &self.centre[first..]);
            let sums = if count == LANES {
                let rows = self.block.positions.chunks_exact(width).zip(self.block.velocities.chunks_exact(width));
                add_moments(lanes, centre, rows.map(|(position, velocity)| (&position[first..], &velocity[first..])))
            } else {
                // lanes beyond the row belong to the next one and are left out in the end
                let places = (first..self.block.positions.len()).step_by(width);
                let (positions, velocities) = (self.block.positions, self.block.velocities);
                add_moments(lanes, centre, places.map(|place| (&positions[place..], &velocities[place..])))
            };
            let CoordinateSums { position, velocity, position_square, product, velocity_square, .. } = &mut *self.sums;
            for (total, sum) in [position, velocity, position_square, product, velocity_square].into_iter().zip(sums) {
                let mut values = [0.0; LANES];
                lanes.store(sum, &mut values);
                total[first..first + count].iter_mut().zip(values).for_each(|(total, value)| *total += value);
            }
            first += LANES;
        }
    }
}

/// Sums of x, v, x^2, x v and v^2 of eight coordinates.
#[inline(always)]
fn add_moments<'a, L: Lanes>(
    lanes: L,
    centre: L::F,
    states: impl Iterator<Item = (&'a [f64], &'a [f64])>,
) -> [L::F; 5] {
    let mut sums = [lanes.splat(0.0); 5];
    for (position, velocity) in states {
        let x = lanes.sub(part(lanes, position), centre);
        let v = part(lanes, velocity);
        sums[0] = lanes.add(sums[0], x);
        sums[1] = lanes.add(sums[1], v);
        sums[2] = lanes.mul_add(x, x, sums[2]);
        sums[3] = lanes.mul_add(x, v, sums[3]);
        sums[4] = lanes.mul_add(v, v, sums[4]);
    }
    sums
}

/// The first eight values, or all there are and zeros.
#[inline(always)]
fn part<L: Lanes>(lanes: L, values: &[f64]) -> L::F {
    if let Some(eight) = values.first_chunk::<LANES>() {
        lanes.load(eight)
    } else {
        let mut padded = [0.0; LANES];
        padded[..values.len()].copy_from_slice(values);
        lanes.load(&padded)
    }
}

/// |theta_k - theta_{k-1}|^2 and |theta_k - theta_*|^2 after every step, the quantities of equation (1).
///
/// ```
/// use langevin_sim::block_observers::DistanceObserver;
/// use langevin_sim::{Observer, StateBlock};
/// let mut observer = DistanceObserver::new(&[0.0], 0.5);
/// observer.observe(&StateBlock { first_step: 0, positions: &[2.0, 3.0], velocities: &[0.0, 2.0], width: 1 });
/// let distances = observer.finish();
/// assert_eq!((distances.local[0], distances.global[0]), (1.0, 9.0)); // eta v = 1
/// ```
#[derive(Clone, Debug)]
pub struct DistanceObserver<'a> {
    processor: Processor,
    origin: &'a [f64],
    learning_rate: f64,
    distances: Distances,
}

/// Squared distances after steps 1, 2, ...
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distances {
    /// |delta_k|^2 = |eta v_k|^2.
    pub local: Vec<f64>,
    /// |Delta_k|^2.
    pub global: Vec<f64>,
}

impl<'a> DistanceObserver<'a> {
    /// Distances from an origin as wide as the states.
    pub fn new(origin: &'a [f64], learning_rate: f64) -> Self {
        Self { processor: Processor::best(), origin, learning_rate, distances: Distances::default() }
    }
}

impl Observer for DistanceObserver<'_> {
    type Output = Distances;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.processor.run(AddDistances {
            block,
            origin: self.origin,
            square_rate: self.learning_rate * self.learning_rate,
            distances: &mut self.distances,
        });
    }

    fn finish(self) -> Distances {
        self.distances
    }
}

struct AddDistances<'a> {
    block: &'a StateBlock<'a>,
    origin: &'a [f64],
    square_rate: f64,
    distances: &'a mut Distances,
}

impl Kernel for AddDistances<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let width = self.block.width;
        let initial = usize::from(self.block.first_step == 0);
        let states = self.block.positions.chunks_exact(width).zip(self.block.velocities.chunks_exact(width));
        for (position, velocity) in states.skip(initial) {
            let (mut local, mut global) = (lanes.splat(0.0), lanes.splat(0.0));
            let mut first = 0;
            while first < width {
                let x = lanes.sub(part(lanes, &position[first..]), part(lanes, &self.origin[first..]));
                let v = part(lanes, &velocity[first..]);
                local = lanes.mul_add(v, v, local);
                global = lanes.mul_add(x, x, global);
                first += LANES;
            }
            self.distances.local.push(self.square_rate * lanes.sum(local));
            self.distances.global.push(lanes.sum(global));
        }
    }
}

/// States gathered before their products are added.
const GATHERED: usize = 96;

/// Columns and lines of a tile of the product: its sums stay in registers.
const TILE_COLUMNS: usize = 4;
const TILE_LINES: usize = 6;

/// Sum over states of z z^T with z = (x, v), a matrix of 2w x 2w for states of width w; x is the deviation from a centre.
///
/// ```
/// use langevin_sim::block_observers::SecondMomentObserver;
/// use langevin_sim::{Observer, StateBlock};
/// let mut observer = SecondMomentObserver::new(&[1.0]);
/// observer.observe(&StateBlock { first_step: 0, positions: &[2.0, 4.0], velocities: &[0.5, 1.0], width: 1 });
/// let (count, sum) = observer.finish();
/// assert_eq!((count, sum[(0, 0)], sum[(0, 1)], sum[(1, 0)], sum[(1, 1)]), (2, 10.0, 3.5, 3.5, 1.25));
/// ```
#[derive(Clone, Debug)]
pub struct SecondMomentObserver<'a> {
    processor: Processor,
    centre: &'a [f64],
    /// Lines of a padded state.
    lines: usize,
    /// Gathered states.
    states: Vec<Line>,
    /// Column by column; lines below the diagonal's line are filled.
    sums: Vec<Line>,
    count: u64,
}

impl<'a> SecondMomentObserver<'a> {
    /// For states as wide as the centre.
    pub fn new(centre: &'a [f64]) -> Self {
        let lines = (2 * centre.len()).div_ceil(LANES);
        Self {
            processor: Processor::best(),
            centre,
            lines,
            states: Vec::with_capacity(GATHERED * lines),
            sums: vec![Line::default(); lines * lines * LANES],
            count: 0,
        }
    }

    fn add_products(&mut self) {
        self.processor.run(AddProducts { states: &self.states, lines: self.lines, sums: &mut self.sums });
        self.states.clear();
    }
}

impl Observer for SecondMomentObserver<'_> {
    type Output = (u64, DMatrix<f64>);

    fn observe(&mut self, block: &StateBlock<'_>) {
        let width = block.width;
        for (position, velocity) in block.positions.chunks_exact(width).zip(block.velocities.chunks_exact(width)) {
            let first = self.states.len();
            self.states.resize(first + self.lines, Line::default());
            let state = langevin_lanes::as_values_mut(&mut self.states[first..]);
            for ((place, x), centre) in state.iter_mut().zip(position).zip(self.centre) {
                *place = x - centre;
            }
            state[width..2 * width].copy_from_slice(velocity);
            self.count += 1;
            if self.states.len() >= GATHERED * self.lines {
                self.add_products();
            }
        }
    }

    fn finish(mut self) -> (u64, DMatrix<f64>) {
        self.add_products();
        let padded = self.lines * LANES;
        let sums = as_values(&self.sums);
        let size = 2 * self.centre.len();
        // only lines from the diagonal's on are filled: the row is the larger index
        let matrix = DMatrix::from_fn(size, size, |i, j| sums[i.min(j) * padded + i.max(j)]);
        (self.count, matrix)
    }
}

struct AddProducts<'a> {
    states: &'a [Line],
    lines: usize,
    sums: &'a mut [Line],
}

impl Kernel for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { states, lines, sums } = self;
        let mut column = 0;
        while column < lines * LANES {
            let mut line = column / LANES;
            while line < lines {
                let count = TILE_LINES.min(lines - line);
                let own = &mut sums[column * lines..][..TILE_COLUMNS * lines];
                match count {
                    1 => add_tile::<L, 1>(lanes, states, lines, column, line, own),
                    2 => add_tile::<L, 2>(lanes, states, lines, column, line, own),
                    3 => add_tile::<L, 3>(lanes, states, lines, column, line, own),
                    4 => add_tile::<L, 4>(lanes, states, lines, column, line, own),
                    5 => add_tile::<L, 5>(lanes, states, lines, column, line, own),
                    _ => add_tile::<L, TILE_LINES>(lanes, states, lines, column, line, own),
                }
                line += count;
            }
            column += TILE_COLUMNS;
        }
    }
}

/// Adds the products of M lines with some columns over all states.
#[inline(always)]
fn add_tile<L: Lanes, const M: usize>(
    lanes: L,
    states: &[Line],
    lines: usize,
    column: usize,
    line: usize,
    sums: &mut [Line],
) {
    let mut tile = [[lanes.splat(0.0); M]; TILE_COLUMNS];
    let (home, offset) = (column / LANES, column % LANES);
    for state in states.chunks_exact(lines) {
        let own: &[Line; M] = match state[line..].first_chunk() {
            Some(own) => own,
            None => return,
        };
        let mut values = [lanes.splat(0.0); M];
        for m in 0..M {
            values[m] = lanes.load(&own[m].0);
        }
        let factors = &state[home].0[offset..offset + TILE_COLUMNS];
        for (sums, &factor) in tile.iter_mut().zip(factors) {
            let factor = lanes.splat(factor);
            for m in 0..M {
                sums[m] = lanes.mul_add(values[m], factor, sums[m]);
            }
        }
    }
    for (sums, tile) in sums.chunks_exact_mut(lines).zip(&tile) {
        for (total, sum) in sums[line..line + M].iter_mut().zip(tile) {
            lanes.store(lanes.add(lanes.load(&total.0), *sum), &mut total.0);
        }
    }
}
