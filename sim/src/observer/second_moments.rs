//! All second moments of positions and velocities together: products of blocks of states, tile by tile in registers, and of
//! the symmetric sum one half only.

use langevin_lanes::{Kernel, LANES, Lanes, Line, Processor, as_values};
use nalgebra::DMatrix;

use super::{Observer, StateBlock};

/// States gathered before their products are added.
const GATHERED: u64 = 96;

/// Columns and lines of a tile of the product: its sums stay in registers.
const TILE_COLUMNS: usize = 4;
const TILE_LINES: usize = 6;

/// Sum over states of z z^T with z = (x, v), a matrix of 2w x 2w for states of width w; x is the deviation from a centre.
///
/// ```
/// use langevin_sim::observer::SecondMomentObserver;
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
            states: Vec::with_capacity(GATHERED as usize * lines),
            sums: vec![Line::default(); lines * lines * LANES],
            count: 0,
        }
    }

    /// The same on other instructions.
    #[must_use]
    pub fn on(mut self, processor: Processor) -> Self {
        self.processor = processor;
        self
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
            if self.count.is_multiple_of(GATHERED) {
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
        for column in (0..lines * LANES).step_by(TILE_COLUMNS) {
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
