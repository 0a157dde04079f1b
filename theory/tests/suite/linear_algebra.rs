//! The one door to matrix decompositions: whatever comes in, an answer or an error comes out, soon.

use langevin_theory::TheoryError;
use langevin_theory::linear_algebra::{
    covariance_inverse, covariance_root, require_positive_semi_definite, require_shape, symmetric_eigen,
};
use nalgebra::{DMatrix, dmatrix};
use proptest::prelude::*;

use crate::problems::{covariance, logarithmic, square};

/// Entries from a list of nasty numbers.
fn nasty(size: usize) -> impl Strategy<Value = DMatrix<f64>> {
    let entry = prop_oneof![
        6 => Just(0.0),
        6 => Just(1.0),
        3 => Just(-1.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(f64::MAX),
        1 => Just(f64::MIN_POSITIVE),
        1 => Just(5e-324),
        1 => Just(-0.0),
        2 => -1.0..1.0f64,
        2 => logarithmic(-300.0, 300.0),
    ];
    proptest::collection::vec(entry, size * size).prop_map(move |entries| DMatrix::from_vec(size, size, entries))
}

fn check_eigen(matrix: &DMatrix<f64>) -> Result<(), TestCaseError> {
    if let Ok(eigen) = symmetric_eigen("matrix", matrix) {
        let size = matrix.nrows();
        let scale = matrix.amax();
        let unit = 64.0 * size as f64 * f64::EPSILON;
        let gram = eigen.vectors.tr_mul(&eigen.vectors) - DMatrix::identity(size, size);
        prop_assert!(gram.amax() <= unit, "not orthonormal: {}", gram.amax());
        prop_assert!(eigen.values.as_slice().windows(2).all(|pair| pair[0] >= pair[1]));
        if scale > 1e-290 && scale < 1e290 {
            let back = &eigen.vectors * DMatrix::from_diagonal(&eigen.values) * eigen.vectors.transpose() - matrix;
            // the symmetric part is decomposed; the rest may be 1e-9 of the largest entry
            let asymmetry = (matrix - matrix.transpose()).amax();
            prop_assert!(back.amax() <= unit * size as f64 * scale + asymmetry, "residual {}", back.amax());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn decomposes_or_refuses(matrix in (1usize..6).prop_flat_map(nasty), symmetric in any::<bool>()) {
        let matrix = if symmetric { DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i.min(j), i.max(j))]) } else { matrix };
        check_eigen(&matrix)?;
        if matrix.iter().any(|entry| !entry.is_finite()) {
            let refused = [
                symmetric_eigen("matrix", &matrix).err(),
                require_positive_semi_definite("matrix", &matrix).err(),
                covariance_root("matrix", &matrix).err(),
            ];
            let named = refused.iter().all(|error| matches!(error, Some(TheoryError::NotFinite { .. })));
            prop_assert!(named, "{refused:?}");
            prop_assert!(covariance_inverse("matrix", &matrix).is_err());
        }
        if let Ok(root) = covariance_root("matrix", &matrix) {
            prop_assert!(root.iter().all(|entry| entry.is_finite()));
        }
        if let Ok(inverse) = covariance_inverse("matrix", &matrix) {
            prop_assert_eq!(inverse.shape(), matrix.shape());
        }
    }

    #[test]
    fn symmetric_matrices_are_decomposed(matrix in (1usize..12).prop_flat_map(square), exponent in -200i32..200) {
        let symmetric = (&matrix + matrix.transpose()) * 10f64.powi(exponent);
        prop_assert!(symmetric_eigen("matrix", &symmetric).is_ok());
        check_eigen(&symmetric)?;
    }

    #[test]
    fn a_covariance_has_a_root_of_any_rank(covariance in (1usize..6).prop_flat_map(covariance), spread in logarithmic(-8.0, 8.0)) {
        // positions and velocities of different units
        let size = covariance.nrows();
        let unit = |index: usize| if index.is_multiple_of(2) { 1.0 } else { spread };
        let scaled = DMatrix::from_fn(size, size, |i, j| covariance[(i, j)] * unit(i) * unit(j));
        let root = covariance_root("covariance", &scaled).unwrap();
        let back = &root * root.transpose();
        for i in 0..size {
            for j in 0..size {
                // clipped eigenvalues and rounding, relative to the variances
                let tolerance = 64.0 * (size * size) as f64 * f64::EPSILON * (scaled[(i, i)] * scaled[(j, j)]).sqrt();
                prop_assert!((back[(i, j)] - scaled[(i, j)]).abs() <= tolerance + 1e-290, "{} {}", back[(i, j)], scaled[(i, j)]);
            }
        }
    }

    #[test]
    fn a_definite_covariance_has_an_inverse(matrix in (1usize..6).prop_flat_map(square), spread in logarithmic(-8.0, 8.0)) {
        let size = matrix.nrows();
        let root = matrix + DMatrix::identity(size, size) * 2.0;
        let unit = |index: usize| if index.is_multiple_of(2) { 1.0 } else { spread };
        let product = &root * root.transpose();
        let scaled = DMatrix::from_fn(size, size, |i, j| 0.5 * (product[(i, j)] + product[(j, i)]) * unit(i) * unit(j));
        let Ok(inverse) = covariance_inverse("covariance", &scaled) else { return Ok(()) };
        let one = &scaled * &inverse;
        // the condition number of the correlation matrix
        let plain = DMatrix::from_fn(size, size, |i, j| inverse[(i, j)] * unit(i) * unit(j));
        let condition = plain.amax() * product.amax() * (size * size) as f64;
        for i in 0..size {
            for j in 0..size {
                let expected = f64::from(u8::from(i == j));
                let found = one[(i, j)] * unit(j) / unit(i);
                prop_assert!((found - expected).abs() <= 64.0 * f64::EPSILON * condition, "{found}");
            }
        }
    }
}

#[test]
fn shapes_that_are_none() {
    assert!(matches!(symmetric_eigen("m", &DMatrix::zeros(0, 0)), Err(TheoryError::Shape { .. })));
    assert!(matches!(symmetric_eigen("m", &DMatrix::zeros(2, 3)), Err(TheoryError::Shape { .. })));
    assert!(matches!(require_shape("m", &DMatrix::zeros(2, 3), 3, 2), Err(TheoryError::Shape { .. })));
    for matrix in [DMatrix::zeros(0, 0), DMatrix::zeros(2, 3), DMatrix::zeros(3, 2), DMatrix::zeros(0, 4)] {
        assert!(require_positive_semi_definite("m", &matrix).is_err());
        assert!(covariance_root("m", &matrix).is_err());
        assert!(covariance_inverse("m", &matrix).is_err());
    }
}

#[test]
fn single_entries_and_zero() {
    for value in [0.0, 1.0, -1.0, 1e300, 1e-300, f64::MAX, f64::MIN_POSITIVE] {
        let eigen = symmetric_eigen("m", &dmatrix![value]).unwrap();
        assert_eq!((eigen.values[0], eigen.vectors[(0, 0)].abs()), (value, 1.0));
    }
    let eigen = symmetric_eigen("m", &DMatrix::zeros(4, 4)).unwrap();
    assert!(eigen.values.iter().all(|&value| value == 0.0));
    assert_eq!(covariance_root("m", &DMatrix::zeros(2, 2)).unwrap(), DMatrix::zeros(2, 2));
    assert!(matches!(covariance_inverse("m", &DMatrix::zeros(2, 2)), Err(TheoryError::Singular { .. })));
    assert!(matches!(covariance_inverse("m", &dmatrix![1.0, 1.0; 1.0, 1.0]), Err(TheoryError::Singular { .. })));
}

#[test]
fn asymmetric_and_indefinite() {
    let asymmetric = dmatrix![1.0, 1.0; 0.0, 1.0];
    assert!(matches!(symmetric_eigen("m", &asymmetric), Err(TheoryError::NotPositiveSemiDefinite { .. })));
    let indefinite = dmatrix![1.0, 2.0; 2.0, 1.0];
    assert!(symmetric_eigen("m", &indefinite).is_ok());
    assert!(matches!(
        require_positive_semi_definite("m", &indefinite),
        Err(TheoryError::NotPositiveSemiDefinite { .. })
    ));
    assert!(matches!(covariance_root("m", &indefinite), Err(TheoryError::NotPositiveSemiDefinite { .. })));
    assert!(covariance_inverse("m", &indefinite).is_err());
}

#[test]
fn matrices_known_to_be_hard() {
    // the matrix on which an unguarded Schur decomposition does not return (it is not symmetric, so it is refused), its
    // symmetric part, equal eigenvalues, tiny couplings, graded entries
    let endless = dmatrix![1.0, -1.0, 0.0; 1.0, 1.0, -1.0; 0.0, 1.0, 1.0];
    assert!(symmetric_eigen("m", &endless).is_err());
    let hard = [
        (&endless + endless.transpose()) * 0.5,
        DMatrix::identity(8, 8) + DMatrix::from_element(8, 8, 1e-17),
        DMatrix::from_element(9, 9, 1.0),
        DMatrix::from_fn(8, 8, |i, j| 10f64.powi(-(2 * (i + j) as i32))),
        DMatrix::from_fn(8, 8, |i, j| if i.abs_diff(j) == 4 { 1.0 } else { 0.0 }),
        DMatrix::from_fn(8, 8, |i, j| {
            if i == j {
                1.0
            } else if i.abs_diff(j) == 1 {
                1e-160
            } else {
                0.0
            }
        }),
        DMatrix::from_fn(12, 12, |i, j| 1.0 / (i + j + 1) as f64),
    ];
    for matrix in &hard {
        symmetric_eigen("m", matrix).unwrap();
        check_eigen(matrix).unwrap();
    }
}

/// What counts as asymmetric or negative is a part of the largest entry or eigenvalue, in any unit.
#[test]
fn rounding_is_relative_to_what_is_largest() {
    for unit in [1.0, 1e6, 1e-6] {
        let skewed = |part: f64| dmatrix![unit, part * unit; 0.0, unit];
        assert!(symmetric_eigen("m", &skewed(1e-10)).is_ok(), "{unit:e}");
        assert!(symmetric_eigen("m", &skewed(1e-8)).is_err(), "{unit:e}");
        let rounded = dmatrix![unit, 0.0; 0.0, -1e-10 * unit];
        assert!(require_positive_semi_definite("m", &rounded).is_ok(), "{unit:e}");
        let negative = dmatrix![unit, 0.0; 0.0, -1e-8 * unit];
        assert!(require_positive_semi_definite("m", &negative).is_err(), "{unit:e}");
    }
}

/// A coordinate without variance has no covariance with others, to rounding of the largest entry.
#[test]
fn what_does_not_vary_does_not_covary() {
    for unit in [1.0, 1e20, 1e-20] {
        for (first, second) in [(0, 1), (1, 0)] {
            let with = |covariance: f64| {
                let mut matrix = DMatrix::zeros(2, 2);
                matrix[(first, first)] = unit;
                matrix[(0, 1)] = covariance * unit;
                matrix[(1, 0)] = covariance * unit;
                matrix
            };
            let root = covariance_root("m", &with(1e-10)).unwrap();
            let mut expected = DMatrix::zeros(2, 2);
            expected[(first, first)] = unit;
            assert!((&root * root.transpose() - expected).amax() <= 4.0 * f64::EPSILON * unit, "{unit:e} {second}");
            let refused = covariance_root("m", &with(1e-8));
            assert!(matches!(refused, Err(TheoryError::NotPositiveSemiDefinite { .. })), "{unit:e} {second}");
        }
    }
}

/// Unit variances and correlations 1 - g: the eigenvalues are g and 8 - 7 g. At g = 2^-45 the smallest is 16 roundings of the
/// largest, so that rounding changes the inverse by a tenth; at 2^-30 it has six digits at least.
#[test]
fn an_inverse_without_digits_is_refused() {
    let with = |gap: f64| DMatrix::from_fn(8, 8, |i, j| if i == j { 1.0 } else { 1.0 - gap });
    let refused = covariance_inverse("m", &with(f64::exp2(-45.0)));
    assert!(matches!(refused, Err(TheoryError::Singular { .. })), "{refused:?}");
    let gap = f64::exp2(-30.0);
    let inverse = covariance_inverse("m", &with(gap)).unwrap();
    // (I - (1 - g) 1 1^T / (8 - 7 g)) / g
    let expected = DMatrix::from_fn(8, 8, |i, j| (f64::from(u8::from(i == j)) - (1.0 - gap) / (8.0 - 7.0 * gap)) / gap);
    assert!((inverse - &expected).amax() <= 1e-6 * expected.amax());
}
