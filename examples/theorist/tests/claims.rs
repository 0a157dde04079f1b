//! Formulas as tests.

use std::path::Path;

use langevin_verify::problem::Problem;
use langevin_verify::report::Verdict;
use langevin_verify::theorist::{Claim, Formula, Symbols};

/// A problem of one's own: six samples of two features.
fn problem() -> Problem {
    let text = r#"
[data]
source = "inline"
features = [[1.0, 0.2], [-0.5, 1.0], [0.3, -0.8], [0.9, 0.4], [-1.0, 0.1], [0.2, 0.7]]
targets = [0.9, 0.1, -0.6, 1.4, -0.8, 0.9]
[sgd]
learning_rate = 0.2
momentum = 0.5
weight_decay = 0.1
batch_size = 2
"#;
    Problem::parse("problem", text, Path::new("")).expect("the problem is valid")
}

#[test]
fn the_variance_of_a_mode_has_a_discretisation_factor() {
    Claim::new("variance", "var_theta", |m| {
        m.eta * m.noise / m.batch_size / (2.0 * m.h * (1.0 - m.beta)) / (1.0 - m.eta * m.h / (2.0 * (1.0 + m.beta)))
    })
    .exactly()
    .gaussian()
    .on(problem())
    .assert_supported();
}

#[test]
fn without_the_factor_it_is_right_to_first_order() {
    Claim::expression("sde-variance", "var_theta", "eta*noise/(2*S*h*(1 - beta))")
        .order(1.0)
        .gaussian()
        .on(problem())
        .assert_supported();
}

#[test]
fn and_not_exactly() {
    let sde = |m: &Symbols<'_>| m.eta * m.noise / (2.0 * m.batch_size * m.h * (1.0 - m.beta));
    let outcome = Claim::new("sde-variance", "var_theta", sde)
        .exactly()
        .gaussian()
        .on(problem())
        .check()
        .expect("it can be checked");
    assert_eq!(outcome.verdict(), Verdict::Refuted);
    let message = outcome.to_string();
    for part in ["refuted", "sde-variance", "Off by", "alpha = ", "minimum detectable effect", "LANGEVIN_SEED="] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
}

/// eta h / (2 (1 + beta)) is at most 0.02 there.
#[test]
fn in_a_domain_it_is_right_within_a_bound() {
    let sde = |m: &Symbols<'_>| m.eta * m.noise / (2.0 * m.batch_size * m.h * (1.0 - m.beta));
    Claim::new("sde-variance", "var_theta", sde)
        .within(0.021)
        .only_where(|m| m.eta * m.h < 0.04 * (1.0 + m.beta))
        .gaussian()
        .on(problem())
        .assert_supported();
}

/// A formula as a type: I1, the balance of energies, for any noise.
struct Equipartition;

impl Formula for Equipartition {
    fn evaluate(&self, m: &Symbols<'_>) -> f64 {
        2.0 * m.h * m.var_theta / (m.eta * (1.0 + m.beta))
    }
}

#[test]
fn energies_balance_for_batches_too() {
    Claim::formula("equipartition", "var_v", Equipartition).exactly().on(problem()).assert_supported();
}

#[test]
#[should_panic(expected = "did you mean `noise`?")]
fn typing_errors_are_explained() {
    Claim::expression("typing-error", "var_theta", "eta*noize/h").assert_supported();
}
