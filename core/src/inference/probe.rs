//! Asks a network where the cells of its feature map look, where its graph does not tell.
//!
//! A patch of the picture is changed; the cell whose features change most must be the one that is
//! drawn there, or a neighbour of it.

use crate::preprocess::Normalization;

use super::session::{self, Cancellation, Choice, Output, Outputs, Session};
use crate::model::Target;
use crate::model::places::Lack;
use crate::remedy::Remedy;

/// Pictures that are tried.
const PICTURES: u32 = 2;

/// Centres of the patches, from left and top as shares of the picture. None is the mirror image of
/// another, at either axis or at a diagonal.
const PATCHES: [[f64; 2]; 6] = [
    [0.2, 0.6],
    [0.7, 0.15],
    [0.45, 0.85],
    [0.9, 0.55],
    [0.35, 0.3],
    [0.1, 0.95],
];

/// Of the patches of both pictures, how many may be answered elsewhere: activations are zero here
/// and there, and attention looks around.
const STRAYS: usize = 2;

/// Fewest cells of an axis of which something can be said.
const FEWEST_CELLS: usize = 3;

/// From so many cells of an axis on, a neighbour may answer.
const ROOMY: usize = 5;

/// The picture that a network takes.
pub struct Frame {
    /// Height and width in pixels.
    pub size: [usize; 2],
    pub normalization: Normalization,
}

/// Why the cells are not taken for places.
pub enum Failure {
    Run(session::Failure),
    Lack(Lack),
}

/// How many times as much as others the cells must answer on average where the graph itself tells which look at a
/// patch: attention, and convolutions over a few cells, spread any change over all of them.
const AGREEMENT: f64 = 1.05;

/// Below this, others answer more than those which the graph tells of: it was misread.
const CONTRADICTION: f64 = 0.8;

/// A layer that is explained, by the numbers of the outputs that are its features and their gradient.
#[derive(Debug, Clone, Copy)]
pub struct Tap {
    features: usize,
    gradient: usize,
}

/// Those of a network that explains `beside` layers together with the first, and what attention gains if it `attends`.
pub fn taps(beside: usize, attends: bool) -> Vec<Tap> {
    let first = Tap {
        features: 0,
        gradient: 2,
    };
    let others = (0..beside).map(|place| {
        let features = 3 + usize::from(attends) + 2 * place;
        Tap {
            features,
            gradient: features + 1,
        }
    });
    [first].into_iter().chain(others).collect()
}

/// Compares the feature maps of changed pictures: a run for each of [`PICTURES`] and each of its
/// [`PATCHES`]. Where the graph `is_telling` which cells look at a patch, these need not answer most, but not less than
/// others: says whether they do more. Attention whose weights look everywhere alike makes all cells answer alike.
///
/// # Errors
/// [`Failure`].
pub fn check(
    session: &Session,
    frame: &Frame,
    is_telling: bool,
    choice: Option<Choice>,
    taps: &[Tap],
    cancellation: &Cancellation,
) -> Result<bool, Failure> {
    let mut answers = true;
    for tap in taps {
        answers &= check_one(session, frame, is_telling, choice, *tap, cancellation)?;
    }
    Ok(answers)
}

fn check_one(
    session: &Session,
    frame: &Frame,
    is_telling: bool,
    choice: Option<Choice>,
    tap: Tap,
    cancellation: &Cancellation,
) -> Result<bool, Failure> {
    let mut strays = 0;
    let mut answers = Vec::new();
    let mut outputs = Outputs::default().ended_by(cancellation);
    for seed in 0..PICTURES {
        let pixels = picture(frame.size, seed, session.channels());
        let mut of = |pixels: &[u8]| Answer::of(session, frame, pixels, choice, tap, &mut outputs);
        let plain = of(&pixels)?;
        let [rows, columns] = plain.cells;
        if rows.min(columns) < FEWEST_CELLS && !is_telling {
            return Err(Failure::Lack(Lack {
                found: format!(
                    "has {rows} x {columns} cells, too few to find out whether each looks at its place"
                ),
                advice: NO_GRID,
            }));
        }
        for [x, y] in PATCHES {
            let cell = [place(y, rows), place(x, columns)];
            let changed = change(&pixels, frame.size, plain.cells, cell);
            let answer = of(&changed)?;
            let is_near = plain.farthest(&answer).is_some_and(|found| {
                let is_beside = |axis: usize| {
                    found[axis].abs_diff(cell[axis]) <= usize::from(plain.cells[axis] >= ROOMY)
                };
                is_beside(0) && is_beside(1)
            });
            strays += usize::from(!is_near);
            if let Some(differences) = plain.differences(&answer) {
                answers.push((cell[0] * columns + cell[1], differences));
            }
        }
    }
    let agreement = if strays > STRAYS {
        agreement(&answers)
    } else {
        f64::INFINITY
    };
    if agreement.is_finite() && !(is_telling && agreement >= CONTRADICTION) {
        let patches = PICTURES as usize * PATCHES.len();
        return Err(Failure::Lack(Lack {
            found: format!(
                "does not show where in the picture something is: of {patches} patches that were changed, {strays} \
                 changed other cells most than those that are drawn there"
            ),
            advice: NO_GRID,
        }));
    }
    Ok(agreement >= AGREEMENT)
}

/// How many times as much as the mean of all cells that one answers which looks at the changed patch, on average over
/// the patches; each cell's answers are measured by its own mean. 1 where cells answer at random, or not at all.
fn agreement(answers: &[(usize, Vec<f64>)]) -> f64 {
    let cells = answers
        .first()
        .map_or(0, |(_, differences)| differences.len());
    let of_cell = |cell: usize| {
        answers
            .iter()
            .map(move |(_, differences)| differences[cell])
    };
    let usual: Vec<f64> = (0..cells)
        .map(|cell| of_cell(cell).sum::<f64>().max(f64::MIN_POSITIVE))
        .collect();
    let shares = answers.iter().map(|(cell, differences)| {
        let relative = |cell: usize| differences[cell] / usual[cell];
        let mean = (0..cells).map(relative).sum::<f64>() / cells as f64;
        if mean > 0.0 {
            relative(*cell) / mean
        } else {
            1.0
        }
    });
    shares.sum::<f64>() / answers.len().max(1) as f64
}

/// What a network of `channels` gets of the pictures that are tried.
pub fn tensors(frame: &Frame, channels: usize) -> Vec<Vec<f32>> {
    (0..PICTURES)
        .map(|seed| tensor(frame, &picture(frame.size, seed, channels)))
        .collect()
}

/// Share of Σ|G A| below which Σ G A is rounding, and what keeps a division from one by zero.
const ROUNDING: f32 = 1e-3;

/// Whether features times gradient of the best class add up to zero, over the channels, in every cell of one of the `taps`.
///
/// # Errors
/// [`session::Failure`].
pub fn vanishes(
    session: &Session,
    frame: &Frame,
    choice: Option<Choice>,
    taps: &[Tap],
    cancellation: &Cancellation,
) -> Result<bool, session::Failure> {
    let Some(choice) = choice else {
        return Ok(false);
    };
    let of_best = Choice {
        target: Target::Rank(0),
        detail: choice.detail.map(|_| true),
        ..choice
    };
    let mut outputs = Outputs::default().ended_by(cancellation);
    let pixels = picture(frame.size, 0, session.channels());
    let [height, width] = frame.size;
    let tensor = tensor(frame, &pixels);
    session.run(&tensor, width, height, Some(of_best), &mut outputs)?;
    for tap in taps {
        let (features, gradient) = (outputs.get(tap.features)?, outputs.get(tap.gradient)?);
        if is_zero_in_all(&features, &gradient) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_zero_in_all(features: &Output, gradient: &Output) -> bool {
    let &[_, _, rows, columns] = features.shape else {
        return false;
    };
    let cells = (rows * columns) as usize;
    let mut sums = vec![(0.0f32, 0.0f32); cells];
    for (features, gradient) in features
        .values
        .chunks_exact(cells)
        .zip(gradient.values.chunks_exact(cells))
    {
        for ((sum, size), (a, g)) in sums.iter_mut().zip(features.iter().zip(gradient)) {
            *sum += a * g;
            *size += (a * g).abs();
        }
    }
    let most = |of: fn(&(f32, f32)) -> f32| sums.iter().map(of).fold(0.0, f32::max);
    let size = most(|(_, size)| *size);
    // A head of zeros makes nothing of anything.
    size > 0.0 && most(|(sum, _)| sum.abs()) <= ROUNDING * size
}

const NO_GRID: Remedy =
    Remedy::Words("Use a convolutional image classifier, whose map keeps rows and columns.");

/// The cell in which this share of an axis lies.
fn place(share: f64, cells: usize) -> usize {
    ((share * cells as f64) as usize).min(cells.saturating_sub(1))
}

/// `pixels` with those of one cell inverted.
fn change(
    pixels: &[u8],
    [height, width]: [usize; 2],
    [rows, columns]: [usize; 2],
    [row, column]: [usize; 2],
) -> Vec<u8> {
    let span = |cell: usize, cells: usize, length: usize| {
        let start = cell * length / cells;
        start..((cell + 1) * length / cells).max(start + 1).min(length)
    };
    let (down, across) = (span(row, rows, height), span(column, columns, width));
    let mut changed = pixels.to_vec();
    for line in changed.chunks_exact_mut(width).enumerate() {
        let (index, line) = line;
        if down.contains(&(index % height)) {
            for value in line.get_mut(across.clone()).into_iter().flatten() {
                *value = 255 - *value;
            }
        }
    }
    changed
}

/// The network's input for a picture of three planes.
fn tensor(frame: &Frame, pixels: &[u8]) -> Vec<f32> {
    let [height, width] = frame.size;
    let Normalization {
        divisor,
        mean,
        deviation,
        ..
    } = frame.normalization;
    let planes = pixels.chunks_exact(width * height);
    planes
        .zip(mean.iter().zip(deviation))
        .flat_map(|(plane, (mean, deviation))| {
            plane
                .iter()
                .map(move |&value| (f32::from(value) / divisor - mean) / deviation)
        })
        .collect()
}

/// What the network made of a picture.
struct Answer {
    /// Height and width.
    cells: [usize; 2],
    /// One channel after the other.
    features: Vec<f32>,
}

impl Answer {
    fn of(
        session: &Session,
        frame: &Frame,
        pixels: &[u8],
        choice: Option<Choice>,
        tap: Tap,
        outputs: &mut Outputs,
    ) -> Result<Self, Failure> {
        let [height, width] = frame.size;
        let tensor = tensor(frame, pixels);
        session
            .run(&tensor, width, height, choice, outputs)
            .map_err(Failure::Run)?;
        let output = outputs
            .get(tap.features)
            .map_err(|words| Failure::Run(words.into()))?;
        let cells = match output.shape {
            &[1, _, rows, columns] if rows > 1 && columns > 1 => [rows as usize, columns as usize],
            shape => {
                let sizes: Vec<String> = shape.iter().map(i64::to_string).collect();
                return Err(Failure::Lack(Lack {
                    found: format!(
                        "has the shape {}: tokens in no known grid of rows and columns",
                        sizes.join(" x ")
                    ),
                    advice: NO_GRID,
                }));
            }
        };
        Ok(Self {
            cells,
            features: output.values.to_vec(),
        })
    }

    /// Row and column of the cell that differs most, over the channels; none where nothing differs.
    fn farthest(&self, other: &Self) -> Option<[usize; 2]> {
        let [_, columns] = self.cells;
        let differences = self.differences(other)?;
        let (cell, most) = differences
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))?;
        (*most > 0.0).then_some([cell / columns, cell % columns])
    }

    fn differences(&self, other: &Self) -> Option<Vec<f64>> {
        let [rows, columns] = self.cells;
        let count = rows * columns;
        if other.cells != self.cells {
            return None;
        }
        let mut differences = vec![0.0f64; count];
        for (a, b) in self
            .features
            .chunks_exact(count)
            .zip(other.features.chunks_exact(count))
        {
            for ((sum, a), b) in differences.iter_mut().zip(a).zip(b) {
                *sum += f64::from((a - b).abs());
            }
        }
        Some(differences)
    }
}

/// Planes of coloured blocks and noise, as many as `channels`, the same for the same seed.
fn picture([height, width]: [usize; 2], seed: u32, channels: usize) -> Vec<u8> {
    const BLOCKS: usize = 8;
    let mut random = noise(seed);
    let colours: Vec<u8> = (0..channels * BLOCKS * BLOCKS).map(|_| random()).collect();
    let mut pixels = Vec::with_capacity(channels * height * width);
    for plane in colours.chunks_exact(BLOCKS * BLOCKS) {
        for y in 0..height {
            for x in 0..width {
                let block = y * BLOCKS / height * BLOCKS + x * BLOCKS / width;
                let colour = plane.get(block).copied().unwrap_or(0);
                pixels.push(colour / 4 * 3 + random() / 4);
            }
        }
    }
    pixels
}

/// Bytes without a pattern (Marsaglia, "Xorshift RNGs", 2003).
fn noise(seed: u32) -> impl FnMut() -> u8 {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    }
}
