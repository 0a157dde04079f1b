//! Tables 1 to 4 of the paper: the hyperparameters of its experiments, as printed. `[A, B]` stands for 20 evenly spaced
//! numbers from A to B, inclusive (H.6).
//!
//! The experiments themselves are on networks and belong to the crate `nn`. What follows from the hyperparameters alone is
//! computed here: where the damping regimes meet, where the mean is unstable (errata E31), and how long momentum lasts.

use langevin_theory::Hyperparameters;

use crate::error::Result;
use crate::report::PaperSetting;

/// Numbers in a sweep.
pub const SWEEP: usize = 20;

/// A printed entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry {
    /// One number.
    Value(f64),
    /// `[A, B]`.
    Sweep(f64, f64),
}

impl Entry {
    /// Its numbers, in the printed order.
    ///
    /// ```
    /// use langevin_verify::paper_tables::Entry;
    /// let sweep = Entry::Sweep(0.8, 0.99).values();
    /// assert_eq!((sweep.len(), sweep[0], sweep[19]), (20, 0.8, 0.99));
    /// assert!((sweep[1] - 0.81).abs() < 1e-15);
    /// ```
    pub fn values(self) -> Vec<f64> {
        match self {
            Self::Value(value) => vec![value],
            Self::Sweep(first, last) => evenly_spaced(first, last),
        }
    }

    fn ends(self) -> [f64; 2] {
        match self {
            Self::Value(value) => [value, value],
            Self::Sweep(first, last) => [first.min(last), first.max(last)],
        }
    }
}

/// [`SWEEP`] evenly spaced numbers, both ends exact.
pub fn evenly_spaced(first: f64, last: f64) -> Vec<f64> {
    let whole = (SWEEP - 1) as f64;
    let mut values: Vec<f64> = (0..SWEEP).map(|n| first + (last - first) * (n as f64 / whole)).collect();
    // the ends as they are printed
    values[SWEEP - 1] = last;
    values
}

/// A row of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableRow {
    /// 1 to 4.
    pub table: u8,
    /// The figures it belongs to.
    pub figures: &'static str,
    /// Model.
    pub model: &'static str,
    /// Data set.
    pub dataset: &'static str,
    /// Epochs.
    pub epochs: u32,
    /// S.
    pub batch_size: Entry,
    /// eta.
    pub learning_rate: Entry,
    /// beta.
    pub momentum: Entry,
    /// lambda.
    pub weight_decay: f64,
}

const fn pretrained(model: &'static str, learning_rate: f64, weight_decay: f64) -> TableRow {
    TableRow {
        table: 1,
        figures: "Figure 1",
        model,
        dataset: "ImageNet",
        epochs: 10,
        batch_size: Entry::Value(256.0),
        learning_rate: Entry::Value(learning_rate),
        momentum: Entry::Value(0.9),
        weight_decay,
    }
}

const fn regression(momentum: f64) -> TableRow {
    TableRow {
        table: 2,
        figures: "Figure 2",
        model: "linear regression",
        dataset: "CIFAR-10",
        epochs: 4,
        batch_size: Entry::Value(512.0),
        learning_rate: Entry::Value(1e-5),
        momentum: Entry::Value(momentum),
        weight_decay: 0.0,
    }
}

const fn resnet(table: u8, figures: &'static str, epochs: u32) -> TableRow {
    TableRow { table, figures, epochs, ..pretrained("ResNet-18", 1e-4, 1e-4) }
}

/// All rows, as printed. The optimiser is SGD with momentum in all of them.
pub const ROWS: [TableRow; 11] = [
    pretrained("VGG-16", 1e-5, 5e-4),
    pretrained("VGG-11 w/BN", 1e-5, 5e-4),
    pretrained("VGG-16 w/BN", 1e-5, 5e-4),
    pretrained("ResNet-18", 1e-4, 1e-4),
    pretrained("ResNet-34", 1e-4, 1e-4),
    regression(0.9),
    regression(0.99),
    resnet(3, "Figures 4 to 6", 5),
    TableRow { batch_size: Entry::Sweep(32.0, 1024.0), ..resnet(4, "Figure 7", 2) },
    TableRow { learning_rate: Entry::Sweep(1e-3, 1e-5), ..resnet(4, "Figure 7", 2) },
    TableRow { momentum: Entry::Sweep(0.8, 0.99), ..resnet(4, "Figure 7", 2) },
];

impl TableRow {
    /// The settings of the row, one or [`SWEEP`]. Evenly spaced batch sizes are not whole numbers; they are rounded.
    ///
    /// # Errors
    /// [`crate::VerifyError::Theory`] for a number that no hyperparameter can be; the printed ones are all valid.
    ///
    /// ```
    /// use langevin_verify::paper_tables::ROWS;
    /// let settings = ROWS[8].hyperparameters().unwrap();
    /// let sizes: Vec<usize> = settings.iter().map(|sgd| sgd.batch_size()).collect();
    /// assert_eq!((sizes[0], sizes[1], sizes[19]), (32, 84, 1024));
    /// ```
    pub fn hyperparameters(&self) -> Result<Vec<Hyperparameters>> {
        let [rates, momenta, sizes] = [self.learning_rate, self.momentum, self.batch_size].map(Entry::values);
        let count = rates.len().max(momenta.len()).max(sizes.len());
        let at = |values: &[f64], index: usize| values[index.min(values.len() - 1)];
        (0..count)
            .map(|index| {
                let batch = at(&sizes, index).round() as usize;
                Ok(Hyperparameters::new(at(&rates, index), at(&momenta, index), self.weight_decay, batch)?)
            })
            .collect()
    }

    /// The row with what follows from it.
    ///
    /// # Errors
    /// As [`TableRow::hyperparameters`].
    pub fn setting(&self) -> Result<PaperSetting> {
        let settings = self.hyperparameters()?;
        let range = |value: &dyn Fn(&Hyperparameters) -> f64| {
            settings
                .iter()
                .map(value)
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)])
        };
        Ok(PaperSetting {
            table: self.table,
            figures: self.figures.into(),
            model: self.model.into(),
            dataset: self.dataset.into(),
            epochs: self.epochs,
            batch_size: self.batch_size.ends(),
            learning_rate: self.learning_rate.ends(),
            momentum: self.momentum.ends(),
            weight_decay: self.weight_decay,
            settings: settings.len(),
            critical_curvature: range(&critical_curvature),
            critical_curvature_sde: range(&critical_curvature_sde),
            unstable_curvature: range(&|sgd| sgd.rate_times_curvature_limit() / sgd.learning_rate()),
            momentum_steps: range(&|sgd| (1.0 + sgd.momentum()) / (1.0 - sgd.momentum())),
        })
    }
}

/// h at which a mode of the recursion is critically damped, (1 - sqrt beta)^2 / eta (erratum E31).
fn critical_curvature(sgd: &Hyperparameters) -> f64 {
    let beta = sgd.momentum();
    ((1.0 - beta) / (1.0 + beta.sqrt())).powi(2) / sgd.learning_rate()
}

/// h at which a mode of the SDE is critically damped, zeta = 1: (1 - beta)^2 / (2 eta (1 + beta)).
fn critical_curvature_sde(sgd: &Hyperparameters) -> f64 {
    let beta = sgd.momentum();
    (1.0 - beta).powi(2) / (2.0 * sgd.learning_rate() * (1.0 + beta))
}

/// All rows with what follows from them.
///
/// # Errors
/// As [`TableRow::hyperparameters`].
pub fn settings() -> Result<Vec<PaperSetting>> {
    ROWS.iter().map(TableRow::setting).collect()
}

#[cfg(test)]
mod tests {
    use langevin_theory::discrete::{ModeMap, Regime};
    use langevin_theory::langevin::Oscillator;

    use super::*;

    /// The experiment files of the networks say what the tables say; sweeps are rounded to six digits there, batch sizes to whole numbers.
    #[test]
    fn experiment_files_have_the_hyperparameters_of_the_tables() {
        let files =
            ["1-vgg16", "1-vgg11-bn", "1-vgg16-bn", "1-resnet18", "1-resnet34", "2", "2", "4-5-6", "7", "7", "7"];
        for (row, file) in ROWS.iter().zip(files) {
            let name = format!("{}/../nn/experiments/paper-figure-{file}.toml", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&name).unwrap();
            let document = crate::document::parse(&name, &text).unwrap();
            let close = |found: &serde_json::Value, wanted: f64| (found.as_f64().unwrap() / wanted - 1.0).abs() < 1e-5;
            let decay = document["sgd"]["weight_decay"].as_f64().unwrap_or(0.0);
            assert!((decay - row.weight_decay).abs() < 1e-12, "{file}: {decay}");
            for (key, entry) in
                [("learning_rate", row.learning_rate), ("momentum", row.momentum), ("batch_size", row.batch_size)]
            {
                let (base, swept) = (&document["sgd"][key], document["sweep"][key].as_array());
                match entry {
                    // one of the settings: the first, or one of a sweep (Figure 2)
                    Entry::Value(value) => assert!(
                        close(base, value) || swept.is_some_and(|all| all.iter().any(|found| close(found, value))),
                        "{file}: {key} = {base}; the table says {value}"
                    ),
                    Entry::Sweep(..) => {
                        let (swept, wanted) = (swept.unwrap(), entry.values());
                        assert_eq!(swept.len(), wanted.len(), "{file}: {key}");
                        for (found, wanted) in swept.iter().zip(wanted) {
                            let wanted = if key == "batch_size" { wanted.round() } else { wanted };
                            assert!(close(found, wanted), "{file}: {key} has {found}; the table says {wanted}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_tables_are_those_of_the_paper() {
        let of = |table: u8| ROWS.iter().filter(|row| row.table == table).collect::<Vec<_>>();
        assert_eq!([1, 2, 3, 4].map(|table| of(table).len()), [5, 2, 1, 3]);
        // Table 1: VGG at 1e-5 and 5e-4, ResNet at 1e-4 and 1e-4
        for row in of(1) {
            let expected = if row.model.starts_with("VGG") { (1e-5, 5e-4) } else { (1e-4, 1e-4) };
            assert_eq!((row.learning_rate, row.weight_decay), (Entry::Value(expected.0), expected.1));
            assert_eq!((row.epochs, row.batch_size, row.momentum), (10, Entry::Value(256.0), Entry::Value(0.9)));
        }
        let momenta: Vec<Entry> = of(2).iter().map(|row| row.momentum).collect();
        assert_eq!(momenta, [Entry::Value(0.9), Entry::Value(0.99)]);
        assert!(of(2).iter().all(|row| row.epochs == 4 && row.batch_size == Entry::Value(512.0)));
        assert_eq!(of(3)[0].epochs, 5);
        // every row of Table 4 sweeps one hyperparameter through 20 values, both ends included
        for row in of(4) {
            let swept = [row.batch_size, row.learning_rate, row.momentum]
                .into_iter()
                .filter(|entry| matches!(entry, Entry::Sweep(..)))
                .count();
            assert_eq!((swept, row.hyperparameters().unwrap().len(), row.epochs), (1, 20, 2));
        }
        let rates: Vec<f64> = ROWS[9].hyperparameters().unwrap().iter().map(Hyperparameters::learning_rate).collect();
        assert_eq!((rates[0], rates[19]), (1e-3, 1e-5));
        assert!(rates.windows(2).all(|pair| ((pair[0] - pair[1]) / (9.9e-4 / 19.0) - 1.0).abs() < 1e-9));
    }

    /// The boundaries against the regime that the map and the oscillator themselves have on both sides of them.
    #[test]
    fn the_boundaries_are_where_the_regimes_meet() {
        for sgd in ROWS.iter().flat_map(|row| row.hyperparameters().unwrap()) {
            let regime = |h: f64| ModeMap::new(sgd.learning_rate(), sgd.momentum(), h).regime();
            let critical = critical_curvature(&sgd);
            assert_eq!(regime(critical * (1.0 - 1e-6)), Regime::Overdamped);
            assert_eq!(regime(critical * (1.0 + 1e-6)), Regime::Underdamped);
            let edge = sgd.rate_times_curvature_limit() / sgd.learning_rate();
            assert_ne!(regime(edge * (1.0 - 1e-9)), Regime::Unstable);
            assert_eq!(regime(edge * (1.0 + 1e-9)), Regime::Unstable);
            let oscillator = Oscillator::new(&sgd, critical_curvature_sde(&sgd));
            assert!((oscillator.omega_squared() / oscillator.gamma().powi(2) - 1.0).abs() < 1e-12);
        }
    }
}
