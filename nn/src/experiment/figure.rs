//! A record under construction.

use langevin_verify::networks::{
    Arrays, AxisRecord, FigureRecord, Look, MarkRecord, Observation, PanelRecord, Quantity, Role,
};

use super::experiment_file::ExperimentFile;
use super::point::Curvature;

/// Most points of a line: more cannot be seen.
const POINTS: usize = 1500;

/// What becomes a record.
#[derive(Debug, Default)]
pub struct Draft {
    /// What of the paper it is about.
    pub about: String,
    /// Names and values.
    pub settings: Vec<(String, String)>,
    /// Effects.
    pub observations: Vec<Observation>,
    /// Plots.
    pub figures: Vec<FigureRecord>,
    /// Their numbers.
    pub arrays: Arrays,
}

/// A panel without marks.
pub fn panel(title: impl Into<String>, x: (Quantity, bool), y: (Quantity, bool)) -> PanelRecord {
    let axis = |(quantity, logarithmic)| AxisRecord { quantity, logarithmic };
    PanelRecord { title: title.into(), x: axis(x), y: axis(y), square: false, marks: Vec::new() }
}

/// A mark of arrays that are there.
pub fn mark(label: &str, role: Role, look: Look, x: &str, y: &str) -> MarkRecord {
    MarkRecord { label: label.into(), role, look, x: x.into(), y: y.into(), half_width: None }
}

impl Draft {
    /// Keeps an array; gives its name.
    pub fn keep(&mut self, name: impl Into<String>, values: Vec<f64>) -> String {
        let name = name.into();
        self.arrays.insert(name.clone(), values);
        name
    }

    /// A mark of new arrays.
    pub fn drawn(
        &mut self,
        name: &str,
        (label, role, look): (&str, Role, Look),
        x: Vec<f64>,
        y: Vec<f64>,
    ) -> MarkRecord {
        let (x, y) = (self.keep(format!("{name}.x"), x), self.keep(format!("{name}.y"), y));
        mark(label, role, look, &x, &y)
    }

    /// The same with half widths.
    pub fn drawn_with(
        &mut self,
        name: &str,
        looks: (&str, Role, Look),
        x: Vec<f64>,
        (y, half): (Vec<f64>, Vec<f64>),
    ) -> MarkRecord {
        let half = self.keep(format!("{name}.half_width"), half);
        MarkRecord { half_width: Some(half), ..self.drawn(name, looks, x, y) }
    }

    /// The settings every experiment has, and the spectrum.
    pub fn describe(&mut self, file: &ExperimentFile, curvature: &Curvature) {
        let (sgd, training) = (&file.training.sgd, &file.training);
        let list = |values: &[f64]| values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ");
        let estimate = |found: super::Estimate| format!("{:.5} ± {:.2e}", found.value, found.half_width);
        let mut add = |name: &str, value: String| self.settings.push((name.into(), value));
        add("data", format!("{}, {} samples", training.data.name(), training.data.samples()));
        add("network", format!("{:?}, {} parameters", training.architecture, curvature.dimension));
        add("loss", training.loss.name().into());
        add("learning rate", sgd.learning_rate().to_string());
        add("momentum", sgd.momentum().to_string());
        add("weight decay", sgd.weight_decay().to_string());
        add("batch size", format!("{}, {}", sgd.batch_size(), training.sampling.name()));
        add("steps", format!("{}, the first {} not averaged", training.run.steps, file.discard));
        if file.networks > 1 {
            add("networks", format!("{}, trained from independent seeds; what follows is of the first", file.networks));
        }
        add("chains", file.chains.to_string());
        add("training before", format!("{:?}", file.phases));
        add("largest curvatures", list(&curvature.eigenvalues));
        let worst = curvature.residuals.iter().copied().fold(0.0, f64::max);
        add("largest residual of an eigenpair", format!("{worst:.2e}, after {} products", curvature.products));
        add("tr H", estimate(curvature.trace_hessian));
        add("tr Σ", estimate(curvature.trace_noise));
        add("tr HΣ", estimate(curvature.trace_product));
        self.spectrum(curvature);
    }

    /// The density of eigenvalues, nodes widened to a hundredth of the range.
    fn spectrum(&mut self, curvature: &Curvature) {
        const GRID: u32 = 400;
        let [nodes, weights] = &curvature.density;
        let (Some(low), Some(high)) = (nodes.first(), nodes.last()) else { return };
        let width = (high - low).max(f64::MIN_POSITIVE) / 100.0;
        let grid: Vec<f64> = (0..=GRID)
            .map(|place| low - 3.0 * width + (high - low + 6.0 * width) * f64::from(place) / f64::from(GRID))
            .collect();
        let norm = width * std::f64::consts::TAU.sqrt();
        let density = grid.iter().map(|x| {
            let near = |(node, weight): (&f64, &f64)| weight * (-0.5 * ((x - node) / width).powi(2)).exp() / norm;
            nodes.iter().zip(weights).map(near).sum::<f64>().max(1e-9)
        });
        let density: Vec<f64> = density.collect();
        let mut panel = panel("stochastic Lanczos quadrature", (Quantity::Curvature, false), (Quantity::Density, true));
        let floor = vec![density.iter().copied().fold(f64::INFINITY, f64::min).max(1e-6); curvature.eigenvalues.len()];
        let density = density.into_iter().map(|value| value.max(1e-6)).collect();
        let line = self.drawn("spectrum", ("density of eigenvalues", Role::Measured, Look::Line), grid, density);
        let looks = ("eigenvalues found one by one", Role::Fit, Look::Points);
        let points = self.drawn("eigenvalues", looks, curvature.eigenvalues.clone(), floor);
        panel.marks = vec![line, points];
        self.figures.push(FigureRecord {
            id: "spectrum".into(),
            caption: format!(
                "The Hessian at the start of the chains, over {} samples. Nodes are widened by a hundredth of the range. First and \
                 second moments of the quadrature agree with direct products to {}.",
                curvature.samples,
                // no line break after the sign of the exponent
                format!("{:.1e}", curvature.moment_mismatch).replace("e-", "e\u{2011}")
            ),
            panels: vec![panel],
        });
    }
}

/// Every n-th value, so that a line has not more points than can be seen.
pub fn thinned(values: &[f64]) -> Vec<f64> {
    values.iter().copied().step_by(values.len().div_ceil(POINTS).max(1)).collect()
}
