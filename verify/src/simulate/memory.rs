//! How much memory a run takes at most. Set-up is measured, since it is over before the bound is stated; what the run itself
//! needs is computed: it depends on the problem and on the number of workers, not on the number of steps, and on the number
//! of chains only where trajectories are kept.

use langevin_sim::sgd::BLOCK_STEPS;

use super::frame::Frame;
use super::units::Units;

/// Bytes of a number.
const NUMBER: u64 = 8;

/// Bytes of one quantity's moments.
const MOMENTS: u64 = 40;

/// Origins of lagged pairs that are open at the same time: those within half a chain of a state, and one more.
const OPEN_ORIGINS: u64 = 10;

/// What the allocator and the thread take per worker.
const PER_WORKER: u64 = 4 << 20;

/// Buffers of files, code and everything else.
const FIXED: u64 = 24 << 20;

/// Buffers of one row group of a Parquet file.
const PARQUET: u64 = 64 << 20;

/// A bound of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryBound {
    /// Bytes in all.
    pub(super) bytes: u64,
}

impl MemoryBound {
    /// Of a run whose first point is set up.
    pub(super) fn new(frame: &Frame, units: Units, owned: u64, workers: u64, is_parquet: bool) -> Self {
        let values = frame.chain_values() as u64;
        let width = frame.dimension * frame.outputs;
        let padded = frame.dimension.next_multiple_of(16) * frame.outputs;
        let trajectory_of = |chains: u64| {
            [2, width, frame.trajectory_length(), chains, NUMBER].into_iter().fold(1_u64, u64::saturating_mul)
        };
        let observers = NUMBER * (values + 8 * frame.dimension + 2 * OPEN_ORIGINS * 2 * width) + 3 * trajectory_of(1);
        let chain = NUMBER * (3 * padded + 2 * width * BLOCK_STEPS) + 4 * frame.samples;
        // saved as bytes: the order of the samples is eight bytes there, and a state is copied into the file
        let saved = 2 * (observers + NUMBER * (2 * width + frame.samples));
        let per_worker = chain + observers + saved + 4 * MOMENTS * values + PER_WORKER;
        // joined blocks: one root per finished point, and of unfinished ones a node per level and per worker
        let levels = u64::from(units.blocks().next_power_of_two().trailing_zeros());
        let points = owned.div_ceil(units.blocks() as u64).min(units.points() as u64);
        let nodes = points + 2 * levels + 2 * workers;
        // kept, and copied into a checkpoint; at the end means and errors instead
        let results = 2 * MOMENTS * values.saturating_mul(nodes)
            + 2 * NUMBER * (units.points() as u64).saturating_mul(2 * values + width);
        // kept, doubled while halves are joined, and copied into a file
        let trajectories = trajectory_of(units.points() as u64 * frame.chains).saturating_mul(4);
        // every worker may be at another point of a sweep, with its own copy of the data and its own law
        let copies = if frame.sweep.is_empty() { 0 } else { 2 * workers };
        let point = NUMBER
            * (frame.samples * (padded / frame.outputs + frame.outputs)
                + 24 * frame.dimension * frame.dimension * frame.outputs);
        let computed = [
            workers.saturating_mul(per_worker),
            results,
            trajectories,
            copies.saturating_mul(point),
            if is_parquet { PARQUET } else { 0 },
            FIXED,
        ]
        .into_iter()
        .fold(0, u64::saturating_add);
        Self { bytes: computed.saturating_add(peak().unwrap_or_else(|| 8 * point)) }
    }

    /// In words.
    pub(super) fn text(self) -> String {
        format!("at most {} MB of memory", self.bytes.div_ceil(1_000_000))
    }
}

/// Most memory this process had so far, where the system says so.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
