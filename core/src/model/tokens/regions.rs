//! Regions of the picture, and tensors that say for each element which of them it stands for.

use std::collections::HashMap;

use crate::onnx::shapes::{broadcast, element_count};

/// Most elements that are followed one by one.
const MOST_ELEMENTS: usize = 1 << 22;

/// Stands for no region.
pub const NOWHERE: Region = Region(0);

/// A rectangle of the picture, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(u32);

/// Height and width, in pixels of the network's input: from the top or left to the bottom or right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    pub low: [f32; 2],
    pub high: [f32; 2],
}

impl Rectangle {
    pub fn centre(&self) -> [f32; 2] {
        [0, 1].map(|axis| (self.low[axis] + self.high[axis]) / 2.0)
    }

    pub fn area(&self) -> f32 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }
}

/// All regions that were met, each once.
#[derive(Debug, Default)]
pub struct Atlas {
    rectangles: Vec<Rectangle>,
    numbers: HashMap<[u32; 4], Region>,
    unions: HashMap<(Region, Region), Region>,
}

impl Atlas {
    pub fn region(&mut self, rectangle: Rectangle) -> Region {
        let Rectangle { low, high } = rectangle;
        let key = [low[0], low[1], high[0], high[1]].map(f32::to_bits);
        *self.numbers.entry(key).or_insert_with(|| {
            self.rectangles.push(rectangle);
            Region(u32::try_from(self.rectangles.len()).unwrap_or(0))
        })
    }

    /// None for [`NOWHERE`].
    pub fn rectangle(&self, region: Region) -> Option<Rectangle> {
        let index = usize::try_from(region.0).ok()?.checked_sub(1)?;
        self.rectangles.get(index).copied()
    }

    fn area(&self, region: Region) -> f32 {
        self.rectangle(region)
            .map_or(f32::INFINITY, |found| found.area())
    }

    /// The least rectangle that holds both.
    pub fn union(&mut self, a: Region, b: Region) -> Region {
        if a == b || b == NOWHERE {
            return a;
        }
        if a == NOWHERE {
            return b;
        }
        if let Some(&known) = self.unions.get(&(a, b)) {
            return known;
        }
        let (Some(first), Some(second)) = (self.rectangle(a), self.rectangle(b)) else {
            return NOWHERE;
        };
        let union = self.region(Rectangle {
            low: [0, 1].map(|axis| first.low[axis].min(second.low[axis])),
            high: [0, 1].map(|axis| first.high[axis].max(second.high[axis])),
        });
        self.unions.insert((a, b), union);
        union
    }

    /// The smaller of two; the first of equals, and the other of none. What a token is added to, or gated with, tells of
    /// more of the picture than the token itself.
    pub fn narrower(&self, a: Region, b: Region) -> Region {
        if a == NOWHERE || self.area(b) < self.area(a) {
            b
        } else {
            a
        }
    }
}

/// A region for each element of a tensor of `shape`. Along axes where neighbours share theirs, one is kept: `sizes` is
/// the shape of what is kept, 1 there.
#[derive(Debug, Clone, PartialEq)]
pub struct Regions {
    pub shape: Vec<usize>,
    pub sizes: Vec<usize>,
    pub values: Vec<Region>,
}

impl Regions {
    /// What is kept, checked: none where there is too much of it.
    pub fn new(shape: Vec<usize>, sizes: Vec<usize>, values: Vec<Region>) -> Option<Self> {
        let fits = shape.len() == sizes.len()
            && shape
                .iter()
                .zip(&sizes)
                .all(|(&size, &kept)| kept == size || kept == 1)
            && values.len() == sizes.iter().product::<usize>();
        fits.then_some(Self {
            shape,
            sizes,
            values,
        })
    }

    /// `function` of the index of each element along the axes of `sizes`.
    pub fn make(
        shape: Vec<usize>,
        sizes: Vec<usize>,
        mut function: impl FnMut(&[usize]) -> Region,
    ) -> Option<Self> {
        let count = element_count(&sizes)?;
        if count > MOST_ELEMENTS {
            return None;
        }
        let mut index = vec![0; sizes.len()];
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(function(&index));
            for axis in (0..sizes.len()).rev() {
                index[axis] += 1;
                if index[axis] < sizes[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Self::new(shape, sizes, values)
    }

    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The region of the element at `index`.
    pub fn at(&self, index: impl Iterator<Item = usize>) -> Region {
        let place = index.zip(&self.sizes).fold(0, |place, (index, &size)| {
            place * size + if size == 1 { 0 } else { index }
        });
        self.values.get(place).copied().unwrap_or(NOWHERE)
    }

    /// Keeps one of neighbours that share their region, along each axis where all do.
    pub fn collapsed(mut self) -> Self {
        for axis in 0..self.rank() {
            let size = self.sizes[axis];
            let inner: usize = self.sizes[axis + 1..].iter().product();
            let is_shared = size > 1
                && inner > 0
                && self.values.chunks_exact(size * inner).all(|block| {
                    let (first, rest) = block.split_at(inner);
                    rest.chunks_exact(inner).all(|other| other == first)
                });
            if is_shared {
                let blocks = self.values.chunks_exact(size * inner);
                self.values = blocks.flat_map(|block| block[..inner].to_vec()).collect();
                self.sizes[axis] = 1;
            }
        }
        self
    }

    /// Keeps a region for each of the elements along `axes`.
    fn expanded(self, axes: impl Iterator<Item = usize>) -> Option<Self> {
        let mut sizes = self.sizes.clone();
        for axis in axes {
            sizes[axis] = self.shape[axis];
        }
        if sizes == self.sizes {
            return Some(self);
        }
        let shape = self.shape.clone();
        Self::make(shape, sizes, |index| self.at(index.iter().copied()))
    }

    pub fn transposed(&self, order: &[usize]) -> Option<Self> {
        if order.len() != self.rank() || order.iter().any(|&axis| axis >= order.len()) {
            return None;
        }
        let pick = |sizes: &[usize]| order.iter().map(|&axis| sizes[axis]).collect::<Vec<_>>();
        let mut source = vec![0; order.len()];
        Self::make(pick(&self.shape), pick(&self.sizes), |index| {
            for (&axis, &place) in order.iter().zip(index) {
                source[axis] = place;
            }
            self.at(source.iter().copied())
        })
    }

    /// The same elements as a tensor of `shape`. Groups of axes that become groups of axes are looked at one by one:
    /// within a group of which nothing is kept, nothing need be.
    pub fn reshaped(self, shape: Vec<usize>) -> Option<Self> {
        let old = self.shape.clone();
        let mut sizes = vec![1; shape.len()];
        let mut to_expand = Vec::new();
        let (mut from, mut to) = (0, 0);
        while from < old.len() || to < shape.len() {
            let (start, made) = (from, to);
            let (mut of_old, mut of_new) = (1usize, 1usize);
            loop {
                if of_old == of_new && (from > start || to > made) {
                    break;
                }
                if of_old <= of_new && from < old.len() {
                    of_old = of_old.checked_mul(old[from])?;
                    from += 1;
                } else if to < shape.len() {
                    of_new = of_new.checked_mul(shape[to])?;
                    to += 1;
                } else if from < old.len() {
                    of_old = of_old.checked_mul(old[from])?;
                    from += 1;
                } else {
                    return None;
                }
            }
            if self.sizes[start..from].iter().any(|&size| size > 1) {
                to_expand.extend(start..from);
                sizes[made..to].copy_from_slice(&shape[made..to]);
            }
        }
        let expanded = self.expanded(to_expand.into_iter())?;
        Some(Self::new(shape, sizes, expanded.values)?.collapsed())
    }

    /// The elements `cells` along `axis`; none of them where a cell is none.
    pub fn picked(self, axis: usize, cells: &[Option<usize>]) -> Option<Self> {
        let mut shape = self.shape.clone();
        *shape.get_mut(axis)? = cells.len();
        let keeps = cells.iter().all(Option::is_some) && self.sizes[axis] == 1;
        let mut sizes = self.sizes.clone();
        sizes[axis] = if keeps { 1 } else { cells.len() };
        Some(
            Self::make(shape, sizes, |index| {
                if keeps {
                    return self.at(index.iter().copied());
                }
                let Some(Some(cell)) = cells.get(index[axis]) else {
                    return NOWHERE;
                };
                let along = index.iter().enumerate();
                self.at(along.map(|(own, &place)| if own == axis { *cell } else { place }))
            })?
            .collapsed(),
        )
    }

    pub fn squeezed(mut self, axis: usize) -> Option<Self> {
        if self.sizes.get(axis) != Some(&1) {
            return None;
        }
        self.shape.remove(axis);
        self.sizes.remove(axis);
        Some(self)
    }

    pub fn unsqueezed(mut self, axis: usize) -> Option<Self> {
        if axis > self.rank() {
            return None;
        }
        self.shape.insert(axis, 1);
        self.sizes.insert(axis, 1);
        Some(self)
    }

    /// Spread out to `shape`.
    pub fn spread(mut self, shape: &[usize]) -> Option<Self> {
        while self.rank() < shape.len() {
            self = self.unsqueezed(0)?;
        }
        let fits = self
            .shape
            .iter()
            .zip(shape)
            .all(|(&size, &wanted)| size == wanted || size == 1);
        (fits && self.rank() == shape.len()).then(|| Self {
            shape: shape.to_vec(),
            ..self
        })
    }

    /// The union along `axes`, which become 1 long.
    pub fn united(self, axes: &[usize], atlas: &mut Atlas) -> Option<Self> {
        let mut shape = self.shape.clone();
        let mut sizes = self.sizes.clone();
        for &axis in axes {
            *shape.get_mut(axis)? = 1;
            sizes[axis] = 1;
        }
        if sizes == self.sizes {
            return Some(Self { shape, ..self });
        }
        let count = sizes.iter().product();
        let mut values = vec![NOWHERE; count];
        let mut index = vec![0; self.rank()];
        for &value in &self.values {
            let place = index.iter().zip(&sizes).fold(0, |place, (&at, &size)| {
                place * size + if size == 1 { 0 } else { at }
            });
            values[place] = atlas.union(values[place], value);
            for axis in (0..self.rank()).rev() {
                index[axis] += 1;
                if index[axis] < self.sizes[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Self::new(shape, sizes, values)
    }

    /// What becomes of two tensors that are spread out to one size: of each pair of elements the one that `choose` says.
    pub fn merged(
        &self,
        other: &Self,
        mut choose: impl FnMut(Region, Region) -> Region,
    ) -> Option<Self> {
        let shape = broadcast([self.shape.as_slice(), &other.shape])?;
        let (a, b) = (self.clone().spread(&shape)?, other.clone().spread(&shape)?);
        let sizes: Vec<usize> = a
            .sizes
            .iter()
            .zip(&b.sizes)
            .map(|(&a, &b)| a.max(b))
            .collect();
        Some(
            Self::make(shape, sizes, |index| {
                choose(a.at(index.iter().copied()), b.at(index.iter().copied()))
            })?
            .collapsed(),
        )
    }

    /// Several tensors one behind the other along `axis`; none of the parts is one that stands for nothing.
    pub fn joined(parts: &[Self], axis: usize) -> Option<Self> {
        let mut shape = parts.first()?.shape.clone();
        let lengths: Vec<usize> = parts
            .iter()
            .map(|part| part.shape.get(axis).copied())
            .collect::<Option<_>>()?;
        *shape.get_mut(axis)? = lengths.iter().sum();
        let mut sizes: Vec<usize> = (0..shape.len())
            .map(|own| {
                parts
                    .iter()
                    .filter_map(|part| part.sizes.get(own))
                    .copied()
                    .max()
            })
            .collect::<Option<_>>()?;
        sizes[axis] = shape[axis];
        let sources: Vec<(usize, usize)> = lengths
            .iter()
            .enumerate()
            .flat_map(|(part, &length)| (0..length).map(move |cell| (part, cell)))
            .collect();
        Some(
            Self::make(shape, sizes, |index| {
                let Some(&(part, cell)) = sources.get(index[axis]) else {
                    return NOWHERE;
                };
                let along = index.iter().enumerate();
                parts[part].at(along.map(|(own, &place)| if own == axis { cell } else { place }))
            })?
            .collapsed(),
        )
    }
}
