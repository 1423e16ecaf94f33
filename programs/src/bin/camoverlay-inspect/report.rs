//! What was found, for people and for programs.

use std::fmt::Write;

use camoverlay::cam::{Class, Explanation, Method};
use camoverlay::inference::{Network, PreprocessOrigin, Warning};
use camoverlay::model::{Layout, Places};
use camoverlay::preprocess::{ChannelOrder, Fit, Normalization};
use gstcamoverlay::camoverlay::words;

use super::faithfulness;
use super::picture::Found;

/// All there is to tell of a network, and of a picture if there was one.
pub struct Report<'a> {
    pub classifier: &'a Network,
    pub found: Option<&'a Found>,
}

impl Report<'_> {
    fn methods(&self) -> Vec<&'static str> {
        let suiting = Method::suiting(self.classifier.traits());
        suiting.into_iter().map(Method::name).collect()
    }

    fn default_method(&self) -> &'static str {
        Method::Auto
            .resolve(self.classifier.traits())
            .map_or("none", Method::name)
    }

    fn label(&self, class: usize) -> &str {
        self.classifier
            .labels()
            .get(class)
            .map_or("", |label| label)
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let classifier = self.classifier;
        let structure = classifier.structure();
        let preprocessing = classifier.preprocessing();
        let origin = match preprocessing.origin {
            PreprocessOrigin::Options => "as asked".to_owned(),
            PreprocessOrigin::File => "says the file".to_owned(),
            PreprocessOrigin::Beside(name) => format!("says {name}"),
            PreprocessOrigin::Catalogue => "says the catalogue".to_owned(),
            PreprocessOrigin::Assumed => {
                "assumed: the file does not say; --preprocess, or its metadata key “preprocess”, sets another".to_owned()
            }
        };
        let outputs = &structure.outputs;
        let output = match outputs.others.as_slice() {
            [] => outputs.taken.clone(),
            others => format!(
                "{} (--net-output explains another: {})",
                outputs.taken,
                others.join(", ")
            ),
        };
        let layout = match structure.layout {
            Layout::ChannelsFirst => "channels first",
            Layout::ChannelsLast => "channels last",
        };
        let (field, places) = match &structure.places {
            Places::Proven {
                cells,
                receptive_field,
            } => (
                receptive_field.as_ref(),
                format!(
                    "{} x {} cells, each at its place: every operator on the way keeps it",
                    cells[1], cells[0]
                ),
            ),
            Places::Probed { by } => (
                None,
                format!(
                    "changed patches of two pictures changed most the cells that are drawn there ({by} leaves it open)"
                ),
            ),
            Places::Tokens {
                cells,
                offset,
                stride,
                answers,
            } => (
                None,
                format!(
                    "{} x {} tokens, one every {} x {} pixels, the first centred at {} x {}: the graph tells, and changed \
                     patches of two pictures changed {}",
                    cells[1],
                    cells[0],
                    stride[1],
                    stride[0],
                    offset[1],
                    offset[0],
                    if *answers {
                        "them more than others"
                    } else {
                        "all tokens alike: with these weights attention makes little of places"
                    }
                ),
            ),
        };
        let field = match field {
            Some(field) => format!(
                "{} x {} pixels, one every {} x {}, the first centred at {} x {}",
                field.size[1],
                field.size[0],
                field.stride[1],
                field.stride[0],
                field.offset[1],
                field.offset[0]
            ),
            None if matches!(structure.places, Places::Tokens { .. }) => {
                "the whole picture, through attention or other mixtures of tokens".to_owned()
            }
            None => "unknown: convolutions and pools do not tell alone".to_owned(),
        };
        let rows = [
            ("network", classifier.name().to_owned()),
            (
                "input",
                format!("{} ({layout}, {})", structure.input, classifier.fit()),
            ),
            (
                "preprocessing",
                format!(
                    "{}: {} ({origin})",
                    preprocessing.name(),
                    preprocessing.description()
                ),
            ),
            ("output", output),
            ("feature map", structure.features.clone()),
            ("places", places),
            ("a cell sees", field),
            (
                "head",
                format!(
                    "{} ({})",
                    self.classifier.head().description(),
                    structure.head.join(", ")
                ),
            ),
            ("classes", classifier.class_count().to_string()),
            (
                "methods",
                format!(
                    "{} (auto: {})",
                    self.methods().join(", "),
                    self.default_method()
                ),
            ),
        ];
        let mut text = String::new();
        for (name, value) in rows {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:14} {value}");
        }
        for warning in classifier.warnings() {
            let warning = words::of_warning(warning);
            let _ = writeln!(text, "{:14} {warning}", "warning");
        }
        for notice in classifier.notices() {
            let notice = words::of_warning(notice);
            let _ = writeln!(text, "{:14} {notice}", "notice");
        }
        if let Some(Found {
            explanation,
            faithfulness,
        }) = self.found
        {
            let map = &explanation.map;
            let _ = writeln!(
                text,
                "{:14} {} x {}, {}",
                "map",
                map.width,
                map.height,
                explanation.method.name()
            );
            if let [_, others @ ..] = explanation.explained.terms()
                && !others.is_empty()
            {
                let labels: Vec<_> = others.iter().map(|&(id, _)| self.label(id)).collect();
                let _ = writeln!(text, "{:14} {}", "compared with", labels.join("; "));
            }
            let target = &explanation.target;
            let is_among = explanation.top.iter().any(|class| class.id == target.id);
            let beside = (!is_among).then_some(target);
            for class in explanation.top.iter().chain(beside) {
                let mark = if class.id == target.id { '*' } else { ' ' };
                let _ = writeln!(
                    text,
                    "{mark} {:6.2} %  {:5}  {}",
                    100.0 * class.score,
                    class.id,
                    self.label(class.id)
                );
            }
            if !faithfulness.is_empty() {
                text += &faithfulness::text(faithfulness);
            }
        }
        text
    }

    /// The same as one JSON object, with the map's values.
    pub fn json(&self) -> String {
        let classifier = self.classifier;
        let structure = classifier.structure();
        let (shortest, sides) = match classifier.fit() {
            Fit::ShortestSide(side) => (side, [None, None]),
            Fit::Height(height) => (height, [None, Some(height)]),
            Fit::Width(width) => (width, [Some(width), None]),
            Fit::Exact { width, height }
            | Fit::Crop { width, height, .. }
            | Fit::Letterbox { width, height } => (width.min(height), [Some(width), Some(height)]),
        };
        let [width, height] =
            sides.map(|side| side.map_or("null".to_owned(), |side| side.to_string()));
        let (field, proof) = match &structure.places {
            Places::Proven {
                receptive_field, ..
            } => (receptive_field.as_ref(), "graph"),
            Places::Probed { .. } => (None, "probe"),
            Places::Tokens { .. } => (None, "tokens"),
        };
        let field = field.map_or("null".to_owned(), |field| {
            format!(
                "{{\"size\":{:?},\"stride\":{:?},\"offset\":{:?}}}",
                field.size, field.stride, field.offset
            )
        });
        let operators: Vec<String> = structure.head.iter().map(|name| quoted(name)).collect();
        let others = structure.outputs.others.iter();
        let others: Vec<String> = others.map(|name| quoted(name)).collect();
        let methods: Vec<String> = self.methods().iter().map(|name| quoted(name)).collect();
        let sentences = |list: &[Warning]| {
            let list = list.iter().map(|one| quoted(&words::of_warning(one)));
            list.collect::<Vec<_>>().join(",")
        };
        let Normalization {
            order,
            divisor,
            mean,
            deviation,
        } = classifier.normalization();
        let channels = order.channels();
        let (mean, deviation) = (&mean[..channels], &deviation[..channels]);
        let order = match order {
            ChannelOrder::Rgb => "rgb",
            ChannelOrder::Bgr => "bgr",
            ChannelOrder::Gray | ChannelOrder::GrayThrice => "gray",
        };
        let mut fields = vec![
            format!("\"network\":{}", quoted(classifier.name())),
            format!("\"input\":{}", quoted(&structure.input)),
            format!("\"input-size\":{shortest}"),
            format!("\"fixed-width\":{width}"),
            format!("\"fixed-height\":{height}"),
            format!(
                "\"preprocess\":{}",
                quoted(classifier.preprocessing().name())
            ),
            format!(
                "\"normalization\":{{\"order\":\"{order}\",\"divisor\":{divisor:?},\"mean\":{mean:?},\"std\":{deviation:?}}}"
            ),
            format!("\"fit\":{}", quoted(&classifier.fit().to_string())),
            format!("\"features\":{}", quoted(&structure.features)),
            format!("\"output\":{}", quoted(&structure.outputs.taken)),
            format!("\"other-outputs\":[{}]", others.join(",")),
            format!("\"places\":{}", quoted(proof)),
            format!("\"receptive-field\":{field}"),
            format!("\"head\":{}", quoted(self.classifier.head().description())),
            format!("\"operators\":[{}]", operators.join(",")),
            format!("\"classes\":{}", classifier.class_count()),
            format!("\"provider\":{}", quoted(classifier.provider_nick())),
            format!("\"methods\":[{}]", methods.join(",")),
            format!("\"warnings\":[{}]", sentences(classifier.warnings())),
            format!("\"notices\":[{}]", sentences(classifier.notices())),
        ];
        if let Some(Found {
            explanation,
            faithfulness,
        }) = self.found
        {
            let map = &explanation.map;
            let top: Vec<String> = explanation
                .top
                .iter()
                .map(|class| self.class(class))
                .collect();
            fields.extend([
                format!("\"method\":{}", quoted(explanation.method.name())),
                format!("\"top\":[{}]", top.join(",")),
                format!("\"target\":{}", self.class(&explanation.target)),
                format!("\"explained\":[{}]", self.explained(explanation)),
                format!("\"map-width\":{}", map.width),
                format!("\"map-height\":{}", map.height),
                format!("\"map\":{:?}", map.values),
            ]);
            if !faithfulness.is_empty() {
                fields.push(format!(
                    "\"faithfulness\":{}",
                    faithfulness::json(faithfulness)
                ));
            }
        }
        format!("{{{}}}", fields.join(","))
    }

    /// The logits whose sum the map explains.
    fn explained(&self, explanation: &Explanation) -> String {
        let terms = explanation.explained.terms().iter();
        let terms = terms.map(|&(id, weight)| {
            format!(
                "{{\"id\":{id},\"label\":{},\"weight\":{weight:?}}}",
                quoted(self.label(id))
            )
        });
        terms.collect::<Vec<_>>().join(",")
    }

    fn class(&self, class: &Class) -> String {
        format!(
            "{{\"id\":{},\"label\":{},\"score\":{:?},\"logit\":{:?}}}",
            class.id,
            quoted(self.label(class.id)),
            class.score,
            class.logit
        )
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
