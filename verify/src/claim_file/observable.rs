//! What a claim can be about.

use serde::Serialize;

use super::expression::{Scope, Symbol};

/// An observable of SGD in its stationary state (or, for the means, after a unit displacement). With x = q . (theta - mu), mu
/// the ridge minimum and q an eigenvector of the Hessian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Observable {
    /// E x^2.
    VarTheta,
    /// E v^2.
    VarV,
    /// E x_k v_k.
    CovThetaV,
    /// E x_k from x_0 = 1, v_0 = 0.
    MeanTheta,
    /// E v_k from x_0 = 1, v_0 = 0.
    MeanV,
    /// E x_{s+k} x_s.
    AutocovTheta,
    /// E v_{s+k} v_s.
    AutocovV,
    /// E |theta_s - theta_{s-1}|^2.
    Speed,
    /// E |theta_{s+k} - theta_s|^2.
    Msd,
    /// E L_lambda(theta) - L(mu_ols).
    ExcessLoss,
    /// m E |v|^2 / 2 with m = eta (1 + beta) / 2.
    Kinetic,
    /// The largest eta with a stationary state.
    LearningRateLimit,
}

/// Every observable with its name, whether it takes k, and its definition.
pub const OBSERVABLES: [(Observable, &str, bool, &str); 12] = [
    (Observable::VarTheta, "var_theta", false, "stationary E x^2"),
    (Observable::VarV, "var_v", false, "stationary E v^2"),
    (Observable::CovThetaV, "cov_theta_v", false, "stationary E x_k v_k, of the same k"),
    (Observable::MeanTheta, "mean_theta", true, "E x_k from x_0 = 1, v_0 = 0"),
    (Observable::MeanV, "mean_v", true, "E v_k from x_0 = 1, v_0 = 0"),
    (Observable::AutocovTheta, "autocov_theta", true, "stationary E x_{s+k} x_s"),
    (Observable::AutocovV, "autocov_v", true, "stationary E v_{s+k} v_s"),
    (Observable::Speed, "speed", false, "stationary E |theta_s - theta_{s-1}|^2"),
    (Observable::Msd, "msd", true, "stationary E |theta_{s+k} - theta_s|^2"),
    (Observable::ExcessLoss, "excess_loss", false, "stationary E L_lambda(theta) - L(mu_ols)"),
    (Observable::Kinetic, "kinetic", false, "stationary m E |v|^2 / 2, m = eta (1 + beta) / 2"),
    (Observable::LearningRateLimit, "learning_rate_limit", false, "the largest eta with a stationary state"),
];

impl Observable {
    /// The name in claim files.
    pub fn name(self) -> &'static str {
        OBSERVABLES[self as usize].1
    }

    /// Whether it has a value per number of steps.
    pub fn takes_lag(self) -> bool {
        OBSERVABLES[self as usize].2
    }

    /// Whether it has a value per mode.
    pub fn is_of_a_mode(self) -> bool {
        (self as usize) < Self::Speed as usize
    }

    /// The scope of a formula for it.
    pub fn scope(self) -> Scope {
        const ITSELF: &str = "is what the claim is about";
        const RATE: &str = "depends on the learning rate, whose limit is claimed";
        let scope =
            if self.is_of_a_mode() { Scope::of_a_mode(self.takes_lag()) } else { Scope::of_a_total(self.takes_lag()) };
        match self {
            Self::VarTheta => scope.without(Symbol::PositionVariance, ITSELF),
            Self::VarV => scope.without(Symbol::VelocityVariance, ITSELF),
            Self::LearningRateLimit => scope
                .without(Symbol::LearningRate, "is what the claim limits; the limit does not depend on it")
                .without(Symbol::Gamma, RATE)
                .without(Symbol::Frequency, RATE)
                .without(Symbol::DampingRatio, RATE)
                .without(Symbol::PositionVariance, RATE)
                .without(Symbol::VelocityVariance, RATE),
            _ => scope,
        }
    }

    /// The scope of a condition on where a claim holds: on a mode, or for a total on every mode.
    pub fn domain_scope(self) -> Scope {
        self.scope().with_modes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_observables() {
        for (place, entry) in OBSERVABLES.iter().enumerate() {
            assert_eq!(entry.0 as usize, place);
        }
    }
}
