//! Which of the paper's equations, theorems, assumptions, figures and tables are implemented, and what checks them. Rows
//! without an implementation say so.

use serde::Serialize;

/// One row of the coverage table.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// The paper's number.
    pub item: &'static str,
    /// What it is.
    pub subject: &'static str,
    /// Where it is implemented; empty when it is not.
    pub implemented: &'static str,
    /// Claims, tests or commands that check it; empty when nothing does.
    pub checked_by: &'static str,
    /// Errata that concern it.
    pub errata: &'static str,
}

const fn row(
    item: &'static str,
    subject: &'static str,
    implemented: &'static str,
    checked_by: &'static str,
    errata: &'static str,
) -> Row {
    Row { item, subject, implemented, checked_by, errata }
}

/// The table, in the paper's order.
pub const COVERAGE: [Row; 70] = [
    row("(1)", "local and global displacement", "sim::observer::DisplacementObserver", "displacement", "E40"),
    row("(2)", "heavy-ball SGD", "sim::sgd", "all sampled claims", ""),
    row("(3)", "finite-difference form", "theory::discrete::ModeMap", "damping-regimes", ""),
    row("(4)", "underdamped Langevin equation", "theory::langevin", "predict sde", "E04"),
    row("(5)", "Ornstein-Uhlenbeck process", "theory::langevin::LangevinLaw", "predict sde", ""),
    row("(6)", "drift and diffusion, kappa", "theory::langevin::LangevinLaw", "kappa-without-square", ""),
    row(
        "(7)",
        "mean as damped oscillators",
        "theory::langevin::Oscillator",
        "transient-mean-position, transient-mean-velocity",
        "E32, E34",
    ),
    row(
        "(8)",
        "cross-covariance",
        "theory::langevin::LangevinMode, theory::discrete::ConstantNoiseLaw",
        "autocovariance",
        "E05",
    ),
    row(
        "(9)",
        "stationary law",
        "theory::langevin::LangevinLaw, theory::minibatch",
        "stationary-positions, stationary-velocities, gaussian-law",
        "E03, E05, E14",
    ),
    row("(10)", "Fokker-Planck equation", "theory::fokker_planck", "suite fokker_planck: residual, order, mass", "E11"),
    row(
        "(11)",
        "modified loss and current",
        "theory::ou::StationaryLaw::{potential, current}, theory::langevin::LangevinLaw::modified_loss",
        "reference cases, suite ou, langevin_law",
        "",
    ),
    row("(12)", "Q and U", "theory::langevin::LangevinLaw::{circulation, precision}", "predict sde", "E12, E15"),
    row("(13)", "modified loss, position part", "theory::langevin::ModifiedLoss::position", "suite langevin_law", ""),
    row("(14)", "modified loss, velocity part", "theory::langevin::ModifiedLoss::velocity", "suite langevin_law", ""),
    row(
        "(15)",
        "stationary current",
        "theory::langevin::LangevinLaw::force, theory::ou::StationaryLaw::current",
        "suite langevin_law, reference cases",
        "E06",
    ),
    row(
        "(16)",
        "instantaneous speed",
        "theory::langevin::LangevinLaw::speed, theory::minibatch::MinibatchLaw::speed",
        "instantaneous-speed",
        "E03, E41",
    ),
    row(
        "(17)",
        "displacement",
        "theory::langevin::displacement_equation17, theory::discrete::ModeLaw::displacement",
        "displacement, displacement-as-printed",
        "E01, E02, E33",
    ),
    row("(18)", "general OU process", "theory::ou::OrnsteinUhlenbeck", "predict ou, reference cases", "E12, E14"),
    row(
        "(19)",
        "solution of the OU process",
        "theory::ou::OrnsteinUhlenbeck::{propagator, mean}",
        "suite ou, reference cases",
        "",
    ),
    row("(20)", "mean of the OU process", "theory::ou::OrnsteinUhlenbeck::mean", "suite ou, reference cases", ""),
    row(
        "(21)",
        "covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::covariance",
        "suite ou, reference cases",
        "",
    ),
    row(
        "(22)",
        "covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::covariance",
        "suite ou, reference cases",
        "",
    ),
    row("(23)", "covariance of the OU process", "theory::ou::StationaryLaw::lyapunov", "suite ou, reference cases", ""),
    row(
        "(24)",
        "covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::covariance",
        "suite ou, reference cases",
        "",
    ),
    row(
        "(25)",
        "cross-covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::cross_covariance",
        "suite ou, reference cases",
        "E05",
    ),
    row("(26)", "Lyapunov equation", "theory::ou::StationaryLaw::{circulation, precision}", "suite ou", ""),
    row("(27)", "decomposition of the drift", "theory::ou::StationaryLaw::circulation", "suite ou", "E12"),
    row("(28)", "Q for symmetric drift", "theory::ou::symmetric_drift_decomposition", "suite ou", "E12, E13"),
    row("(29)", "U for symmetric drift", "theory::ou::symmetric_drift_decomposition", "suite ou", "E12"),
    row(
        "(30)",
        "law of the OU process",
        "theory::ou::OrnsteinUhlenbeck::{mean, covariance}",
        "suite ou, reference cases",
        "",
    ),
    row("(31)", "stationary law of the OU process", "theory::ou::StationaryLaw", "suite ou, reference cases", ""),
    row(
        "(32)",
        "stationary cross-covariance",
        "theory::ou::OrnsteinUhlenbeck::cross_covariance",
        "suite ou, reference cases",
        "E05",
    ),
    row("(33)", "Langevin dynamics", "theory::fokker_planck", "suite fokker_planck", ""),
    row("(34)", "Fokker-Planck initial value problem", "theory::fokker_planck", "suite fokker_planck", ""),
    row("(35)", "probability current", "theory::fokker_planck", "suite fokker_planck", "E17"),
    row("(36)", "stationarity condition", "theory::fokker_planck", "suite fokker_planck", ""),
    row("(37)", "Gibbs law", "theory::ou::StationaryLaw::log_density", "suite ou, reference cases", ""),
    row(
        "(38)",
        "free energy",
        "theory::ou::Relaxation, theory::variational::JkoStep::free_energy",
        "suite ou, variational, reference cases",
        "E29, E39",
    ),
    row(
        "(39)",
        "Wasserstein distance",
        "theory::variational::Gaussian::wasserstein_squared",
        "suite variational, reference cases",
        "",
    ),
    row(
        "(40)",
        "Gibbs law of the modified potential",
        "theory::ou::StationaryLaw::log_density",
        "suite ou, fokker_planck",
        "",
    ),
    row("(41)", "force", "theory::fokker_planck, theory::ou::StationaryLaw::force", "suite fokker_planck, ou", ""),
    row("(42)", "original potential", "theory::ou::symmetric_drift_decomposition", "suite ou", "E12"),
    row("(43)", "modified potential", "theory::ou::StationaryLaw::potential", "suite ou, reference cases", ""),
    row("(44)", "force of the OU process", "theory::ou::StationaryLaw::force", "suite ou, reference cases", ""),
    row("(45)", "OU process of linear regression", "theory::langevin::LangevinLaw", "predict sde", ""),
    row("(46)", "its drift and diffusion", "theory::langevin::LangevinLaw::{drift, diffusion}", "predict sde", ""),
    row("(47)", "its Q and U", "theory::langevin::LangevinLaw::{circulation, precision}", "predict sde", "E12"),
    row(
        "(48)",
        "regularised loss as a potential",
        "theory::langevin::LangevinLaw::regularised_loss",
        "suite langevin_law",
        "E10",
    ),
    row("(49)", "modified loss, position part", "theory::langevin::ModifiedLoss::position", "suite langevin_law", ""),
    row(
        "(50)",
        "modified loss, velocity part",
        "theory::langevin::ModifiedLoss::velocity",
        "suite langevin_law",
        "E10",
    ),
    row("(51)", "force in phase space", "theory::langevin::LangevinLaw::force", "suite langevin_law", "E06"),
    row("Theorem 1", "JKO scheme", "theory::variational::JkoStep", "suite variational, reference cases", "E18"),
    row(
        "Theorem 2",
        "free energy decreases",
        "theory::ou::Relaxation::free_energy_rate",
        "suite ou, reference cases",
        "E30",
    ),
    row(
        "Theorem 3",
        "explicit construction",
        "theory::fokker_planck, theory::ou::StationaryLaw::force",
        "suite fokker_planck, ou",
        "E16",
    ),
    row(
        "Assumption 1",
        "central limit theorem",
        "theory::Sampling::noise_factor",
        "finite-population-missing",
        "E25, E36",
    ),
    row("Assumption 2", "the SDE models SGD", "theory::langevin", "sde-limit-order, sde-law-as-exact", "E03"),
    row("Assumption 3", "Sigma = sigma^2 H", "theory::langevin::NoiseModel", "assumption-3-as-exact", "E26, E43"),
    row("Assumption 4", "quadratic loss", "theory::Quadratic", "excess-loss", "E09"),
    row("Figure 1", "displacement of networks", "", "", "E20"),
    row(
        "Figure 2",
        "oscillation of the mean",
        "verify::scenario::Oscillation, verify::modes_run",
        "transient-mean-position, transient-mean-velocity",
        "E32",
    ),
    row("Figure 3", "anisotropic OU process", "", "", "E24"),
    row("Figure 4", "modified loss of a network", "", "", ""),
    row("Figure 5", "velocities of a network", "", "", ""),
    row("Figure 6", "phase-space oscillations", "", "", "E21"),
    row("Figure 7", "sweeps of the hyperparameters", "", "", ""),
    row(
        "Figure 8",
        "exponent against trajectory length",
        "theory::diffusion::exponent_by_window",
        "suite diffusion",
        "E20",
    ),
    row("Table 1", "hyperparameters of Figure 1", "", "", ""),
    row("Table 2", "hyperparameters of Figure 2", "examples/figure2.toml", "", ""),
    row("Table 3", "hyperparameters of Figures 4 to 6", "", "", ""),
    row("Table 4", "hyperparameters of Figure 7", "", "", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_the_paper_is_implemented_and_checked() {
        let row = |item: &str| COVERAGE.iter().find(|row| row.item == item);
        let equations = (1..=51).map(|number| format!("({number})"));
        let others =
            ["Theorem 1", "Theorem 2", "Theorem 3", "Assumption 1", "Assumption 2", "Assumption 3", "Assumption 4"];
        let gaps: Vec<String> = equations
            .chain(others.map(String::from))
            .filter(|item| row(item).is_none_or(|row| row.implemented.is_empty() || row.checked_by.is_empty()))
            .collect();
        assert!(gaps.is_empty(), "{gaps:?}");
        // figures and tables of experiments on networks are listed, implemented or not
        for item in (1..=8).map(|n| format!("Figure {n}")).chain((1..=4).map(|n| format!("Table {n}"))) {
            assert!(row(&item).is_some(), "{item}");
        }
        let items: std::collections::BTreeSet<&str> = COVERAGE.iter().map(|row| row.item).collect();
        assert_eq!(items.len(), COVERAGE.len(), "an item is listed twice");
    }
}
