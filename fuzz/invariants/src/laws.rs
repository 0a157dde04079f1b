//! The constructors of laws and what they answer: finite or a named error; covariances symmetric and positive
//! semi-definite; propagators semigroups.

use arbitrary::{Result, Unstructured};
use langevin_theory::discrete::{ConstantNoiseLaw, ModeLaw, ModeMap};
use langevin_theory::langevin::{LangevinLaw, NoiseModel};
use langevin_theory::linear_algebra::symmetric_eigen;
use langevin_theory::minibatch::{GaussianFeatures, MinibatchLaw};
use langevin_theory::ou::OrnsteinUhlenbeck;
use langevin_theory::variational::Gaussian;
use langevin_theory::{Hyperparameters, LeastSquares, Quadratic, Sampling, Steps, Time};
use nalgebra::{DMatrix, DVector};

use crate::{numbers, require_message};

/// Laws of every kind; the first byte chooses one.
pub fn law(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let _ = match bytes.int_in_range(0..=5_u8) {
        Ok(0) => mode(&mut bytes),
        Ok(1) => constant_noise(&mut bytes),
        Ok(2) => ornstein_uhlenbeck(&mut bytes),
        Ok(3) => minibatch(&mut bytes),
        Ok(4) => langevin(&mut bytes),
        _ => gaussians(&mut bytes),
    };
}

/// Unpacks a value that must be finite, or says that an error says something.
macro_rules! value {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => {
                require_message(&error);
                return Ok(());
            }
        }
    };
}

fn require_finite(what: &str, entries: &[f64]) {
    assert!(entries.iter().all(|entry| entry.is_finite()), "{what}: {entries:?}");
}

/// Symmetric and positive semi-definite, to rounding in the units of its diagonal.
fn require_covariance(what: &str, matrix: &DMatrix<f64>) {
    require_covariance_of(what, matrix, 0.0);
}

/// The same for a sum of terms of a size: what it is made of has rounding of its own, of which a small sum shows more.
fn require_covariance_of(what: &str, matrix: &DMatrix<f64>, terms: f64) {
    require_finite(what, matrix.as_slice());
    let size = matrix.nrows();
    let scale = DVector::from_fn(size, |i, _| matrix[(i, i)].abs().sqrt());
    if scale.iter().any(|&entry| entry < 1e-140) {
        // products of such numbers have lost their digits
        return;
    }
    let correlation = DMatrix::from_fn(size, size, |i, j| matrix[(i, j)] / (scale[i] * scale[j]));
    let asymmetry = (&correlation - correlation.transpose()).amax();
    assert!(asymmetry <= 1e-9, "{what} is asymmetric by {asymmetry:e}: {matrix}");
    let symmetric = (&correlation + correlation.transpose()) * 0.5;
    let eigen = symmetric_eigen("correlation", &symmetric).expect("finite and symmetric");
    let least = eigen.values.min();
    // a rotation rounds every entry in units of the largest one
    let spread = matrix.diagonal().amax() / matrix.diagonal().amin();
    let rounding = 1e-9 + 64.0 * f64::EPSILON * size as f64 * (spread + terms / matrix.diagonal().amin());
    assert!(least >= -rounding, "{what} has an eigenvalue {least:e} as a correlation: {matrix}");
}

fn small(matrix: [[f64; 2]; 2]) -> DMatrix<f64> {
    DMatrix::from_row_slice(2, 2, matrix.as_flattened())
}

fn count(bytes: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match bytes.int_in_range(0..=3_u8)? {
        0 => bytes.arbitrary()?,
        1 => bytes.int_in_range(0..=1_000_000)?,
        _ => bytes.int_in_range(0..=30)?,
    })
}

fn mode(bytes: &mut Unstructured<'_>) -> Result<()> {
    let momentum = [0.0, 0.5, 0.9, 0.99, numbers::between(bytes, 0.0, 0.999_999)?][bytes.int_in_range(0..=4_usize)?];
    let rate = numbers::positive(bytes)?;
    let curvature = if bytes.ratio(1, 8)? { numbers::any(bytes)? } else { numbers::between(bytes, 0.0, 4.2)? / rate };
    if !curvature.is_finite() {
        return Ok(());
    }
    let map = ModeMap::new(rate, momentum, curvature);
    let (first, second) = (count(bytes)?, count(bytes)?);
    if map.is_stable() && map.spectral_radius() < 1.0 {
        let [one, two, both] =
            [first, second, first.saturating_add(second)].map(|steps| small(map.matrix_power(steps)));
        require_finite("a power", both.as_slice());
        if first.checked_add(second).is_some() {
            // positions and velocities have different units: compare in those of the map
            let unit = curvature.abs().max(1e-150).recip().sqrt() / rate.sqrt();
            let defect = &one * &two - &both;
            let size = |matrix: &DMatrix<f64>| {
                matrix[(0, 0)]
                    .abs()
                    .max(matrix[(1, 1)].abs())
                    .max(matrix[(0, 1)].abs() / (unit * rate).max(1e-300))
                    .max(matrix[(1, 0)].abs() * unit * rate)
            };
            // powers of a map near a double root grow before they decay, and a root is known to its rounding
            let steps = first.saturating_add(second).max(1) as f64;
            let lasting = steps.min(1.0 / (1.0 - map.spectral_radius()).max(1e-16));
            let most = 1e-14 * (1.0 + lasting) * (size(&one) + 1.0) * (size(&two) + 1.0) * (1.0 + size(&both));
            assert!(size(&defect) <= most, "no semigroup: {map:?} {first} {second}: off by {defect} of {both}");
        }
    }
    let law = value!(ModeLaw::new(map, numbers::positive(bytes)?));
    if let Ok(covariance) = law.stationary_covariance() {
        require_covariance("the stationary covariance", &small(covariance));
        let lag = value!(law.lag_covariance(Steps(0)));
        require_finite("the lag covariance", lag.as_flattened());
    }
    for steps in [first, second] {
        for number in [law.displacement(Steps(steps)), law.displacement_from_rest(Steps(steps))] {
            match number {
                Ok(number) => assert!(number.is_finite() && number >= 0.0, "displacement {number}: {law:?} {steps}"),
                Err(error) => require_message(&error),
            }
        }
        match law.transient_covariance(Steps(steps)) {
            Ok(covariance) => require_covariance("the transient covariance", &small(covariance)),
            Err(error) => require_message(&error),
        }
    }
    Ok(())
}

fn hyperparameters(bytes: &mut Unstructured<'_>) -> Result<langevin_theory::Result<Hyperparameters>> {
    let momentum = [0.0, 0.5, 0.9, 0.99, numbers::between(bytes, 0.0, 0.999)?][bytes.int_in_range(0..=4_usize)?];
    let decay = if bytes.arbitrary()? { 0.0 } else { numbers::positive(bytes)? };
    Ok(Hyperparameters::new(numbers::positive(bytes)?, momentum, decay, bytes.int_in_range(1..=5)?))
}

fn quadratic(bytes: &mut Unstructured<'_>, size: usize) -> Result<langevin_theory::Result<Quadratic>> {
    let hessian = numbers::semi_definite(bytes, size)?;
    let entries = (0..size).map(|_| numbers::between(bytes, -1.0, 1.0)).collect::<Result<Vec<f64>>>()?;
    Ok(Quadratic::new(hessian, DMatrix::from_vec(size, 1, entries)))
}

fn constant_noise(bytes: &mut Unstructured<'_>) -> Result<()> {
    let size = bytes.int_in_range(1..=4_usize)?;
    let loss = value!(quadratic(bytes, size)?);
    let sgd = value!(hyperparameters(bytes)?);
    let noise = numbers::semi_definite(bytes, size)?;
    let law = value!(ConstantNoiseLaw::new(&loss, sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), &noise));
    assert!(law.spectral_radius() >= 0.0);
    if let Ok(covariance) = law.stationary_covariance() {
        require_covariance("the stationary covariance", &covariance);
    }
    for steps in [0, 1, count(bytes)?] {
        match law.displacement(Steps(steps)) {
            Ok(number) => assert!(number.is_finite() && number >= 0.0, "displacement {number} after {steps}"),
            Err(error) => require_message(&error),
        }
    }
    Ok(())
}

fn ornstein_uhlenbeck(bytes: &mut Unstructured<'_>) -> Result<()> {
    let size = bytes.int_in_range(1..=4_usize)?;
    let drift = if bytes.ratio(1, 8)? {
        numbers::matrix(bytes, size, size)?
    } else {
        let entries = (0..size * size).map(|_| numbers::between(bytes, -1.0, 1.0)).collect::<Result<Vec<f64>>>()?;
        DMatrix::from_vec(size, size, entries) + DMatrix::identity(size, size) * numbers::between(bytes, 0.0, 2.0)?
    };
    let diffusion = numbers::semi_definite(bytes, size)?;
    let process = value!(OrnsteinUhlenbeck::new(drift, DVector::zeros(size), &diffusion, numbers::positive(bytes)?));
    let times = [numbers::positive(bytes)?, numbers::positive(bytes)?];
    let [first, second, both] =
        [times[0], times[1], times[0] + times[1]].map(|time| process.propagator(Time::new(time).expect("positive")));
    if let (Ok(first), Ok(second), Ok(both)) = (&first, &second, &both) {
        for one in [first, second, both] {
            require_finite("a propagator", one.as_slice());
        }
        let size = first.amax().max(1.0) * second.amax().max(1.0) * process.drift().nrows() as f64;
        let rate = process.drift().amax() * (times[0] + times[1]);
        let defect = (first * second - both).amax();
        assert!(defect <= 1e-12 * size * (1.0 + rate), "no semigroup: off by {defect:e} of {:e}", both.amax());
    }
    if let Ok(time) = Time::new(times[0]) {
        match process.covariance(&DMatrix::zeros(diffusion.nrows(), diffusion.nrows()), time) {
            Ok(covariance) => {
                // noise that gathers in a direction without restoring force, or grows, is known to the rounding of D
                let growth = first.as_ref().map_or(1.0, |propagator| propagator.amax().max(1.0).powi(2));
                let gathered = 2.0 * diffusion.amax() / process.kappa() * times[0] * growth;
                require_covariance_of("the covariance", &covariance, gathered);
            }
            Err(error) => require_message(&error),
        }
    }
    let stationary = value!(process.stationary());
    // noise is known to the rounding of its largest entry, in slow directions too, where fast ones may have taken nearly all of it
    let rounded = DMatrix::identity(diffusion.nrows(), diffusion.nrows()) * diffusion.amax();
    let origin = DVector::zeros(diffusion.nrows());
    let everywhere = value!(OrnsteinUhlenbeck::new(process.drift().clone(), origin, &rounded, process.kappa()));
    let terms = value!(everywhere.stationary()).covariance().diagonal().amax();
    require_covariance_of("the stationary covariance", &stationary.covariance(), terms);
    let circulation = stationary.circulation();
    let asymmetry = (circulation + circulation.transpose()).amax();
    assert!(asymmetry <= 1e-9 * circulation.amax() + 1e-300, "Q is not antisymmetric: {circulation}");
    match stationary.entropy_production() {
        Ok(rate) => assert!(rate >= 0.0, "entropy production {rate}"),
        Err(error) => require_message(&error),
    }
    Ok(())
}

fn minibatch(bytes: &mut Unstructured<'_>) -> Result<()> {
    let (samples, size) = (bytes.int_in_range(1..=6_usize)?, bytes.int_in_range(1..=3_usize)?);
    let mut draw = |rows, columns| -> Result<DMatrix<f64>> {
        if bytes.ratio(1, 8)? {
            return numbers::matrix(bytes, rows, columns);
        }
        let entries = (0..rows * columns).map(|_| numbers::between(bytes, -1.0, 1.0)).collect::<Result<Vec<f64>>>()?;
        Ok(DMatrix::from_vec(rows, columns, entries))
    };
    let (features, targets) = (draw(samples, size)?, draw(samples, 1)?);
    let data = value!(LeastSquares::new(features, targets));
    let sgd = value!(hyperparameters(bytes)?);
    let sampling = [Sampling::WithReplacement, Sampling::WithoutReplacement][usize::from(bytes.arbitrary::<bool>()?)];
    let law = value!(MinibatchLaw::new(&data, &sgd, sampling));
    let radius = value!(law.spectral_radius());
    assert!(radius >= 0.0, "spectral radius {radius}");
    match law.learning_rate_limit() {
        Ok(limit) => assert!(limit.is_none_or(|limit| limit > 0.0), "limit {limit:?}"),
        Err(error) => require_message(&error),
    }
    match law.stationary_second_moment(0) {
        Ok(moment) => require_covariance("the stationary second moment", &moment),
        Err(error) => require_message(&error),
    }
    for number in [law.speed(), law.excess_loss(), law.kinetic_energy()] {
        match number {
            Ok(number) => assert!(number.is_finite(), "{number}"),
            Err(error) => require_message(&error),
        }
    }
    let mut transient = value!(law.transient(0, &DVector::repeat(size, 0.5), &DVector::zeros(size)));
    for _ in 0..3 {
        transient.advance();
    }
    let moment = transient.second_moment();
    if moment.iter().all(|entry| entry.is_finite()) {
        require_covariance("the transient second moment", &moment);
    }
    Ok(())
}

fn langevin(bytes: &mut Unstructured<'_>) -> Result<()> {
    let size = bytes.int_in_range(1..=4_usize)?;
    let loss = value!(quadratic(bytes, size)?);
    let sgd = value!(hyperparameters(bytes)?);
    let noise = if bytes.arbitrary()? {
        NoiseModel::ProportionalToHessian(numbers::positive(bytes)?)
    } else {
        NoiseModel::Covariance(numbers::semi_definite(bytes, size)?)
    };
    // noise is known to the rounding of its largest entry, in soft directions too: beside curvatures 45 and 1e-6, noise of 53
    // in one direction alone is -1.5e-15 in another, and the least eigenvalue of the correlations -3.7e-9
    let rounded = match &noise {
        NoiseModel::Covariance(noise) => DMatrix::identity(size, size) * noise.amax(),
        NoiseModel::ProportionalToHessian(_) => DMatrix::zeros(size, size),
    };
    let everywhere = value!(LangevinLaw::new(&loss, &sgd, NoiseModel::Covariance(rounded)));
    let law = value!(LangevinLaw::new(&loss, &sgd, noise));
    match (law.stationary_covariance(), everywhere.stationary_covariance()) {
        (Ok(covariance), Ok(everywhere)) => {
            require_covariance_of("the stationary covariance", &covariance, everywhere.diagonal().amax());
        }
        (Err(error), _) | (_, Err(error)) => require_message(&error),
    }
    let time = value!(Time::new(numbers::positive(bytes)?));
    require_covariance("the covariance", &law.covariance(time));
    assert!(law.speed() >= 0.0);
    match law.displacement(Steps(count(bytes)?)) {
        Ok(number) => assert!(number.is_finite() && number >= 0.0, "displacement {number}"),
        Err(error) => require_message(&error),
    }
    let eigenvalues: Vec<f64> = loss.eigenvalues().iter().copied().collect();
    let streaming = value!(GaussianFeatures::new(&sgd, &eigenvalues, 1.0));
    if streaming.is_stable() {
        match streaming.position_variances() {
            Ok(variances) => assert!(variances.iter().all(|&variance| variance >= 0.0), "{variances:?}"),
            Err(error) => require_message(&error),
        }
    }
    Ok(())
}

fn gaussians(bytes: &mut Unstructured<'_>) -> Result<()> {
    let size = bytes.int_in_range(1..=4_usize)?;
    let mut draw = || -> Result<langevin_theory::Result<Gaussian>> {
        let mean = (0..size).map(|_| numbers::between(bytes, -1.0, 1.0)).collect::<Result<Vec<f64>>>()?;
        Ok(Gaussian::new(DVector::from_vec(mean), &numbers::semi_definite(bytes, size)?))
    };
    let (first, second) = (value!(draw()?), value!(draw()?));
    match first.wasserstein_squared(&second) {
        Ok(distance) => assert!(distance >= 0.0 && distance.is_finite(), "W2^2 = {distance}"),
        Err(error) => require_message(&error),
    }
    match first.kl_divergence(&second) {
        Ok(divergence) => assert!(divergence >= 0.0 && divergence.is_finite(), "KL = {divergence}"),
        Err(error) => require_message(&error),
    }
    Ok(())
}
