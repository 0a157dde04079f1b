//! Initial parameters, drawn here and not by libtorch, whose generator is global to the process: array j of a network with seed
//! s comes from the random stream (s, 2^64 - 1 - j). Batches come from streams with small numbers.

use langevin_lanes::{LANES, Line, Processor, as_values};
use langevin_sim::random::{Stream, fill_normals};

use super::Parameter;

/// How the entries of an array are drawn, independently.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// All the same.
    Constant(f64),
    /// Uniform in (-b, b).
    Uniform(f64),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
}

impl Initial {
    /// Uniform in +-1/sqrt(inputs of a unit), PyTorch's default for linear and convolutional layers.
    pub fn by_inputs(inputs: i64) -> Self {
        Self::Uniform((inputs.max(1) as f64).sqrt().recip())
    }

    /// Normal with variance 2/(outputs x window^2), which Torchvision uses for convolutions (He et al. 2015).
    pub fn by_outputs(outputs: i64, window: i64) -> Self {
        Self::Normal((2.0 / (outputs * window * window).max(1) as f64).sqrt())
    }
}

/// The entries of the parameter with number `place`.
pub fn draw_initial(parameter: &Parameter, seed: u64, place: usize) -> Vec<f64> {
    let count = usize::try_from(parameter.shape.iter().product::<i64>()).unwrap_or(0);
    let mut stream = Stream::new(seed, u64::MAX - place as u64);
    match parameter.initial {
        Initial::Constant(value) => vec![value; count],
        Initial::Uniform(bound) => {
            let mut values = Vec::with_capacity(count + LANES);
            while values.len() < count {
                // the upper 53 bits, centred on their cell: symmetric, and never +-1
                values.extend(stream.next_eight().map(|word| {
                    let unit = ((word >> 11) as f64 + 0.5) * 2.0_f64.powi(-53);
                    bound * (2.0 * unit - 1.0)
                }));
            }
            values.truncate(count);
            values
        }
        Initial::Normal(deviation) => {
            let mut lines = vec![Line::default(); count.div_ceil(LANES)];
            fill_normals(Processor::best(), &mut stream, &mut lines);
            as_values(&lines)[..count].iter().map(|normal| deviation * normal).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(initial: Initial, place: usize) -> Vec<f64> {
        draw_initial(&Parameter { name: "w".into(), shape: vec![100, 1000], initial }, 5, place)
    }

    #[test]
    fn moments_are_those_of_the_law() {
        for (initial, variance) in [(Initial::Uniform(0.3), 0.03), (Initial::Normal(0.2), 0.04)] {
            let values = drawn(initial, 3);
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let square = values.iter().map(|value| value * value).sum::<f64>() / count;
            // five standard errors; the fourth moment is at most three times the squared variance
            assert!(mean.abs() < 5.0 * (variance / count).sqrt(), "{initial:?}: mean {mean}");
            assert!((square / variance - 1.0).abs() < 5.0 * (2.0 / count).sqrt(), "{initial:?}: {square}");
        }
    }

    #[test]
    fn arrays_have_streams_of_their_own() {
        assert_eq!(drawn(Initial::Normal(1.0), 1), drawn(Initial::Normal(1.0), 1));
        assert_ne!(drawn(Initial::Normal(1.0), 1), drawn(Initial::Normal(1.0), 2));
    }
}
