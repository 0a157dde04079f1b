//! Closed forms, matrix route and brute force agree to 1e-10 (the table of `cargo run --release -p langevin-tests --example
//! agreement`, with fewer cases).

#[path = "../agreement/mod.rs"]
mod routes;

#[test]
fn closed_forms_matrix_route_and_brute_force_agree() {
    let rows = routes::table(7, 1);
    assert!(rows.iter().all(|row| row.cases > 0), "a quantity was not compared");
    let apart: Vec<String> = rows
        .iter()
        .filter(|row| row.largest.is_nan() || row.largest > 1e-10)
        .map(|row| {
            format!("{} ({}; {}): {:e} in {} cases", row.quantity, row.ranges, row.routes, row.largest, row.cases)
        })
        .collect();
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}
