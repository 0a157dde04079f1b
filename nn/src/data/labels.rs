//! Labels as rows of ones among zeros, and back.

/// The label of each row, when every row is a one among zeros.
pub(super) fn labels_of(targets: &[f64], outputs: usize) -> Option<Vec<i64>> {
    if outputs < 2 {
        return None;
    }
    let label = |row: &[f64]| {
        let place = row.iter().position(|&value| value.to_bits() == 1.0_f64.to_bits())?;
        let is_one_hot = row.iter().enumerate().all(|(at, &value)| at == place || value.abs() == 0.0);
        is_one_hot.then_some(place as i64)
    };
    targets.chunks_exact(outputs).map(label).collect()
}

/// Rows of ones among zeros; a label that is no class gives a row of zeros.
pub(super) fn one_hot(labels: &[i64], classes: usize) -> Vec<f64> {
    let mut rows = vec![0.0; labels.len() * classes];
    for (row, label) in rows.chunks_exact_mut(classes.max(1)).zip(labels) {
        if let Some(place) = usize::try_from(*label).ok().and_then(|label| row.get_mut(label)) {
            *place = 1.0;
        }
    }
    rows
}
