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
    row("(10)", "Fokker-Planck equation", "", "", "E11"),
    row("(11)", "modified loss and current", "", "", ""),
    row("(12)", "Q and U", "theory::langevin::LangevinLaw::{circulation, precision}", "predict sde", "E12, E15"),
    row("(13)", "modified loss, position part", "", "", ""),
    row("(14)", "modified loss, velocity part", "", "", ""),
    row("(15)", "stationary current", "", "", "E06"),
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
    row("(18)", "general OU process", "", "", "E12, E14"),
    row("(19)", "solution of the OU process", "", "", ""),
    row("(20)", "mean of the OU process", "", "", ""),
    row("(21)", "covariance of the OU process", "", "", ""),
    row("(22)", "covariance of the OU process", "", "", ""),
    row("(23)", "covariance of the OU process", "", "", ""),
    row("(24)", "covariance of the OU process", "", "", ""),
    row("(25)", "cross-covariance of the OU process", "", "", "E05"),
    row("(26)", "Lyapunov equation", "", "", ""),
    row("(27)", "decomposition of the drift", "", "", "E12"),
    row("(28)", "Q for symmetric drift", "", "", "E12, E13"),
    row("(29)", "U for symmetric drift", "", "", "E12"),
    row("(30)", "law of the OU process", "", "", ""),
    row("(31)", "stationary law of the OU process", "", "", ""),
    row("(32)", "stationary cross-covariance", "", "", "E05"),
    row("(33)", "Langevin dynamics", "", "", ""),
    row("(34)", "Fokker-Planck initial value problem", "", "", ""),
    row("(35)", "probability current", "", "", "E17"),
    row("(36)", "stationarity condition", "", "", ""),
    row("(37)", "Gibbs law", "", "", ""),
    row("(38)", "free energy", "", "", "E29, E39"),
    row("(39)", "Wasserstein distance", "", "", ""),
    row("(40)", "Gibbs law of the modified potential", "", "", ""),
    row("(41)", "force", "", "", ""),
    row("(42)", "original potential", "", "", "E12"),
    row("(43)", "modified potential", "", "", ""),
    row("(44)", "force of the OU process", "", "", ""),
    row("(45)", "OU process of linear regression", "theory::langevin::LangevinLaw", "predict sde", ""),
    row("(46)", "its drift and diffusion", "theory::langevin::LangevinLaw::{drift, diffusion}", "predict sde", ""),
    row("(47)", "its Q and U", "theory::langevin::LangevinLaw::{circulation, precision}", "predict sde", "E12"),
    row("(48)", "regularised loss as a potential", "", "", "E10"),
    row("(49)", "modified loss, position part", "", "", ""),
    row("(50)", "modified loss, velocity part", "", "", "E10"),
    row("(51)", "force in phase space", "", "", "E06"),
    row("Theorem 1", "JKO scheme", "", "", "E18"),
    row("Theorem 2", "free energy decreases", "", "", "E30"),
    row("Theorem 3", "explicit construction", "", "", "E16"),
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
        "verify::scenario::Oscillation",
        "transient-mean-position, transient-mean-velocity",
        "E32",
    ),
    row("Figure 3", "anisotropic OU process", "", "", "E24"),
    row("Figure 4", "modified loss of a network", "", "", ""),
    row("Figure 5", "velocities of a network", "", "", ""),
    row("Figure 6", "phase-space oscillations", "", "", "E21"),
    row("Figure 7", "sweeps of the hyperparameters", "", "", ""),
    row("Figure 8", "exponent against trajectory length", "", "", "E20"),
    row("Table 1", "hyperparameters of Figure 1", "", "", ""),
    row("Table 2", "hyperparameters of Figure 2", "", "", ""),
    row("Table 3", "hyperparameters of Figures 4 to 6", "", "", ""),
    row("Table 4", "hyperparameters of Figure 7", "", "", ""),
];
