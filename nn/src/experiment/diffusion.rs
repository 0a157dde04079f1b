//! Figures 1 and 8: the network goes on moving. |delta_k|^2 against (16), |delta_k|^2 and |Delta_k|^2 against the prediction mode by mode, and c of |Delta_k|^2 = a k^c over the last two thirds of the saved
//! values (H.2) and over windows of growing length (H.7).

use langevin_theory::Sampling;
use langevin_verify::networks::{FigureRecord, Look, Quantity, Role};

use super::displacement::{BatchNoise, displacements};
use super::experiment_file::ExperimentFile;
use super::figure::{Draft, panel, thinned};
use super::interval::{moments, observed, power_law, student};
use super::speed::{noise_factor, predicted};
use super::track_file::Track;
use super::{Subject, replicated};
use crate::curvature::Growth;
use crate::error::Result;

/// Windows of Figure 8.
const LENGTHS: usize = 12;

/// Most steps that displacements are predicted at.
const PREDICTED: usize = 400;

/// H.2: the moving average of the local displacement.
const AVERAGED: usize = 15;

pub(super) fn draft(file: &ExperimentFile, subjects: &[Subject]) -> Result<Draft> {
    let training = &file.training;
    let mut draft = Draft {
        about: "Figures 1 and 8: local displacement $\\lVert\\delta_k\\rVert^2$ and global displacement $\\lVert\\Delta_k\\rVert^2$ of a \
                trained network that is trained on, starting at rest."
            .into(),
        ..Draft::default()
    };
    let factor = noise_factor(training.sampling, training.data.samples(), &training.sgd)?;
    let by_trace = |subject: &Subject| predicted(&subject.point.curvature, &training.sgd, factor);
    let late = |chain: &Track| chain.after(file.discard);
    let speed = |chain: &Track| moments(&late(chain).local).0;
    let of = |effect: &dyn Fn(&Subject, &Track) -> f64| replicated(subjects, 0, effect);
    let third = |chain: &Track, part: usize| {
        let length = chain.local.len() / 3;
        moments(&chain.local[part * length..(part + 1) * length]).0
    };
    draft.observations = vec![
        observed(
            "exponent",
            "$c$ of $\\lVert\\Delta_k\\rVert^2 \\propto k^c$, last two thirds of the steps (1 is Brownian)",
            &of(&|_, chain| last(chain, 3).1),
            None,
            "Figure 1, H.2",
        ),
        observed(
            "speed",
            "speed $\\lVert\\delta\\rVert^2$ over (16) with $\\operatorname{tr}\\Sigma$ measured at the start",
            &of(&|subject, chain| speed(chain) / by_trace(subject).1),
            Some(1.0),
            "(16), E43",
        ),
        observed(
            "speed-discrete",
            "the same over (16) with the factor of the discrete process",
            &of(&|subject, chain| speed(chain) / by_trace(subject).0),
            Some(1.0),
            "E03",
        ),
        observed(
            "speed-drift",
            "speed in the last third over that in the first",
            &of(&|_, chain| third(&late(chain), 2) / third(&late(chain), 0)),
            Some(1.0),
            "section 2",
        ),
    ];
    let laws = laws(file, subjects)?;
    if laws.len() == subjects.len() {
        by_modes(&mut draft, file, subjects, &laws);
    }
    let (chains, law) = (subjects.first().map_or(&[][..], |subject| subject.tracks[0].as_slice()), laws.first());
    let (discrete, plain) = subjects.first().map_or((f64::NAN, f64::NAN), by_trace);

    let Some(first) = chains.first() else { return Ok(draft) };
    let steps = thinned(&first.steps);
    let average = |values: &[f64]| values.windows(AVERAGED).map(|window| moments(window).0).collect::<Vec<f64>>();
    let mut local = panel("speed", (Quantity::Step, false), (Quantity::LocalDisplacement, true));
    let ends = vec![steps[0], *steps.last().unwrap_or(&1.0)];
    let middle = AVERAGED / 2;
    let averaged = average(&first.local);
    let averaged_steps: Vec<f64> = first.steps.iter().skip(middle).take(averaged.len()).copied().collect();
    local.marks = vec![
        draft.drawn("local", ("one chain", Role::Chain, Look::Line), steps.clone(), thinned(&first.local)),
        draft.drawn(
            "local-average",
            ("its moving average over 15 values", Role::Measured, Look::Line),
            thinned(&averaged_steps),
            thinned(&averaged),
        ),
        draft.drawn(
            "speed-discrete",
            ("(16) with the factor of the discrete process", Role::Exact, Look::Line),
            ends.clone(),
            vec![discrete; 2],
        ),
        draft.drawn("speed", ("equation (16)", Role::Sde, Look::Dashes), ends, vec![plain; 2]),
    ];
    // of all networks, each by its first chain, or of all chains of one
    let (label, all): (_, Vec<&Track>) = match subjects {
        [_] => ("mean over chains, 95 %", chains.iter().collect()),
        _ => ("mean over networks, 95 %", subjects.iter().filter_map(|subject| subject.tracks[0].first()).collect()),
    };
    let (mean, half) = across(&all, |chain| &chain.global);
    let (mean, half) = (thinned(&mean), thinned(&half));
    let (scale, exponent) = last(first, 3);
    let law_marks = law.map(|law| {
        [
            ("by-modes", "predicted mode by mode", Role::Exact, Look::Line, &law.global),
            ("by-modes-independent", "the same, were batches independent", Role::Sde, Look::Dashes, &law.independent),
        ]
    });
    let window = [first.steps[first.steps.len() / 3], *first.steps.last().unwrap_or(&1.0)];
    let mut global = panel(
        format!("displacement, c = {exponent:.2} for this chain"),
        (Quantity::Step, true),
        (Quantity::GlobalDisplacement, true),
    );
    global.marks = vec![
        draft.drawn_with("global-mean", (label, Role::Mean, Look::Band), steps.clone(), (mean, half)),
        draft.drawn("global", ("one chain", Role::Chain, Look::Line), steps, thinned(&first.global)),
        draft.drawn(
            "global-fit",
            ("power law fitted to the chain", Role::Fit, Look::Dashes),
            window.to_vec(),
            window.iter().map(|step| scale * step.powf(exponent)).collect(),
        ),
    ];
    if let (Some(law), Some(marks)) = (law, law_marks) {
        let steps: Vec<f64> = law.steps.iter().map(|step| *step as f64).collect();
        for (name, label, role, look, values) in marks {
            if name == "by-modes" || training.sampling == Sampling::Reshuffle {
                global.marks.push(draft.drawn(name, (label, role, look), steps.clone(), values.clone()));
            }
        }
    }
    draft.figures.push(FigureRecord {
        id: "diffusion".into(),
        caption: "Local and global displacement. One should see a constant speed and a displacement that goes on growing. For a stationary \
                  chain in a quadratic basin $c$ falls towards 0 (E20); growth beyond that needs directions that are still relaxing, or \
                  without curvature. The prediction mode by mode takes noise, force and curvature of the whole spectrum at the start, and no fit; modes of negative curvature are taken as flat."
            .into(),
        panels: vec![local, global],
    });
    exponents_by_length(&mut draft, subjects);
    Ok(draft)
}

/// The power law of the last part of a chain.
fn last(chain: &Track, parts: usize) -> (f64, f64) {
    let first = chain.steps.len() / parts;
    power_law(&chain.steps[first..], &chain.global[first..])
}

/// What the whole spectrum of a network predicts, at some of the recorded steps.
struct Law {
    /// Places among the records.
    places: Vec<usize>,
    steps: Vec<usize>,
    local: Vec<f64>,
    global: Vec<f64>,
    /// The global displacement, were batches independent.
    independent: Vec<f64>,
    /// The speed, were they.
    independent_speed: f64,
    /// Modes with negative curvature, which are taken as flat.
    growth: Growth,
}

/// One for each network whose whole spectrum was measured.
fn laws(file: &ExperimentFile, subjects: &[Subject]) -> Result<Vec<Law>> {
    let training = &file.training;
    let batches = BatchNoise::new(training.sampling, training.data.samples(), &training.sgd)?;
    let mut laws = Vec::new();
    for subject in subjects {
        let (Some(modes), Some(chain)) = (&subject.point.curvature.modes, subject.tracks[0].first()) else { continue };
        let mut stride = chain.steps.len().div_ceil(PREDICTED).max(1);
        // speeds differ within an epoch: steps must not be all at one place of it
        while common_divisor(stride, batches.epoch) > 1 && stride < chain.steps.len() {
            stride += 1;
        }
        // the beginning, which a logarithmic axis shows, and then every stride
        let every = (0..chain.steps.len()).rev().step_by(stride).collect::<Vec<_>>();
        let early = 0..(4 * stride).min(chain.steps.len());
        let places: Vec<usize> =
            early.clone().chain(every.into_iter().rev().filter(|place| *place >= early.end)).collect();
        let steps: Vec<usize> = places.iter().map(|place| chain.steps[*place] as usize).collect();
        let (modes, growth) = modes.without_growth(training.sgd.weight_decay());
        let (local, global) = displacements(&modes, &training.sgd, &batches, &steps);
        let (speeds, independent) = displacements(&modes, &training.sgd, &batches.independent(), &steps);
        let independent_speed = averaged(file, &steps, &speeds);
        laws.push(Law { places, steps, local, global, independent, independent_speed, growth });
    }
    Ok(laws)
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// The mean over steps that are not discarded.
fn averaged(file: &ExperimentFile, steps: &[usize], values: &[f64]) -> f64 {
    let late = steps.iter().zip(values).filter(|(step, _)| **step as u64 > file.discard);
    moments(&late.map(|(_, value)| *value).collect::<Vec<f64>>()).0
}

/// Measured displacements over those that the spectrum predicts.
fn by_modes(draft: &mut Draft, file: &ExperimentFile, subjects: &[Subject], laws: &[Law]) {
    let of = |effect: &dyn Fn(&Law, &Track) -> f64| -> Vec<f64> {
        replicated(subjects, 0, |subject, chain| {
            let place = subjects.iter().position(|found| std::ptr::eq(found, subject)).unwrap_or(0);
            effect(&laws[place], chain)
        })
    };
    let speed = |chain: &Track| moments(&chain.after(file.discard).local).0;
    // the last third, where every chain has gone far
    let ratio = |law: &Law, chain: &Track, predicted: &[f64]| {
        let first = 2 * chain.steps.len() / 3;
        let late = law.places.iter().zip(predicted).filter(|(place, _)| **place >= first);
        let ratios = late.map(|(place, value)| chain.global[*place] / value);
        moments(&ratios.collect::<Vec<f64>>()).0
    };
    let exponent = |law: &Law| {
        let records = law.places.last().map_or(0, |place| place + 1);
        let first = law.places.iter().position(|place| *place >= records / 3).unwrap_or(0);
        let steps: Vec<f64> = law.steps[first..].iter().map(|step| *step as f64).collect();
        power_law(&steps, &law.global[first..]).1
    };
    let shares: Vec<String> = laws
        .iter()
        .map(|law| {
            let (modes, noise, force) = (law.growth.modes, 100.0 * law.growth.noise, 100.0 * law.growth.force);
            format!("{modes} ({noise:.3} % of the noise, {force:.1} % of the force)")
        })
        .collect();
    draft.settings.push(("modes of negative curvature, predicted as if flat, by network".into(), shares.join("; ")));
    let mut add = |id: &str, what: &str, effects: &[f64], expected: f64, reference: &str| {
        // numbers that overflowed are no prediction
        if effects.iter().all(|effect| effect.is_finite()) {
            draft.observations.push(observed(id, what, effects, Some(expected), reference));
        }
    };
    add(
        "speed-modes",
        "speed over the prediction mode by mode, with batches correlated as they were drawn",
        &of(&|law, chain| speed(chain) / averaged(file, &law.steps, &law.local)),
        1.0,
        "(16), E03, E36",
    );
    add(
        "displacement-modes",
        "$\\lVert\\Delta_k\\rVert^2$ over the prediction mode by mode, mean over the last third of the steps",
        &of(&|law, chain| ratio(law, chain, &law.global)),
        1.0,
        "(17), E33, E36",
    );
    add(
        "exponent-modes",
        "$c$ less the $c$ of the prediction over the same steps",
        &of(&|law, chain| last(chain, 3).1 - exponent(law)),
        0.0,
        "Figure 1, E20",
    );
    if file.training.sampling == Sampling::Reshuffle {
        add(
            "speed-independent",
            "speed over the prediction mode by mode for independent batches",
            &of(&|law, chain| speed(chain) / law.independent_speed),
            1.0,
            "(16), E03",
        );
        add(
            "displacement-independent",
            "$\\lVert\\Delta_k\\rVert^2$ over the prediction for independent batches",
            &of(&|law, chain| ratio(law, chain, &law.independent)),
            1.0,
            "(17), E33",
        );
    }
}

fn across(chains: &[&Track], part: impl Fn(&Track) -> &Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let count = chains.iter().map(|chain| part(chain).len()).min().unwrap_or(0);
    (0..count).map(|place| student(&chains.iter().map(|chain| part(chain)[place]).collect::<Vec<f64>>())).unzip()
}

/// Figure 8.
fn exponents_by_length(draft: &mut Draft, subjects: &[Subject]) {
    let chains = || subjects.iter().filter_map(|subject| subject.tracks.first()).flatten();
    let count = chains().map(|chain| chain.steps.len()).min().unwrap_or(0);
    let Some(first) = chains().next().filter(|_| count >= 40) else { return };
    let records = |window: usize| {
        (20.0 * (count as f64 / 20.0).powf(window as f64 / LENGTHS as f64)).round().min(count as f64) as usize
    };
    let exponent = |chain: &Track, window: usize| {
        let records = records(window);
        power_law(&chain.steps[..records], &chain.global[..records]).1
    };
    let (mut lengths, mut values, mut halves) = (Vec::new(), Vec::new(), Vec::new());
    for window in 1..=LENGTHS {
        let (mean, half) = student(&replicated(subjects, 0, |_, chain| exponent(chain, window)));
        lengths.push(first.steps[records(window) - 1]);
        values.push(mean);
        halves.push(half);
    }
    let growth = replicated(subjects, 0, |_, chain| exponent(chain, LENGTHS) - exponent(chain, LENGTHS / 2));
    draft.observations.push(observed(
        "exponent-growth",
        "$c$ fitted to all steps minus $c$ fitted to the first part (half of the length on a logarithmic scale)",
        &growth,
        None,
        "Figure 8, H.7",
    ));
    let mut panel = panel("exponent against length", (Quantity::Length, true), (Quantity::Exponent, false));
    let looks = ("fitted exponent, 95 %", Role::Measured, Look::Points);
    panel.marks = vec![draft.drawn_with("exponent", looks, lengths, (values, halves))];
    draft.figures.push(FigureRecord {
        id: "exponent".into(),
        caption: "The exponent fitted to the first steps, by their number (Figure 8). The paper sees it grow; in a stationary quadratic \
                  basin it must fall (E20)."
            .into(),
        panels: vec![panel],
    });
}
