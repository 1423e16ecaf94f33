//! The manual pages and shell completions that every program prints for the installation, read by those they are for.

use crate::common::skipped;

use std::{
    io::Write,
    process::{Command, Stdio},
};

const PROGRAMS: &[(&str, &str)] = &[
    (
        "camoverlay-inspect",
        env!("CARGO_BIN_EXE_camoverlay-inspect"),
    ),
    ("camoverlay-record", env!("CARGO_BIN_EXE_camoverlay-record")),
    ("camoverlay-view", env!("CARGO_BIN_EXE_camoverlay-view")),
    #[cfg(feature = "rtsp")]
    ("camoverlay-rtsp", env!("CARGO_BIN_EXE_camoverlay-rtsp")),
    #[cfg(feature = "web")]
    ("camoverlay-web", env!("CARGO_BIN_EXE_camoverlay-web")),
];

/// What `program` prints as `kind`.
fn generated(program: &str, kind: &str) -> String {
    let output = Command::new(program)
        .args(["--generate", kind])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

/// What `command` makes of `text` without a word of complaint; `None` (said aloud) where it is not installed.
fn read_by(command: &str, text: &str) -> Option<String> {
    let mut words = command.split(' ');
    let name = words.next()?;
    let child = Command::new(name)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        skipped(
            &format!("manual and completions as {name} reads them"),
            "it is not installed",
        );
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{command}: {errors}"
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The long options that `--help` lists.
fn options(program: &str) -> Vec<String> {
    let output = Command::new(program).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let lines = help.lines().map(str::trim_start);
    let options = lines.filter(|line| line.starts_with('-'));
    let long = options.filter_map(|line| line.split([' ', ',']).find(|w| w.starts_with("--")));
    let options: Vec<String> = long.map(str::to_owned).collect();
    assert!(options.len() > 5, "{help}");
    options
}

#[test]
fn manual_pages_are_set_without_a_warning() {
    for (name, program) in PROGRAMS {
        let page = generated(program, "man");
        let Some(set) = read_by("groff -k -ww -man -Tutf8 -P-c", &page) else {
            return;
        };
        // Bold letters are struck twice.
        let mut plain = String::new();
        for letter in set.chars() {
            if letter == '\u{8}' {
                plain.pop();
            } else {
                plain.push(letter);
            }
        }
        for part in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
            assert!(
                plain.lines().any(|line| line.trim() == part),
                "{name}: {part}\n{plain}"
            );
        }
        let words: Vec<_> = plain.split_whitespace().collect();
        assert!(words.windows(2).any(|pair| pair == [*name, "-"]), "{plain}");
        for option in options(program) {
            // The page has hyphens for the dashes of options, and both read the same.
            let dashed = plain.replace(['\u{2010}', '\u{2212}'], "-");
            assert!(dashed.contains(&option), "{name}: {option}\n{plain}");
        }
        assert!(!plain.contains("generate"), "{plain}");
    }
}

#[test]
fn completions_are_what_the_shells_take() {
    for (name, program) in PROGRAMS {
        for shell in ["bash", "zsh", "fish"] {
            let script = generated(program, shell);
            read_by(&format!("{shell} -n"), &script);
            for option in options(program) {
                // fish has its options without dashes.
                let option = if shell == "fish" {
                    &option[2..]
                } else {
                    &option
                };
                assert!(script.contains(option), "{name}, {shell}: {option}");
            }
        }
    }
}

/// Bash itself completes a word of each program's command line.
#[test]
fn bash_completes_an_option() {
    for (name, program) in PROGRAMS {
        let function = format!("_{}", name.replace('-', "__"));
        let script = format!(
            "{}\nCOMP_WORDS=({name} --prep) COMP_CWORD=1\n{function} {name} --prep {name}\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            generated(program, "bash")
        );
        let completed = read_by("bash", &script).unwrap();
        assert_eq!(completed.trim(), "--preprocess", "{name}");
    }
}
