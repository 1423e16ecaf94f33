//! Scores, put together from their characters.

use super::bitmap::Bitmap;
use super::drawing::Drawing;
use super::pango::Typesetter;
use super::style::Style;

/// The characters of scores in both weights.
pub(crate) struct ScoreDigits {
    plain: Face,
    bold: Face,
}

/// The characters in one weight.
pub(crate) struct Face {
    digits: [Glyph; 10],
    point: Glyph,
    /// What separates a label from its score, from left to right and from right to left.
    separators: [Glyph; 2],
    /// Width that each digit is given, so that scores stay in place while they change.
    cell: i32,
    /// Logical height, and from the top to the baseline, in pixels.
    pub height: f64,
    pub baseline: f64,
    /// Left, top, right and bottom of all ink, from where a character starts on the baseline, the
    /// right from where it ends.
    ink: [i32; 4],
}

/// A character.
struct Glyph {
    bitmap: Bitmap,
    /// Whole pixels to the next one.
    advance: i32,
}

impl ScoreDigits {
    /// None where Pango or Cairo has no room.
    pub fn new(typesetter: &Typesetter) -> Option<Self> {
        Some(Self {
            plain: Face::new(typesetter, false)?,
            bold: Face::new(typesetter, true)?,
        })
    }

    pub fn face(&self, style: Style) -> &Face {
        if style.marked {
            &self.bold
        } else {
            &self.plain
        }
    }

    /// Width of every score, in pixels.
    pub fn width(&self, style: Style) -> i32 {
        self.face(style).each(0, style, |_, _| ())
    }

    /// Left, top, right and bottom of what any score inks that starts at `x` on the baseline `y`.
    pub fn ink(&self, style: Style, (x, y): (i32, i32)) -> [i32; 4] {
        let [left, top, right, bottom] = self.face(style).ink;
        let end = x + self.width(style);
        [x + left, y + top, end + right, y + bottom]
    }

    /// Draws a score in hundredths that starts at `x` of `drawing`, on the baseline `y`.
    pub fn draw(&self, percent: u8, style: Style, drawing: &mut Drawing, (x, y): (i32, i32)) {
        self.face(style).each(percent, style, |glyph, along| {
            drawing.add_white((x + along, y), &glyph.bitmap, style.opacity());
        });
    }
}

impl Face {
    fn new(typesetter: &Typesetter, bold: bool) -> Option<Self> {
        let glyph = |text: &str, mirrored| {
            let line = typesetter.set(text, bold, mirrored)?;
            Some(Glyph {
                bitmap: Bitmap::of_text(&line)?,
                advance: line.width.round() as i32,
            })
        };
        let digits = ('0'..='9').map(|digit| glyph(digit.encode_utf8(&mut [0; 4]), false));
        let digits: [Glyph; 10] = digits.collect::<Option<Vec<_>>>()?.try_into().ok()?;
        let point = glyph(".", false)?;
        let separators = [glyph(", ", false)?, glyph(", ", true)?];
        let glyphs = || digits.iter().chain(&separators).chain([&point]);
        let all = typesetter.set("0123456789., ", bold, false)?;
        Some(Self {
            cell: digits.iter().map(|digit| digit.advance).max()?,
            height: all.height,
            baseline: all.baseline,
            ink: [
                glyphs().map(|glyph| glyph.bitmap.x).min()?,
                glyphs().map(|glyph| glyph.bitmap.y).min()?,
                glyphs()
                    .map(|glyph| glyph.bitmap.x + glyph.bitmap.width - glyph.advance)
                    .max()?,
                glyphs()
                    .map(|glyph| glyph.bitmap.y + glyph.bitmap.height)
                    .max()?,
            ],
            digits,
            point,
            separators,
        })
    }

    /// Gives `put` the characters of a score and how far from its start each is; returns its width.
    fn each<'a>(&'a self, percent: u8, style: Style, mut put: impl FnMut(&'a Glyph, i32)) -> i32 {
        let mut x = 0;
        let mut next = |glyph: &'a Glyph, room: i32| {
            put(glyph, x + (room - glyph.advance) / 2);
            x += room;
        };
        let separator = &self.separators[usize::from(style.mirrored)];
        if style.labelled && !style.mirrored {
            next(separator, separator.advance);
        }
        next(&self.digits[usize::from(percent / 100 % 10)], self.cell);
        next(&self.point, self.point.advance);
        next(&self.digits[usize::from(percent / 10 % 10)], self.cell);
        next(&self.digits[usize::from(percent % 10)], self.cell);
        if style.labelled && style.mirrored {
            next(separator, separator.advance);
        }
        x
    }
}
