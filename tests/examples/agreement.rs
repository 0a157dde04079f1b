//! The agreement of closed forms, matrix route and brute force, as a Markdown table:
//! `cargo run --release -p langevin-tests --example agreement`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::float_cmp, dead_code)]

#[path = "../agreement/mod.rs"]
mod agreement;

const SEED: u64 = 20_210_719;

fn main() {
    println!("| quantity | ranges | routes | cases | largest relative disagreement |");
    println!("|---|---|---|---:|---:|");
    for row in agreement::table(SEED, 10) {
        println!("| {} | {} | {} | {} | {:.1e} |", row.quantity, row.ranges, row.routes, row.cases, row.largest);
    }
}
