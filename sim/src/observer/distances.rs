//! The local and global displacement of equation (1) at every step.

use langevin_lanes::{Kernel, LANES, Lanes, Processor};

use super::{Observer, StateBlock, part};

/// |theta_k - theta_{k-1}|^2 and |theta_k - theta_*|^2 after every step, the quantities of equation (1).
///
/// ```
/// use langevin_sim::observer::DistanceObserver;
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

    /// The same on other instructions.
    #[must_use]
    pub fn on(mut self, processor: Processor) -> Self {
        self.processor = processor;
        self
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
            for first in (0..width).step_by(LANES) {
                let x = lanes.sub(part(lanes, &position[first..]), part(lanes, &self.origin[first..]));
                let v = part(lanes, &velocity[first..]);
                local = lanes.mul_add(v, v, local);
                global = lanes.mul_add(x, x, global);
            }
            self.distances.local.push(self.square_rate * lanes.sum(local));
            self.distances.global.push(lanes.sum(global));
        }
    }
}
