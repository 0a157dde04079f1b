//! Images made smaller or larger by a triangular filter, in the arithmetic of Pillow, whose `resize` Torchvision's transforms call: output
//! column x of n over w input columns has its centre at c = (x + 1/2) w/n and the weights
//!
//! ```text
//! k_i ~ max(0, 1 - |i + 1/2 - c|/s),   s = max(1, w/n),   sum_i k_i = 1,
//! ```
//!
//! rounded to multiples of 2^-22; rows are resampled first, their results rounded to bytes, then columns. All sums are whole numbers: the
//! result is the same on every machine, and that of Pillow to the last bit. (Pillow 13 takes columns first for some high images that get
//! lower; bytes then differ by one.)

/// Fractional bits of the weights: bytes times weights times a sign fit 32 bits.
const BITS: u32 = 22;

/// An image of bytes: rows of pixels of red, green and blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 3 x width x height bytes.
    pub rgb: Vec<u8>,
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// What one output row or column is made of.
struct Weights {
    first: usize,
    weights: Vec<i64>,
}

/// The weights of outputs `from` to `from + count` when `input` pixels become `output`.
fn weights(input: usize, output: usize, from: usize, count: usize) -> Vec<Weights> {
    let scale = input as f64 / output as f64;
    let support = scale.max(1.0);
    let step = 1.0 / support;
    (from..from + count)
        .map(|place| {
            let centre = (place as f64 + 0.5) * scale;
            // casts cut off, as Pillow's do; a negative number becomes 0
            let first = (centre - support + 0.5) as usize;
            let last = ((centre + support + 0.5) as usize).min(input);
            let raw: Vec<f64> =
                (first..last).map(|pixel| (1.0 - ((pixel as f64 - centre + 0.5) * step).abs()).max(0.0)).collect();
            let sum: f64 = raw.iter().sum();
            // times the reciprocal, as Pillow has it: a quotient may differ by one in the last bit
            let norm = 1.0 / sum;
            let whole = |weight: f64| (0.5 + weight * norm * f64::from(1_u32 << BITS)) as i64;
            Weights { first, weights: raw.into_iter().map(whole).collect() }
        })
        .collect()
}

/// A sum of bytes times weights as a byte.
fn rounded(sum: i64) -> u8 {
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

impl Pixels {
    /// The part `window` of what the part `source` of this image becomes when it is resized to `size` (width, height). Nothing outside
    /// `source` is looked at. Both rectangles lie inside what they are parts of.
    #[must_use]
    pub fn resized(&self, source: Rectangle, size: (usize, usize), window: Rectangle) -> Self {
        let across = weights(source.width, size.0, window.left, window.width);
        let down = weights(source.height, size.1, window.top, window.height);
        let top = down.first().map_or(0, |row| row.first);
        let bottom = down.last().map_or(0, |row| row.first + row.weights.len());
        let width = 3 * window.width;
        let mut rows = vec![0_u8; width * (bottom - top)];
        for (row, places) in rows.chunks_exact_mut(width.max(1)).enumerate() {
            let start = 3 * ((source.top + top + row) * self.width + source.left);
            let line = &self.rgb[start..start + 3 * source.width];
            for (place, column) in places.as_chunks_mut::<3>().0.iter_mut().zip(&across) {
                let mut sums = [0_i64; 3];
                let pixels = line[3 * column.first..].as_chunks::<3>().0;
                for (pixel, weight) in pixels.iter().zip(&column.weights) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += weight * i64::from(*value);
                    }
                }
                *place = sums.map(rounded);
            }
        }
        let mut rgb = vec![0_u8; width * window.height];
        let mut sums = vec![0_i64; width];
        for (places, row) in rgb.chunks_exact_mut(width.max(1)).zip(&down) {
            sums.fill(0);
            for (offset, weight) in row.weights.iter().enumerate() {
                let start = (row.first - top + offset) * width;
                for (sum, value) in sums.iter_mut().zip(&rows[start..start + width]) {
                    *sum += weight * i64::from(*value);
                }
            }
            for (place, sum) in places.iter_mut().zip(&sums) {
                *place = rounded(*sum);
            }
        }
        Self { width: window.width, height: window.height, rgb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with all frequencies, from whole numbers only; the script below draws the same.
    fn picture(width: usize, height: usize) -> Pixels {
        let value = |x: usize, y: usize, channel: usize| ((x * x * (channel + 1) + 7 * y * y + 3 * x * y) % 256) as u8;
        let rgb = (0..width * height * 3).map(|at| value(at / 3 % width, at / 3 / width, at % 3)).collect();
        Pixels { width, height, rgb }
    }

    fn whole(width: usize, height: usize) -> Rectangle {
        Rectangle { left: 0, top: 0, width, height }
    }

    /// Sums over the bytes of what Pillow 13 gives, weighted by place (1, 2, ..., modulo 2^32):
    ///
    /// ```python
    /// import numpy as np
    /// from PIL import Image
    /// def picture(w, h):
    ///     y, x, c = np.meshgrid(range(h), range(w), range(3), indexing="ij")
    ///     return Image.fromarray(((x * x * (c + 1) + 7 * y * y + 3 * x * y) % 256).astype(np.uint8))
    /// def total(image):
    ///     b = np.asarray(image).ravel().astype(np.uint64)
    ///     return int((b * np.arange(1, len(b) + 1, dtype=np.uint64)).sum() % 2**32)
    /// for (w, h), box, size in [((50, 37), (0, 0, 50, 37), (20, 20)), ((50, 37), (0, 0, 50, 37), (64, 48)),
    ///                           ((50, 37), (5, 3, 38, 20), (24, 24)), ((9, 36), (0, 1, 9, 35), (4, 60)), ((3, 3), (1, 1, 2, 2), (4, 4))]:
    ///     print(total(picture(w, h).crop(box).resize(size, Image.BILINEAR)))
    /// ```
    #[test]
    fn results_are_those_of_pillow() {
        let total = |image: &Pixels| -> u64 {
            image.rgb.iter().zip(1_u64..).map(|(value, place)| u64::from(*value) * place).sum::<u64>() % (1 << 32)
        };
        for ((width, height), (left, top, right, bottom), size, expected) in [
            ((50, 37), (0, 0, 50, 37), (20, 20), 90489945),
            ((50, 37), (0, 0, 50, 37), (64, 48), 1052840484),
            ((50, 37), (5, 3, 38, 20), (24, 24), 188232399),
            ((9, 36), (0, 1, 9, 35), (4, 60), 32488342),
            ((3, 3), (1, 1, 2, 2), (4, 4), 14144),
        ] {
            let source = Rectangle { left, top, width: right - left, height: bottom - top };
            let found = picture(width, height).resized(source, size, whole(size.0, size.1));
            assert_eq!(total(&found), expected, "{width} x {height}, {source:?} to {size:?}");
        }
    }

    #[test]
    fn a_window_is_a_part_of_the_whole() {
        let image = picture(41, 29);
        let all = image.resized(whole(41, 29), (30, 22), whole(30, 22));
        let window = Rectangle { left: 4, top: 9, width: 11, height: 5 };
        let part = image.resized(whole(41, 29), (30, 22), window);
        for y in 0..window.height {
            let start = 3 * ((window.top + y) * 30 + window.left);
            assert_eq!(part.rgb[33 * y..33 * (y + 1)], all.rgb[start..start + 33]);
        }
        assert_eq!(image.resized(whole(41, 29), (41, 29), whole(41, 29)), image);
    }
}
