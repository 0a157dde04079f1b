//! Figures 1 and 8: the network goes on moving. |delta_k|^2 against (16), and c of |Delta_k|^2 = a k^c over the last two thirds of the saved
//! values (H.2) and over windows of growing length (H.7).

use langevin_verify::networks::{FigureRecord, Look, Quantity, Role};

use super::experiment_file::ExperimentFile;
use super::figure::{Draft, panel, thinned};
use super::interval::{moments, observed, power_law, student};
use super::point::Point;
use super::speed::{noise_factor, predicted};
use super::track_file::Track;
use crate::error::Result;

/// Windows of Figure 8.
const LENGTHS: usize = 12;

/// H.2: the moving average of the local displacement.
const AVERAGED: usize = 15;

pub(super) fn draft(file: &ExperimentFile, point: &Point, tracks: &[Vec<Track>]) -> Result<Draft> {
    let (chains, training) = (tracks.first().map_or(&[][..], Vec::as_slice), &file.training);
    let mut draft = Draft {
        about: "Figures 1 and 8: local displacement $\\lVert\\delta_k\\rVert^2$ and global displacement $\\lVert\\Delta_k\\rVert^2$ of a \
                trained network that is trained on, starting at rest."
            .into(),
        ..Draft::default()
    };
    let factor = noise_factor(training.sampling, training.data.samples(), &training.sgd)?;
    let (discrete, plain) = predicted(&point.curvature, &training.sgd, factor);
    let late: Vec<Track> = chains.iter().map(|chain| chain.after(file.discard)).collect();
    let speeds: Vec<f64> = late.iter().map(|chain| moments(&chain.local).0).collect();
    let ratios = |by: f64| speeds.iter().map(|speed| speed / by).collect::<Vec<f64>>();
    let third = |chain: &Track, part: usize| {
        let length = chain.local.len() / 3;
        moments(&chain.local[part * length..(part + 1) * length]).0
    };
    let drifts: Vec<f64> = late.iter().map(|chain| third(chain, 2) / third(chain, 0)).collect();
    let last = |chain: &Track, parts: usize| {
        let first = chain.steps.len() / parts;
        power_law(&chain.steps[first..], &chain.global[first..])
    };
    let exponents: Vec<f64> = chains.iter().map(|chain| last(chain, 3).1).collect();
    draft.observations = vec![
        observed(
            "exponent",
            "$c$ of $\\lVert\\Delta_k\\rVert^2 \\propto k^c$, last two thirds of the steps (1 is Brownian)",
            &exponents,
            None,
            "Figure 1, H.2",
        ),
        observed(
            "speed",
            "speed $\\lVert\\delta\\rVert^2$ over (16) with $\\operatorname{tr}\\Sigma$ measured at the start",
            &ratios(plain),
            Some(1.0),
            "(16), E43",
        ),
        observed(
            "speed-discrete",
            "the same over (16) with the factor of the discrete process",
            &ratios(discrete),
            Some(1.0),
            "E03",
        ),
        observed("speed-drift", "speed in the last third over that in the first", &drifts, Some(1.0), "section 2"),
    ];

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
    let (mean, half) = across(chains, |chain| &chain.global);
    let (mean, half) = (thinned(&mean), thinned(&half));
    let (scale, exponent) = last(first, 3);
    let window = [first.steps[first.steps.len() / 3], *first.steps.last().unwrap_or(&1.0)];
    let mut global = panel(
        format!("displacement, c = {exponent:.2} for this chain"),
        (Quantity::Step, true),
        (Quantity::GlobalDisplacement, true),
    );
    global.marks = vec![
        draft.drawn_with(
            "global-mean",
            ("mean over chains, 95 %", Role::Mean, Look::Band),
            steps.clone(),
            (mean, half),
        ),
        draft.drawn("global", ("one chain", Role::Chain, Look::Line), steps, thinned(&first.global)),
        draft.drawn(
            "global-fit",
            ("power law fitted to the chain", Role::Fit, Look::Dashes),
            window.to_vec(),
            window.iter().map(|step| scale * step.powf(exponent)).collect(),
        ),
    ];
    draft.figures.push(FigureRecord {
        id: "diffusion".into(),
        caption: "Local and global displacement. One should see a constant speed and a displacement that goes on growing. For a stationary \
                  chain in a quadratic basin $c$ falls towards 0 (E20); growth beyond that needs directions that are still relaxing, or \
                  without curvature."
            .into(),
        panels: vec![local, global],
    });
    exponents_by_length(&mut draft, chains);
    Ok(draft)
}

fn across(chains: &[Track], part: impl Fn(&Track) -> &Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let count = chains.iter().map(|chain| part(chain).len()).min().unwrap_or(0);
    (0..count).map(|place| student(&chains.iter().map(|chain| part(chain)[place]).collect::<Vec<f64>>())).unzip()
}

/// Figure 8.
fn exponents_by_length(draft: &mut Draft, chains: &[Track]) {
    let Some(count) = chains.iter().map(|chain| chain.steps.len()).min().filter(|count| *count >= 40) else { return };
    let (mut lengths, mut values, mut halves) = (Vec::new(), Vec::new(), Vec::new());
    let mut by_chain: Vec<(f64, f64)> = vec![(0.0, 0.0); chains.len()];
    for window in 1..=LENGTHS {
        let records =
            (20.0 * (count as f64 / 20.0).powf(window as f64 / LENGTHS as f64)).round().min(count as f64) as usize;
        let exponents: Vec<f64> =
            chains.iter().map(|chain| power_law(&chain.steps[..records], &chain.global[..records]).1).collect();
        for (ends, exponent) in by_chain.iter_mut().zip(&exponents) {
            if window == LENGTHS / 2 {
                ends.0 = *exponent;
            }
            ends.1 = *exponent;
        }
        let (mean, half) = student(&exponents);
        lengths.push(chains[0].steps[records - 1]);
        values.push(mean);
        halves.push(half);
    }
    let growth: Vec<f64> = by_chain.iter().map(|(middle, last)| last - middle).collect();
    draft.observations.push(observed(
        "exponent-growth",
        "$c$ fitted to all steps minus $c$ fitted to the first part (half of the length on a logarithmic scale)",
        &growth,
        None,
        "Figure 8, H.7",
    ));
    let mut panel = panel("exponent against length", (Quantity::Length, true), (Quantity::Exponent, false));
    let looks = ("fitted exponent, mean over chains, 95 %", Role::Measured, Look::Points);
    panel.marks = vec![draft.drawn_with("exponent", looks, lengths, (values, halves))];
    draft.figures.push(FigureRecord {
        id: "exponent".into(),
        caption: "The exponent fitted to the first steps, by their number (Figure 8). The paper sees it grow; in a stationary quadratic \
                  basin it must fall (E20)."
            .into(),
        panels: vec![panel],
    });
}
