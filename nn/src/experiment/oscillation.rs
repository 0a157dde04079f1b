//! Figure 2: linear regression along the top eigenvector, at several momenta, from a start at rest. The mean of SGD is the exact discrete law
//! without any approximation, so that each chain regressed on it has slope 1 on average; on the SDE's mean (7) it has not.

use langevin_theory::discrete::ModeMap;
use langevin_theory::langevin::LangevinMode;
use langevin_theory::{Hyperparameters, Time};
use langevin_verify::networks::{FigureRecord, Look, Quantity, Role};

use super::experiment_file::ExperimentFile;
use super::figure::{Draft, panel, thinned};
use super::interval::observed;
use super::point::Point;
use super::track_file::Track;
use crate::error::{NnError, Result};
use crate::model::ModelKind;

pub(super) fn draft(
    file: &ExperimentFile,
    point: &Point,
    settings: &[Hyperparameters],
    tracks: &[Vec<Track>],
) -> Result<Draft> {
    if file.training.architecture.kind != ModelKind::Linear {
        let detail = "experiment.kind is \"oscillation\"; model.kind must be \"linear\"".into();
        return Err(NnError::Input { detail });
    }
    let mut draft = Draft {
        about: "Figure 2: linear regression along the top eigenvector of its Hessian.".into(),
        ..Draft::default()
    };
    let (rho, minimum) = (point.curvature.eigenvalues[0], point.curvature.minimum[0]);
    let mut panels = Vec::new();
    for (number, (sgd, chains)) in settings.iter().zip(tracks).enumerate() {
        let Some(first) = chains.first() else { continue };
        let curvature = rho + sgd.weight_decay();
        let map = ModeMap::new(sgd.learning_rate(), sgd.momentum(), curvature);
        let mode = LangevinMode::new(sgd, rho, 0.0)?;
        // theta_* - mu; E32: the SDE's velocity at the start is that between the first two steps
        let start = -minimum;
        let exact: Vec<[f64; 2]> = first.steps.iter().map(|step| exact_mean(&map, start, *step)).collect();
        let mut sde = Vec::new();
        for step in &first.steps {
            let at = |steps: f64| -> Result<[f64; 2]> {
                let time = Time::new(sgd.learning_rate() * steps)?;
                Ok(mode.mean(start, -0.5 * curvature * start, time))
            };
            sde.push([at(*step)?[0], at(step - 0.5)?[1]]);
        }
        let slope = |values: &[f64], shift: f64, means: &[[f64; 2]], part: usize| {
            let (mut product, mut square) = (0.0, 0.0);
            for (value, mean) in values.iter().zip(means) {
                product += (value - shift) * mean[part];
                square += mean[part] * mean[part];
            }
            product / square
        };
        let name = format!("β = {}, ηh = {:.3}", sgd.momentum(), sgd.learning_rate() * curvature);
        for (law, means, reference) in [("exact", &exact, "section 5 of the errata"), ("sde", &sde, "(7), E32")] {
            let words = if law == "exact" { "the exact discrete mean" } else { "the mean of the SDE" };
            let positions: Vec<f64> = chains.iter().map(|chain| slope(&chain.position[0], minimum, means, 0)).collect();
            let velocities: Vec<f64> = chains.iter().map(|chain| slope(&chain.velocity[0], 0.0, means, 1)).collect();
            draft.observations.push(observed(
                &format!("{law}-position-{number}"),
                &format!("{name}: position of a chain regressed on {words}"),
                &positions,
                Some(1.0),
                reference,
            ));
            draft.observations.push(observed(
                &format!("{law}-velocity-{number}"),
                &format!("{name}: velocity of a chain regressed on {words}"),
                &velocities,
                Some(1.0),
                reference,
            ));
        }
        let steps = thinned(&first.steps);
        for (part, quantity, words) in [(0, Quantity::Position, "position"), (1, Quantity::Velocity, "velocity")] {
            let measured: Vec<f64> = if part == 0 {
                first.position[0].iter().map(|value| value - minimum).collect()
            } else {
                first.velocity[0].clone()
            };
            let along = |means: &[[f64; 2]]| thinned(&means.iter().map(|mean| mean[part]).collect::<Vec<f64>>());
            let mut panel = panel(format!("{name}: {words}"), (Quantity::Step, false), (quantity, false));
            panel.marks = vec![
                draft.drawn(
                    &format!("chain-{number}-{words}"),
                    ("SGD, one chain", Role::Measured, Look::Line),
                    steps.clone(),
                    thinned(&measured),
                ),
                draft.drawn(
                    &format!("exact-{number}-{words}"),
                    ("exact discrete mean", Role::Exact, Look::Line),
                    steps.clone(),
                    along(&exact),
                ),
                draft.drawn(
                    &format!("sde-{number}-{words}"),
                    ("SDE mean, equation (7)", Role::Sde, Look::Dashes),
                    steps.clone(),
                    along(&sde),
                ),
            ];
            panels.push(panel);
        }
    }
    draft.figures.push(FigureRecord {
        id: "oscillation".into(),
        caption: "Position and velocity of one chain along the top eigenvector of the Hessian (Figure 2), from rest, with both means. One should \
                  see the chain fluctuate about the exact mean."
            .into(),
        panels,
    });
    Ok(draft)
}

/// Position and velocity from (x, 0) after steps: M^k (x, 0).
fn exact_mean(map: &ModeMap, start: f64, steps: f64) -> [f64; 2] {
    let power = map.matrix_power(steps as u64);
    [power[0][0] * start, power[1][0] * start]
}
