//! `langevin predict` against values computed from the definitions at 120 digits (tests/reference).

use std::path::Path;

use serde_json::Value;

/// Largest error of an entry, relative to the larger of the entry itself and a millionth of the largest entry of the
/// innermost matrix or list it stands in: an entry that is a difference of large numbers cannot be better than these.
fn largest_error(path: &str, found: &Value, expected: &Value, scale: f64, worst: &mut (f64, String)) {
    match (found, expected) {
        (Value::Array(found), Value::Array(expected)) => {
            if found.len() != expected.len() {
                *worst = (f64::INFINITY, format!("{path}: {} entries, expected {}", found.len(), expected.len()));
                return;
            }
            let inner = expected.iter().map(magnitude).fold(0.0, f64::max);
            let is_matrix =
                expected.iter().all(|row| row.as_array().is_some_and(|row| row.iter().all(Value::is_number)));
            let scale = if is_matrix { inner } else { f64::max(scale, 0.0) };
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                let own = if expected.is_number() && scale == 0.0 { inner } else { scale };
                largest_error(&format!("{path}[{index}]"), found, expected, own, worst);
            }
        }
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap_or(f64::NAN), expected.as_f64().unwrap_or(f64::NAN));
            let size = expected.abs().max(1e-6 * scale).max(f64::MIN_POSITIVE);
            let error = (found - expected).abs() / size;
            if error > worst.0 || error.is_nan() {
                *worst = (error, format!("{path}: {found:e}, expected {expected:e}"));
            }
        }
        _ if found == expected => {}
        _ => *worst = (f64::INFINITY, format!("{path}: {found}, expected {expected}")),
    }
}

fn magnitude(value: &Value) -> f64 {
    match value {
        Value::Array(items) => items.iter().map(magnitude).fold(0.0, f64::max),
        other => other.as_f64().unwrap_or(0.0).abs(),
    }
}

#[test]
fn predictions_for_sgd_and_its_sde_equal_the_reference_values() {
    compare(include_str!("../reference/cases.json"), 80);
}

#[test]
fn predictions_of_the_general_kinds_equal_the_reference_values() {
    compare(include_str!("../reference/general_cases.json"), 55);
}

#[test]
fn predictions_close_to_a_border_equal_the_reference_values() {
    compare(include_str!("../reference/edge_cases.json"), 13);
}

fn compare(text: &str, at_least: usize) {
    let cases: Vec<Value> = serde_json::from_str(text).expect("the case file is JSON");
    assert!(cases.len() >= at_least, "only {} cases", cases.len());
    let mut failures = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap_or("?");
        let tolerance = case["tolerance"].as_f64().unwrap_or(1e-9);
        let answer = match langevin_verify::predict::predict(case["input"].clone(), Path::new("")) {
            Ok(answer) => answer,
            Err(error) => {
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        let expected = case["expected"].as_object().expect("a table of expected values");
        for (key, expected) in expected {
            let mut worst = (0.0, String::new());
            let scale = if key == "velocity_correlation" { 1e6 } else { 0.0 };
            largest_error(key, &answer[key], expected, scale, &mut worst);
            if worst.0.is_nan() || worst.0 > tolerance {
                failures.push(format!("{name}: error {:.1e} in {}", worst.0, worst.1));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
