//! One chain: a state that can be run on, saved between two blocks of states, and taken up again.

use langevin_lanes::{LANES, Line, Processor, as_values, as_values_mut};
use langevin_theory::Hyperparameters;
use nalgebra::DMatrix;

use super::NoiseSource;
use super::batches::Batches;
use super::ensemble::{BLOCK_STEPS, Start};
use super::recorder::Rows;
use crate::error::Result;
use crate::observer::Observer;
use crate::random::{Stream, fill_normals};
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// One chain of an ensemble, between two blocks of states. Coordinates are padded to whole lines.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(super) processor: Processor,
    /// Step number of the next state to hand to an observer.
    next_step: u64,
    pub(super) stream: Stream,
    pub(super) batches: Batches,
    /// Outputs x lines.
    pub(super) position: Vec<Line>,
    pub(super) velocity: Vec<Line>,
    /// Scratch.
    pub(super) gradient: Vec<Line>,
    /// Scratch.
    pub(super) noise: Vec<Line>,
    /// States of the block at hand.
    pub(super) rows: Rows,
}

impl Chain {
    /// At its start.
    pub(super) fn new(processor: Processor, noise: &NoiseSource, start: &Start, mut stream: Stream) -> Self {
        let lines = noise.lines();
        let zeros = vec![Line::default(); lines * noise.outputs()];
        let (mut position, mut velocity) = (zeros.clone(), zeros.clone());
        let parts = position.chunks_exact_mut(lines).zip(velocity.chunks_exact_mut(lines));
        for (output, (position, velocity)) in parts.enumerate() {
            start.place(processor, output, &mut stream, as_values_mut(position), as_values_mut(velocity));
        }
        let batches = match noise {
            NoiseSource::Minibatch(noise) => noise.plan().start(),
            NoiseSource::Gaussian(_) => Batches::none(),
        };
        Self {
            processor,
            next_step: 0,
            stream,
            batches,
            position,
            velocity,
            gradient: zeros,
            noise: Vec::new(),
            rows: Rows::default(),
        }
    }

    /// Step number of the next state to hand to an observer; 0 for a fresh chain.
    pub fn next_step(&self) -> u64 {
        self.next_step
    }

    /// Writes the whole state: position, velocity, random stream, order of the samples.
    pub fn save(&self, state: &mut StateWriter) {
        state.count(self.next_step);
        state.piece(&self.stream.to_bytes());
        state.numbers(as_values(&self.position));
        state.numbers(as_values(&self.velocity));
        self.batches.save(state);
    }

    pub(super) fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.next_step = state.count()?;
        let stream = state.piece()?;
        self.stream = Stream::from_bytes(stream)
            .ok_or_else(|| mismatch(format!("{} bytes are no state of a random stream", stream.len())))?;
        state.numbers_into(as_values_mut(&mut self.position))?;
        state.numbers_into(as_values_mut(&mut self.velocity))?;
        self.batches.restore(state)
    }

    /// Runs chains that are at the same step through their next block of states, at most to the one after `last_step` steps,
    /// and gives the number of states of each.
    pub(super) fn advance_block(
        chains: &mut [Self],
        noise: &NoiseSource,
        sgd: &Hyperparameters,
        last_step: u64,
        observers: &mut [impl Observer],
    ) -> u64 {
        let Some(first_step) = chains.first().map(Self::next_step) else { return 0 };
        let states = (last_step + 1 - first_step).min(BLOCK_STEPS);
        let mut steps = states as usize;
        for chain in chains.iter_mut() {
            chain.rows.make_room(noise.dimension(), noise.outputs(), states as usize);
            if first_step == 0 {
                chain.rows.record(noise.lines(), &chain.position, &chain.velocity);
            }
        }
        if first_step == 0 {
            steps -= 1;
        }
        if steps > 0 {
            noise.advance(chains, sgd, steps);
        }
        for (chain, observer) in chains.iter_mut().zip(observers) {
            observer.observe(&chain.rows.block(first_step));
            chain.next_step += states;
        }
        states
    }
}

impl Start {
    /// Places one output of a chain.
    fn place(
        &self,
        processor: Processor,
        output: usize,
        stream: &mut Stream,
        position: &mut [f64],
        velocity: &mut [f64],
    ) {
        let mean = self.mean();
        let dimension = mean.nrows();
        position[..dimension].copy_from_slice(mean.column(output).as_slice());
        if let Self::Gaussian { roots, .. } = self {
            let root: &DMatrix<f64> = &roots[output];
            let mut normals = vec![Line::default(); root.ncols().div_ceil(LANES)];
            fill_normals(processor, stream, &mut normals);
            for (column, normal) in root.column_iter().zip(as_values(&normals)) {
                for i in 0..dimension {
                    position[i] += column[i] * normal;
                    velocity[i] += column[dimension + i] * normal;
                }
            }
        }
    }
}
