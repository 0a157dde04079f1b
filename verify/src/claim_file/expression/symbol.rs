//! The symbols of a formula and what they mean. One table serves the parser, its suggestions and the documentation.

/// A symbol. The ones of a mode have a value per direction with curvature; the others have one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Symbol {
    /// eta.
    LearningRate,
    /// beta.
    Momentum,
    /// lambda.
    WeightDecay,
    /// S.
    BatchSize,
    /// N.
    Samples,
    /// d.
    Dimension,
    /// k.
    Lag,
    /// sigma^2.
    ResidualVariance,
    /// kappa.
    Kappa,
    /// gamma.
    Gamma,
    /// tr H.
    Trace,
    /// pi.
    Pi,
    /// rho.
    Eigenvalue,
    /// h.
    Curvature,
    /// q^T Sigma q.
    Noise,
    /// q^T b.
    LinearTerm,
    /// omega.
    Frequency,
    /// zeta.
    DampingRatio,
    /// The exact stationary variance of the position.
    PositionVariance,
    /// The exact stationary variance of the velocity.
    VelocityVariance,
}

/// How many symbols have one value, and how many have one per mode.
pub const SHARED: usize = Symbol::Pi as usize + 1;
/// The number of symbols of a mode.
pub const OF_A_MODE: usize = SYMBOLS.len() - SHARED;

/// Every symbol with its name and its definition, in the order of [`Symbol`].
pub const SYMBOLS: [(&str, Symbol, &str); 20] = [
    ("eta", Symbol::LearningRate, "learning rate"),
    ("beta", Symbol::Momentum, "momentum"),
    ("lambda", Symbol::WeightDecay, "weight decay"),
    ("S", Symbol::BatchSize, "batch size"),
    ("N", Symbol::Samples, "number of samples"),
    ("d", Symbol::Dimension, "number of parameters (features)"),
    ("k", Symbol::Lag, "number of steps, in observables with (k)"),
    ("sigma2", Symbol::ResidualVariance, "mean squared residual at the ridge minimum: sigma^2 of Assumption 3"),
    ("kappa", Symbol::Kappa, "S (1 - beta^2)"),
    ("gamma", Symbol::Gamma, "(1 - beta) / (eta (1 + beta)): half the friction of the SDE"),
    ("trH", Symbol::Trace, "trace of the Hessian, the sum of rho"),
    ("pi", Symbol::Pi, "3.14159..."),
    ("rho", Symbol::Eigenvalue, "eigenvalue of the Hessian, without weight decay"),
    ("h", Symbol::Curvature, "rho + lambda"),
    (
        "noise",
        Symbol::Noise,
        "q^T Sigma q: variance of the gradients of single samples along the mode at the ridge minimum, not divided by S",
    ),
    ("b", Symbol::LinearTerm, "q^T b with b = X^T Y / N; the ridge minimum is b / h, the unregularised one b / rho"),
    ("omega", Symbol::Frequency, "sqrt(2 h / (eta (1 + beta)))"),
    ("zeta", Symbol::DampingRatio, "gamma / omega"),
    ("var_theta", Symbol::PositionVariance, "the exact stationary variance of the position"),
    ("var_v", Symbol::VelocityVariance, "the exact stationary variance of the velocity"),
];

/// Words that people write for a symbol.
const OTHER_NAMES: [(&str, &str); 16] = [
    ("learning_rate", "eta"),
    ("lr", "eta"),
    ("momentum", "beta"),
    ("weight_decay", "lambda"),
    ("wd", "lambda"),
    ("lam", "lambda"),
    ("batch_size", "S"),
    ("batch", "S"),
    ("s", "S"),
    ("n", "N"),
    ("D", "d"),
    ("curvature", "h"),
    ("steps", "k"),
    ("t", "k"),
    ("sigma", "sigma2"),
    ("K", "k"),
];

impl Symbol {
    /// The symbol with this name.
    pub fn named(name: &str) -> Option<Self> {
        SYMBOLS.iter().find(|entry| entry.0 == name).map(|entry| entry.1)
    }

    /// The name in formulas.
    pub fn name(self) -> &'static str {
        SYMBOLS[self as usize].0
    }

    /// Whether it has a value per mode.
    pub fn of_a_mode(self) -> bool {
        self as usize >= SHARED
    }

    /// Its place among the shared ones, or among those of a mode.
    pub(crate) fn place(self) -> usize {
        if self.of_a_mode() { self as usize - SHARED } else { self as usize }
    }
}

/// What an unknown word may have meant.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    if let Some((_, meant)) = OTHER_NAMES.iter().find(|(other, meant)| *other == word && known.contains(meant)) {
        return format!("; did you mean `{meant}`?");
    }
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(word.len()) / 4)
        .filter(|(distance, candidate)| *distance < candidate.len())
        .min();
    match nearest {
        Some((_, candidate)) => format!("; did you mean `{candidate}`?"),
        None => format!("; known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_symbols() {
        for (place, (name, symbol, _)) in SYMBOLS.iter().enumerate() {
            assert_eq!(*symbol as usize, place, "{name}");
            assert_eq!(Symbol::named(name), Some(*symbol));
        }
    }
}
