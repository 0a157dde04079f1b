//! What must hold for any input, one function per fuzz target. Each takes bytes and panics when an invariant is broken:
//! readers give a value or an error that says something, laws are finite or a named error, covariances symmetric and
//! positive semi-definite, propagators semigroups.

mod claims;
mod laws;
mod matrices;
mod numbers;
mod readers;

pub use claims::{claim_file, expression};
pub use laws::law;
pub use matrices::linear_algebra;
pub use readers::{data_reader, document_of, predict_document, predict_kind, problem_file, shard_file};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All fuzz targets by name; their corpora are `fuzz/corpus/NAME`.
pub const TARGETS: [(&str, Target); 9] = [
    ("claim_file", claim_file),
    ("data_reader", data_reader),
    ("expression", expression),
    ("law", law),
    ("linear_algebra", linear_algebra),
    ("predict_document", predict_document),
    ("predict_kind", predict_kind),
    ("problem_file", problem_file),
    ("shard_file", shard_file),
];

/// An error must say something, on few lines.
fn require_message(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert!(!text.trim().is_empty(), "an error without text");
    assert!(text.len() < 20_000, "an error of {} bytes", text.len());
}
