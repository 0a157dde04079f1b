//! What looks at chains while they run. Observers receive blocks of consecutive states of one chain, not single steps, and
//! return one value per chain.

use nalgebra::DMatrix;

/// Consecutive states of one chain. Row r holds the state after `first_step + r` steps: `outputs` groups of `dimension`
/// coordinates. Step 0 is the initial state.
#[derive(Clone, Copy, Debug)]
pub struct StateBlock<'a> {
    /// Step number of the first row.
    pub first_step: u64,
    /// Positions, rows x width.
    pub positions: &'a [f64],
    /// Velocities, rows x width.
    pub velocities: &'a [f64],
    /// Length of a row: outputs x dimension.
    pub width: usize,
}

impl<'a> StateBlock<'a> {
    /// The rows as (step, position, velocity).
    pub fn rows(&self) -> impl Iterator<Item = (u64, &'a [f64], &'a [f64])> + use<'a> {
        let first = self.first_step;
        self.positions
            .chunks_exact(self.width)
            .zip(self.velocities.chunks_exact(self.width))
            .enumerate()
            .map(move |(row, (position, velocity))| (first + row as u64, position, velocity))
    }
}

/// Looks at one chain and summarises it.
pub trait Observer {
    /// What is kept of a chain.
    type Output: Send;

    /// Called with every block of states, in order, without gaps.
    fn observe(&mut self, block: &StateBlock<'_>);

    /// Called after the last block.
    fn finish(self) -> Self::Output;
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    type Output = (A::Output, B::Output);

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.0.observe(block);
        self.1.observe(block);
    }

    fn finish(self) -> Self::Output {
        (self.0.finish(), self.1.finish())
    }
}

/// Time averages of x^2, v^2 and x v of one chain, coordinate by coordinate, summed over outputs; x is the deviation from a
/// centre.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainEnergies {
    /// Mean over time of sum over outputs of x_i^2, per coordinate.
    pub position: Vec<f64>,
    /// The same of v_i^2.
    pub velocity: Vec<f64>,
    /// The same of x_i v_i.
    pub cross: Vec<f64>,
}

/// Collects [`ChainEnergies`].
#[derive(Clone, Debug)]
pub struct EnergyObserver<'a> {
    centre: &'a [f64],
    sums: ChainEnergies,
    count: u64,
}

impl<'a> EnergyObserver<'a> {
    /// For states of `centre.len() / dimension` outputs.
    pub fn new(centre: &'a [f64], dimension: usize) -> Self {
        let zero = vec![0.0; dimension];
        Self { centre, sums: ChainEnergies { position: zero.clone(), velocity: zero.clone(), cross: zero }, count: 0 }
    }
}

impl Observer for EnergyObserver<'_> {
    type Output = ChainEnergies;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let dimension = self.sums.position.len();
        for (_, position, velocity) in block.rows() {
            self.count += 1;
            for ((x, v), centre) in position
                .chunks_exact(dimension)
                .zip(velocity.chunks_exact(dimension))
                .zip(self.centre.chunks_exact(dimension))
            {
                let sums =
                    self.sums.position.iter_mut().zip(self.sums.velocity.iter_mut()).zip(self.sums.cross.iter_mut());
                for (((x, v), c), ((xx, vv), xv)) in x.iter().zip(v).zip(centre).zip(sums) {
                    let deviation = x - c;
                    *xx += deviation * deviation;
                    *vv += v * v;
                    *xv += deviation * v;
                }
            }
        }
    }

    fn finish(mut self) -> ChainEnergies {
        let scale = 1.0 / self.count.max(1) as f64;
        let ChainEnergies { position, velocity, cross } = &mut self.sums;
        position.iter_mut().chain(velocity).chain(cross).for_each(|sum| *sum *= scale);
        self.sums
    }
}

/// Mean over origins of |theta_{s+t} - theta_s|^2 of one chain, for a list of lags t. Origins s are spaced evenly; an
/// origin counts for a lag when the chain is long enough.
#[derive(Clone, Debug)]
pub struct DisplacementObserver<'a> {
    lags: &'a [u64],
    spacing: u64,
    origins: Vec<(u64, Vec<f64>)>,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl<'a> DisplacementObserver<'a> {
    /// For ascending lags and a distance between origins of at least 1.
    pub fn new(lags: &'a [u64], spacing: u64) -> Self {
        Self {
            lags,
            spacing: spacing.max(1),
            origins: Vec::new(),
            sums: vec![0.0; lags.len()],
            counts: vec![0; lags.len()],
        }
    }
}

impl Observer for DisplacementObserver<'_> {
    type Output = Vec<f64>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let longest = self.lags.last().copied().unwrap_or(0);
        for (step, position, _) in block.rows() {
            if step % self.spacing == 0 {
                self.origins.push((step, position.to_vec()));
            }
            self.origins.retain(|(origin, _)| step - origin <= longest);
            for (origin, start) in &self.origins {
                if let Ok(index) = self.lags.binary_search(&(step - origin)) {
                    self.counts[index] += 1;
                    self.sums[index] +=
                        position.iter().zip(start).map(|(now, then)| (now - then) * (now - then)).sum::<f64>();
                }
            }
        }
    }

    fn finish(self) -> Vec<f64> {
        self.sums.iter().zip(&self.counts).map(|(sum, &count)| sum / count as f64).collect()
    }
}

/// Keeps the states at chosen steps: one row per step, positions then velocities.
#[derive(Clone, Debug)]
pub struct SnapshotObserver<'a> {
    steps: &'a [u64],
    kept: Vec<f64>,
    width: usize,
}

impl<'a> SnapshotObserver<'a> {
    /// For ascending steps.
    pub fn new(steps: &'a [u64]) -> Self {
        Self { steps, kept: Vec::new(), width: 0 }
    }
}

impl Observer for SnapshotObserver<'_> {
    type Output = DMatrix<f64>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.width = 2 * block.width;
        for (step, position, velocity) in block.rows() {
            if self.steps.binary_search(&step).is_ok() {
                self.kept.extend_from_slice(position);
                self.kept.extend_from_slice(velocity);
            }
        }
    }

    /// (number of steps reached) x (2 x outputs x dimension).
    fn finish(self) -> DMatrix<f64> {
        let width = self.width.max(1);
        DMatrix::from_row_slice(self.kept.len() / width, width, &self.kept)
    }
}
