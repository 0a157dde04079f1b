//! Figures 4, 5 and 6: the chain along the first and the last eigenvector that was computed.
//!
//! Rotation in a plane (x, v) is measured by the antisymmetric correlation
//!
//! ```text
//! r = E[x_{k+1} v_k - x_k v_{k+1}] / (2 sqrt(P V)),
//! ```
//!
//! positive for clockwise rotation (x to the right, v upwards). For the SDE it tends to omega eta, with omega = sqrt(2 h/(eta (1 + beta))) (E21), whatever
//! the damping: E[v dx - x dv] = 2 V dt and V = omega^2 P. For the discrete process it is a ratio of entries of the lagged covariance in which the
//! strength of the noise cancels.

use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::{Hyperparameters, Steps};
use langevin_verify::networks::{FigureRecord, Look, MarkRecord, Quantity, Role};

use super::experiment_file::ExperimentFile;
use super::figure::{Draft, panel, thinned};
use super::interval::{moments, observed};
use super::point::{Point, some_samples};
use super::track_file::Track;
use super::{Subject, replicated};
use crate::curvature::Objective;
use crate::data::DeviceData;
use crate::directions::read_directions;
use crate::error::Result;
use crate::network::{Loss, Network};
use crate::tensor::{Device, Tensor};
use crate::train::Trainer;

pub(super) fn draft(file: &ExperimentFile, subjects: &[Subject], device: Device) -> Result<Draft> {
    let Some(of_first) = subjects.first() else { return Ok(Draft::default()) };
    let last = file.curvature.count.min(of_first.point.curvature.eigenvalues.len()) - 1;
    let sgd = &file.training.sgd;
    let curvature = &of_first.point.curvature.eigenvalues;
    let mut draft = Draft {
        about: format!(
            "Figures 4 to 6: the trajectory of a trained network along the eigenvectors 1 and {} of its Hessian; $\\rho_1/\\rho_k$ = {:.2}. \
             The modified loss (13) is isotropic, the loss is not, and velocities follow the inverse Hessian (14).",
            last + 1,
            curvature[0] / curvature[last]
        ),
        ..Draft::default()
    };
    let late: Vec<Subject> = subjects
        .iter()
        .map(|subject| Subject {
            point: subject.point.clone(),
            tracks: vec![subject.tracks.first().into_iter().flatten().map(|chain| chain.after(file.discard)).collect()],
        })
        .collect();
    let ratios: Vec<Ratios> =
        late.iter().map(|subject| Ratios::new(sgd, &subject.point, last)).collect::<Result<_>>()?;
    // by network, so that each is compared with its own law
    let of = |effect: &dyn Fn(&Ratios, &Track) -> f64| -> Vec<f64> {
        replicated(&late, 0, |subject, chain| {
            let place = late.iter().position(|found| std::ptr::eq(found, subject)).unwrap_or(0);
            effect(&ratios[place], chain)
        })
    };
    let over = |values: &[Vec<f64>]| moments(&values[0]).1 / moments(&values[last]).1;
    draft.observations = vec![
        observed(
            "isotropy",
            &format!(
                "position variance along $q_1$ over that along $q_k$ (1: isotropic; the loss alone would give {:.2})",
                curvature[last] / curvature[0]
            ),
            &of(&|_, chain| over(&chain.position)),
            Some(1.0),
            "(13), Figure 4",
        ),
        observed(
            "position-law",
            "the same over the exact law with the noise measured along each direction",
            &of(&|ratios, chain| over(&chain.position) / ratios.position),
            Some(1.0),
            "E03, E43",
        ),
        observed(
            "inverse-hessian",
            "velocity variance along $q_1$ over that along $q_k$, over $\\rho_1/\\rho_k$",
            &of(&|ratios, chain| over(&chain.velocity) / ratios.curvature),
            Some(1.0),
            "(14), Figure 5",
        ),
        observed(
            "velocity-law",
            "velocity variance ratio over the exact law with the measured noise",
            &of(&|ratios, chain| over(&chain.velocity) / ratios.velocity),
            Some(1.0),
            "E03, E43",
        ),
    ];
    for (place, direction, name) in [(0, 0, "first"), (1, last, "last")] {
        let rate = |chain: &Track| rotation(&chain.position[direction], &chain.velocity[direction]);
        let q = direction + 1;
        draft.observations.push(observed(
            &format!("sense-{name}"),
            &format!("sense of rotation along $q_{{{q}}}$ (1: clockwise in every chain)"),
            &of(&|_, chain| rate(chain).signum()),
            Some(1.0),
            "(15), Figure 6",
        ));
        draft.observations.push(observed(
            &format!("rotation-{name}"),
            &format!("rotation rate along $q_{{{q}}}$ over $\\sqrt{{2\\rho/(\\eta(1+\\beta))}}\\,\\eta$"),
            &of(&|ratios, chain| rate(chain) / ratios.omega[place]),
            Some(1.0),
            "E21",
        ));
        draft.observations.push(observed(
            &format!("rotation-law-{name}"),
            &format!("rotation rate along $q_{{{q}}}$ over that of the exact discrete law"),
            &of(&|ratios, chain| rate(chain) / ratios.rotation[place]),
            Some(1.0),
            "E21, E31",
        ));
    }
    let Some(chain) = late.first().and_then(|subject| subject.tracks[0].first()) else { return Ok(draft) };
    plane(&mut draft, file, &of_first.point, chain, device)?;
    phase_space(&mut draft, file, &of_first.point, chain);
    Ok(draft)
}

/// What the theory says of the first and last direction of a network.
struct Ratios {
    /// rho_1/rho_k.
    curvature: f64,
    /// Position variances by the exact law.
    position: f64,
    /// Velocity variances.
    velocity: f64,
    /// eta sqrt(2 h/(eta (1 + beta))) of both.
    omega: [f64; 2],
    /// r of both by the exact law.
    rotation: [f64; 2],
}

impl Ratios {
    fn new(sgd: &Hyperparameters, point: &Point, last: usize) -> Result<Self> {
        let curvature = &point.curvature;
        let curved = |direction: usize| curvature.eigenvalues[direction] + sgd.weight_decay();
        let law = |direction: usize| -> Result<ModeLaw> {
            let map = ModeMap::new(sgd.learning_rate(), sgd.momentum(), curved(direction));
            Ok(ModeLaw::new(map, curvature.noise_along(direction))?)
        };
        let rotation = |law: &ModeLaw| -> Result<f64> {
            let (covariance, lagged) = (law.stationary_covariance()?, law.lag_covariance(Steps(1))?);
            Ok((lagged[0][1] - lagged[1][0]) / (2.0 * (covariance[0][0] * covariance[1][1]).sqrt()))
        };
        let omega = |direction: usize| (2.0 * curved(direction) * sgd.learning_rate() / (1.0 + sgd.momentum())).sqrt();
        let (first, other) = (law(0)?, law(last)?);
        Ok(Self {
            curvature: curvature.eigenvalues[0] / curvature.eigenvalues[last],
            position: first.position_variance()? / other.position_variance()?,
            velocity: first.velocity_variance()? / other.velocity_variance()?,
            omega: [omega(0), omega(last)],
            rotation: [rotation(&first)?, rotation(&other)?],
        })
    }
}

/// r, from one chain; x about its own mean.
pub fn rotation(x: &[f64], v: &[f64]) -> f64 {
    let ((mean, position), (_, velocity)) = (moments(x), moments(v));
    let count = x.len().saturating_sub(1).max(1) as f64;
    let pairs = x.windows(2).zip(v.windows(2));
    let sum: f64 = pairs.map(|(x, v)| (x[1] - mean) * v[0] - (x[0] - mean) * v[1]).sum();
    sum / count / (2.0 * (position * velocity).sqrt())
}

fn widest(values: &[&[f64]]) -> f64 {
    values.iter().flat_map(|values| values.iter()).fold(0.0_f64, |widest, value| widest.max(value.abs()))
}

fn grid(reach: f64, points: usize) -> Vec<f64> {
    (0..points).map(|point| reach * (2.0 * point as f64 / (points - 1) as f64 - 1.0)).collect()
}

/// The loss of as many samples as the Hessian is of: all of a large data set at every point of the plane would take far longer than the chains.
fn objective<'a>(
    file: &ExperimentFile,
    network: &'a Network,
    data: &'a DeviceData,
    loss: Loss,
) -> Result<Objective<'a>> {
    let all = Objective::new(network, data, loss);
    match file.curvature.samples {
        Some(count) if count < data.samples() => {
            all.of_samples(some_samples(count, data.samples(), file.training.run.seed))
        }
        _ => Ok(all),
    }
}

/// Figure 4 and 5: losses over the plane, with the chain.
fn plane(draft: &mut Draft, file: &ExperimentFile, point: &Point, chain: &Track, device: Device) -> Result<()> {
    let curvature = &point.curvature;
    let last = curvature.eigenvalues.len() - 1;
    let (rho, decay) = (&curvature.eigenvalues, file.training.sgd.weight_decay());
    let reach = 1.25 * widest(&[&chain.position[0], &chain.position[last]]);
    let x = grid(reach, file.grid);
    let mut trainer = Trainer::new(&point.training, device)?;
    let loss = trainer.loss();
    let test = file
        .held_out
        .as_ref()
        .map(|data| DeviceData::of(data, file.training.input, loss, file.training.run.precision, device))
        .transpose()?;
    let Some(path) = &point.training.track.directions else { return Ok(()) };
    let directions = read_directions(path, trainer.parts().0)?;
    let (first, second) = (directions.row(0)?, directions.row(last as i64)?);
    let start = trainer.network().phase().0.copied()?;
    let (mut on_train, mut on_test) = (Vec::new(), Vec::new());
    for up in &x {
        for across in &x {
            let moved: Tensor = start.plus(&first.scaled(*across)?)?.plus(&second.scaled(*up)?)?;
            trainer.network().position().assign(&moved)?;
            let (network, data) = trainer.parts();
            on_train.push(objective(file, network, data, loss)?.value()?);
            if let Some(test) = &test {
                on_test.push(objective(file, network, test, loss)?.value()?);
            }
        }
    }
    // (13) in a plane of eigenvectors: (theta - mu)' H^{-1} (H + lambda) (theta - mu)
    let centre = [curvature.minimum[0], curvature.minimum[last]];
    let weight = |direction: usize| (rho[direction] + decay) / rho[direction];
    let modified = x.iter().flat_map(|up| {
        x.iter()
            .map(|across| weight(0) * (across - centre[0]).powi(2) + weight(last) * (up - centre[1]).powi(2))
            .collect::<Vec<f64>>()
    });
    let modified: Vec<f64> = modified.collect();
    let trajectory = (thinned(&chain.position[0]), thinned(&chain.position[last]));
    let mut panels = Vec::new();
    let losses = [
        ("training loss", Role::Loss, on_train),
        ("test loss", Role::Loss, on_test),
        ("modified loss", Role::ModifiedLoss, modified),
    ];
    for (name, role, values) in losses {
        if values.is_empty() {
            continue;
        }
        let id = name.replace(' ', "-");
        let mut panel = panel(name, (Quantity::FirstPosition, false), (Quantity::LastPosition, false));
        panel.square = true;
        panel.marks = contours_and_chain(draft, &id, (name, role), &x, values, &trajectory);
        panels.push(panel);
    }
    draft.figures.push(FigureRecord {
        id: "plane".into(),
        caption: "The chain in the plane of two eigenvectors, over the training loss, the test loss and the modified loss (13) (Figure 4); origin: the \
                  start. One should see level curves that are narrow in the first direction, and a chain that is not."
            .into(),
        panels,
    });

    let reach = 1.1 * widest(&[&chain.velocity[0], &chain.velocity[last]]);
    let v = grid(reach, 61);
    let modified = v
        .iter()
        .flat_map(|up| v.iter().map(|across| across * across / rho[0] + up * up / rho[last]).collect::<Vec<f64>>());
    let modified: Vec<f64> = modified.collect();
    let mut velocities = panel("velocities", (Quantity::FirstVelocity, false), (Quantity::LastVelocity, false));
    velocities.square = true;
    let trajectory = (thinned(&chain.velocity[0]), thinned(&chain.velocity[last]));
    velocities.marks = contours_and_chain(
        draft,
        "velocities",
        ("modified loss of velocities (14)", Role::ModifiedLoss),
        &v,
        modified,
        &trajectory,
    );
    draft.figures.push(FigureRecord {
        id: "velocities".into(),
        caption: "Velocities in the same plane over level curves of $v^\\top H^{-1} v$ (Figure 5). One should see a cloud with the shape of the curves."
            .into(),
        panels: vec![velocities],
    });
    Ok(())
}

fn contours_and_chain(
    draft: &mut Draft,
    id: &str,
    (name, role): (&str, Role),
    grid: &[f64],
    values: Vec<f64>,
    (x, y): &(Vec<f64>, Vec<f64>),
) -> Vec<MarkRecord> {
    let looks = (name, role, Look::Contours);
    vec![
        draft.drawn_with(id, looks, grid.to_vec(), (grid.to_vec(), values)),
        draft.drawn(&format!("{id}-chain"), ("chain", Role::Measured, Look::Points), x.clone(), y.clone()),
    ]
}

/// Figure 6.
fn phase_space(draft: &mut Draft, file: &ExperimentFile, point: &Point, chain: &Track) {
    let curvature = &point.curvature;
    let last = curvature.eigenvalues.len() - 1;
    let sgd = &file.training.sgd;
    let mut panels = Vec::new();
    for direction in [0, last] {
        let curved = curvature.eigenvalues[direction] + sgd.weight_decay();
        let turn = std::f64::consts::TAU / (2.0 * curved * sgd.learning_rate() / (1.0 + sgd.momentum())).sqrt();
        // as many revolutions as can be told apart
        let count = ((4.0 * turn) as usize).clamp(20, chain.steps.len());
        let mean = moments(&chain.position[direction]).0;
        let x: Vec<f64> = chain.position[direction][..count].iter().map(|value| value - mean).collect();
        let v = chain.velocity[direction][..count].to_vec();
        let title = format!("q{}: one revolution in {turn:.0} steps, {count} steps", direction + 1);
        let mut panel = panel(title, (Quantity::Position, false), (Quantity::Velocity, false));
        panel.square = true;
        let start = (vec![x[0]], vec![v[0]]);
        let line =
            draft.drawn(&format!("phase-{direction}"), ("chain", Role::Measured, Look::Line), thinned(&x), thinned(&v));
        let first = draft.drawn(
            &format!("phase-start-{direction}"),
            ("where it begins", Role::Exact, Look::Points),
            start.0,
            start.1,
        );
        panel.marks = vec![line, first];
        panels.push(panel);
    }
    draft.figures.push(FigureRecord {
        id: "phase-space".into(),
        caption: "Position and velocity along the first and last eigenvector (Figure 6). One should see noisy clockwise turns, faster along the first; the \
                  table says at what rate."
            .into(),
        panels,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x = cos kw, v = -sin kw: clockwise, and E[x' v - x v'] / (2 sqrt(P V)) = sin w.
    #[test]
    fn rotation_of_a_circle_is_its_rate() {
        let rate: f64 = 0.1;
        let steps = || (0..62_832).map(|step| rate * f64::from(step));
        let (x, v): (Vec<f64>, Vec<f64>) = steps().map(|angle| (angle.cos(), -angle.sin())).unzip();
        assert!((rotation(&x, &v) - rate.sin()).abs() < 1e-4, "{}", rotation(&x, &v));
        let back: Vec<f64> = v.iter().map(|value| -value).collect();
        assert!(rotation(&x, &back) < 0.0);
    }
}
