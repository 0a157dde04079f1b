//! A few long chains and their diagnostics (layer L3): what somebody would see who has no exact law and no independent
//! starts. Reported, never a gate.

use langevin_sim::observer::{Observer, StateBlock};
use langevin_sim::sgd::Ensemble;

use super::Context;
use crate::report::ChainDiagnostics;
use crate::statistics::diagnostics::Diagnostics;

/// Chains that are followed.
const CHAINS: u64 = 4;

/// Fewest steps of a chain.
const FEWEST_STEPS: u64 = 1000;

/// A number of every state: a weighted sum of squared deviations from a centre.
pub(super) struct Followed {
    /// In words.
    pub quantity: String,
    /// Per coordinate.
    pub weights: Vec<f64>,
    /// Its exact stationary mean.
    pub exact: f64,
}

struct Follower<'a> {
    centre: &'a [f64],
    followed: &'a [Followed],
    series: Vec<Vec<f64>>,
}

impl Observer for Follower<'_> {
    type Output = Vec<Vec<f64>>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        for (_, x, _) in block.rows() {
            for (series, followed) in self.series.iter_mut().zip(self.followed) {
                let coordinates = x.iter().zip(self.centre).zip(&followed.weights);
                series.push(coordinates.map(|((x, centre), weight)| weight * (x - centre).powi(2)).sum());
            }
        }
    }

    fn finish(self) -> Self::Output {
        self.series
    }
}

/// Follows chains and diagnoses them.
pub(super) fn diagnose(
    context: &Context<'_>,
    scenario: &str,
    ensemble: &Ensemble,
    centre: &[f64],
    followed: &[Followed],
    steps: u64,
) -> Vec<ChainDiagnostics> {
    let steps = steps.max(FEWEST_STEPS);
    let series = || vec![Vec::with_capacity(steps as usize + 1); followed.len()];
    let chains = context.run_chains(ensemble, 0..CHAINS, steps, || Follower { centre, followed, series: series() });
    let diagnosed = followed.iter().enumerate().filter_map(|(index, followed)| {
        let of_chains: Vec<Vec<f64>> = chains.iter().map(|series| series[index].clone()).collect();
        let draws = of_chains[0].len() as u64;
        let found = Diagnostics::of(&of_chains)?;
        Some(ChainDiagnostics {
            scenario: scenario.into(),
            quantity: followed.quantity.clone(),
            chains: CHAINS,
            draws,
            mean: of_chains.iter().flatten().sum::<f64>() / (CHAINS * draws) as f64,
            exact: followed.exact,
            standard_error: found.standard_error,
            rank_r_hat: found.rank_r_hat,
            folded_r_hat: found.folded_r_hat,
            bulk_size: found.bulk_size,
            tail_size: found.tail_size,
        })
    });
    // a chain without spread has no R-hat
    diagnosed.filter(|one| one.rank_r_hat.is_finite() && one.standard_error.is_finite()).collect()
}
