//! One chain: a state that can be run on, kept and taken up again.

use langevin_lanes::{LANES, Line, Processor, as_values, as_values_mut};
use nalgebra::DMatrix;

use super::NoiseSource;
use super::batches::Batches;
use super::ensemble::Start;
use super::recorder::{Recorder, SLACK};
use crate::random::{Stream, fill_normals};

/// State and scratch of one chain. Coordinates are padded to whole lines.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(super) processor: Processor,
    pub(super) step: u64,
    /// Whether the initial state has been shown to an observer.
    pub(super) begun: bool,
    pub(super) stream: Stream,
    pub(super) batches: Batches,
    /// Outputs x lines.
    pub(super) position: Vec<Line>,
    pub(super) velocity: Vec<Line>,
    /// Scratch.
    pub(super) gradient: Vec<Line>,
    /// Scratch.
    pub(super) noise: Vec<Line>,
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
            step: 0,
            begun: false,
            stream,
            batches,
            position,
            velocity,
            gradient: zeros,
            noise: Vec::new(),
        }
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Everything the chain needs to go on with the same numbers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (order, cursor) = self.batches.state();
        let mut bytes = Vec::new();
        bytes.extend(self.step.to_le_bytes());
        bytes.push(u8::from(self.begun));
        bytes.extend(self.stream.to_bytes());
        for value in as_values(&self.position).iter().chain(as_values(&self.velocity)) {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend((cursor as u64).to_le_bytes());
        for sample in order {
            bytes.extend(sample.to_le_bytes());
        }
        bytes
    }

    /// Goes on from a kept state of the same chain; `false` if the bytes do not fit, and the chain is then as it was.
    #[must_use]
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        let mut next = self.clone();
        if next.read(bytes).is_some() {
            *self = next;
            true
        } else {
            false
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Option<()> {
        let (step, bytes) = bytes.split_first_chunk::<8>()?;
        let (&begun, bytes) = bytes.split_first()?;
        let (stream, mut bytes) = bytes.split_first_chunk::<{ Stream::SIZE }>()?;
        self.step = u64::from_le_bytes(*step);
        self.begun = begun == 1;
        self.stream = Stream::from_bytes(stream)?;
        for value in as_values_mut(&mut self.position).iter_mut().chain(as_values_mut(&mut self.velocity)) {
            let (number, rest) = bytes.split_first_chunk::<8>()?;
            *value = f64::from_le_bytes(*number);
            bytes = rest;
        }
        let (cursor, bytes) = bytes.split_first_chunk::<8>()?;
        let cursor = usize::try_from(u64::from_le_bytes(*cursor)).ok()?;
        let (order, rest) = bytes.as_chunks::<4>();
        let order = order.iter().map(|sample| u32::from_le_bytes(*sample)).collect();
        (rest.is_empty() && self.batches.restore(order, cursor)).then_some(())
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

/// States after consecutive steps: rows of outputs x dimension coordinates, and room to write whole lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    positions: Vec<f64>,
    velocities: Vec<f64>,
    filled: usize,
}

impl Rows {
    /// Somewhere to write some rows.
    pub(super) fn recorder(&mut self, dimension: usize, outputs: usize, rows: usize) -> Recorder<'_> {
        self.filled = rows * outputs * dimension;
        self.positions.resize(self.filled + SLACK, 0.0);
        self.velocities.resize(self.filled + SLACK, 0.0);
        Recorder { positions: &mut self.positions, velocities: &mut self.velocities, dimension, next: 0 }
    }

    /// One row: the state of a chain.
    pub(super) fn show(&mut self, chain: &Chain, dimension: usize, outputs: usize) {
        let lines = chain.position.len() / outputs;
        self.recorder(dimension, outputs, 1).record(lines, &chain.position, &chain.velocity);
    }

    pub(super) fn positions(&self) -> &[f64] {
        &self.positions[..self.filled]
    }

    pub(super) fn velocities(&self) -> &[f64] {
        &self.velocities[..self.filled]
    }
}
