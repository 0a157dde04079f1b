//! Statistics of one's own, with what they are claimed to be on average.

use langevin_verify::Result;
use langevin_verify::theorist::{Chain, Estimator, ExactLaw, Experiment, Setting};

/// Equipartition of the whole system as one number: m E|v|^2 is E (theta - mu)^T (H + lambda) (theta - mu) with the mass
/// m = eta (1 + beta) / 2.
struct EnergyRatio {
    /// Claimed mass over eta.
    mass: f64,
}

impl Estimator for EnergyRatio {
    fn name(&self) -> String {
        format!("kinetic minus potential energy with m = {} eta", self.mass)
    }

    fn expected(&self, _: &ExactLaw) -> Result<Vec<f64>> {
        Ok(vec![0.0])
    }

    fn measure(&self, chain: &Chain, law: &ExactLaw) -> Vec<f64> {
        let mass = self.mass * law.hyperparameters().learning_rate();
        let mut difference = 0.0;
        for step in 0..chain.len() {
            difference += mass * chain.velocity(step).iter().map(|v| v * v).sum::<f64>();
            for mode in 0..law.modes() {
                let away = chain.position(step).iter().zip(law.minimum().iter()).map(|(theta, mu)| theta - mu);
                let along: f64 = law.eigenvectors().column(mode).iter().zip(away).map(|(q, x)| q * x).sum();
                difference -= law.curvature(mode) * along * along;
            }
        }
        vec![difference / chain.len() as f64]
    }

    fn scale(&self, law: &ExactLaw) -> Result<Vec<f64>> {
        let covariance = law.covariance_in_eigenbasis();
        Ok(vec![(0..law.modes()).map(|mode| law.curvature(mode) * covariance[(mode, mode)]).sum()])
    }

    fn resolution(&self) -> f64 {
        0.03
    }
}

#[test]
fn energies_balance_with_the_mass_of_the_discrete_process() {
    let beta = Setting::small().hyperparameters().momentum();
    Experiment::on(Setting::small())
        .estimator(EnergyRatio { mass: 0.5 * (1.0 + beta) })
        .check()
        .expect("it can be checked")
        .assert_supported();
}

#[test]
fn and_not_with_half_the_learning_rate() {
    Experiment::on(Setting::small())
        .estimator(EnergyRatio { mass: 0.5 })
        .check()
        .expect("it can be checked")
        .assert_refuted();
}

/// What is claimed to be zero needs a scale, and every number an expectation.
#[test]
fn estimators_that_make_no_sense_are_refused() {
    struct Wrong {
        expected: Vec<f64>,
        measured: Vec<f64>,
    }
    impl Estimator for Wrong {
        fn name(&self) -> String {
            "wrong".into()
        }
        fn expected(&self, _: &ExactLaw) -> Result<Vec<f64>> {
            Ok(self.expected.clone())
        }
        fn measure(&self, _: &Chain, _: &ExactLaw) -> Vec<f64> {
            self.measured.clone()
        }
    }
    for (expected, measured, part) in [
        (vec![0.0], vec![0.0], "give `scale`"),
        (vec![f64::NAN], vec![0.0], "must be finite"),
        (vec![1.0, 2.0], vec![1.0], "measured 1 numbers"),
    ] {
        let error = Experiment::on(Setting::small())
            .estimator(Wrong { expected, measured })
            .check()
            .expect_err("it is refused");
        assert!(error.to_string().contains("\"wrong\"") && error.to_string().contains(part), "{error}");
    }
}
