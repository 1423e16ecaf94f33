//! Which module of the core may know which: the table below, and nothing beside it; and that no
//! files need each other in a circle.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and those that it may name, behind all of which it stands. `error` is not looked at.
const ALLOWED: &[(&str, &[&str])] = &[
    ("simd", &[]),
    ("thread_pool", &[]),
    ("frame", &[]),
    ("luma", &["frame", "simd"]),
    ("resample", &["frame", "simd", "thread_pool"]),
    (
        "preprocess",
        &["frame", "luma", "resample", "simd", "thread_pool"],
    ),
    (
        "render",
        &["frame", "luma", "resample", "simd", "thread_pool"],
    ),
    ("caption", &["frame", "resample", "simd", "thread_pool"]),
    ("onnx", &[]),
    ("model", &["onnx"]),
    ("inference", &["model", "onnx", "preprocess"]),
    ("cam", &["model", "resample"]),
    ("faithfulness", &["cam", "preprocess", "resample"]),
    (
        "explainer",
        &[
            "cam",
            "faithfulness",
            "frame",
            "inference",
            "model",
            "preprocess",
            "render",
        ],
    ),
];

/// Arrows that the table forbids and the code still has. This list only shrinks.
const TO_MEND: &[(&str, &str)] = &[];

/// What every module may know and what only tests have; their own arrows are not looked at.
const FREE: [&str; 6] = ["error", "lib", "oracle", "remedy", "rounding", "testing"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The module at the crate's root that `file` belongs to.
fn module(file: &Path, source: &Path) -> String {
    let first = file.strip_prefix(source).unwrap().components().next();
    let first = first.unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Files of tests, which may know everything: `tests.rs`, `hostile.rs`, all below `tests/`.
fn is_test(file: &Path, text: &str) -> bool {
    let is_in_tests = file.components().any(|part| part.as_os_str() == "tests");
    is_in_tests || is_declared_for_tests(file) || text.starts_with("#![cfg(test)]")
}

/// Whether the file's parent module declares it behind `#[cfg(test)]`.
fn is_declared_for_tests(file: &Path) -> bool {
    let name = file.file_stem().unwrap().to_str().unwrap();
    let parent = file.with_file_name("mod.rs");
    let text = fs::read_to_string(parent).unwrap_or_default();
    let declared = [
        format!("#[cfg(test)]\nmod {name};"),
        format!("#[cfg(test)]\npub mod {name};"),
        format!("#[cfg(test)]\npub(crate) mod {name};"),
    ];
    declared.iter().any(|lines| text.contains(lines))
}

/// The code of a file without comments, without lines behind `#[cfg(test)]` and the module of tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut is_for_tests = false;
    let lines = text.lines().filter(|line| {
        let is_hidden = std::mem::replace(&mut is_for_tests, line.trim() == "#[cfg(test)]");
        !is_hidden
    });
    let without_comments = lines.map(|line| line.split("//").next().unwrap());
    without_comments.collect::<Vec<_>>().join("\n")
}

/// The modules that `code` names as `crate::module` or in `crate::{module, ...}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(top_of(group)),
            None => found.extend([word(rest)]),
        }
    }
    found
}

fn word(text: &str) -> String {
    let is_letter = |letter: &char| letter.is_alphanumeric() || *letter == '_';
    text.trim_start().chars().take_while(is_letter).collect()
}

/// The first words of a group's parts, up to the brace that closes it.
fn top_of(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut words = vec![word(group)];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => words.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    words
}

/// Each arrow between modules of the core, with the files that draw it.
fn arrows() -> BTreeMap<(String, String), Vec<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows = BTreeMap::<_, Vec<_>>::new();
    for file in files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let from = module(&file, &source);
        if FREE.contains(&from.as_str()) || is_test(&file, &text) {
            continue;
        }
        for to in named(&code(&text)) {
            let is_module = ALLOWED.iter().any(|(name, _)| *name == to);
            if is_module && to != from {
                let file = file.strip_prefix(&source).unwrap().display().to_string();
                arrows.entry((from.clone(), to)).or_default().push(file);
            }
        }
    }
    arrows
}

#[test]
fn every_arrow_is_allowed() {
    let mut forbidden = Vec::new();
    for ((from, to), files) in arrows() {
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == from)
            .unwrap_or_else(|| panic!("{from} is a new module: give it its row in ALLOWED"));
        let is_to_mend = TO_MEND.contains(&(from.as_str(), to.as_str()));
        if !allowed.contains(&to.as_str()) && !is_to_mend {
            forbidden.push(format!("{from} may not know {to}: {}", files.join(", ")));
        }
    }
    assert!(forbidden.is_empty(), "{}", forbidden.join("\n"));
}

#[test]
fn what_is_mended_leaves_the_list() {
    let arrows = arrows();
    for (from, to) in TO_MEND {
        let arrow = (from.to_string(), to.to_string());
        assert!(
            arrows.contains_key(&arrow),
            "{from} no longer knows {to}: take it off TO_MEND"
        );
    }
}

#[test]
fn the_table_has_no_circle() {
    // Each module stands in the table behind all those that it may know.
    for (place, (name, allowed)) in ALLOWED.iter().enumerate() {
        for other in *allowed {
            let before = ALLOWED[..place].iter().any(|(earlier, _)| earlier == other);
            assert!(before, "{name} may know {other}, which stands behind it");
        }
    }
}

#[test]
fn names_are_read_out_of_every_kind_of_path() {
    let text = "use crate::frame::Plane;\nuse crate::{simd::Level, onnx::{graph, proto}, cam};\n\
                let a = crate::luma::tiles::COLUMNS; // crate::render\n";
    let expected = ["cam", "frame", "luma", "onnx", "simd"].map(String::from);
    assert_eq!(named(&code(text)), BTreeSet::from(expected));
}
