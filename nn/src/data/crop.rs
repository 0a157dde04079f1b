//! Which square of an image is seen, as Torchvision's transforms choose it.
//!
//! At evaluation, `Resize(r)` then `CenterCrop(s)`: the shorter side becomes r, the longer floor(r long/short), and the square of s pixels
//! in the middle is kept. In training, `RandomResizedCrop(s)`: a rectangle of a uniform part of the area and a log-uniform ratio of its sides
//! is tried up to ten times; when none fits, the largest rectangle in the middle with an admissible ratio is taken; it becomes s x s, and
//! with `RandomHorizontalFlip` it is mirrored with probability 1/2.
//!
//! Random numbers are those of ChaCha8 with the key (seed, chain), the stream `step` and a place of its own for each image of a batch: a crop
//! depends on these four numbers only, whatever was drawn before, on however many threads.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::resize::{Pixels, Rectangle};

/// Second half of the key: these numbers are used for nothing else.
const PURPOSE: &[u8; 16] = b"crops of images\0";

/// Words of random numbers of one image: ten attempts take 40, a place 4, a flip 2.
const WORDS: u128 = 64;

/// Attempts of a random crop.
const ATTEMPTS: usize = 10;

/// Least and largest ratio of width to height of a random crop.
const RATIOS: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

/// From an image to the square that the network sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Pixels of a side of the square.
    pub size: usize,
    /// The shorter side before the square in the middle is taken, at least `size`.
    pub resize: usize,
    /// Parts of the area that a random crop has in training; without it, training sees the square in the middle.
    pub random: Option<[f64; 2]>,
    /// Whether half of the images are mirrored in training.
    pub flip: bool,
}

/// The place of an image in a run: its random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the chain.
    pub chain: u64,
    /// Number of the step, from 0.
    pub step: u64,
    /// Place in the batch.
    pub place: u64,
}

struct Uniform(ChaCha8Rng);

impl Uniform {
    fn new(draw: Draw) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&draw.seed.to_le_bytes());
        key[8..16].copy_from_slice(&draw.chain.to_le_bytes());
        key[16..].copy_from_slice(PURPOSE);
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(draw.step);
        generator.set_word_pos(WORDS * u128::from(draw.place));
        Self(generator)
    }

    /// In [0, 1), multiples of 2^-53.
    fn next(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.next()
    }

    /// A whole number below a bound; images are far smaller than 2^53 pixels, so that none is favoured noticeably.
    fn below(&mut self, bound: usize) -> usize {
        ((self.next() * bound as f64) as usize).min(bound.saturating_sub(1))
    }
}

/// The rectangle of a random crop, and whether it is mirrored.
fn random_rectangle(
    (width, height): (usize, usize),
    area: [f64; 2],
    flip: bool,
    uniform: &mut Uniform,
) -> (Rectangle, bool) {
    let logarithms = RATIOS.map(libm::log);
    let mut found = None;
    for _ in 0..ATTEMPTS {
        let part = (width * height) as f64 * uniform.between(area);
        let ratio = libm::exp(uniform.between(logarithms));
        let side = |square: f64| square.sqrt().round_ties_even() as usize;
        let (across, down) = (side(part * ratio), side(part / ratio));
        if (1..=width).contains(&across) && (1..=height).contains(&down) {
            let top = uniform.below(height - down + 1);
            let left = uniform.below(width - across + 1);
            found = Some(Rectangle { left, top, width: across, height: down });
            break;
        }
    }
    let middle = || {
        let ratio = width as f64 / height as f64;
        let side = |length: f64| (length.round_ties_even() as usize).max(1);
        let across = if ratio > RATIOS[1] { side(height as f64 * RATIOS[1]).min(width) } else { width };
        let down = if ratio < RATIOS[0] { side(width as f64 / RATIOS[0]).min(height) } else { height };
        Rectangle { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down }
    };
    let rectangle = found.unwrap_or_else(middle);
    (rectangle, flip && uniform.next() < 0.5)
}

/// Sizes after the shorter side became `short`.
fn resized((width, height): (usize, usize), short: usize) -> (usize, usize) {
    let longer = |long: usize, other: usize| (short as f64 * long as f64 / other as f64) as usize;
    if width <= height { (short, longer(height, width)) } else { (longer(width, height), short) }
}

impl Crop {
    /// The square that is seen at evaluation.
    #[must_use]
    pub fn middle(&self, image: &Pixels) -> Pixels {
        let (width, height) = resized((image.width, image.height), self.resize);
        let first = |length: usize| ((length - self.size) as f64 / 2.0).round_ties_even() as usize;
        let window = Rectangle { left: first(width), top: first(height), width: self.size, height: self.size };
        image.resized(whole(image), (width, height), window)
    }

    /// The square that is seen in training.
    #[must_use]
    pub fn training(&self, image: &Pixels, draw: Draw) -> Pixels {
        let mut uniform = Uniform::new(draw);
        let (square, is_mirrored) = match self.random {
            None => (self.middle(image), self.flip && uniform.next() < 0.5),
            Some(area) => {
                let size = (image.width, image.height);
                let (rectangle, is_mirrored) = random_rectangle(size, area, self.flip, &mut uniform);
                let window = Rectangle { left: 0, top: 0, width: self.size, height: self.size };
                (image.resized(rectangle, (self.size, self.size), window), is_mirrored)
            }
        };
        if is_mirrored { mirrored(&square) } else { square }
    }
}

fn whole(image: &Pixels) -> Rectangle {
    Rectangle { left: 0, top: 0, width: image.width, height: image.height }
}

fn mirrored(image: &Pixels) -> Pixels {
    let mut rgb = Vec::with_capacity(image.rgb.len());
    for row in image.rgb.chunks_exact(3 * image.width) {
        rgb.extend(row.as_chunks::<3>().0.iter().rev().flatten());
    }
    Pixels { rgb, ..*image }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(step: u64, place: u64) -> Draw {
        Draw { seed: 3, chain: 1, step, place }
    }

    fn rectangle(size: (usize, usize), area: [f64; 2], draw: Draw) -> (Rectangle, bool) {
        random_rectangle(size, area, true, &mut Uniform::new(draw))
    }

    /// Torchvision's Resize(256), CenterCrop(224) on sizes it was asked about.
    #[test]
    fn the_middle_is_where_torchvision_takes_it() {
        assert_eq!(resized((500, 375), 256), (341, 256));
        assert_eq!(resized((375, 500), 256), (256, 341));
        assert_eq!(resized((64, 64), 64), (64, 64));
        // (341 - 224)/2 = 58.5 is rounded to even, to 58; (343 - 224)/2 = 59.5 to 60
        let crop = Crop { size: 224, resize: 256, random: None, flip: false };
        let image = |width: usize, height: usize| {
            // each pixel holds its column and row, a byte each
            let rgb = (0..width * height).flat_map(|at| [(at % width % 251) as u8, (at / width % 251) as u8, 0]);
            Pixels { width, height, rgb: rgb.collect() }
        };
        // sizes that need no resampling: the pixels say where they were
        let found = crop.middle(&image(341, 256));
        assert_eq!((found.rgb[0], found.rgb[1], found.width, found.height), (58, 16, 224, 224));
        assert_eq!(crop.middle(&image(343, 256)).rgb[0], 60);
    }

    /// The mean of a uniform part of the area and how often a crop is mirrored, over 20,000 draws: five standard errors, which are
    /// (1 - 0.08)/sqrt(12 n) and sqrt(1/(4 n)). A square of the largest part never fits with a ratio, so that parts up to 0.5 are drawn.
    #[test]
    fn random_crops_have_their_distribution() {
        const DRAWS: u64 = 20_000;
        let (mut area, mut mirrored, mut left) = (0.0, 0.0, 0.0);
        for step in 0..DRAWS {
            let (found, is_mirrored) = rectangle((1000, 1000), [0.1, 0.5], draw(step, 0));
            assert!(found.left + found.width <= 1000 && found.top + found.height <= 1000);
            let ratio = found.width as f64 / found.height as f64;
            assert!((0.745..1.345).contains(&ratio), "{found:?}");
            area += (found.width * found.height) as f64 / 1e6;
            mirrored += f64::from(u8::from(is_mirrored));
            left += found.left as f64 / (1000 - found.width) as f64;
        }
        let n = DRAWS as f64;
        assert!((area / n - 0.3).abs() < 5.0 * 0.4 / (12.0 * n).sqrt() + 1e-3, "{}", area / n);
        assert!((mirrored / n - 0.5).abs() < 2.5 / n.sqrt(), "{}", mirrored / n);
        assert!((left / n - 0.5).abs() < 5.0 / (12.0 * n).sqrt(), "{}", left / n);
    }

    #[test]
    fn a_crop_that_never_fits_is_the_largest_in_the_middle() {
        // 10 x 1000: every rectangle of a tenth of the area or more with such a ratio is wider than 10
        let (found, _) = rectangle((10, 1000), [0.1, 1.0], draw(0, 0));
        assert_eq!(found, Rectangle { left: 0, top: 493, width: 10, height: 13 });
        let (found, _) = rectangle((1000, 10), [0.1, 1.0], draw(0, 0));
        assert_eq!(found, Rectangle { left: 493, top: 0, width: 13, height: 10 });
        assert_eq!(rectangle((1, 1), [0.5, 1.0], draw(0, 0)).0, Rectangle { left: 0, top: 0, width: 1, height: 1 });
    }

    #[test]
    fn draws_depend_on_seed_chain_step_and_place() {
        let all = [draw(0, 0), draw(1, 0), draw(0, 1), Draw { seed: 4, ..draw(0, 0) }, Draw { chain: 2, ..draw(0, 0) }];
        let found = all.map(|draw| rectangle((640, 480), [0.08, 1.0], draw));
        for (place, one) in found.iter().enumerate() {
            assert_eq!(*one, rectangle((640, 480), [0.08, 1.0], all[place]));
            assert!(found[..place].iter().all(|other| other.0 != one.0), "{found:?}");
        }
    }

    #[test]
    fn mirrored_twice_is_the_image() {
        let image = Pixels { width: 2, height: 2, rgb: (0..12).collect() };
        assert_eq!(mirrored(&image).rgb, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
        assert_eq!(mirrored(&mirrored(&image)), image);
    }
}
