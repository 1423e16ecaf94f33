//! No circle of files: whoever reads one can read what it needs first.
//!
//! An arrow goes from a file to each file that it names in a path, in a `use` or elsewhere. Methods
//! that another file adds to a type are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{code, files, is_test};

/// Circles that the code still has, by the files in them. This list only shrinks.
const TO_MEND: &[&[&str]] = &[];

/// The files that `code`, at the module `own`, names.
fn named(code: &str, own: &[String], modules: &BTreeMap<Vec<String>, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in paths(code) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (mut module, mut rest) = match path.as_slice() {
            ["crate", rest @ ..] => (Vec::new(), rest),
            ["self" | "super", ..] => (own.to_vec(), path.as_slice()),
            // One of its children, or no module at all.
            [child, ..] => {
                let child = [own, &[child.to_string()]].concat();
                if !modules.contains_key(&child) {
                    continue;
                }
                (own.to_vec(), path.as_slice())
            }
            [] => continue,
        };
        while let [first, others @ ..] = rest {
            let next = [&module[..], &[first.to_string()]].concat();
            match *first {
                "self" => {}
                "super" => {
                    module.pop();
                }
                _ if modules.contains_key(&next) => module = next,
                _ => break,
            }
            rest = others;
        }
        found.extend(modules.get(&module).cloned());
    }
    found
}

/// All paths of two and more names, those in groups written out.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        let first = &before[before.trim_end_matches(is_letter).len()..];
        rest = spelled(after, &mut vec![first.to_owned()], &mut found);
    }
    found
}

/// Adds the paths that go on from `path` with `text`; returns what follows.
fn spelled<'a>(text: &'a str, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = spelled(rest, path, found).trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text
        .find(|letter: char| !is_letter(letter))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    path.push(word.to_owned());
    let rest = match rest.strip_prefix("::") {
        Some(more) => spelled(more, path, found),
        None => {
            found.push(path.clone());
            let renamed = rest.strip_prefix(" as ");
            renamed.map_or(rest, |rest| rest.trim_start_matches(is_letter))
        }
    };
    path.pop();
    rest
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The files of the core by their modules, and the arrows between them.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    let mut texts = Vec::new();
    for path in files(&source) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&source).unwrap().display().to_string();
        if is_test(&path, &text) {
            continue;
        }
        let module = name.trim_end_matches(".rs").trim_end_matches("/mod");
        // The root names all; what others find there are macros.
        if module == "lib" {
            continue;
        }
        let module: Vec<String> = module.split('/').map(str::to_owned).collect();
        modules.insert(module.clone(), name.clone());
        texts.push((name, module, code(&text)));
    }
    let arrows = texts.into_iter().map(|(name, module, code)| {
        let mut to = named(&code, &module, &modules);
        to.remove(&name);
        (name, to)
    });
    arrows.collect()
}

/// All that can be reached from `start`.
fn reached(arrows: &BTreeMap<String, BTreeSet<String>>, start: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![start];
    while let Some(file) = pending.pop() {
        for next in arrows.get(file).into_iter().flatten() {
            if found.insert(next.clone()) {
                pending.push(next);
            }
        }
    }
    found
}

/// The sets of files of which each needs all others.
fn circles(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<String>> = arrows
        .keys()
        .map(|file| (file.as_str(), reached(arrows, file)))
        .collect();
    let circle = |file: &&str| {
        let back = |other: &&String| reached[other.as_str()].contains(*file);
        let circle: Vec<String> = reached[file].iter().filter(back).cloned().collect();
        circle
    };
    let all = reached.keys().map(circle);
    all.filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn files_need_each_other_in_no_circle_but_those_to_mend() {
    let known: BTreeSet<Vec<String>> = TO_MEND
        .iter()
        .map(|circle| circle.iter().map(|file| file.to_string()).collect())
        .collect();
    let arrows = arrows();
    let found = circles(&arrows);
    let mut told = String::new();
    for circle in found.difference(&known) {
        told += "a circle of files:\n";
        for file in circle {
            let others = arrows[file].iter().filter(|other| circle.contains(other));
            let others: Vec<&str> = others.map(String::as_str).collect();
            told += &format!("  {file} needs {}\n", others.join(", "));
        }
    }
    for circle in known.difference(&found) {
        told += &format!("mended, take it off TO_MEND: {}\n", circle.join(", "));
    }
    assert!(told.is_empty(), "{told}");
}

#[test]
fn a_circle_is_found() {
    let arrow = |to: &[&str]| to.iter().map(|to| to.to_string()).collect();
    let arrows = BTreeMap::from([
        ("a".to_owned(), arrow(&["b", "d"])),
        ("b".to_owned(), arrow(&["c"])),
        ("c".to_owned(), arrow(&["b"])),
        ("d".to_owned(), arrow(&[])),
    ]);
    let expected = vec!["b".to_owned(), "c".to_owned()];
    assert_eq!(circles(&arrows), BTreeSet::from([expected]));
}

#[test]
fn files_are_named_by_every_kind_of_path() {
    let of = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let names = [
        "head",
        "head/affine",
        "head/outputs",
        "types",
        "onnx",
        "onnx/graph",
    ];
    let modules = names.map(|name| (of(name), name.to_owned()));
    let modules = BTreeMap::from(modules);
    let text = "use super::types::{self, Layout as L};\nuse crate::{onnx::graph::{Graph, decode}, x};\n\
                let a = affine::compose(vec::Vec::new());";
    let expected = ["types", "onnx/graph", "head/affine"].map(String::from);
    assert_eq!(named(text, &of("head"), &modules), BTreeSet::from(expected));
    // A sibling's item by way of the parent is the parent's.
    let text = "use super::Head;\nuse super::affine::Affine;";
    let expected = ["head", "head/affine"].map(String::from);
    assert_eq!(
        named(text, &of("head/outputs"), &modules),
        BTreeSet::from(expected)
    );
}
