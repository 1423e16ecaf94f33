//! Reads of a network file what is needed to know its graph. Large weights stay where they are until it is known that
//! they are needed, and what the format does not know is not read at all.
//!
//! Of the encoding: <https://protobuf.dev/programming-guides/encoding/>.

use std::ops::Range;

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::error::Fault;
use super::generated::StringStringEntryProto;
use super::load::LARGEST_FILE;
use super::proto::{DataLocation, Tensor};
use crate::file::{Opened, Trouble};

/// Where a weight lies that is in the network file itself.
pub const SELF: &str = "\0";

/// Least bytes of a weight that is left where it is.
const LARGE: u64 = 1 << 12;

/// Bytes that are read at once to find out where fields begin.
const STEP: u64 = 1 << 14;

/// Fields of `ModelProto`, `GraphProto` and `TensorProto` (onnx-ml.proto).
const GRAPH: u32 = 7;
const MODEL_FIELDS: [u32; 9] = [1, 2, 3, 4, 5, GRAPH, 8, 14, 25];
const INITIALIZER: u32 = 5;
const GRAPH_FIELDS: [u32; 7] = [1, 2, INITIALIZER, 11, 12, 13, 15];
const RAW_DATA: u32 = 9;
const EXTERNAL_DATA: u32 = 13;
const DATA_LOCATION: u32 = 14;
const TENSOR_FIELDS: [u32; 13] = [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    RAW_DATA,
    10,
    11,
    EXTERNAL_DATA,
    DATA_LOCATION,
];

/// Why a file is not skimmed.
pub enum Unreadable {
    Trouble(Trouble),
    Fault(Fault),
}

impl From<Trouble> for Unreadable {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// The bytes of a `ModelProto` that is that in `file` without what nobody here asks for, and with
/// large weights kept outside, at [`SELF`].
///
/// # Errors
/// What is wrong with the file, or that it is no such message.
pub fn skim(file: &Opened) -> Result<Vec<u8>, Unreadable> {
    let bytes = file.bytes();
    if bytes > LARGEST_FILE as u64 {
        return Err(Trouble::TooLong {
            bytes,
            limit: LARGEST_FILE as u64,
        }
        .into());
    }
    let mut walk = Walk {
        file,
        buffer: Vec::new(),
        start: 0,
    };
    // Files that begin otherwise are told apart by who decodes them.
    if bytes < 8 || file.read_range(4, 4)? == b"ORTM" {
        return Ok(file.read_range(0, bytes as usize)?);
    }
    let pieces = walk.model(0..bytes)?;
    let mut skimmed = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Made(bytes) => skimmed.extend(bytes),
            Piece::Kept(range) => {
                let length = (range.end - range.start) as usize;
                skimmed.extend(file.read_range(range.start, length)?);
            }
        }
    }
    Ok(skimmed)
}

/// A part of the new message.
enum Piece {
    /// As it stands in the file.
    Kept(Range<u64>),
    Made(Vec<u8>),
}

/// The length of `pieces` together.
fn length(pieces: &[Piece]) -> u64 {
    let lengths = pieces.iter().map(|piece| match piece {
        Piece::Kept(range) => range.end - range.start,
        Piece::Made(bytes) => bytes.len() as u64,
    });
    lengths.sum()
}

/// Adds `range` to `pieces`, in one piece with what stands before it in the file.
fn keep(pieces: &mut Vec<Piece>, range: Range<u64>) {
    match pieces.last_mut() {
        Some(Piece::Kept(last)) if last.end == range.start => last.end = range.end,
        _ => pieces.push(Piece::Kept(range)),
    }
}

/// A field in the file.
struct Field {
    number: u32,
    /// With its key and its length.
    whole: Range<u64>,
    /// What is in it, where it is bytes.
    content: Option<Range<u64>>,
}

struct Walk<'a> {
    file: &'a Opened,
    /// The bytes from `start` on.
    buffer: Vec<u8>,
    start: u64,
}

impl Walk<'_> {
    fn model(&mut self, range: Range<u64>) -> Result<Vec<Piece>, Unreadable> {
        self.message(range, &MODEL_FIELDS, |walk, field, pieces| {
            if field.number != GRAPH {
                return Ok(false);
            }
            let Some(content) = &field.content else {
                return Ok(false);
            };
            let graph = walk.graph(content.clone())?;
            wrap(GRAPH, graph, pieces);
            Ok(true)
        })
    }

    fn graph(&mut self, range: Range<u64>) -> Result<Vec<Piece>, Unreadable> {
        self.message(range, &GRAPH_FIELDS, |walk, field, pieces| {
            let Some(content) = field.content.as_ref().filter(|content| {
                field.number == INITIALIZER && content.end - content.start >= LARGE
            }) else {
                return Ok(false);
            };
            let weight = walk.weight(content.clone())?;
            wrap(INITIALIZER, weight, pieces);
            Ok(true)
        })
    }

    fn weight(&mut self, range: Range<u64>) -> Result<Vec<Piece>, Unreadable> {
        let mut raw = None;
        let mut outside = Vec::new();
        let mut pieces = self.message(range, &TENSOR_FIELDS, |_, field, _| {
            match field.number {
                // The last one counts.
                RAW_DATA => raw = field.content.clone(),
                EXTERNAL_DATA | DATA_LOCATION => keep(&mut outside, field.whole.clone()),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let Some(raw) = raw else {
            pieces.extend(outside);
            return Ok(pieces);
        };
        let entry = |key: &str, value: String| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value),
        };
        let place = Tensor {
            data_location: Some(DataLocation::External as i32),
            external_data: vec![
                entry("location", SELF.to_owned()),
                entry("offset", raw.start.to_string()),
                entry("length", (raw.end - raw.start).to_string()),
            ],
            ..Tensor::default()
        };
        pieces.push(Piece::Made(place.encode_to_vec()));
        Ok(pieces)
    }

    /// The fields of a message whose numbers are `known`, those left out of which `instead` says that
    /// it has put something in their place.
    fn message(
        &mut self,
        range: Range<u64>,
        known: &[u32],
        mut instead: impl FnMut(&mut Self, &Field, &mut Vec<Piece>) -> Result<bool, Unreadable>,
    ) -> Result<Vec<Piece>, Unreadable> {
        let mut pieces = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let field = self.field(at..range.end)?;
            at = field.whole.end;
            if known.contains(&field.number) && !instead(self, &field, &mut pieces)? {
                keep(&mut pieces, field.whole);
            }
        }
        Ok(pieces)
    }

    /// The field at the beginning of `range`.
    fn field(&mut self, range: Range<u64>) -> Result<Field, Unreadable> {
        let mut at = range.start;
        let key = self.varint(&mut at, range.end)?;
        let number = u32::try_from(key >> 3).map_err(|_| broken("a field has no number"))?;
        if number == 0 {
            return Err(broken("a field has no number"));
        }
        let content = match key & 7 {
            0 => {
                self.varint(&mut at, range.end)?;
                None
            }
            1 => {
                at += 8;
                None
            }
            2 => {
                let length = self.varint(&mut at, range.end)?;
                let start = at;
                at = at.saturating_add(length);
                Some(start..at)
            }
            5 => {
                at += 4;
                None
            }
            _ => return Err(broken("a field is of no known kind")),
        };
        if at > range.end {
            return Err(broken("a field is longer than what it is in"));
        }
        Ok(Field {
            number,
            whole: range.start..at,
            content,
        })
    }

    fn varint(&mut self, at: &mut u64, end: u64) -> Result<u64, Unreadable> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            if *at >= end {
                return Err(broken("it ends within a field"));
            }
            let byte = self.byte(*at)?;
            *at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(broken("a number in it has no end"))
    }

    fn byte(&mut self, at: u64) -> Result<u8, Unreadable> {
        let known = |walk: &Self| {
            let place = usize::try_from(at.checked_sub(walk.start)?).ok()?;
            walk.buffer.get(place).copied()
        };
        if let Some(byte) = known(self) {
            return Ok(byte);
        }
        let length = STEP.min(self.file.bytes().saturating_sub(at));
        self.buffer = self.file.read_range(at, length as usize)?;
        self.start = at;
        known(self).ok_or_else(|| Trouble::TooShort.into())
    }
}

/// A field of `number` that holds `pieces`, behind those in `into`.
fn wrap(number: u32, content: Vec<Piece>, into: &mut Vec<Piece>) {
    let mut header = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut header);
    encode_varint(length(&content), &mut header);
    into.push(Piece::Made(header));
    into.extend(content);
}

fn broken(words: &str) -> Unreadable {
    Unreadable::Fault(Fault::Format(words.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::external_data;
    use crate::onnx::load;
    use crate::onnx::proto;
    use crate::testing::Draft;

    fn model_in(bytes: &[u8], length: Option<u64>) -> (proto::Model, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.onnx");
        std::fs::write(&path, bytes).unwrap();
        if let Some(length) = length {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_len(length).unwrap();
        }
        let file = Opened::new(&path).unwrap();
        let Ok(skimmed) = skim(&file) else {
            panic!("it was not skimmed");
        };
        let length = skimmed.len();
        let mut model = load::decode(skimmed.into()).unwrap();
        external_data::inline(&mut model, &file, folder.path()).unwrap();
        (model, length)
    }

    fn as_raw(weight: &mut Tensor) {
        let bytes = weight
            .float_data
            .iter()
            .flat_map(|value| value.to_le_bytes());
        weight.raw_data = Some(bytes.collect());
        weight.float_data.clear();
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let mut draft = Draft::with_features();
        draft
            .node("Flatten", &["a"], "f")
            .random("w", &[48, 200])
            .node("MatMul", &["f", "w"], "y")
            .output("y");
        as_raw(&mut draft.graph().initializer[1]);
        let whole = draft.model.clone();
        // As some exporters write it.
        draft.graph().initializer[1].data_location = Some(0);
        let (model, skimmed) = model_in(&draft.model.encode_to_vec(), None);
        assert_eq!(model, whole);
        assert!(skimmed < 1000, "{skimmed}");
    }

    #[test]
    fn what_nothing_is_made_of_is_not_read() {
        let mut draft = Draft::with_features();
        draft.node("Relu", &["a"], "y").output("y");
        let whole = draft.model.clone();
        draft.random("unused", &[100, 100]);
        as_raw(&mut draft.graph().initializer[1]);
        draft.graph().doc_string = Some("long ".repeat(10_000));
        let mut bytes = draft.model.encode_to_vec();
        // Field 1000 of the model, which nobody knows: 1.9 GB, without blocks on the disk.
        let junk = 1_900_000_000;
        encode_key(1000, WireType::LengthDelimited, &mut bytes);
        encode_varint(junk, &mut bytes);
        let length = bytes.len() as u64 + junk;
        let (model, skimmed) = model_in(&bytes, Some(length));
        assert_eq!(model, whole);
        assert!(skimmed < 1000, "{skimmed}");
    }
}
