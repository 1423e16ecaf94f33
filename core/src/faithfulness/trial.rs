//! One picture, whose score is asked for with changed pixels.

use crate::cam::Method;
use crate::error::Error;
use crate::preprocess::Normalization;

use super::input::Input;
use super::ranking::{Heat, Noise, Order, Ranking};
use super::{blur, imputation};

/// Parts in which pixels are taken away or put in.
const STEPS: usize = 50;

/// Deviation of the Gaussian that blurs the picture into which pixels are put, in pixels.
const BLUR: f64 = 5.0;

/// Up to where maps, as 0..1, count as one.
const SAME: f32 = 1e-5;

/// Maps of random values that are measured.
const RANDOM_MAPS: u32 = 5;

/// Percent of the pixels that are imputed, as pytorch-grad-cam's examples have them.
const PERCENT: [usize; 4] = [20, 40, 60, 80];

/// What a map is worth on one picture; scores are 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faithfulness {
    /// What was measured.
    pub ranking: Ranking,
    /// The mean score while pixels are set to the picture's mean colour, the hottest first: low where the map is right.
    /// Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.
    pub deletion: f64,
    /// The mean score while pixels are put into a blurred picture, the hottest first: high where the map is right. The same
    /// source.
    pub insertion: f64,
    /// What share of the score is lost where the picture is darkened by 1 less the map, 0..1: low where the map is right.
    /// Chattopadhay, Sarkar, Howlader and Balasubramanian, "Grad-CAM++: Generalized Gradient-based Visual Explanations for
    /// Deep Convolutional Networks", WACV 2018.
    pub average_drop: f64,
    /// Half of how much higher the score is where the coldest pixels are imputed of their neighbours than where the hottest
    /// are, -0.5..0.5, mean over 20, 40, 60 and 80 % of the pixels: high where the map is right. Rong, Leemann, Borisov,
    /// Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for Attribution Methods", ICML 2022.
    pub road: f64,
}

impl Faithfulness {
    /// Goes the share `part` of the way to what `next` measured.
    fn approach(&mut self, next: &Self, part: f64) {
        let toward = |value: &mut f64, next: f64| *value += (next - *value) * part;
        toward(&mut self.deletion, next.deletion);
        toward(&mut self.insertion, next.insertion);
        toward(&mut self.average_drop, next.average_drop);
        toward(&mut self.road, next.road);
    }
}

/// Measures maps on one picture.
pub struct Trial<'a, F> {
    input: Input<'a>,
    /// The value of black, one a channel.
    black: [f32; 3],
    blurred: Vec<f32>,
    /// The score of the class for an input.
    score: F,
    /// Of the picture as it is.
    whole: f64,
    /// The picture with changed pixels.
    changed: Vec<f32>,
    /// What was measured, with its heat as 0..1: several methods may make the same map.
    known: Vec<(Vec<f32>, Faithfulness)>,
}

impl<'a, F: FnMut(&[f32]) -> Result<f64, Error>> Trial<'a, F> {
    /// For an `input` that was made by `normalization`.
    ///
    /// # Errors
    /// Those of `score`.
    pub fn new(
        input: Input<'a>,
        normalization: &Normalization,
        mut score: F,
    ) -> Result<Self, Error> {
        let black = [0, 1, 2].map(|c| -normalization.mean[c] / normalization.deviation[c]);
        Ok(Self {
            black,
            blurred: blur::gaussian(input, BLUR),
            whole: score(input.values)?,
            score,
            changed: Vec::new(),
            known: Vec::new(),
            input,
        })
    }

    /// What the map that `method` made, of `cells` (columns, rows), is worth.
    ///
    /// # Errors
    /// Those of the score.
    pub fn of_map(
        &mut self,
        method: Method,
        map: &[f32],
        cells: (usize, usize),
    ) -> Result<Faithfulness, Error> {
        let heat = Heat::of_map(map, cells, self.input);
        let ranking = Ranking::Map(method);
        let share = heat.normalised();
        let is_same = |other: &[f32]| {
            let mut pairs = share.iter().zip(other);
            pairs.all(|(a, b)| (a - b).abs() <= SAME)
        };
        if let Some((_, same)) = self.known.iter().find(|(other, _)| is_same(other)) {
            return Ok(Faithfulness { ranking, ..*same });
        }
        let found = self.measure(ranking, &heat)?;
        self.known.push((share, found));
        Ok(found)
    }

    /// What is worth that knows nothing of the network: maps of random values, of `cells` (columns, rows), in the mean, since one may
    /// be right by chance; and the picture's centre.
    ///
    /// # Errors
    /// Those of the score.
    pub fn of_none(&mut self, cells: (usize, usize)) -> Result<[Faithfulness; 2], Error> {
        let mut noise = Noise::new();
        let mut random = self.measure(
            Ranking::Random,
            &Heat::random(&mut noise, cells, self.input),
        )?;
        for count in 2..=RANDOM_MAPS {
            let heat = Heat::random(&mut noise, cells, self.input);
            let next = self.measure(Ranking::Random, &heat)?;
            random.approach(&next, 1.0 / f64::from(count));
        }
        let centre = self.measure(Ranking::Centre, &Heat::of_centre(self.input))?;
        Ok([random, centre])
    }

    fn measure(&mut self, ranking: Ranking, heat: &Heat) -> Result<Faithfulness, Error> {
        let order = heat.order();
        let (sharp, blurred) = (self.input.values, self.blurred.clone());
        let mean = self.mean_colour();
        Ok(Faithfulness {
            ranking,
            deletion: self.along(&order, sharp, &mean)?,
            insertion: self.along(&order, &blurred, sharp)?,
            average_drop: self.drop(heat)?,
            road: self.road(&order)?,
        })
    }

    /// A picture of the mean of each channel.
    fn mean_colour(&self) -> Vec<f32> {
        let pixels = self.input.pixels();
        let channels = self.input.values.chunks_exact(pixels);
        let mean = |channel: &[f32]| {
            let sum: f64 = channel.iter().map(|&value| f64::from(value)).sum();
            (sum / pixels as f64) as f32
        };
        channels
            .flat_map(|channel| std::iter::repeat_n(mean(channel), pixels))
            .collect()
    }

    /// The area under the score while the pixels of `start` become those of `end`, the hottest first.
    fn along(&mut self, order: &Order, start: &[f32], end: &[f32]) -> Result<f64, Error> {
        let pixels = self.input.pixels();
        self.changed.clear();
        self.changed.extend_from_slice(start);
        let mut area = (self.score)(&self.changed)? / 2.0;
        let mut moved = 0;
        for step in 1..=STEPS {
            let next = (pixels * step + STEPS / 2) / STEPS;
            for &pixel in &order.hottest_first()[moved..next] {
                for at in (pixel..self.changed.len()).step_by(pixels) {
                    self.changed[at] = end[at];
                }
            }
            moved = next;
            let score = (self.score)(&self.changed)?;
            area += if step == STEPS { score / 2.0 } else { score };
        }
        Ok(area / STEPS as f64)
    }

    fn drop(&mut self, heat: &Heat) -> Result<f64, Error> {
        let share = heat.normalised();
        let pixels = self.input.pixels();
        self.changed.clear();
        for (channel, &black) in self.input.values.chunks_exact(pixels).zip(&self.black) {
            let darkened = channel.iter().zip(&share);
            let darkened = darkened.map(|(value, share)| (value - black) * share + black);
            self.changed.extend(darkened);
        }
        let left = (self.score)(&self.changed)?;
        Ok((self.whole - left).max(0.0) / self.whole.max(f64::MIN_POSITIVE))
    }

    fn road(&mut self, order: &Order) -> Result<f64, Error> {
        let pixels = self.input.pixels();
        let mut sum = 0.0;
        for percent in PERCENT {
            let count = pixels * percent / 100;
            let mut without = |removed: &[usize]| {
                imputation::impute(self.input, removed, &mut self.changed);
                (self.score)(&self.changed)
            };
            let without_hot = without(&order.hottest_first()[..count])?;
            let without_cold = without(&order.hottest_first()[pixels - count..])?;
            sum += (without_cold - without_hot) / 2.0;
        }
        Ok(sum / PERCENT.len() as f64)
    }
}
