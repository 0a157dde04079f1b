//! What watches a chain of a run, and the numbers it gives.

use langevin_sim::observer::{
    AutocovarianceObserver, DisplacementObserver, EnergyObserver, Observer, SnapshotObserver,
};

use super::frame::Frame;

/// The lags and steps of a run, for observers to borrow.
#[derive(Debug)]
pub(super) struct Watch {
    dimension: usize,
    moments: bool,
    displacement: Option<Vec<u64>>,
    autocovariance: Option<Vec<u64>>,
    spacing: u64,
    trajectory: Option<Vec<u64>>,
}

/// The observers of a chain.
pub(super) type Watcher<'a> = (
    (Option<EnergyObserver<'a>>, Option<DisplacementObserver<'a>>),
    (Option<AutocovarianceObserver<'a>>, Option<SnapshotObserver<'a>>),
);

/// What a chain gives: one value of each quantity, in the order of [`Frame::quantities`], and the kept states.
pub(super) struct Record {
    pub(super) values: Vec<f64>,
    /// Kept steps x 2 x outputs x dimension.
    pub(super) trajectory: Vec<f64>,
}

impl Watch {
    pub(super) fn new(frame: &Frame) -> Self {
        Self {
            dimension: frame.dimension as usize,
            moments: frame.moments,
            displacement: frame.displacement.then(|| frame.displacement_lags()),
            autocovariance: frame.autocovariance.then(|| frame.autocovariance_lags()),
            spacing: frame.origin_spacing(),
            trajectory: frame.trajectory_every.map(|_| frame.trajectory_steps()),
        }
    }

    /// Observers of a fresh chain.
    pub(super) fn watcher<'a>(&'a self, centre: &'a [f64]) -> Watcher<'a> {
        let displacement = self.displacement.as_ref();
        let autocovariance = self.autocovariance.as_ref();
        (
            (
                self.moments.then(|| EnergyObserver::new(centre, self.dimension)),
                displacement.map(|lags| DisplacementObserver::new(lags, self.spacing)),
            ),
            (
                autocovariance.map(|lags| AutocovarianceObserver::new(lags, self.spacing, centre, self.dimension)),
                self.trajectory.as_ref().map(|steps| SnapshotObserver::new(steps)),
            ),
        )
    }
}

/// The numbers of a chain that has run.
pub(super) fn record(watcher: Watcher<'_>) -> Record {
    let ((energies, displacement), (products, states)) = watcher.finish();
    let energies = energies.into_iter().flat_map(|energies| [energies.position, energies.velocity, energies.cross]);
    let products = products.into_iter().flat_map(|products| [products.position, products.velocity]);
    Record {
        values: energies.chain(displacement).chain(products).flatten().collect(),
        trajectory: states.map_or_else(Vec::new, |states| states.transpose().as_slice().to_vec()),
    }
}
