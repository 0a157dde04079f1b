//! Somebody's SGD against the exact law: the right one is supported, each wrong one is refuted.

use langevin_example_theorist::{Bug, PlainSgd};
use langevin_verify::report::Verdict;
use langevin_verify::theorist::{Chain, Experiment, Outcome, Setting, Simulator, State};

fn with(bug: Bug) -> Outcome {
    let setting = Setting::small();
    Experiment::on(setting.clone()).simulator(PlainSgd::with_bug(setting, bug)).check().expect("it can be checked")
}

#[test]
fn plain_loops_are_right() {
    let setting = Setting::small();
    Experiment::on(setting.clone())
        .simulator(PlainSgd::new(setting))
        .check()
        .expect("it can be checked")
        .assert_supported();
}

#[test]
fn langevins_own_simulator_is_right() {
    Experiment::on(Setting::small()).check().expect("it can be checked").assert_supported();
}

#[test]
fn a_buffer_with_the_old_gradient_is_found() {
    with(Bug::OldGradient).assert_refuted();
}

#[test]
fn dampening_is_found() {
    with(Bug::Dampening).assert_refuted();
}

#[test]
fn nesterov_in_place_of_heavy_ball_is_found() {
    with(Bug::Nesterov).assert_refuted();
}

#[test]
fn decoupled_weight_decay_is_found() {
    with(Bug::DecoupledWeightDecay).assert_refuted();
}

#[test]
fn batches_without_replacement_are_found() {
    with(Bug::WithoutReplacement).assert_refuted();
}

#[test]
fn a_buffer_that_is_emptied_now_and_then_is_found() {
    with(Bug::ForgottenBuffer).assert_refuted();
}

#[test]
fn the_message_has_verdict_effect_budget_and_how_to_repeat() {
    let outcome = with(Bug::Dampening);
    assert_eq!(outcome.verdict(), Verdict::Refuted);
    let text = outcome.to_string();
    for part in [
        "Dampening",
        "refuted",
        "position variance",
        "effect -",
        "alpha = ",
        "minimum detectable effect",
        "power 0.999",
        "LANGEVIN_SEED=",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

/// Chains that are no chains are refused with the reason, and never tested.
/// What is wrong with a step.
type Slip = fn(Chain, &State) -> Chain;

#[test]
fn chains_that_cannot_be_used_are_refused() {
    struct Wrong(fn(Chain, &State) -> Chain);
    impl Simulator for Wrong {
        fn name(&self) -> String {
            "wrong".into()
        }
        fn chain(&self, start: &State, steps: u64, seed: u64) -> Chain {
            self.0(PlainSgd::new(Setting::small()).chain(start, steps, seed), start)
        }
    }
    let without_start = |_: Chain, _: &State| Chain::new(&State { position: vec![0.0; 2], velocity: vec![0.0; 2] });
    let too_long = |mut chain: Chain, start: &State| {
        chain.push(&start.position, &start.velocity);
        chain
    };
    let other_sign = |chain: Chain, start: &State| {
        let mut turned = Chain::new(start);
        for step in 1..chain.len() {
            let velocity: Vec<f64> = chain.velocity(step).iter().map(|v| -v).collect();
            turned.push(chain.position(step), &velocity);
        }
        turned
    };
    let not_a_number = |chain: Chain, start: &State| {
        let mut broken = Chain::new(start);
        (1..chain.len()).for_each(|_| broken.push(&[f64::NAN; 2], &[0.0; 2]));
        broken
    };
    let cases: [(Slip, &str); 4] = [
        (without_start, "one per step"),
        (too_long, "one per step"),
        (other_sign, "theta' = theta + eta v'"),
        (not_a_number, "not finite"),
    ];
    for (wrong, part) in cases {
        let error =
            Experiment::on(Setting::small()).simulator(Wrong(wrong)).check().expect_err("it is refused").to_string();
        assert!(error.contains("\"wrong\"") && error.contains(part), "{error}");
    }
}
