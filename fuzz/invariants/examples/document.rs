//! Prints the document that `predict_kind` makes of a file: `cargo run -p langevin-invariants --example document FILE`.

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        println!(
            "{path}: {}",
            langevin_invariants::document_of(&bytes).map_or_else(|| "none".into(), |value| value.to_string())
        );
    }
    Ok(())
}
