//! Kind `stability`: where regimes meet and where moments diverge.

use langevin_theory::minibatch::mean_square_learning_rate_limit;
use langevin_theory::{Hyperparameters, TheoryError};

use super::Answer;
use crate::document::Table;
use crate::error::Result;

pub(super) fn limits(mut table: Table, answer: &mut Answer) -> Result<()> {
    let b = table.required_number("momentum")?;
    let curvature = table.number("curvature")?;
    let variance = table.number("curvature_variance")?;
    table.finish()?;
    Hyperparameters::new(1.0, b, 0.0, 1)?;
    let root = b.sqrt();
    answer.put("limit", Ok(2.0 * (1.0 + b)))?;
    // 1 - sqrt(b) without cancellation
    answer.put("critical_lower", Ok(((1.0 - b) / (1.0 + root)).powi(2)))?;
    answer.put("critical_upper", Ok((1.0 + root).powi(2)))?;
    answer.put("critical_sde", Ok((1.0 - b).powi(2) / (2.0 * (1.0 + b))))?;
    let limit = match (curvature, variance) {
        (Some(curvature), Some(variance)) => mean_square_learning_rate_limit(b, curvature, variance),
        _ => Err(TheoryError::NoExactLaw { what: "it needs curvature and curvature_variance" }),
    };
    answer.put("mean_square_learning_rate_limit", limit)
}
