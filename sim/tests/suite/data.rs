//! Data readers on good and bad input.

use std::io::Write;

use langevin_sim::data::{Dataset, GaussianSpec, Standardize};

fn read(text: &str, target: Option<&str>, one_hot: bool, rows: Option<usize>) -> Result<Dataset, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Dataset::csv(file.path(), target, Standardize::None, one_hot, rows).map_err(|error| error.to_string())
}

#[test]
fn tables_with_and_without_header() {
    let plain = read("1,2,3\n4,5,6\n", None, false, None).unwrap().problem;
    assert_eq!((plain.features()[(1, 1)], plain.targets()[(1, 0)]), (5.0, 6.0));
    let named = read("a,y,b\n1,2,3\n4,5,6\n", Some("y"), false, None).unwrap().problem;
    assert_eq!((named.features()[(0, 1)], named.targets()[(1, 0)]), (3.0, 5.0));
    let numbered = read("1,2,3\n4,5,6\n", Some("0"), false, Some(1)).unwrap().problem;
    assert_eq!((numbered.samples(), numbered.targets()[(0, 0)]), (1, 1.0));
    let classes = read("1,7\n2,3\n3,7\n", None, true, None).unwrap().problem;
    assert_eq!(classes.targets().row(2).iter().copied().collect::<Vec<_>>(), [0.0, 1.0]);
}

#[test]
fn bad_tables_name_the_place() {
    let cases = [
        (read("a,b\n1,2\n3,NaN\n", None, false, None), "line 3: column \"b\" is \"NaN\""),
        (read("1,2\n3,inf\n", None, false, None), "line 2: column 1"),
        (read("a,b\n1,x\n", None, false, None), "line 2: column \"b\" is \"x\""),
        (read("1,2\n3\n", None, false, None), "line"),
        (read("", None, false, None), "no rows"),
        (read("a,b\n", None, false, None), "no rows"),
        (read("1\n2\n", None, false, None), "1 column"),
        (read("a,b\n1,2\n", Some("c"), false, None), "no target column \"c\""),
        (read("1,2\n", Some("5"), false, None), "no target column \"5\""),
        (read("1,0.5\n", None, true, None), "whole number"),
        (read("1,2\n", None, false, Some(0)), "rows is 0"),
        (read("1,2\n", None, false, Some(9)), "rows is 9"),
    ];
    for (outcome, expected) in cases {
        let message = outcome.map(|_| ()).unwrap_err();
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
    let missing = Dataset::csv(std::path::Path::new("/no/such.csv"), None, Standardize::None, false, None);
    assert!(missing.unwrap_err().to_string().contains("/no/such.csv"));
}

#[test]
fn digits_are_what_they_are() {
    let digits = Dataset::digits(Standardize::Center, true, None).unwrap();
    assert_eq!(digits.problem.quadratic().unwrap().rank(), 61);
    let labels: Vec<f64> = digits.problem.targets().column_iter().map(|column| column.sum()).collect();
    assert_eq!(labels, [178.0, 182.0, 177.0, 183.0, 181.0, 182.0, 181.0, 179.0, 174.0, 180.0]);
    let unit = Dataset::digits(Standardize::Unit, false, None).unwrap();
    assert!(unit.problem.features().iter().all(|value| value.is_finite()));
}

#[test]
fn synthetic_data_are_reproducible() {
    let spec = GaussianSpec { eigenvalues: vec![1.0, 0.5], noise: 0.1, rows: 20, seed: 3 };
    let (first, second) = (Dataset::gaussian(&spec).unwrap(), Dataset::gaussian(&spec).unwrap());
    assert_eq!(first.problem.features(), second.problem.features());
    assert!(Dataset::gaussian(&GaussianSpec { rows: 0, ..spec.clone() }).is_err());
    assert!(Dataset::gaussian(&GaussianSpec { eigenvalues: vec![-1.0], ..spec }).is_err());
}
