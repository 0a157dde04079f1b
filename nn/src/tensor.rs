//! The one module that calls libtorch. Plain methods of `tch` panic, so [`Tensor`] wraps its tensor and offers only what can fail
//! as a [`Result`]; nothing outside this file can reach what is inside.
//!
//! libtorch's own random numbers are never drawn: they are global to the process. Randomness comes from
//! `langevin_sim::random` and is copied in.

use std::ops::Range;

pub use tch::{Device, Kind};
use tch::{Reduction, TchError};

use crate::error::{NnError, Result};

/// Number type of parameters and data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    #[default]
    Single,
    /// 64 bits.
    Double,
}

impl Precision {
    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "float32",
            Self::Double => "float64",
        }
    }

    /// libtorch's type.
    pub fn kind(self) -> Kind {
        match self {
            Self::Single => Kind::Float,
            Self::Double => Kind::Double,
        }
    }
}

/// Added to variances by batch normalisation.
const EPSILON: f64 = 1e-5;

/// An array on a device.
#[derive(Debug)]
pub struct Tensor(tch::Tensor);

/// What libtorch said, up to its stack of frames.
fn refused(operation: &'static str, error: &TchError) -> NnError {
    let text = error.to_string();
    let text = text.strip_prefix("Internal torch error: ").unwrap_or(&text);
    let text = text.split("Exception raised from").next().unwrap_or(text);
    NnError::Torch { operation, detail: text.trim().replace('\n', " ") }
}

fn made(operation: &'static str, result: std::result::Result<tch::Tensor, TchError>) -> Result<Tensor> {
    result.map(Tensor).map_err(|error| refused(operation, &error))
}

fn done<T>(operation: &'static str, result: std::result::Result<T, TchError>) -> Result<()> {
    result.map(drop).map_err(|error| refused(operation, &error))
}

/// Number of CUDA devices that libtorch can use now.
pub fn cuda_devices() -> usize {
    if tch::Cuda::is_available() { usize::try_from(tch::Cuda::device_count()).unwrap_or(0) } else { 0 }
}

/// Whether cuDNN is there.
pub fn has_cudnn() -> bool {
    tch::Cuda::cudnn_is_available()
}

/// Waits until a device has done what it was asked.
pub fn synchronize(device: Device) {
    if let Device::Cuda(number) = device {
        tch::Cuda::synchronize(i64::try_from(number).unwrap_or(0));
    }
}

/// Threads of one operation on the processor.
pub fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// Sets the threads of one operation on the processor; for the whole process.
pub fn set_threads(count: usize) {
    tch::set_num_threads(i32::try_from(count.max(1)).unwrap_or(i32::MAX));
}

/// Runs something without recording it for differentiation.
pub fn without_gradients<T>(job: impl FnOnce() -> T) -> T {
    tch::no_grad(job)
}

impl Tensor {
    /// Zeros.
    ///
    /// # Errors
    /// [`NnError::Torch`], here and below, when libtorch refuses: shapes or types that do not fit, no memory.
    pub fn zeros(shape: &[i64], kind: Kind, device: Device) -> Result<Self> {
        made("zeros", tch::Tensor::f_zeros(shape, (kind, device)))
    }

    /// Ones times a value.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn full(shape: &[i64], value: f64, kind: Kind, device: Device) -> Result<Self> {
        made("full", tch::Tensor::f_full(shape, value, (kind, device)))
    }

    /// Numbers copied to a device, in row-major order, as a type of the device's.
    ///
    /// # Errors
    /// [`NnError::Torch`]; [`NnError::Input`] for another number of values than the shape has.
    pub fn from_values<T: tch::kind::Element>(values: &[T], shape: &[i64], kind: Kind, device: Device) -> Result<Self> {
        if shape.iter().product::<i64>() != i64::try_from(values.len()).unwrap_or(-1) {
            let detail =
                format!("{} numbers; the shape {shape:?} takes {}", values.len(), shape.iter().product::<i64>());
            return Err(NnError::Input { detail });
        }
        let flat = tch::Tensor::f_from_slice(values).and_then(|flat| flat.f_to_kind(kind));
        let shaped = flat.and_then(|flat| flat.f_view(shape)).and_then(|shaped| shaped.f_to_device(device));
        made("copy to the device", shaped)
    }

    /// Numbers as doubles, in row-major order.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn to_values(&self) -> Result<Vec<f64>> {
        let mut values = vec![0.0; self.count()];
        self.write_to(&mut values)?;
        Ok(values)
    }

    /// The same into a slice of the right length.
    ///
    /// # Errors
    /// [`NnError::Torch`]; [`NnError::Input`] for a slice of another length.
    pub fn write_to(&self, values: &mut [f64]) -> Result<()> {
        if values.len() != self.count() {
            let detail = format!("room for {} numbers; the tensor has {}", values.len(), self.count());
            return Err(NnError::Input { detail });
        }
        let here = self.0.f_detach().and_then(|tensor| tensor.f_to_device(Device::Cpu));
        let here = here.and_then(|tensor| tensor.f_to_kind(Kind::Double)).and_then(|tensor| tensor.f_contiguous());
        let count = values.len();
        done("copy from the device", here.and_then(|tensor| tensor.f_copy_data(values, count)))
    }

    /// Bytes as they lie in memory, little-endian, in row-major order.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let here = made("copy from the device", self.0.f_detach().and_then(|tensor| tensor.f_to_device(Device::Cpu)))?;
        let here = made("contiguous", here.0.f_contiguous())?;
        let width = here.0.f_kind().map_err(|error| refused("kind", &error))?.elt_size_in_bytes();
        let mut bytes = vec![0; here.count() * width];
        let count = here.count();
        done("copy from the device", here.0.f_copy_data_u8(&mut bytes, count))?;
        Ok(bytes)
    }

    /// From such bytes.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn from_bytes(bytes: &[u8], shape: &[i64], kind: Kind, device: Device) -> Result<Self> {
        let here = tch::Tensor::f_from_data_size(bytes, shape, kind);
        made("copy to the device", here.and_then(|tensor| tensor.f_to_device(device)))
    }

    /// The only number of a tensor with one.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn value(&self) -> Result<f64> {
        self.0.f_double_value(&[]).map_err(|error| refused("value", &error))
    }

    /// Lengths along the dimensions.
    pub fn shape(&self) -> Vec<i64> {
        self.0.size()
    }

    /// Number of numbers.
    pub fn count(&self) -> usize {
        self.0.numel()
    }

    /// Number type.
    pub fn kind(&self) -> Kind {
        self.0.f_kind().unwrap_or(Kind::Float)
    }

    /// Where it is.
    pub fn device(&self) -> Device {
        self.0.device()
    }

    /// Another handle to the same memory.
    #[must_use]
    pub fn alias(&self) -> Self {
        Self(self.0.shallow_clone())
    }

    /// Numbers of its own.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn copied(&self) -> Result<Self> {
        made("copy", self.0.f_detach().and_then(|tensor| tensor.f_to_dtype(self.kind(), false, true)))
    }

    /// A part along the first dimension, sharing memory.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn part(&self, range: Range<i64>) -> Result<Self> {
        made("narrow", self.0.f_narrow(0, range.start, range.end - range.start))
    }

    /// A matrix with its dimensions exchanged, sharing memory.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn transposed(&self) -> Result<Self> {
        made("transpose", self.0.f_transpose(0, 1))
    }

    /// One row, sharing memory.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn row(&self, number: i64) -> Result<Self> {
        made("select", self.0.f_select(0, number))
    }

    /// Another shape of the same memory.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn shaped(&self, shape: &[i64]) -> Result<Self> {
        made("view", self.0.f_view(shape))
    }

    /// All numbers in a row; copied where they do not lie in that order.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn shaped_flat(&self) -> Result<Self> {
        made("reshape", self.0.f_reshape([-1i64]))
    }

    /// The same memory as a leaf of differentiation.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn leaf(&self) -> Result<Self> {
        made("requires_grad", self.0.f_detach().and_then(|tensor| tensor.f_set_requires_grad(true)))
    }

    /// The same memory, not recorded for differentiation.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn detached(&self) -> Result<Self> {
        made("detach", self.0.f_detach())
    }

    /// As another number type.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn as_kind(&self, kind: Kind) -> Result<Self> {
        made("to another type", self.0.f_to_kind(kind))
    }

    /// Rows with given numbers (a tensor of `i64`), copied.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn rows_at(&self, numbers: &Self) -> Result<Self> {
        made("index_select", self.0.f_index_select(0, &numbers.0))
    }

    /// Tensors of one shape, along a new first dimension.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn stacked(tensors: &[Self]) -> Result<Self> {
        let tensors: Vec<&tch::Tensor> = tensors.iter().map(|tensor| &tensor.0).collect();
        made("stack", tch::Tensor::f_stack(&tensors, 0))
    }

    /// Everything after the first dimension as one.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn flattened(&self) -> Result<Self> {
        made("flatten", self.0.f_flatten(1, -1))
    }

    /// Gradients of a number with respect to leaves. With `keep`, they can be differentiated again.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn gradients(&self, leaves: &[Self], keep: bool) -> Result<Vec<Self>> {
        let leaves: Vec<&tch::Tensor> = leaves.iter().map(|leaf| &leaf.0).collect();
        tch::Tensor::f_run_backward(&[&self.0], &leaves, keep, keep)
            .map(|gradients| gradients.into_iter().map(Tensor).collect())
            .map_err(|error| refused("backward", &error))
    }

    /// All entries of some tensors, one after the other, as one vector.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn joined(tensors: &[Self]) -> Result<Self> {
        // a vector is flat already: one operation less here, and one in every derivative
        let flatten = |tensor: &Self| if tensor.0.dim() == 1 { Ok(tensor.alias()) } else { tensor.shaped_flat() };
        let flat = tensors.iter().map(flatten).collect::<Result<Vec<Self>>>()?;
        let flat: Vec<&tch::Tensor> = flat.iter().map(|tensor| &tensor.0).collect();
        made("cat", tch::Tensor::f_cat(&flat, 0))
    }

    /// Gradients of a sum of numbers with respect to leaves, zero where it does not depend on one; the graph stays, for more of
    /// them.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn gradients_again(numbers: &[Self], leaves: &[Self]) -> Result<Vec<Self>> {
        let places: Vec<&tch::Tensor> = leaves.iter().map(|leaf| &leaf.0).collect();
        let roots: Vec<&tch::Tensor> = numbers.iter().map(|number| &number.0).collect();
        let gradients = tch::Tensor::f_run_backward(&roots, &places, true, false);
        let gradients = gradients.map_err(|error| refused("backward", &error))?;
        let or_zero = |(gradient, leaf): (tch::Tensor, &Self)| {
            if gradient.defined() { Ok(Self(gradient)) } else { made("zeros_like", leaf.0.f_zeros_like()) }
        };
        gradients.into_iter().zip(leaves).map(or_zero).collect()
    }

    /// x W^T + b, with W outputs x inputs.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn linear(&self, weight: &Self, bias: Option<&Self>) -> Result<Self> {
        made("linear", self.0.f_linear(&weight.0, bias.map(|bias| &bias.0)))
    }

    /// Matrix product.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn times(&self, other: &Self) -> Result<Self> {
        made("matmul", self.0.f_matmul(&other.0))
    }

    /// Two-dimensional convolution.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn convolution(&self, weight: &Self, bias: Option<&Self>, stride: i64, padding: i64) -> Result<Self> {
        let bias = bias.map(|bias| &bias.0);
        made("conv2d", self.0.f_conv2d(&weight.0, bias, [stride; 2], [padding; 2], [1i64; 2], 1))
    }

    /// Batch normalisation with the means and variances of the batch, which also move the running ones (weight 0.1), or with
    /// the running ones.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn batch_norm(&self, scale: &Self, shift: &Self, running: (&Self, &Self), of_batch: bool) -> Result<Self> {
        const MOMENTUM: f64 = 0.1;
        let (mean, variance) = (Some(&running.0.0), Some(&running.1.0));
        let result =
            self.0.f_batch_norm(Some(&scale.0), Some(&shift.0), mean, variance, of_batch, MOMENTUM, EPSILON, true);
        made("batch_norm", result)
    }

    /// The weight and bias of the convolution (with this weight) that normalises with running means and variances, too.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn normalised(
        &self,
        bias: Option<&Self>,
        (scale, shift): (&Self, &Self),
        (mean, variance): (&Self, &Self),
    ) -> Result<(Self, Self)> {
        let folded = || {
            let factor = scale.0.f_mul(&variance.0.f_add_scalar(EPSILON)?.f_rsqrt()?)?;
            let weight = self.0.f_mul(&factor.f_view([-1i64, 1, 1, 1])?)?;
            let centred = match bias {
                Some(bias) => bias.0.f_sub(&mean.0)?,
                None => mean.0.f_neg()?,
            };
            // b + a c in one pass
            Ok((weight, shift.0.f_addcmul(&factor, &centred)?))
        };
        let (weight, bias) = folded().map_err(|error| refused("batch_norm", &error))?;
        Ok((Self(weight), Self(bias)))
    }

    /// max(x, 0).
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn relu(&self) -> Result<Self> {
        made("relu", self.0.f_relu())
    }

    /// tanh x.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn tanh(&self) -> Result<Self> {
        made("tanh", self.0.f_tanh())
    }

    /// The largest of each window.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn max_pool(&self, window: i64, stride: i64, padding: i64) -> Result<Self> {
        made("max_pool2d", self.0.f_max_pool2d([window; 2], [stride; 2], [padding; 2], [1i64; 2], false))
    }

    /// Means over a grid of `size` x `size` parts.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn average_pool(&self, size: i64) -> Result<Self> {
        made("adaptive_avg_pool2d", self.0.f_adaptive_avg_pool2d([size; 2]))
    }

    /// Half the squared distance to targets of the same shape, summed over outputs, averaged over rows.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn half_squared_distance(&self, targets: &Self) -> Result<Self> {
        let rows = self.shape().first().copied().unwrap_or(1).max(1);
        let sum = self.0.f_mse_loss(&targets.0, Reduction::Sum);
        made("mse_loss", sum.and_then(|sum| sum.f_mul_scalar(0.5 / rows as f64)))
    }

    /// -log softmax at the label (a tensor of `i64`), averaged over rows.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn cross_entropy(&self, labels: &Self) -> Result<Self> {
        const NO_LABEL: i64 = -100;
        made(
            "cross_entropy",
            self.0.f_cross_entropy_loss(&labels.0, None::<&tch::Tensor>, Reduction::Mean, NO_LABEL, 0.0),
        )
    }

    /// Half the squared distance to the target of each row.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn half_squared_distances(&self, targets: &Self) -> Result<Self> {
        let squares = self.0.f_mse_loss(&targets.0, Reduction::None).and_then(|squares| squares.f_mul_scalar(0.5));
        made("mse_loss", squares.and_then(|squares| squares.f_sum_dim_intlist([1i64].as_slice(), false, None)))
    }

    /// -log softmax at the label of each row.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn cross_entropies(&self, labels: &Self) -> Result<Self> {
        const NO_LABEL: i64 = -100;
        made(
            "cross_entropy",
            self.0.f_cross_entropy_loss(&labels.0, None::<&tch::Tensor>, Reduction::None, NO_LABEL, 0.0),
        )
    }

    /// Rows whose largest output is at the label: a number.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn hits(&self, labels: &Self) -> Result<Self> {
        let same = self.0.f_argmax(1, false).and_then(|largest| largest.f_eq_tensor(&labels.0));
        made("count of hits", same.and_then(|same| same.f_sum(Kind::Int64)))
    }

    /// Sum of products: a number.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn dot(&self, other: &Self) -> Result<Self> {
        made("dot", self.0.f_dot(&other.0))
    }

    /// x + y.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn plus(&self, other: &Self) -> Result<Self> {
        made("add", self.0.f_add(&other.0))
    }

    /// x - y.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn minus(&self, other: &Self) -> Result<Self> {
        made("sub", self.0.f_sub(&other.0))
    }

    /// x times a number.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn scaled(&self, factor: f64) -> Result<Self> {
        made("mul", self.0.f_mul_scalar(factor))
    }

    /// x over a number.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn divided_by(&self, number: f64) -> Result<Self> {
        made("div", self.0.f_div_scalar(number))
    }

    /// x/y, entry by entry; y may have length 1 along a dimension.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn divided(&self, other: &Self) -> Result<Self> {
        made("div", self.0.f_div(&other.0))
    }

    /// x y, entry by entry.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn product(&self, other: &Self) -> Result<Self> {
        made("mul", self.0.f_mul(&other.0))
    }

    /// The mean of the rows of a matrix.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn mean_of_rows(&self) -> Result<Self> {
        made("mean", self.0.f_mean_dim([0i64].as_slice(), false, None))
    }

    /// Eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns.
    ///
    /// # Errors
    /// [`NnError::Torch`], also for entries that are not finite.
    pub fn symmetric_eigen(&self) -> Result<(Self, Self)> {
        let (values, vectors) = self.0.f_linalg_eigh("L").map_err(|error| refused("linalg_eigh", &error))?;
        Ok((Self(values), Self(vectors)))
    }

    /// On a device.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn on(&self, device: Device) -> Result<Self> {
        made("copy to a device", self.0.f_to_device(device))
    }

    /// Sum of all: a number.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn sum(&self) -> Result<Self> {
        made("sum", self.0.f_sum(None))
    }

    /// Whether all are finite: a number, 1 or 0.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn all_finite(&self) -> Result<Self> {
        made("isfinite", self.0.f_isfinite().and_then(|finite| finite.f_all()))
    }

    /// x <- y.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn assign(&mut self, other: &Self) -> Result<()> {
        done("copy_", self.0.f_copy_(&other.0))
    }

    /// x <- 0.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn clear(&mut self) -> Result<()> {
        done("zero_", self.0.f_zero_())
    }

    /// x <- x times a number.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn scale(&mut self, factor: f64) -> Result<()> {
        done("mul_", self.0.f_mul_scalar_(factor))
    }

    /// x <- x + y.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn add(&mut self, other: &Self) -> Result<()> {
        done("add_", self.0.f_add_(&other.0))
    }

    /// x <- x - y.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn subtract(&mut self, other: &Self) -> Result<()> {
        done("sub_", self.0.f_sub_(&other.0))
    }

    /// x <- x + a y, in one pass; a is a tensor with one number.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn add_scaled(&mut self, factor: &Self, other: &Self) -> Result<()> {
        done("addcmul_", self.0.f_addcmul_(&other.0, &factor.0))
    }
}
