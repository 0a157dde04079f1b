//! Where each of the paper's equations, theorems, assumptions, figures and tables is implemented, and what checks it. A row
//! without an implementation or a check fails the tests of this file, and so does a name that leads nowhere. What the paper
//! shows of networks is checked on linear regression, where the theory is exact; experiment files run it on networks, as measurements with
//! intervals, with the paper's hyperparameters (`paper-*.toml`) and on the digits (`digits-*.toml`).

use serde::Serialize;

/// One row of the coverage table.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// The paper's number.
    pub item: &'static str,
    /// What it is.
    pub subject: &'static str,
    /// Where it is implemented: paths of items, the crates by their short names; files of experiments on networks
    /// (`langevin nn experiment FILE`).
    pub implemented: &'static str,
    /// What checks it: claims by their ids, `CRATE suite FILE` for tests, `reference cases KIND` for reference values of
    /// [`predict`](mod@crate::predict), `unit tests MODULE`.
    pub checked_by: &'static str,
    /// Errata that concern it.
    pub errata: &'static str,
}

const fn row(
    item: &'static str,
    subject: &'static str,
    implemented: &'static str,
    checked_by: &'static str,
    errata: &'static str,
) -> Row {
    Row { item, subject, implemented, checked_by, errata }
}

/// The table, in the paper's order.
pub const COVERAGE: [Row; 70] = [
    row("(1)", "local and global displacement", "sim::observer::DisplacementObserver", "displacement", "E40"),
    row("(2)", "heavy-ball SGD", "sim::sgd::Ensemble", "stationary-positions, displacement, sim suite recursion", ""),
    row("(3)", "finite-difference form", "theory::discrete::ModeMap", "damping-regimes", ""),
    row(
        "(4)",
        "underdamped Langevin equation",
        "theory::langevin::LangevinLaw, sim::ou::Sampler",
        "ou-law, reference cases sde",
        "E04",
    ),
    row("(5)", "Ornstein-Uhlenbeck process", "theory::langevin::LangevinLaw", "ou-law, reference cases sde", ""),
    row(
        "(6)",
        "drift and diffusion, kappa",
        "theory::langevin::LangevinLaw::{drift, diffusion}, theory::Hyperparameters::kappa",
        "ou-law, kappa-without-square",
        "",
    ),
    row(
        "(7)",
        "mean as damped oscillators",
        "theory::langevin::Oscillator",
        "transient-mean-position, transient-mean-velocity",
        "E32, E34",
    ),
    row(
        "(8)",
        "cross-covariance",
        "theory::langevin::LangevinMode, theory::discrete::ConstantNoiseLaw",
        "autocovariance, ou-law, cross-covariance-as-printed",
        "E05",
    ),
    row(
        "(9)",
        "stationary law",
        "theory::langevin::LangevinLaw, theory::minibatch::MinibatchLaw",
        "stationary-positions, stationary-velocities, gaussian-law, ou-law",
        "E03, E05, E14",
    ),
    row(
        "(10)",
        "Fokker-Planck equation",
        "theory::fokker_planck::GridFokkerPlanck",
        "theory suite fokker_planck",
        "E11",
    ),
    row(
        "(11)",
        "modified loss and current",
        "theory::ou::StationaryLaw::{potential, current}, theory::langevin::LangevinLaw::modified_loss",
        "reference cases ou, theory suite ou, theory suite langevin_law",
        "",
    ),
    row(
        "(12)",
        "Q and U",
        "theory::langevin::LangevinLaw::{circulation, precision}",
        "theory suite langevin_law, reference cases sde",
        "E12, E15",
    ),
    row(
        "(13)",
        "modified loss, position part",
        "theory::langevin::ModifiedLoss::position",
        "theory suite langevin_law",
        "",
    ),
    row(
        "(14)",
        "modified loss, velocity part",
        "theory::langevin::ModifiedLoss::velocity",
        "theory suite langevin_law",
        "",
    ),
    row(
        "(15)",
        "stationary current",
        "theory::langevin::LangevinLaw::force, theory::ou::StationaryLaw::current",
        "phase-space-rotation, theory suite langevin_law, reference cases ou",
        "E06",
    ),
    row(
        "(16)",
        "instantaneous speed",
        "theory::langevin::LangevinLaw::speed, theory::minibatch::MinibatchLaw::speed",
        "instantaneous-speed, speed-across-settings, speed-from-one-estimate",
        "E03, E41",
    ),
    row(
        "(17)",
        "displacement",
        "theory::langevin::displacement_equation17, theory::discrete::ModeLaw::displacement",
        "displacement, displacement-as-printed",
        "E01, E02, E33",
    ),
    row("(18)", "general OU process", "theory::ou::OrnsteinUhlenbeck", "ou-law, reference cases ou", "E12, E14"),
    row(
        "(19)",
        "solution of the OU process",
        "theory::ou::OrnsteinUhlenbeck::{propagator, mean}",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(20)",
        "mean of the OU process",
        "theory::ou::OrnsteinUhlenbeck::mean",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(21)",
        "covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::covariance",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(22)",
        "covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::covariance",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(23)",
        "covariance of the OU process",
        "theory::ou::StationaryLaw::lyapunov",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(24)",
        "covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::covariance",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(25)",
        "cross-covariance of the OU process",
        "theory::ou::OrnsteinUhlenbeck::cross_covariance",
        "theory suite ou, reference cases ou",
        "E05",
    ),
    row("(26)", "Lyapunov equation", "theory::ou::StationaryLaw::{circulation, precision}", "theory suite ou", ""),
    row("(27)", "decomposition of the drift", "theory::ou::StationaryLaw::circulation", "theory suite ou", "E12"),
    row("(28)", "Q for symmetric drift", "theory::ou::symmetric_drift_decomposition", "theory suite ou", "E12, E13"),
    row("(29)", "U for symmetric drift", "theory::ou::symmetric_drift_decomposition", "theory suite ou", "E12"),
    row(
        "(30)",
        "law of the OU process",
        "theory::ou::OrnsteinUhlenbeck::{mean, covariance}",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(31)",
        "stationary law of the OU process",
        "theory::ou::StationaryLaw",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(32)",
        "stationary cross-covariance",
        "theory::ou::OrnsteinUhlenbeck::cross_covariance",
        "theory suite ou, reference cases ou",
        "E05",
    ),
    row(
        "(33)",
        "Langevin dynamics",
        "theory::fokker_planck::GridFokkerPlanck, sim::ou::Sampler",
        "ou-law, theory suite fokker_planck",
        "",
    ),
    row(
        "(34)",
        "Fokker-Planck initial value problem",
        "theory::fokker_planck::TimeStepping",
        "theory suite fokker_planck",
        "",
    ),
    row(
        "(35)",
        "probability current",
        "theory::fokker_planck::LinearFokkerPlanck, theory::fokker_planck::GridFokkerPlanck",
        "theory suite fokker_planck",
        "E17",
    ),
    row("(36)", "stationarity condition", "theory::fokker_planck::Stationarity", "theory suite fokker_planck", ""),
    row("(37)", "Gibbs law", "theory::ou::StationaryLaw::log_density", "theory suite ou, reference cases ou", ""),
    row(
        "(38)",
        "free energy",
        "theory::ou::Relaxation, theory::variational::JkoStep::free_energy",
        "theory suite ou, theory suite variational, reference cases jko-step",
        "E29, E39",
    ),
    row(
        "(39)",
        "Wasserstein distance",
        "theory::variational::Gaussian::wasserstein_squared",
        "theory suite variational, reference cases gaussian-pair",
        "",
    ),
    row(
        "(40)",
        "Gibbs law of the modified potential",
        "theory::ou::StationaryLaw::log_density",
        "theory suite ou, theory suite fokker_planck",
        "",
    ),
    row(
        "(41)",
        "force",
        "theory::fokker_planck::ModifiedPotential, theory::ou::StationaryLaw::force",
        "theory suite fokker_planck, theory suite ou",
        "",
    ),
    row("(42)", "original potential", "theory::ou::symmetric_drift_decomposition", "theory suite ou", "E12"),
    row(
        "(43)",
        "modified potential",
        "theory::ou::StationaryLaw::potential",
        "theory suite ou, reference cases ou",
        "",
    ),
    row(
        "(44)",
        "force of the OU process",
        "theory::ou::StationaryLaw::force",
        "theory suite ou, reference cases ou",
        "",
    ),
    row("(45)", "OU process of linear regression", "theory::langevin::LangevinLaw", "ou-law, reference cases sde", ""),
    row(
        "(46)",
        "its drift and diffusion",
        "theory::langevin::LangevinLaw::{drift, diffusion}",
        "ou-law, reference cases sde",
        "",
    ),
    row(
        "(47)",
        "its Q and U",
        "theory::langevin::LangevinLaw::{circulation, precision}",
        "theory suite langevin_law, reference cases sde",
        "E12",
    ),
    row(
        "(48)",
        "regularised loss as a potential",
        "theory::langevin::LangevinLaw::regularised_loss",
        "theory suite langevin_law",
        "E10",
    ),
    row(
        "(49)",
        "modified loss, position part",
        "theory::langevin::ModifiedLoss::position",
        "theory suite langevin_law",
        "",
    ),
    row(
        "(50)",
        "modified loss, velocity part",
        "theory::langevin::ModifiedLoss::velocity",
        "theory suite langevin_law",
        "E10",
    ),
    row("(51)", "force in phase space", "theory::langevin::LangevinLaw::force", "theory suite langevin_law", "E06"),
    row(
        "Theorem 1",
        "JKO scheme",
        "theory::variational::JkoStep",
        "theory suite variational, reference cases jko-step",
        "E18",
    ),
    row(
        "Theorem 2",
        "free energy decreases",
        "theory::ou::Relaxation::free_energy_rate",
        "theory suite ou, reference cases ou",
        "E30",
    ),
    row(
        "Theorem 3",
        "explicit construction",
        "theory::fokker_planck::ModifiedPotential, theory::ou::StationaryLaw::force",
        "theory suite fokker_planck, theory suite ou",
        "E16",
    ),
    row(
        "Assumption 1",
        "central limit theorem",
        "theory::Sampling::noise_factor",
        "finite-population-missing",
        "E25, E36",
    ),
    row(
        "Assumption 2",
        "the SDE models SGD",
        "theory::langevin::LangevinMode",
        "sde-limit-order, sde-law-as-exact",
        "E03",
    ),
    row("Assumption 3", "Sigma = sigma^2 H", "theory::langevin::NoiseModel", "assumption-3-as-exact", "E26, E43"),
    row("Assumption 4", "quadratic loss", "theory::Quadratic", "excess-loss", "E09"),
    row(
        "Figure 1",
        "displacement, linear regression and networks",
        "verify::scenario::Sweeps, theory::diffusion::PowerLaw, nn/experiments/digits-figure-1-mlp.toml, nn/experiments/digits-figure-1-conv.toml, nn/experiments/paper-figure-1-resnet18.toml, nn/experiments/paper-figure-1-resnet34.toml, nn/experiments/paper-figure-1-vgg11-bn.toml, nn/experiments/paper-figure-1-vgg16.toml, nn/experiments/paper-figure-1-vgg16-bn.toml",
        "instantaneous-speed, displacement, theory suite diffusion",
        "E19, E20, E33",
    ),
    row(
        "Figure 2",
        "oscillation of the mean, linear regression",
        "verify::scenario::Oscillation, verify::modes_run, nn/experiments/digits-figure-2.toml, nn/experiments/paper-figure-2.toml",
        "transient-mean-position, transient-mean-velocity",
        "E32",
    ),
    row(
        "Figure 3",
        "anisotropic OU process",
        "verify::scenario::OrnsteinUhlenbeckExact, sim::ou::Sampler",
        "ou-law, gibbs-law-of-the-loss, theory suite ou",
        "E24",
    ),
    row(
        "Figure 4",
        "positions, linear regression and networks",
        "verify::scenario::PhaseSpaceRotation, theory::langevin::ModifiedLoss::position, nn/experiments/digits-figure-4-5-6.toml, nn/experiments/paper-figure-4-5-6.toml",
        "stationary-positions, discretisation-factor, assumption-3-as-exact",
        "E26, E35",
    ),
    row(
        "Figure 5",
        "velocities, linear regression and networks",
        "verify::scenario::PhaseSpaceRotation, theory::langevin::ModifiedLoss::velocity, nn/experiments/digits-figure-4-5-6.toml, nn/experiments/paper-figure-4-5-6.toml",
        "stationary-velocities, equipartition, theory suite langevin_law",
        "E10",
    ),
    row(
        "Figure 6",
        "phase space, linear regression and networks",
        "verify::scenario::PhaseSpaceRotation, theory::discrete::ModeMap::roots, nn/experiments/digits-figure-4-5-6.toml, nn/experiments/paper-figure-4-5-6.toml",
        "phase-space-rotation, rotation-rate-as-printed",
        "E21, E22, E31",
    ),
    row(
        "Figure 7",
        "sweeps, linear regression and networks",
        "verify::scenario::Sweeps, theory::minibatch::MinibatchLaw, nn/experiments/digits-figure-7.toml, nn/experiments/paper-figure-7.toml",
        "speed-across-settings, speed-from-one-estimate, displacement",
        "E03, E19, E20",
    ),
    row(
        "Figure 8",
        "exponent by window, linear regression and networks",
        "theory::diffusion::exponent_by_window, nn/experiments/digits-figure-1-mlp.toml, nn/experiments/digits-figure-1-conv.toml, nn/experiments/paper-figure-1-resnet18.toml",
        "theory suite diffusion",
        "E20",
    ),
    row(
        "Table 1",
        "hyperparameters of Figure 1",
        "verify::paper_tables::ROWS, nn/experiments/paper-figure-1-resnet18.toml, nn/experiments/paper-figure-1-resnet34.toml, nn/experiments/paper-figure-1-vgg11-bn.toml, nn/experiments/paper-figure-1-vgg16.toml, nn/experiments/paper-figure-1-vgg16-bn.toml",
        "unit tests verify::paper_tables",
        "",
    ),
    row(
        "Table 2",
        "hyperparameters of Figure 2",
        "verify::paper_tables::ROWS, nn/experiments/paper-figure-2.toml",
        "unit tests verify::paper_tables",
        "",
    ),
    row(
        "Table 3",
        "hyperparameters of Figures 4 to 6",
        "verify::paper_tables::ROWS, nn/experiments/paper-figure-4-5-6.toml",
        "unit tests verify::paper_tables",
        "",
    ),
    row(
        "Table 4",
        "hyperparameters of Figure 7",
        "verify::paper_tables::ROWS, nn/experiments/paper-figure-7.toml",
        "unit tests verify::paper_tables",
        "",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::claims::{self, CLAIMS};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// The text of a file, or of all Rust files below a folder.
    fn source(place: &Path) -> String {
        if !place.is_dir() {
            return std::fs::read_to_string(place).unwrap_or_default();
        }
        let mut entries: Vec<PathBuf> = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries
            .iter()
            .filter(|entry| entry.is_dir() || entry.extension().is_some_and(|end| end == "rs"))
            .map(|entry| source(entry))
            .collect()
    }

    /// Whether a text defines an item or a field of this name.
    fn defines(text: &str, name: &str) -> bool {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let keywords = ["struct ", "enum ", "trait ", "fn ", "const ", "static ", "type ", "mod "];
        let item = keywords.iter().any(|keyword| {
            text.match_indices(&format!("{keyword}{name}")).any(|(at, found)| ends(&text[at + found.len()..]))
        });
        item || text.contains(&format!("pub {name}: "))
    }

    /// Where the modules at the front of a path lead, and the items behind them.
    fn resolve(path: &str) -> Option<(PathBuf, Vec<String>)> {
        let mut segments = path.split("::");
        let mut place = root().join(segments.next()?).join("src");
        if !place.is_dir() {
            return None;
        }
        let mut items = Vec::new();
        for segment in segments {
            let (folder, file) = (place.join(segment), place.join(format!("{segment}.rs")));
            if items.is_empty() && folder.is_dir() {
                place = folder;
            } else if items.is_empty() && file.is_file() {
                place = file;
            } else {
                items.push(segment.to_owned());
            }
        }
        Some((place, items))
    }

    /// `a::{b, c}, d` as a::b, a::c, d.
    fn paths(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (front, group) = (rest.find(", ").unwrap_or(rest.len()), rest.find('{').unwrap_or(rest.len()));
            if group < front {
                let close = rest.find('}').expect("a group of items is closed");
                let prefix = &rest[..group];
                found.extend(rest[group + 1..close].split(", ").map(|item| format!("{prefix}{item}")));
                rest = rest[close + 1..].trim_start_matches(", ");
            } else {
                found.push(rest[..front].to_owned());
                rest = rest[front..].trim_start_matches(", ");
            }
        }
        found
    }

    fn leads_nowhere(path: &str) -> bool {
        if path.contains('/') {
            return !root().join(path).is_file();
        }
        match resolve(path) {
            None => true,
            Some((place, items)) => {
                let text = source(&place);
                items.iter().any(|item| !defines(&text, item))
            }
        }
    }

    fn kinds_of_reference_cases() -> BTreeSet<String> {
        let folder = root().join("tests/reference");
        ["cases.json", "general_cases.json"]
            .iter()
            .flat_map(|file| {
                let text = std::fs::read_to_string(folder.join(file)).unwrap();
                let mut kinds = Vec::new();
                collect_kinds(&serde_json::from_str(&text).unwrap(), &mut kinds);
                kinds
            })
            .collect()
    }

    fn collect_kinds(value: &serde_json::Value, kinds: &mut Vec<String>) {
        match value {
            serde_json::Value::Array(values) => values.iter().for_each(|value| collect_kinds(value, kinds)),
            serde_json::Value::Object(fields) => {
                kinds.extend(fields.get("kind").and_then(|kind| kind.as_str()).map(str::to_owned));
                fields.values().for_each(|value| collect_kinds(value, kinds));
            }
            _ => {}
        }
    }

    fn is_a_check(check: &str, kinds: &BTreeSet<String>) -> bool {
        if let Some(kind) = check.strip_prefix("reference cases ") {
            kinds.contains(kind)
        } else if let Some(module) = check.strip_prefix("unit tests ") {
            resolve(module).is_some_and(|(place, items)| items.is_empty() && source(&place).contains("#[test]"))
        } else if let Some((of, suite)) = check.split_once(" suite ") {
            let file = root().join(of).join("tests/suite").join(format!("{suite}.rs"));
            source(&file).contains("#[test]") || source(&file).contains("proptest!")
        } else {
            claims::find(check).is_some()
        }
    }

    fn items() -> Vec<String> {
        let numbered = |name: &str, count: u32| (1..=count).map(|n| format!("{name} {n}")).collect::<Vec<_>>();
        let mut items: Vec<String> = (1..=51).map(|number| format!("({number})")).collect();
        for (name, count) in [("Theorem", 3), ("Assumption", 4), ("Figure", 8), ("Table", 4)] {
            items.extend(numbered(name, count));
        }
        items
    }

    #[test]
    fn every_item_of_the_paper_is_implemented_and_checked() {
        let listed: Vec<&str> = COVERAGE.iter().map(|row| row.item).collect();
        assert_eq!(listed, items(), "the table lists every item once, in the paper's order");
        let gaps: Vec<&str> = COVERAGE
            .iter()
            .filter(|row| row.subject.is_empty() || row.implemented.is_empty() || row.checked_by.is_empty())
            .map(|row| row.item)
            .collect();
        assert!(gaps.is_empty(), "{gaps:?}");
    }

    #[test]
    fn implementations_exist() {
        let named = COVERAGE.iter().map(|row| (row.item, row.implemented));
        let claimed = CLAIMS.iter().map(|claim| (claim.id, claim.implemented));
        let lost: Vec<String> = named
            .chain(claimed)
            .flat_map(|(name, text)| paths(text).into_iter().map(move |path| (name, path)))
            .filter(|(_, path)| leads_nowhere(path))
            .map(|(name, path)| format!("{name}: {path}"))
            .collect();
        assert!(lost.is_empty(), "{lost:#?}");
    }

    #[test]
    fn checks_exist() {
        let kinds = kinds_of_reference_cases();
        let lost: Vec<String> = COVERAGE
            .iter()
            .flat_map(|row| row.checked_by.split(", ").map(move |check| (row.item, check)))
            .filter(|(_, check)| !is_a_check(check, &kinds))
            .map(|(item, check)| format!("{item}: {check}"))
            .collect();
        assert!(lost.is_empty(), "{lost:#?}");
    }

    /// Figures of networks and tables of hyperparameters name the files that run them, and no file of an experiment is left out.
    #[test]
    fn experiments_are_named() {
        let mut named = BTreeSet::new();
        for row in &COVERAGE {
            let files: Vec<String> = paths(row.implemented).into_iter().filter(|path| path.contains('/')).collect();
            let is_of_networks =
                row.item.starts_with("Table") || (row.item.starts_with("Figure") && row.item != "Figure 3");
            assert_eq!(files.is_empty(), !is_of_networks, "{}", row.item);
            named.extend(files);
        }
        for entry in std::fs::read_dir(root().join("nn/experiments")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // audits are about assumptions, not about a figure
            assert!(name.contains("audit") || named.contains(&format!("nn/experiments/{name}")), "{name}");
        }
    }

    /// The errata are numbered E01 to E43.
    #[test]
    fn errata_are_numbered() {
        let of_rows = COVERAGE.iter().flat_map(|row| row.errata.split(", ").filter(|one| !one.is_empty()));
        let of_claims = CLAIMS.iter().flat_map(|claim| claim.errata.iter().copied());
        for erratum in of_rows.chain(of_claims) {
            let number: Option<u32> =
                erratum.strip_prefix('E').filter(|rest| rest.len() == 2).and_then(|n| n.parse().ok());
            assert!(number.is_some_and(|number| (1..=43).contains(&number)), "{erratum}");
        }
    }

    /// The tests above can fail.
    #[test]
    fn a_name_that_leads_nowhere_is_noticed() {
        assert!(!leads_nowhere("theory::ou::StationaryLaw::potential"));
        assert!(!leads_nowhere("nn/experiments/digits-figure-2.toml"));
        for wrong in [
            "theory::ou::StationaryLaw::potentia",
            "theory::no_module::Law",
            "nn::Model",
            "sim::ou::Sample",
            "nn/experiments/digits-figure-3.toml",
        ] {
            assert!(leads_nowhere(wrong), "{wrong}");
        }
        let kinds = kinds_of_reference_cases();
        for wrong in
            ["no-such-claim", "theory suite no_such_suite", "reference cases nothing", "unit tests verify::claims", ""]
        {
            assert!(!is_a_check(wrong, &kinds), "{wrong}");
        }
        assert_eq!(paths("a::{b, c}, d::e"), ["a::b", "a::c", "d::e"]);
    }
}
