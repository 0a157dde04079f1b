//! Number formats of stored features, decoded to f64 as they are read. All but the 64-bit integers are exact in f64;
//! those are rounded to nearest.

use langevin_lanes::Processor;

/// Format of one stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    kind: Kind,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Element {
    /// Bytes.
    pub const U8: Self = Self { kind: Kind::U8, big_endian: false };
    /// Little-endian single precision.
    pub const F32: Self = Self { kind: Kind::F32, big_endian: false };
    /// Little-endian double precision.
    pub const F64: Self = Self { kind: Kind::F64, big_endian: false };

    /// From a NumPy type string such as `<f4`, `>i2`, `|u1`.
    pub(super) fn from_numpy(text: &str) -> Option<Self> {
        let (order, kind) = text.split_at_checked(1)?;
        let kind = match kind {
            "u1" | "b1" => Kind::U8,
            "i1" => Kind::I8,
            "u2" => Kind::U16,
            "i2" => Kind::I16,
            "u4" => Kind::U32,
            "i4" => Kind::I32,
            "u8" => Kind::U64,
            "i8" => Kind::I64,
            "f4" => Kind::F32,
            "f8" => Kind::F64,
            _ => return None,
        };
        Some(Self { kind, big_endian: order == ">" })
    }

    /// From the third byte of an IDX magic number; numbers of more than a byte are big-endian.
    pub(super) fn from_idx(code: u8) -> Option<Self> {
        let kind = match code {
            0x08 => Kind::U8,
            0x09 => Kind::I8,
            0x0b => Kind::I16,
            0x0c => Kind::I32,
            0x0d => Kind::F32,
            0x0e => Kind::F64,
            _ => return None,
        };
        Some(Self { kind, big_endian: true })
    }

    /// Bytes of one number.
    pub fn width(self) -> usize {
        match self.kind {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }

    /// Whether every stored value is finite.
    pub fn is_integer(self) -> bool {
        !matches!(self.kind, Kind::F32 | Kind::F64)
    }

    /// What is stored, in words.
    pub fn name(self) -> &'static str {
        match self.kind {
            Kind::U8 => "u8",
            Kind::I8 => "i8",
            Kind::U16 => "u16",
            Kind::I16 => "i16",
            Kind::U32 => "u32",
            Kind::I32 => "i32",
            Kind::U64 => "u64",
            Kind::I64 => "i64",
            Kind::F32 => "f32",
            Kind::F64 => "f64",
        }
    }

    /// Decodes as many numbers as `out` takes and maps each by `transform(column, raw)`.
    #[inline(always)]
    fn decode_with(self, bytes: &[u8], out: &mut [f64], transform: impl Fn(usize, f64) -> f64) {
        macro_rules! decode {
            ($number:ty) => {{
                let (numbers, _) = bytes.as_chunks::<{ size_of::<$number>() }>();
                if self.big_endian {
                    for (column, (value, raw)) in out.iter_mut().zip(numbers).enumerate() {
                        *value = transform(column, <$number>::from_be_bytes(*raw) as f64);
                    }
                } else {
                    for (column, (value, raw)) in out.iter_mut().zip(numbers).enumerate() {
                        *value = transform(column, <$number>::from_le_bytes(*raw) as f64);
                    }
                }
            }};
        }
        #[allow(clippy::cast_lossless, reason = "one macro for all formats, some of which do round")]
        match self.kind {
            Kind::U8 => decode!(u8),
            Kind::I8 => decode!(i8),
            Kind::U16 => decode!(u16),
            Kind::I16 => decode!(i16),
            Kind::U32 => decode!(u32),
            Kind::I32 => decode!(i32),
            Kind::U64 => decode!(u64),
            Kind::I64 => decode!(i64),
            Kind::F32 => decode!(f32),
            Kind::F64 => decode!(f64),
        }
    }

    /// Decodes numbers as they are.
    pub(super) fn decode(self, processor: Processor, bytes: &[u8], out: &mut [f64]) {
        processor.compiled(
            #[inline(always)]
            || self.decode_with(bytes, out, |_, raw| raw),
        );
    }

    /// Decodes numbers times a factor.
    pub(super) fn decode_scaled(self, processor: Processor, bytes: &[u8], factor: f64, out: &mut [f64]) {
        processor.compiled(
            #[inline(always)]
            || self.decode_with(bytes, out, |_, raw| raw * factor),
        );
    }

    /// Decodes numbers as (raw - centre) * scale, column by column.
    pub(super) fn decode_standardized(
        self,
        processor: Processor,
        bytes: &[u8],
        centre: &[f64],
        scale: &[f64],
        out: &mut [f64],
    ) {
        let columns = out.len();
        let (centre, scale) = (&centre[..columns], &scale[..columns]);
        processor.compiled(
            #[inline(always)]
            || self.decode_with(bytes, out, |column, raw| (raw - centre[column]) * scale[column]),
        );
    }
}
