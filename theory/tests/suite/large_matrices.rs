//! Large matrices: the blocked eigensolver against what defines eigenpairs and against known spectra, and the iterative one
//! against the blocked one.

use langevin_theory::largest_eigenpairs::largest_eigenpairs;
use langevin_theory::linear_algebra::symmetric_eigen;
use langevin_theory::{LeastSquares, Quadratic, TheoryError};
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Entries without structure, in -1..1.
fn scattered(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    DMatrix::from_fn(rows, columns, |_, _| {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}

fn covariance(size: usize, decay: f64, rank: usize) -> DMatrix<f64> {
    let data = DMatrix::from_fn(rank, size, |i, j| scattered(1, 1, (i * size + j) as u64 + 1)[(0, 0)])
        .map_with_location(|_, column, value| value / (1.0 + column as f64).powf(decay));
    data.transpose() * data
}

/// Residual (in units of a bound of the norm, 45 roundings) and orthogonality of a backward stable method, descending order.
fn check(matrix: &DMatrix<f64>) {
    let size = matrix.nrows();
    let eigen = symmetric_eigen("m", matrix).unwrap();
    let gram = eigen.vectors.transpose() * &eigen.vectors - DMatrix::identity(size, size);
    assert!(gram.amax() <= 1e-12, "orthogonality {:e}", gram.amax());
    let gap = matrix * &eigen.vectors - &eigen.vectors * DMatrix::from_diagonal(&eigen.values);
    let scale = size as f64 * matrix.amax();
    assert!(gap.amax() <= 1e-14 * scale, "residual {:e}", gap.amax() / scale);
    assert!(eigen.values.as_slice().windows(2).all(|pair| pair[0] >= pair[1]));
}

#[test]
fn both_sides_of_the_switch_decompose() {
    // 128 and 129 lie on either side of it
    for size in [127, 128, 129, 130, 200, 301] {
        check(&covariance(size, 0.7, size + 10));
    }
    let hard = [
        DMatrix::identity(150, 150),
        DMatrix::from_element(150, 150, 1.0),
        covariance(180, 0.5, 20),
        covariance(160, 4.0, 200),
        DMatrix::from_fn(150, 150, |i, j| 1.0 / (i + j + 1) as f64),
        DMatrix::from_fn(150, 150, |i, j| if i.abs_diff(j) == 1 { 1e-160 } else { f64::from(u8::from(i == j)) }),
        DMatrix::from_fn(150, 150, |i, j| if i.abs_diff(j) == 75 { 1.0 } else { 0.0 }),
        -covariance(140, 0.3, 150),
        covariance(140, 0.3, 150) * 1e250,
        covariance(140, 0.3, 150) * 1e-250,
    ];
    hard.iter().for_each(check);
}

#[test]
fn large_and_small_solvers_agree() {
    let matrix = covariance(220, 0.7, 230);
    let large = symmetric_eigen("m", &matrix).unwrap();
    #[allow(clippy::disallowed_methods, reason = "the other solver, capped")]
    let small = SymmetricEigen::try_new(matrix.clone(), f64::EPSILON, 100_000).unwrap();
    let mut values: Vec<f64> = small.eigenvalues.iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    // both are backward stable: each eigenvalue is off by a few roundings of the norm
    let gap = (&large.values - DVector::from_vec(values)).amax();
    assert!(gap <= 64.0 * f64::EPSILON * matrix.norm(), "{gap:e}");
}

/// The second-difference matrix has the eigenvalues 2 - 2 cos(pi k / (n + 1)).
#[test]
fn a_known_spectrum() {
    let size = 300;
    let matrix = DMatrix::from_fn(size, size, |i, j| match i.abs_diff(j) {
        0 => 2.0,
        1 => -1.0,
        _ => 0.0,
    });
    let values = symmetric_eigen("m", &matrix).unwrap().values;
    for k in 1..=size {
        let exact = 2.0 - 2.0 * (std::f64::consts::PI * (size + 1 - k) as f64 / (size + 1) as f64).cos();
        assert!((values[k - 1] - exact).abs() <= 1e-13);
    }
}

#[test]
fn bad_large_matrices_are_refused() {
    let mut matrix = covariance(150, 0.5, 160);
    matrix[(3, 70)] = f64::NAN;
    assert!(matches!(symmetric_eigen("m", &matrix), Err(TheoryError::NotFinite { row: 3, column: 70, .. })));
    matrix[(3, 70)] = 1e6;
    assert!(matches!(symmetric_eigen("m", &matrix), Err(TheoryError::NotPositiveSemiDefinite { .. })));
    let huge = DMatrix::from_element(150, 150, f64::MAX);
    assert!(matches!(symmetric_eigen("m", &huge), Err(TheoryError::Overflow { .. })));
}

/// Products with many rows go through the blocked routine: X^T X must be the same to rounding.
#[test]
fn a_tall_regression_has_its_hessian() {
    let (samples, dimension) = (6000, 140);
    let features = scattered(samples, dimension, 5);
    let targets = scattered(samples, 2, 6);
    let loss = LeastSquares::new(features.clone(), targets.clone()).unwrap().quadratic().unwrap();
    let hessian = features.tr_mul(&features) / samples as f64;
    assert!((loss.hessian() - &hessian).amax() <= 1e-13);
    assert!((loss.linear_term() - features.tr_mul(&targets) / samples as f64).amax() <= 1e-13);
    let summed = Quadratic::from_samples(hessian, loss.linear_term().clone(), samples).unwrap();
    assert_eq!(summed.rank(), loss.rank());
}

#[test]
fn the_largest_pairs_of_an_operator() {
    for (matrix, count, block) in [
        (covariance(300, 0.7, 320), 10, 20),
        (covariance(300, 0.1, 320), 5, 12),
        (covariance(200, 0.7, 15), 20, 30),
        (DMatrix::identity(60, 60), 4, 6),
        (covariance(40, 0.5, 50), 40, 40),
        (DMatrix::zeros(30, 30), 2, 4),
        (DMatrix::from_element(1, 1, 3.0), 1, 1),
    ] {
        let size = matrix.nrows();
        let full = symmetric_eigen("m", &matrix).unwrap();
        let top = largest_eigenpairs(|block| &matrix * block, &scattered(size, block, 9), count, 1e-10).unwrap();
        let scale = full.values[0];
        for pair in 0..count {
            let vector = top.vectors.column(pair);
            let residual = (&matrix * vector - vector * top.values[pair]).norm();
            let rounding = 64.0 * size as f64 * f64::EPSILON * scale;
            // the residual it reports is the residual it has, and it bounds the error
            assert!((residual - top.residuals[pair]).abs() <= rounding);
            assert!(top.residuals[pair] <= 1e-10 * scale);
            assert!((top.values[pair] - full.values[pair]).abs() <= top.residuals[pair] + rounding);
        }
        let gram = top.vectors.transpose() * &top.vectors - DMatrix::identity(count, count);
        assert!(gram.amax() <= 1e-12);
    }
}

#[test]
fn operators_that_are_none() {
    let matrix = covariance(20, 0.5, 30);
    let start = scattered(20, 4, 3);
    let product = |block: &DMatrix<f64>| &matrix * block;
    for (start, count) in [
        (start.clone(), 0),
        (start.clone(), 5),
        (scattered(3, 4, 1), 1),
        (DMatrix::from_element(20, 4, 1.0), 2),
        (DMatrix::zeros(20, 4), 1),
    ] {
        let refused = largest_eigenpairs(product, &start, count, 1e-10);
        assert!(matches!(refused, Err(TheoryError::Shape { .. })), "count {count}");
    }
    let infinite = largest_eigenpairs(|block| block * f64::INFINITY, &start, 2, 1e-10);
    assert!(matches!(infinite, Err(TheoryError::NotFinite { .. })));
    let short = largest_eigenpairs(|_| DMatrix::zeros(3, 3), &start, 2, 1e-10);
    assert!(matches!(short, Err(TheoryError::Shape { .. })));
    // not symmetric: no pairs to converge to, and an end all the same
    let skew = DMatrix::from_fn(60, 60, |i, j| f64::from(i8::from(i < j)) - f64::from(i8::from(i > j)));
    assert!(largest_eigenpairs(|block| &skew * block, &scattered(60, 4, 3), 2, 1e-12).is_err());
}

/// An operator times a power of two, and a start in other units, has the same pairs to the last bit.
#[test]
fn largest_pairs_do_not_depend_on_units() {
    let (matrix, start) = (covariance(60, 0.7, 70), scattered(60, 6, 9));
    let pairs =
        |unit: f64, start: &DMatrix<f64>| largest_eigenpairs(|block| &matrix * block * unit, start, 3, 1e-10).unwrap();
    let top = pairs(1.0, &start);
    for unit in [f64::exp2(60.0), f64::exp2(-60.0)] {
        for start in [&start, &(&start * unit)] {
            let other = pairs(unit, start);
            assert_eq!(other.vectors, top.vectors);
            assert_eq!((other.values, other.residuals), (&top.values * unit, &top.residuals * unit));
            assert_eq!(other.products, top.products);
        }
    }
}

/// The largest eigenvalue of -L, L the Laplacian of a graph, is zero: no residual is small beside it, but on a basis of
/// the whole space the pairs are those of the operator.
#[test]
fn a_basis_of_the_whole_space_is_enough() {
    let size = 7;
    let matrix = DMatrix::from_fn(size, size, |i, j| if i == j { 1.0 - size as f64 } else { 1.0 });
    let top = largest_eigenpairs(|block| &matrix * block, &scattered(size, 3, 4), 2, 1e-10).unwrap();
    let bound = 64.0 * f64::EPSILON * size as f64;
    assert!(top.values[0].abs() <= bound && (top.values[1] + size as f64).abs() <= bound, "{}", top.values);
    assert!(top.residuals.amax() <= bound, "{}", top.residuals);
    // the vector of the zero: all entries equal
    let vector = top.vectors.column(0);
    assert!(vector.iter().all(|entry| (entry.abs() - (size as f64).powf(-0.5)).abs() <= bound), "{vector}");
}

/// A block that an operator turns within itself leads nowhere else, and without symmetry has no pairs.
#[test]
fn an_invariant_space_without_pairs_is_no_answer() {
    let turn = |entry: f64| {
        let mut matrix = DMatrix::identity(5, 5);
        (matrix[(0, 1)], matrix[(1, 0)]) = (entry, -entry);
        matrix
    };
    let start = DMatrix::identity(5, 2);
    let found = |entry: f64| largest_eigenpairs(|block| turn(entry) * block, &start, 2, 1e-10);
    assert!(matches!(found(1e-3), Err(TheoryError::NotConverged { .. })));
    assert_eq!(found(0.0).unwrap().values, DVector::from_element(2, 1.0));
}

/// Columns that repeat others or are zero, and a start that spans the space more than once, add nothing.
#[test]
fn dependent_columns_of_a_start_are_left_out() {
    let matrix = covariance(12, 0.5, 20);
    let mut start = scattered(12, 6, 8);
    let (repeated, mixed) = (start.column(0) * -3.0, start.column(0) + start.column(1) * (1.0 + f64::EPSILON));
    start.set_column(2, &repeated);
    start.set_column(3, &mixed);
    start.column_mut(4).fill(0.0);
    let full = symmetric_eigen("m", &matrix).unwrap();
    let mut widest = 0;
    let top = largest_eigenpairs(
        |block| {
            widest = widest.max(block.ncols());
            let gap = block.tr_mul(block) - DMatrix::identity(block.ncols(), block.ncols());
            assert!(gap.amax() <= 1e-14);
            &matrix * block
        },
        &start,
        3,
        1e-12,
    )
    .unwrap();
    assert!((top.values - full.values.rows(0, 3)).amax() <= 1e-12 * full.values[0]);
    assert!(widest <= 6);
}
