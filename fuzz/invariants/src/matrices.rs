//! The linear-algebra wrapper on any matrix, NaN and infinities included: a result that satisfies its equation, or a named
//! error; and it comes back.

use arbitrary::{Result, Unstructured};
use langevin_theory::linear_algebra::{covariance_inverse, covariance_root, spectral_radius, symmetric_eigen};
use nalgebra::DMatrix;

use crate::numbers;

/// Decompositions, roots, inverses and spectral radii.
pub fn linear_algebra(data: &[u8]) {
    let _ = checked(&mut Unstructured::new(data));
}

fn checked(bytes: &mut Unstructured<'_>) -> Result<()> {
    let size = bytes.int_in_range(0..=6_usize)?;
    let any = match bytes.int_in_range(0..=2_u8)? {
        0 => numbers::matrix(bytes, size, size)?,
        1 => {
            let half = numbers::matrix(bytes, size, size)?;
            (&half + half.transpose()) * 0.5
        }
        _ => numbers::semi_definite(bytes, size)?,
    };
    let largest = any.amax();
    match symmetric_eigen("matrix", &any) {
        Ok(eigen) => {
            let back = &eigen.vectors * DMatrix::from_diagonal(&eigen.values) * eigen.vectors.transpose();
            if largest < 1e290 {
                // what is symmetric only to rounding is decomposed as its symmetric part
                let symmetric = (&any + any.transpose()) * 0.5;
                // among subnormal numbers an entry is right to their spacing, not to its own size
                let error = 1e-12 * largest + 4.0 * f64::from_bits(1);
                assert!((back - symmetric).amax() <= error * size as f64, "no eigendecomposition of {any:e}");
            }
            let gram = eigen.vectors.transpose() * &eigen.vectors - DMatrix::identity(size, size);
            assert!(size == 0 || gram.amax() < 1e-12 * size as f64, "eigenvectors not orthonormal: {any}");
            assert!(eigen.values.as_slice().windows(2).all(|pair| pair[0] >= pair[1]), "eigenvalues out of order");
        }
        Err(error) => crate::require_message(&error),
    }
    match covariance_root("matrix", &any) {
        Ok(root) if size > 0 && largest < 1e290 => {
            // each entry to the scale of its own row and column
            let back = &root * root.transpose() - &any;
            for i in 0..size {
                for j in 0..size {
                    // and to rounding of the largest, which may be all that a variance of 0 has beside it
                    let scale = (any[(i, i)].abs() * any[(j, j)].abs()).sqrt();
                    assert!(back[(i, j)].abs() <= 1e-6 * scale + 1e-9 * largest, "root of {any:e} is off by {back:e}");
                }
            }
        }
        Ok(_) => {}
        Err(error) => crate::require_message(&error),
    }
    match covariance_inverse("matrix", &any) {
        Ok(inverse) => assert!(inverse.iter().all(|entry| entry.is_finite()), "inverse of {any} is {inverse}"),
        Err(error) => crate::require_message(&error),
    }
    match spectral_radius(&any) {
        Ok(radius) => assert!(radius >= 0.0, "spectral radius {radius} of {any}"),
        Err(error) => crate::require_message(&error),
    }
    Ok(())
}
