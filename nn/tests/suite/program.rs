//! The built binary.

use std::process::{Command, Output};

pub fn langevin_nn(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_langevin-nn"))
        .args(arguments)
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .expect("the binary starts")
}

#[test]
fn doctor_finds_a_libtorch_that_computes() {
    let found = langevin_nn(&["doctor", "--json"]);
    assert!(found.status.success(), "{found:?}");
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["computes"], true);
    assert!(found["libtorch"].as_str().unwrap().starts_with("2.11.0"), "{found}");
    assert_eq!(found["devices"][0], "cpu");
}

#[test]
fn a_missing_device_is_an_error() {
    let found = langevin_nn(&["doctor", "--device", "cuda:99"]);
    assert_eq!(found.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&found.stderr).contains("cuda:99 is not here"), "{found:?}");
}
