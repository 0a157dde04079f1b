//! Reads claim files: `[[claim]]` tables with a formula, an observable, how far it is said to hold, and where.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::expression::{Expression, ExpressionError, Symbol};
use super::observable::{OBSERVABLES, Observable};
use crate::document::{DocumentError, Table, parse, shown, suggestion};
use crate::error::{Result, VerifyError};

/// How far a formula is said to hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It is the exact law.
    Exactly,
    /// Its relative error is at most this.
    Within(f64),
    /// Its relative error shrinks as (eta h)^p, p at least this.
    Order(f64),
}

/// Which noise a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimNoise {
    /// Gaussian gradient noise of constant covariance.
    Gaussian,
    /// Gradients of random batches.
    Minibatch,
    /// Both of them.
    Both,
}

/// How many steps an observable is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lag {
    /// The observable has no k.
    None,
    /// Any number of steps; several are tested.
    Any,
    /// This number of steps.
    Steps(u64),
}

/// A formula that somebody believes.
#[derive(Clone, Debug, PartialEq)]
pub struct UserClaim {
    /// Its name.
    pub id: String,
    /// One line, if given.
    pub title: Option<String>,
    /// The statement in words or LaTeX, if given.
    pub statement: Option<String>,
    /// What it is about.
    pub observable: Observable,
    /// Over how many steps.
    pub lag: Lag,
    /// The formula.
    pub expression: Expression,
    /// How far it holds.
    pub holds: Holds,
    /// Where it holds; everywhere if absent.
    pub domain: Option<Expression>,
    /// With which noise.
    pub noise: ClaimNoise,
    /// The file it is from.
    pub file: String,
}

/// Most claims of a run.
const MOST_CLAIMS: usize = 1000;

/// Most steps of a lag.
const MOST_STEPS: u64 = 1_000_000;

impl UserClaim {
    /// Reads the claims of several files, in order.
    ///
    /// # Errors
    /// [`VerifyError`] that names the file and the key; an id that occurs twice, also in different files.
    pub fn read_files<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Self>> {
        let mut claims = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|source| VerifyError::Input { detail: format!("{name}: {source}") })?;
            claims.extend(Self::parse(&name, &text)?);
        }
        require_distinct(&claims)?;
        Ok(claims)
    }

    /// Parses the text of a claim file.
    ///
    /// # Errors
    /// [`VerifyError`] that names the file and the key.
    ///
    /// ```
    /// use langevin_verify::claim_file::{Holds, UserClaim};
    /// let text = r#"
    /// [[claim]]
    /// id = "sde-variance"
    /// observable = "var_theta"
    /// expression = "eta*noise/(2*S*h*(1 - beta))"
    /// holds = { within = 0.05 }
    /// where = "eta*h < 0.1"
    /// "#;
    /// let claims = UserClaim::parse("claims.toml", text).unwrap();
    /// assert_eq!(claims[0].holds, Holds::Within(0.05));
    /// let error = UserClaim::parse("claims.toml", &text.replace("noise", "noize")).unwrap_err();
    /// assert!(error.to_string().contains("did you mean `noise`?"));
    /// ```
    pub fn parse(source_name: &str, text: &str) -> Result<Vec<Self>> {
        let read = || -> Result<Vec<Self>> {
            let mut document = Table::new("", parse(source_name, text)?)?;
            let value = document.value("claim");
            document.finish()?;
            let items = match value {
                Some(Value::Array(items)) if !items.is_empty() => items,
                Some(table @ Value::Object(_)) => {
                    return Err(VerifyError::Input {
                        detail: format!(
                            "claim is {}; it must be a list of tables, each headed [[claim]]",
                            shown(&table)
                        ),
                    });
                }
                _ => {
                    return Err(VerifyError::Input {
                        detail: "there is no claim; the file must have at least one [[claim]] table".into(),
                    });
                }
            };
            if items.len() > MOST_CLAIMS {
                return Err(VerifyError::Input {
                    detail: format!("{} claims; there must be at most {MOST_CLAIMS}", items.len()),
                });
            }
            let claims: Vec<Self> = items
                .into_iter()
                .enumerate()
                .map(|(index, item)| read_claim(source_name, index, item))
                .collect::<Result<_>>()?;
            require_distinct(&claims)?;
            Ok(claims)
        };
        read().map_err(|error| error.in_file(source_name))
    }
}

fn require_distinct(claims: &[UserClaim]) -> Result<()> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for claim in claims {
        if let Some(first) = seen.insert(&claim.id, &claim.file) {
            let also = if first == claim.file { String::new() } else { format!(" (also in {first})") };
            return Err(VerifyError::Input {
                detail: format!("id \"{}\" is used by two claims{also}; every claim needs one of its own", claim.id),
            }
            .in_file(&claim.file));
        }
    }
    Ok(())
}

fn read_claim(file: &str, index: usize, item: Value) -> Result<UserClaim> {
    // the id says which claim a message is about; before it is known, its number does
    let id = item.get("id").and_then(Value::as_str).map(str::to_owned);
    let path = id.map_or_else(|| format!("claim[{index}]"), |id| format!("claim \"{}\"", shortened(&id)));
    let mut table = Table::new(&path, item)?;
    let id = table.required_text("id")?;
    require_id(&table, &id)?;
    let observable = table.required_text("observable")?;
    let (observable, lag) = read_observable(&table, &observable)?;
    let scope = observable.scope();
    let text = table.required_text("expression")?;
    let wrong = |key: &str, error: ExpressionError| VerifyError::Input { detail: format!("{path}.{key}: {error}") };
    let expression = Expression::parse(&text, &scope).map_err(|error| wrong("expression", error))?;
    let holds = read_holds(&mut table)?;
    // a condition on every mode is one on a total too
    let domain_scope = observable.domain_scope();
    let domain = table
        .text("where")?
        .map(|text| Expression::condition(&text, &domain_scope).map_err(|error| wrong("where", error)))
        .transpose()?;
    let noise = match table.text("noise")?.as_deref() {
        None | Some("both") => ClaimNoise::Both,
        Some("gaussian") => ClaimNoise::Gaussian,
        Some("minibatch") => ClaimNoise::Minibatch,
        Some(other) => {
            let found = format!("\"{}\"{}", shortened(other), suggestion(other, &["gaussian", "minibatch", "both"]));
            return Err(table.refuse("noise", found, "gaussian, minibatch or both").into());
        }
    };
    let title = table.text("title")?;
    let statement = table.text("statement")?;
    table.finish()?;
    if observable == Observable::LearningRateLimit && matches!(holds, Holds::Order(_)) {
        return Err(VerifyError::Input {
            detail: format!(
                "{path}.holds is an order in eta h; learning_rate_limit does not depend on eta: it must be \"exactly\" or \
                 {{ within = x }}"
            ),
        });
    }
    Ok(UserClaim { id, title, statement, observable, lag, expression, holds, domain, noise, file: file.to_owned() })
}

fn shortened(text: &str) -> String {
    let clean: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > 60 { format!("{clean}...") } else { clean }
}

/// Ids go into replay tokens and JUnit names.
fn require_id(table: &Table, id: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '+');
    if id.is_empty() || id.chars().count() > 100 || !id.chars().all(plain) {
        let admissible = "1 to 100 letters, digits, - _ . : or +";
        return Err(table.refuse("id", format!("\"{}\"", shortened(id)), admissible).into());
    }
    Ok(())
}

/// `name`, `name(k)` or `name(number)`.
fn read_observable(table: &Table, text: &str) -> Result<(Observable, Lag)> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (name, argument) = match compact.split_once('(') {
        None => (compact.as_str(), None),
        Some((name, rest)) => (name, Some(rest)),
    };
    let found = |detail: String| format!("\"{}\"{detail}", shortened(text));
    let written =
        |entry: &(Observable, &str, bool, &str)| if entry.2 { format!("{}(k)", entry.1) } else { entry.1.into() };
    let Some(entry) = OBSERVABLES.iter().find(|entry| entry.1 == name) else {
        let names: Vec<&str> = OBSERVABLES.iter().map(|entry| entry.1).collect();
        let near = suggestion(name, &names);
        let near = if near.contains("did you mean") { near } else { String::new() };
        let all: Vec<String> = OBSERVABLES.iter().map(written).collect();
        return Err(table.refuse("observable", found(near), all.join(", ")).into());
    };
    let lag = match (entry.2, argument) {
        (false, None) => Lag::None,
        (true, Some("k)")) => Lag::Any,
        (true, Some(argument)) => {
            let steps = argument.strip_suffix(')').and_then(|text| text.parse::<u64>().ok());
            if let Some(steps) = steps.filter(|steps| *steps <= MOST_STEPS) {
                Lag::Steps(steps)
            } else {
                let admissible =
                    format!("{name}(k), or {name}(10) with a whole number of steps of at most {MOST_STEPS}");
                return Err(table.refuse("observable", found(String::new()), admissible).into());
            }
        }
        (false, Some(_)) => {
            return Err(table.refuse("observable", found(String::new()), format!("{name}, without (k)")).into());
        }
        (true, None) => {
            let admissible = format!("{name}(k), or {name}(10) with a number of steps");
            return Err(table.refuse("observable", found(String::new()), admissible).into());
        }
    };
    Ok((entry.0, lag))
}

const HOLDS: &str = "\"exactly\", { within = 0.02 } or { order = 1 }";

fn read_holds(table: &mut Table) -> Result<Holds> {
    if !table.contains("holds") {
        // the reader of tables knows slips of the pen
        return Err(match table.required_table("holds") {
            Err(DocumentError::Missing { path, .. }) => {
                DocumentError::Missing { path, admissible: HOLDS.into() }.into()
            }
            Err(slip) => slip.into(),
            Ok(_) => table.refuse("holds", "a table", HOLDS).into(),
        });
    }
    let value = table.value("holds").unwrap_or_default();
    match value {
        Value::String(text) if text == "exactly" => Ok(Holds::Exactly),
        Value::Object(_) => {
            let mut inner = Table::new("holds", value)?;
            let (within, order) = (inner.number("within")?, inner.number("order")?);
            inner.finish()?;
            match (within, order) {
                (Some(within), None) if within > 0.0 && within.is_finite() => Ok(Holds::Within(within)),
                (Some(within), None) => {
                    Err(table.refuse("holds.within", within, "a relative error above 0, such as 0.02").into())
                }
                (None, Some(order)) if order > 0.0 && order <= 10.0 => Ok(Holds::Order(order)),
                (None, Some(order)) => Err(table.refuse("holds.order", order, "above 0 and at most 10").into()),
                _ => Err(table.refuse("holds", "a table without one of them", HOLDS).into()),
            }
        }
        other => {
            let near = other.as_str().map_or_else(String::new, |text| suggestion(text, &["exactly"]));
            let near = if near.contains("did you mean") { near } else { String::new() };
            Err(table.refuse("holds", format!("{}{near}", shown(&other)), HOLDS).into())
        }
    }
}

impl UserClaim {
    /// The observable as the file writes it.
    pub fn observable_text(&self) -> String {
        match self.lag {
            Lag::None => self.observable.name().into(),
            Lag::Any => format!("{}(k)", self.observable.name()),
            Lag::Steps(steps) => format!("{}({steps})", self.observable.name()),
        }
    }

    /// Whether the claim is about this noise.
    pub fn is_about(&self, noise: crate::problem::Noise) -> bool {
        match self.noise {
            ClaimNoise::Both => true,
            ClaimNoise::Gaussian => noise == crate::problem::Noise::Gaussian,
            ClaimNoise::Minibatch => noise == crate::problem::Noise::Minibatch,
        }
    }

    /// Numbers that the domain or a condition of the formula compares a symbol with, or takes from it: where a formula
    /// changes, it may be wrong.
    pub(crate) fn compared_with(&self, symbol: Symbol) -> Vec<f64> {
        let expressions = self.domain.iter().chain([&self.expression]);
        expressions.flat_map(|expression| expression.compared_with(symbol)).collect()
    }

    /// Numbers of steps at which it is tested.
    pub(crate) fn lags(&self) -> Vec<u64> {
        /// From one step to several relaxation times of most modes.
        const LAGS: [u64; 7] = [1, 2, 3, 7, 20, 60, 300];
        match self.lag {
            Lag::None => vec![0],
            Lag::Steps(steps) => vec![steps],
            Lag::Any => {
                let mut lags = LAGS.to_vec();
                // a formula of k - 1 is not about k = 0 for that; a condition on k is about the k at it
                let compared = self.domain.iter().flat_map(|domain| domain.compared_with(Symbol::Lag));
                let changes = self.compared_with(Symbol::Lag).into_iter().filter(|k| *k >= 2.0);
                let near = compared.chain(changes).filter(|k| (0.0..MOST_STEPS as f64).contains(k));
                lags.extend(near.flat_map(|k| {
                    let whole = k.floor() as u64;
                    [whole.saturating_sub(1), whole, whole + 1]
                }));
                lags.sort_unstable();
                lags.dedup();
                lags
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[claim]]
id = "a"
observable = "msd(k)"
expression = "sum(noise)*eta^2*k/S"
holds = { order = 1 }
where = "k*eta*max(h) < 1"
noise = "gaussian"
title = "T"
statement = "x"
"#;

    #[test]
    fn a_claim_is_read() {
        let claims = UserClaim::parse("c.toml", GOOD).expect("the claim is right");
        let claim = &claims[0];
        assert_eq!((claim.observable, claim.lag, claim.noise), (Observable::Msd, Lag::Any, ClaimNoise::Gaussian));
        assert_eq!(claim.holds, Holds::Order(1.0));
        assert_eq!(claim.title.as_deref(), Some("T"));
        let fixed = UserClaim::parse("c.toml", &GOOD.replace("msd(k)", " msd( 12 )")).expect("the claim is right");
        assert_eq!(fixed[0].lag, Lag::Steps(12));
    }

    #[test]
    fn errors_name_file_and_key() {
        for (from, to, parts) in [
            ("expression", "expresion", &["c.toml", "claim \"a\".expresion", "did you mean \"expression\"?"][..]),
            ("\"msd(k)\"", "\"msdd(k)\"", &["observable is \"msdd(k)\"; did you mean \"msd\"?", "msd(k)"]),
            ("\"msd(k)\"", "\"msd\"", &["msd(10)"]),
            ("\"msd(k)\"", "\"msd(-1)\"", &["a whole number of steps"]),
            ("\"msd(k)\"", "\"speed(k)\"", &["without (k)"]),
            ("noise)*", "noize)*", &["claim \"a\".expression: unknown symbol `noize`", "^^^^^"]),
            ("max(h) < 1", "max(h)", &["claim \"a\".where: a number where a condition must stand"]),
            ("{ order = 1 }", "\"exactyl\"", &["did you mean \"exactly\"?"]),
            ("{ order = 1 }", "{ order = -1 }", &["holds.order is -1", "above 0"]),
            ("{ order = 1 }", "{ withn = 0.1 }", &["holds.withn", "did you mean \"within\"?"]),
            ("{ order = 1 }", "{ within = 0.1, order = 1 }", &["{ within = 0.02 } or { order = 1 }"]),
            ("\"gaussian\"", "\"gausian\"", &["did you mean \"gaussian\"?"]),
            ("id = \"a\"", "id = \"a b\"", &["letters"]),
            ("id = \"a\"", "", &["claim[0].id is missing"]),
            ("holds = { order = 1 }", "", &["holds is missing"]),
            ("[[claim]]", "[claim]", &["[[claim]]"]),
            ("[[claim]]", "[[claims]]", &["unknown key claims"]),
            ("title = \"T\"", "title = 3", &["claim \"a\".title is 3"]),
            ("title = \"T\"", "title = ", &["c.toml", "line 9"]),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = UserClaim::parse("c.toml", &GOOD.replacen(from, to, 1)).expect_err(to);
            assert_eq!(error.exit_code(), 2);
            for part in parts {
                assert!(error.to_string().contains(part), "{from} -> {to}: {error}");
            }
        }
        assert!(UserClaim::parse("c.toml", "").expect_err("no claim").to_string().contains("there is no claim"));
        let twice = UserClaim::parse("c.toml", &format!("{GOOD}{GOOD}")).expect_err("an id twice");
        assert!(twice.to_string().contains("id \"a\" is used by two claims"));
        let limit = GOOD.replace("msd(k)", "learning_rate_limit").replace("sum(noise)*eta^2*k/S", "1");
        let limit = limit.replace("k*eta*max(h) < 1", "beta < 1");
        assert!(
            UserClaim::parse("c.toml", &limit).expect_err("no order").to_string().contains("does not depend on eta")
        );
        let rate = limit.replace("{ order = 1 }", "\"exactly\"").replace("\"1\"", "\"2/eta\"");
        assert!(
            UserClaim::parse("c.toml", &rate).expect_err("eta").to_string().contains("`eta` is what the claim limits")
        );
    }
}
