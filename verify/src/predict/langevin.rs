//! Kinds `sde-mode` and `sde`: the paper's Ornstein-Uhlenbeck process.

use langevin_theory::langevin::{DisplacementReading, LangevinLaw, LangevinMode, NoiseModel};
use langevin_theory::{Quadratic, TheoryError};
use nalgebra::{DMatrix, DVector};
use serde_json::{Value, json};

use super::{Answer, each, matrix, small_matrix, steps, times, vector};
use crate::document::Table;
use crate::error::{Result, VerifyError};
use crate::problem::read_hyperparameters;

pub(super) fn mode(mut table: Table, answer: &mut Answer) -> Result<()> {
    let sgd = read_hyperparameters(&mut table)?;
    let sigma2 = table.required_number("sigma2")?;
    let rho = table.required_number("curvature")?;
    let position = table.number("position")?.unwrap_or(1.0);
    let velocity = table.number("velocity")?.unwrap_or(0.0);
    let times = times(&mut table)?;
    let steps = steps(&mut table)?;
    table.finish()?;
    if !(sigma2.is_finite() && sigma2 >= 0.0) {
        return Err(
            TheoryError::InvalidValue { name: "sigma2", value: sigma2, admissible: "finite and at least 0" }.into()
        );
    }
    let mode = LangevinMode::new(&sgd, rho, sigma2 * rho)?;
    let oscillator = mode.oscillator();
    answer.put("gamma", Ok(oscillator.gamma()))?;
    answer.put("omega", Ok(oscillator.omega()))?;
    let zeta = oscillator.zeta();
    answer.put(
        "zeta",
        if zeta.is_finite() {
            Ok(zeta)
        } else {
            Err(TheoryError::Infinite { what: "the damping ratio without curvature" })
        },
    )?;
    answer.put("alpha", Ok(oscillator.alpha()))?;
    answer.put("regime", Ok(oscillator.damping().name()))?;
    answer.put("kappa", Ok(sgd.kappa()))?;
    answer.put("mass", Ok(sgd.mass()))?;
    answer.put("propagator", each(&times, |time| Ok(small_matrix(oscillator.propagator(time)))))?;
    answer.put("mean", each(&times, |time| Ok(json!(mode.mean(position, velocity, time)))))?;
    answer.put("covariance", each(&times, |time| Ok(small_matrix(mode.covariance(time)))))?;
    answer.put("stationary_covariance", mode.stationary_covariance().map(small_matrix))?;
    answer.put(
        "stationary_cross_covariance",
        each(&times, |time| mode.stationary_cross_covariance(time).map(small_matrix)),
    )?;
    answer.put("velocity_correlation", each(&steps, |lag| Ok(mode.velocity_correlation(lag).into())))?;
    answer.put("displacement", each(&steps, |count| mode.displacement(count).map(Value::from)))
}

pub(super) fn law(mut table: Table, answer: &mut Answer) -> Result<()> {
    let sgd = read_hyperparameters(&mut table)?;
    let hessian = table.required_matrix("hessian")?;
    let size = hessian.nrows();
    let linear_term = table.vector("linear_term")?.unwrap_or_else(|| DVector::zeros(size));
    let sigma2 = table.number("sigma2")?;
    let covariance = table.matrix("noise_covariance")?;
    let position = table.vector("initial_position")?;
    let velocity = table.vector("initial_velocity")?.unwrap_or_else(|| DVector::zeros(size));
    let times = times(&mut table)?;
    let steps = steps(&mut table)?;
    table.finish()?;
    let noise = match (sigma2, covariance) {
        (Some(sigma2), None) => NoiseModel::ProportionalToHessian(sigma2),
        (None, Some(covariance)) => NoiseModel::Covariance(covariance),
        (None, None) => {
            return Err(VerifyError::Input {
                detail: "sigma2 is missing; one of sigma2 (a number) and noise_covariance (a matrix) must be given"
                    .into(),
            });
        }
        (Some(_), Some(_)) => {
            return Err(VerifyError::Input {
                detail: "sigma2 and noise_covariance are both given; only one of them can be".into(),
            });
        }
    };
    let linear = DMatrix::from_column_slice(linear_term.len(), 1, linear_term.as_slice());
    let quadratic = Quadratic::new(hessian, linear)?;
    let law = LangevinLaw::new(&quadratic, &sgd, noise)?;
    let minimum = law.minimum_ridge();
    let position = position.unwrap_or_else(|| minimum.clone());
    // expectations over the stationary law need one
    let exists = law.stationary_blocks().map(drop);
    let unbounded = |weight_decay: f64| {
        let bounded = quadratic.has_minimum(weight_decay);
        let what = "the linear term leaves the range of the Hessian: the loss has no minimum";
        if bounded { Ok(()) } else { Err(TheoryError::Singular { what }) }
    };
    let (ols, ridge) = (unbounded(0.0), unbounded(sgd.weight_decay()));

    answer.put("drift", Ok(matrix(&law.drift())))?;
    answer.put("diffusion", Ok(matrix(&law.diffusion())))?;
    answer.put("kappa", Ok(sgd.kappa()))?;
    answer.put("minimum_ols", ols.clone().map(|()| vector(&quadratic.minimum_ols().column(0).into_owned())))?;
    answer.put("minimum_ridge", ridge.map(|()| vector(&minimum)))?;
    answer.put("eigenvalues", Ok(vector(quadratic.eigenvalues())))?;
    answer.put("mean", each(&times, |time| law.mean(&position, &velocity, time).map(|mean| vector(&mean))))?;
    answer.put("covariance", each(&times, |time| Ok(matrix(&law.covariance(time)))))?;
    answer.put("stationary_covariance", law.stationary_covariance().map(|full| matrix(&full)))?;
    answer.put("circulation", law.circulation().map(|full| matrix(&full)))?;
    answer.put("precision", law.precision().map(|full| matrix(&full)))?;
    answer.put("speed", exists.clone().map(|()| law.speed()))?;
    let readings = [
        ("displacement_eq17", DisplacementReading::StepsAsTime),
        ("displacement_eq17_as_printed", DisplacementReading::AsPrinted),
    ];
    for (name, reading) in readings {
        answer.put(name, law.displacement_equation17(reading, &steps).map(Value::from))?;
    }
    let displacement = each(&steps, |count| law.displacement(count).map(Value::from));
    answer.put("displacement", exists.clone().and(displacement))?;
    answer.put("excess_loss", ols.clone().and_then(|()| law.excess_loss()))?;
    answer.put("loss_offset", ols.map(|()| law.loss_offset()))?;
    answer.put("potential_energy", law.potential_energy())?;
    answer.put("kinetic_energy", exists.map(|()| law.kinetic_energy()))?;
    answer.put("entropy_production_with_parity", law.entropy_production_with_parity())
}
