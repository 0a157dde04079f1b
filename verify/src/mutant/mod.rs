//! Wrong theories that the checks must see: tests of the tests. A mutant is one slip in one place, and each is defined once,
//! here: [`ModeTheory`] says what it predicts of a direction of SGD, [`ProcessTheory`] what it predicts of a linear
//! stochastic differential equation. Two are slips of the simulation and not of a formula (reshuffled batches, sums in
//! single precision); their scenarios run them.
//!
//! A scenario decides its checks on the same evidence with the mutant's prediction in place of the theory's; what comes of
//! it is the kill matrix ([`crate::report::KillMatrix`]). False refutations concern true claims alone, so these decisions
//! take nothing from the error budget: each is made at the level of its own check.

mod matrix;
mod mode;
mod process;

pub use matrix::{SMALLEST_SHIFT, collect};
pub use mode::{Direction, ModeTheory};
pub use process::{PhaseSpace, ProcessTheory};

/// A wrong theory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// kappa = S (1 - beta).
    KappaWithoutSquare,
    /// m = eta / 2.
    OnePlusBetaDropped,
    /// h = rho.
    WeightDecayForgotten,
    /// Sigma = sigma^2 (H + lambda I).
    WeightDecayInNoise,
    /// sigma for sigma^2.
    NoiseUnsquared,
    /// Averages over the data divided by S.
    BatchForSamples,
    /// Sigma / S for batches without replacement.
    FinitePopulationMissing,
    /// v' = beta v - (1 - beta) g.
    DampenedMomentum,
    /// The gradient is taken at theta + eta beta v.
    Nesterov,
    /// C(k) for C(eta k).
    StepsAsTime,
    /// A cross-covariance with the wrong sign.
    CrossCovarianceSign,
    /// Positions and velocities uncorrelated, as in the SDE.
    Uncorrelated,
    /// A^T for A.
    DriftTransposed,
    /// Q by the formula for symmetric A.
    SymmetricDriftCirculation,
    /// -v for v.
    VelocitySignFlipped,
    /// Reshuffled epochs where independent batches are claimed.
    Reshuffling,
    /// v_{k+1} where v_k is claimed.
    VelocityOneStepLate,
    /// The SDE's law where the discrete one is exact.
    ContinuousLaw,
    /// Sigma = sigma^2 H where the two do not commute.
    Assumption3,
    /// The SDE's law with Sigma = sigma^2 H, as it is published.
    ContinuousAssumption3,
    /// Sums of squares in single precision.
    SinglePrecision,
}

impl Mutant {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 21] = [
        Self::KappaWithoutSquare,
        Self::OnePlusBetaDropped,
        Self::WeightDecayForgotten,
        Self::WeightDecayInNoise,
        Self::NoiseUnsquared,
        Self::BatchForSamples,
        Self::FinitePopulationMissing,
        Self::DampenedMomentum,
        Self::Nesterov,
        Self::StepsAsTime,
        Self::CrossCovarianceSign,
        Self::Uncorrelated,
        Self::DriftTransposed,
        Self::SymmetricDriftCirculation,
        Self::VelocitySignFlipped,
        Self::Reshuffling,
        Self::VelocityOneStepLate,
        Self::ContinuousLaw,
        Self::Assumption3,
        Self::ContinuousAssumption3,
        Self::SinglePrecision,
    ];

    /// Stable name.
    pub fn id(self) -> &'static str {
        self.words()[0]
    }

    /// One line.
    pub fn title(self) -> &'static str {
        self.words()[1]
    }

    /// What it says, in symbols.
    pub fn definition(self) -> &'static str {
        self.words()[2]
    }

    /// Where it says the same as the theory.
    pub fn vanishes(self) -> &'static str {
        self.words()[3]
    }

    /// The claim of the registry that it is, where it is one.
    pub fn claim(self) -> Option<&'static str> {
        Some(match self {
            Self::KappaWithoutSquare => "kappa-without-square",
            Self::OnePlusBetaDropped => "one-plus-beta-dropped",
            Self::WeightDecayForgotten => "weight-decay-forgotten",
            Self::FinitePopulationMissing => "finite-population-missing",
            Self::StepsAsTime => "displacement-as-printed",
            Self::CrossCovarianceSign => "cross-covariance-as-printed",
            Self::Uncorrelated => "uncorrelated-phase-space",
            Self::Reshuffling => "equipartition-under-reshuffling",
            Self::ContinuousLaw => "sde-law-as-exact",
            Self::ContinuousAssumption3 => "assumption-3-as-exact",
            _ => return None,
        })
    }

    /// The mutant that a claim is.
    pub fn of_claim(claim: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.claim() == Some(claim))
    }

    /// Id, title, definition, where it vanishes.
    fn words(self) -> [&'static str; 4] {
        match self {
            Self::KappaWithoutSquare => [
                "kappa-without-square",
                "κ = S(1 − β)",
                "every stationary variance times 1 + β, since κ is S(1 − β) and not S(1 − β²)",
                "β = 0; means, correlations and displacements over their limits",
            ],
            Self::OnePlusBetaDropped => [
                "one-plus-beta-dropped",
                "(1 + β) dropped",
                "mass m = η/2: V times 1 + β at the same P; in the SDE friction and curvature over the new mass",
                "β = 0; positions",
            ],
            Self::WeightDecayForgotten => {
                ["weight-decay-forgotten", "λ forgotten", "h = ρ in the map, with the noise as it is", "λ = 0"]
            }
            Self::WeightDecayInNoise => [
                "weight-decay-in-noise",
                "λ put into the noise",
                "noise of a direction times (ρ + λ)/ρ: Σ = σ²(H + λ)",
                "λ = 0",
            ],
            Self::NoiseUnsquared => [
                "noise-unsquared",
                "σ for σ²",
                "the root of q'Σq for q'Σq (for the SDE, the root of D for D)",
                "q'Σq = 1",
            ],
            Self::BatchForSamples => [
                "batch-for-samples",
                "S for N",
                "the average over the data in Σ divided by S: noise times N/S",
                "S = N; noise that does not come from data",
            ],
            Self::FinitePopulationMissing => [
                "finite-population-missing",
                "(N − S)/(N − 1) missing",
                "the law of batches with replacement for batches without",
                "S = 1; batches with replacement",
            ],
            Self::DampenedMomentum => [
                "dampened-momentum",
                "dampened momentum",
                "v' = βv − (1 − β)g: h and the noise's root times 1 − β in the map",
                "β = 0",
            ],
            Self::Nesterov => [
                "nesterov",
                "Nesterov for heavy ball",
                "gradient at θ + ηβv: map ((1 − u, ηβ(1 − u)), (−h, β(1 − u))), no prediction where that is unstable",
                "β = 0",
            ],
            Self::StepsAsTime => [
                "steps-as-time",
                "C(k) for C(ηk)",
                "lags counted in steps and not in time: (17) as printed, and the propagator over k/η steps for that over k",
                "η = 1; what has no lag",
            ],
            Self::CrossCovarianceSign => [
                "cross-covariance-sign",
                "sign of the cross-covariance",
                "Cov(θ, v) = −ηV/2; for the SDE e^{+At} between two times (E05)",
                "variances, means",
            ],
            Self::Uncorrelated => {
                ["uncorrelated", "C = 0 in discrete time", "Cov(θ, v) = 0, as in the SDE (E27)", "variances, means"]
            }
            Self::DriftTransposed => [
                "drift-transposed",
                "A transposed",
                "the transposed map with the same noise; for the SDE A' for A",
                "symmetric A; mean positions from rest",
            ],
            Self::SymmetricDriftCirculation => [
                "symmetric-drift-circulation",
                "symmetric-A formula for Q",
                "Q is the skew part of the solution of AQ + QA = AD − DA (27), and the drift (D + Q)U (E12)",
                "symmetric A; stationary laws",
            ],
            Self::VelocitySignFlipped => [
                "velocity-sign-flipped",
                "sign of v flipped",
                "−v for v: the state turns the other way",
                "positions, variances",
            ],
            Self::Reshuffling => [
                "reshuffling",
                "reshuffling for independent batches",
                "the chains are run with reshuffled epochs, the theory is that of independent batches (E36)",
                "S = N",
            ],
            Self::VelocityOneStepLate => [
                "velocity-one-step-late",
                "v_k for v_{k+1}",
                "the pair (θ_k, v_{k+1}) for (θ_k, v_k) (E27)",
                "variances of one time, positions",
            ],
            Self::ContinuousLaw => [
                "continuous-law",
                "the SDE's law for the discrete one",
                "(9) with the true Σ, e^{−Sηk} for the powers of the map",
                "the limit of small ηh at β = 0; the SDE itself",
            ],
            Self::Assumption3 => [
                "assumption-3",
                "Assumption 3",
                "Σ = σ²H where the two do not commute: noise of a direction σ²ρ; σ² from the residuals, or tr Σ / tr H",
                "q'Σq = σ²ρ; the SDE",
            ],
            Self::ContinuousAssumption3 => [
                "continuous-assumption-3",
                "the SDE's law with Assumption 3",
                "(9) with Σ = σ²H, e^{−Sηk} for the powers of the map",
                "q'Σq = σ²ρ in the limit of small ηh at β = 0; the SDE",
            ],
            Self::SinglePrecision => [
                "single-precision",
                "float32 accumulation",
                "squares added one after the other to one sum of single precision",
                "sums of fewer than some 10⁷ squares",
            ],
        }
    }
}
