//! The certified problems (tests/certified) against `predict`, to 1e-12 of the largest entry of each array.

use std::path::Path;

use serde_json::Value;

/// All numbers of a nested list; certified ones are strings.
fn numbers(value: &Value, list: &mut Vec<f64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| numbers(item, list)),
        Value::String(text) => list.push(text.parse().expect("a certified value is a number")),
        other => list.push(other.as_f64().unwrap_or(f64::NAN)),
    }
}

#[test]
fn predictions_equal_the_certified_values() {
    let text = include_str!("../certified/problems.json");
    let problems: Vec<Value> = serde_json::from_str(text).expect("the problem file is JSON");
    assert_eq!(problems.len(), 12);
    let mut worst: f64 = 0.0;
    for problem in &problems {
        let name = problem["name"].as_str().unwrap_or("?");
        let answer = langevin_verify::predict::predict(problem["input"].clone(), Path::new("")).expect("it is valid");
        for (key, certified) in problem["certified"].as_object().expect("a table of certified values") {
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            numbers(&answer[key], &mut found);
            numbers(certified, &mut expected);
            assert_eq!(found.len(), expected.len(), "{name}: {key}");
            let scale = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                let error = (found - expected).abs() / scale;
                assert!(error <= 1e-12, "{name}: {key}: {found:e}, certified {expected:e}, error {error:e}");
                worst = worst.max(error);
            }
        }
    }
    assert!(worst > 0.0, "nothing was compared");
}
