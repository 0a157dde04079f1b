//! Figure 7: the speed at other hyperparameters, predicted from one estimate at the first setting: inverting (16) there gives sigma^2 tr H, and
//! (16) gives all others. Beside it the same with the factor of the discrete process and of drawing without replacement. Exponents c of the whole
//! trajectories below (H.6).

use langevin_theory::Hyperparameters;
use langevin_verify::networks::{FigureRecord, Look, Observation, Quantity, Role};

use super::experiment_file::ExperimentFile;
use super::figure::{Draft, panel};
use super::interval::{ALPHA, moments, observed, power_law, student};
use super::speed::{correction, noise_factor};
use super::track_file::Track;
use super::{Subject, replicated};
use crate::error::Result;

pub(super) fn draft(file: &ExperimentFile, subjects: &[Subject], settings: &[Hyperparameters]) -> Result<Draft> {
    let mut draft = Draft {
        about: "Figure 7: speed and exponent over sweeps of learning rate, batch size and momentum. Speeds are predicted from a single \
                estimate at the first setting."
            .into(),
        ..Draft::default()
    };
    let training = &file.training;
    let speed = |chain: &Track| moments(&chain.after(file.discard).local).0;
    let of_setting = |setting: usize| replicated(subjects, setting, |_, chain| speed(chain));
    let speeds: Vec<Vec<f64>> = (0..settings.len()).map(of_setting).collect();
    // (16) up to sigma^2 tr H
    let plain = |sgd: &Hyperparameters| {
        sgd.learning_rate().powi(2) / (sgd.batch_size() as f64 * (1.0 - sgd.momentum().powi(2)))
    };
    // by the curvature of each network
    let discrete = |sgd: &Hyperparameters| -> Result<Vec<f64>> {
        let factor = noise_factor(training.sampling, training.data.samples(), sgd)?;
        let of = |subject: &Subject| {
            plain(sgd) * sgd.batch_size() as f64 * factor * correction(&subject.point.curvature, sgd)
        };
        Ok(subjects.iter().map(of).collect())
    };
    let base = (student(&speeds[0]).0, plain(&settings[0]), discrete(&settings[0])?);
    let over_base = |sgd: &Hyperparameters| -> Result<Vec<f64>> {
        Ok(discrete(sgd)?.iter().zip(&base.2).map(|(here, there)| here / there).collect())
    };
    let counts = [file.sweep.learning_rate.len(), file.sweep.batch_size.len(), file.sweep.momentum.len()];
    let names = ["learning rate", "batch size", "momentum"];
    let quantities = [Quantity::LearningRate, Quantity::BatchSize, Quantity::Momentum];
    let mut first = 1;
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for sweep in 0..3 {
        let mut places: Vec<usize> = (first..first + counts[sweep]).collect();
        first += counts[sweep];
        if places.is_empty() {
            continue;
        }
        let value = |sgd: &Hyperparameters| match sweep {
            0 => sgd.learning_rate(),
            1 => sgd.batch_size() as f64,
            _ => sgd.momentum(),
        };
        let own = places.clone();
        places.push(0);
        places.sort_by(|a, b| value(&settings[*a]).total_cmp(&value(&settings[*b])));
        let x: Vec<f64> = places.iter().map(|place| value(&settings[*place])).collect();
        let (means, halves): (Vec<f64>, Vec<f64>) = places.iter().map(|place| student(&speeds[*place])).unzip();
        let by_plain: Vec<f64> = places.iter().map(|place| base.0 * plain(&settings[*place]) / base.1).collect();
        let by_discrete: Vec<f64> =
            places.iter().map(|place| Ok(base.0 * moments(&over_base(&settings[*place])?).0)).collect::<Result<_>>()?;
        for place in own {
            let sgd = &settings[place];
            let what = |law: &str| format!("{} {}: speed over {law} from one estimate", names[sweep], value(sgd));
            let id = format!("{}-{}", names[sweep].replace(' ', "-"), value(sgd));
            draft.observations.push(ratio(
                &id,
                &what("(16)"),
                (&speeds[place], &speeds[0]),
                &vec![plain(sgd) / base.1; subjects.len()],
                "(16), Figure 7",
            ));
            draft.observations.push(ratio(
                &format!("{id}-discrete"),
                &what("the discrete law"),
                (&speeds[place], &speeds[0]),
                &over_base(sgd)?,
                "E03, E25",
            ));
        }
        let logarithmic = sweep < 2;
        let mut above = panel(
            format!("speed, {}", names[sweep]),
            (quantities[sweep], logarithmic),
            (Quantity::LocalDisplacement, true),
        );
        above.marks = vec![
            draft.drawn(
                &format!("plain-{sweep}"),
                ("equation (16) from one estimate", Role::Sde, Look::Dashes),
                x.clone(),
                by_plain,
            ),
            draft.drawn(
                &format!("discrete-{sweep}"),
                ("with the discrete factors", Role::Exact, Look::Line),
                x.clone(),
                by_discrete,
            ),
            draft.drawn_with(
                &format!("speed-{sweep}"),
                ("measured, 95 %", Role::Measured, Look::Points),
                x.clone(),
                (means, halves),
            ),
        ];
        upper.push(above);
        let exponent = |_: &Subject, chain: &Track| power_law(&chain.steps, &chain.global).1;
        let exponents = |place: &usize| student(&replicated(subjects, *place, exponent));
        let (means, halves): (Vec<f64>, Vec<f64>) = places.iter().map(exponents).unzip();
        let mut below =
            panel(format!("exponent, {}", names[sweep]), (quantities[sweep], logarithmic), (Quantity::Exponent, false));
        below.marks = vec![draft.drawn_with(
            &format!("exponent-{sweep}"),
            ("measured, 95 %", Role::Measured, Look::Points),
            x,
            (means, halves),
        )];
        lower.push(below);
    }
    let exponents = replicated(subjects, 0, |_, chain| power_law(&chain.steps, &chain.global).1);
    draft.observations.push(observed(
        "exponent",
        "$c$ at the first setting, all steps",
        &exponents,
        None,
        "Figure 7, H.6",
    ));
    let panels = upper.into_iter().zip(lower).flat_map(|(above, below)| [above, below]).collect();
    draft.figures.push(FigureRecord {
        id: "sweeps".into(),
        caption: "Speed (left) and fitted exponent (right) over sweeps (Figure 7). One estimate, at the setting that all sweeps share, gives both \
                  predictions of the speed."
            .into(),
        panels,
    });
    Ok(draft)
}

/// The ratio of two speeds to what it should be: a ratio per network, or, with one, the ratio of means over chains, which are independent.
fn ratio(id: &str, what: &str, (above, below): (&[f64], &[f64]), expected: &[f64], reference: &str) -> Observation {
    if let [expected] = expected {
        return of_means(id, what, (above, below), *expected, reference);
    }
    let ratios = above.iter().zip(below).zip(expected).map(|((above, below), expected)| above / below / expected);
    observed(id, what, &ratios.collect::<Vec<f64>>(), Some(1.0), reference)
}

/// The ratio of two means of independent chains to what it should be, with the interval of its logarithm (delta method; degrees of freedom
/// those of one mean, which is on the safe side).
fn of_means(id: &str, what: &str, (above, below): (&[f64], &[f64]), expected: f64, reference: &str) -> Observation {
    let ((a, a_half), (b, b_half)) = (student(above), student(below));
    let effect = a / b / expected;
    let half = (a_half / a).hypot(b_half / b);
    Observation {
        id: id.into(),
        what: what.into(),
        effect,
        interval: [effect * (-half).exp(), effect * half.exp()],
        expected: Some(1.0),
        replicates: above.len() as u64,
        alpha: ALPHA,
        reference: reference.into(),
    }
}
