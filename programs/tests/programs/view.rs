//! `camoverlay-view` as its user runs it: in a window on a real X server (Xvfb), with keys pressed by xdotool.

use crate::{common, photos};

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Picture, info, source};
use gst::prelude::*;
use gst_video::VideoFormat;

pub const CAT: &str = "examples/media/chelsea.png";
/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An X server without a screen.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn new() -> Self {
        let mut server = Command::new("Xvfb")
            .args("-displayfd 1 -screen 0 1280x800x24 -nolisten tcp -noreset".split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`make setup` installs Xvfb");
        let mut number = String::new();
        let mut lines = BufReader::new(server.stdout.take().unwrap());
        lines.read_line(&mut number).unwrap();
        Self {
            server,
            name: format!(":{}", number.trim()),
        }
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("timeout")
            .args(["60", "xdotool"])
            .args(arguments)
            .env("DISPLAY", &self.name)
            .output()
            .unwrap();
        assert!(output.status.success(), "xdotool {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camoverlay-view"));
    command
        // Whatever GLib has to complain about ends it at once.
        .env("G_DEBUG", "fatal-warnings")
        .args(arguments)
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// The program in its window.
pub struct Viewer {
    display: Display,
    program: Child,
    words: BufReader<ChildStdout>,
    window: String,
    folder: tempfile::TempDir,
}

impl Viewer {
    pub fn new(arguments: &[&str]) -> Self {
        let display = Display::new();
        let folder = tempfile::tempdir().unwrap();
        let mut program = command(folder.path(), arguments)
            .env("DISPLAY", &display.name)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = BufReader::new(program.stdout.take().unwrap());
        let window = display.xdotool(&[
            "search",
            "--sync",
            "--onlyvisible",
            "--name",
            "camoverlay-view",
        ]);
        display.xdotool(&["windowfocus", "--sync", &window]);
        Self {
            display,
            program,
            words,
            window,
            folder,
        }
    }

    pub fn press(&self, keys: &[&str]) {
        self.display
            .xdotool(&[&["key", "--delay", "30"], keys].concat());
    }

    /// Moves the mouse to a pixel of the window.
    pub fn point(&self, x: usize, y: usize) {
        let [x, y] = [x, y].map(|at| at.to_string());
        self.display
            .xdotool(&["mousemove", "--window", &self.window, &x, &y]);
    }

    pub fn click(&self) {
        self.display.xdotool(&["click", "1"]);
    }

    /// What is saved by the key for it.
    fn shot(&mut self) -> Shot {
        self.press(&["s"]);
        let mut line = String::new();
        self.words.read_line(&mut line).unwrap();
        let name = line
            .trim()
            .strip_prefix("Saved ")
            .unwrap_or_else(|| panic!("{line:?}"));
        Shot(Picture::load(&self.folder.path().join(name)))
    }

    /// The first shot of which `is_right` is true.
    pub fn shot_when(&mut self, what: &str, is_right: impl Fn(&Shot) -> bool) -> Shot {
        let start = Instant::now();
        loop {
            let shot = self.shot();
            if is_right(&shot) {
                return shot;
            }
            assert!(start.elapsed() < PATIENCE, "the window never shows {what}");
        }
    }

    /// The picture at the left, `height` pixels high, that no longer changes once frames on their way have arrived.
    fn still(&mut self, height: usize) -> Picture {
        const SAME: usize = 10;
        let (start, mut count) = (Instant::now(), 0);
        let mut last = self.shot().left(height);
        while count < SAME {
            assert!(start.elapsed() < PATIENCE, "the window never holds still");
            let shown = self.shot().left(height);
            count = if same(&shown, &last) { count + 1 } else { 0 };
            last = shown;
        }
        last
    }

    /// How the program ends, which it must do by itself.
    pub fn end(mut self) -> Option<i32> {
        wait(&mut self.program)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn wait(program: &mut Child) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = program.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the viewer does not end");
}

/// A picture of the whole window: two pictures side by side under a band of text.
pub struct Shot(Picture);

impl Shot {
    /// The part `width` x `height` at (`left`, `top`).
    fn part(&self, left: usize, top: usize, width: usize, height: usize) -> Picture {
        let rgb = &self.0.rgb;
        Picture::from_fn(width, height, |x, y| {
            let at = 3 * ((top + y) * self.0.width + left + x);
            [rgb[at], rgb[at + 1], rgb[at + 2]]
        })
    }

    pub fn height(&self) -> usize {
        self.0.height
    }

    pub fn left(&self, height: usize) -> Picture {
        let width = self.0.width / 2;
        self.part(0, self.0.height - height, width, height)
    }

    pub fn right(&self, height: usize) -> Picture {
        let width = self.0.width / 2;
        self.part(width, self.0.height - height, width, height)
    }

    /// Bright pixels of the texts above the left and the right picture.
    fn bright(&self, height: usize) -> [usize; 2] {
        let width = self.0.width / 2;
        [0, width].map(|left| {
            let band = self.part(left, 0, width, self.0.height - height);
            let pixels = band.rgb.chunks(3);
            pixels
                .filter(|pixel| pixel.iter().all(|sample| *sample > 200))
                .count()
        })
    }
}

/// `picture` as the element explains it.
pub fn explained(picture: &Picture, properties: &str) -> Picture {
    let info = info(VideoFormat::Bgrx, picture.width, picture.height);
    let mut harness = common::harness(&format!("camoverlay draw-labels=false {properties}"), &info);
    let buffer = harness.push_and_pull(picture_in(picture, &info)).unwrap();
    Picture::from_buffer(&buffer, &info)
}

pub fn picture_in(picture: &Picture, info: &gst_video::VideoInfo) -> gst::Buffer {
    let mut buffer = picture.to_buffer(info, 0, 0);
    buffer.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
    buffer
}

pub fn same(a: &Picture, b: &Picture) -> bool {
    (a.width, a.height) == (b.width, b.height) && a.difference(b).0 <= 2
}

#[test]
fn a_picture_is_questioned_by_keys() {
    let cat = Picture::load(&source(CAT));
    let mut viewer = Viewer::new(&[source(CAT).to_str().unwrap()]);
    let shot = viewer.shot_when("the cat", |shot| same(&shot.left(cat.height), &cat));
    assert!(same(&shot.right(cat.height), &explained(&cat, "")));
    let bright = shot.bright(cat.height);
    assert!(
        bright.iter().all(|pixels| *pixels > 100),
        "{bright:?} bright pixels"
    );

    // What is saved is what the screen shows.
    let screen = Picture::first_of(&format!(
        "ximagesrc display-name={} use-damage=false ! videoconvert ! video/x-raw,format=RGB",
        viewer.display.name
    ));
    let window = Shot(Shot(screen).part(0, 0, shot.0.width, shot.0.height));
    assert!(same(&window.left(cat.height), &cat));
    assert!(same(&window.right(cat.height), &shot.right(cat.height)));

    let mut questions = "".to_owned();
    for (keys, what, properties) in [
        (vec!["2"], "the second class", "target=top-2"),
        (vec!["3"], "the third class", "target=top-3"),
        (vec!["1"], "the first class", "target=top-1"),
        (vec!["n"], "the class after it", "target=286"),
        (vec!["Left", "p"], "the class before it", "target=284"),
        (
            vec!["slash", "s", "p", "o", "t", "l", "Return"],
            "a name after /",
            "target=spotlight",
        ),
        (
            vec!["e", "s", "p", "r", "e", "s", "Return"],
            "a name",
            "target=espresso",
        ),
        (vec!["c", "a", "t", "Escape"], "no name", "target=espresso"),
        (
            vec!["plus", "plus"],
            "a higher threshold",
            "target=espresso threshold=0.3",
        ),
        (
            vec!["minus"],
            "a lower threshold",
            "target=espresso threshold=0.25",
        ),
        (
            vec!["m", "m"],
            "another method",
            "target=espresso threshold=0.25 method=hirescam",
        ),
    ] {
        viewer.press(&keys);
        let expected = explained(&cat, properties);
        let shot = viewer.shot_when(what, |shot| same(&shot.right(cat.height), &expected));
        assert!(same(&shot.left(cat.height), &cat), "{what}");
        questions = properties.to_owned();
    }

    viewer.press(&["h"]);
    let help = viewer.shot_when("the keys", |shot| !same(&shot.left(cat.height), &cat));
    assert!(!same(&help.right(cat.height), &explained(&cat, &questions)));
    viewer.press(&["h"]);
    viewer.shot_when("no keys", |shot| same(&shot.left(cat.height), &cat));
    viewer.press(&["q"]);
    assert_eq!(viewer.end(), Some(0));
}

#[test]
fn a_turned_photo_is_shown_and_explained_upright() {
    let folder = tempfile::tempdir().unwrap();
    let upright = Picture::load(&photos::turned(folder.path(), 1));
    let photo = photos::turned(folder.path(), 7);
    let mut viewer = Viewer::new(&[photo.to_str().unwrap()]);
    let shot = viewer.shot_when("the cup", |shot| shot.0.width == 2 * upright.width);
    let left = shot.left(upright.height);
    // Grain comes out otherwise in a JPEG that lies.
    let differing = |a: &Picture, b: &Picture| {
        let pairs = a.rgb.iter().zip(&b.rgb);
        let sum: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        sum / a.rgb.len() as f64
    };
    let [shown, seen] = [
        differing(&left, &upright),
        differing(&shot.right(upright.height), &explained(&left, "")),
    ];
    let (w, rgb) = (upright.width, &upright.rgb);
    let mirrored = Picture::from_fn(w, upright.height, |x, y| {
        [0, 1, 2].map(|channel| rgb[3 * (y * w + w - 1 - x) + channel])
    });
    assert!(
        shown < 8.0 && seen < 1.0 && differing(&left, &mirrored) > 20.0,
        "{shown} {seen}"
    );
}

#[test]
fn a_picture_waits_for_a_map_that_comes_later() {
    let cat = Picture::load(&source(CAT));
    let mut viewer = Viewer::new(&["--inference", "latest", source(CAT).to_str().unwrap()]);
    for (key, target) in [("1", "top-1"), ("2", "top-2")] {
        viewer.press(&[key]);
        let expected = explained(&cat, &format!("target={target}"));
        viewer.shot_when(target, |shot| same(&shot.right(cat.height), &expected));
    }
}

#[test]
fn a_moving_picture_is_paired_with_its_own_explanation_and_pauses() {
    let mut viewer = Viewer::new(&["testbin://video,pattern=ball", "--size", "320x240"]);
    let height = 240;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let shot = viewer.shot_when("another frame", |shot| {
            seen.iter().all(|other| !same(other, &shot.left(height)))
        });
        assert!(same(
            &shot.right(height),
            &explained(&shot.left(height), "")
        ));
        seen.push(shot.left(height));
    }
    viewer.press(&["space"]);
    let held = viewer.still(height);
    viewer.press(&["e", "s", "p", "r", "Return"]);
    let expected = explained(&held, "target=espresso");
    let shot = viewer.shot_when("the held frame explained anew", |shot| {
        same(&shot.right(height), &expected)
    });
    assert!(same(&shot.left(height), &held));
    viewer.press(&["space"]);
    viewer.shot_when("the next frame", |shot| !same(&shot.left(height), &held));
    viewer.press(&["q"]);
    assert_eq!(viewer.end(), Some(0));
}

const RATE: u64 = 5;

/// A video of `frames`, in frame n of which the leftmost n columns are white.
fn clip(path: &Path, frames: usize) {
    common::init();
    let info = info(VideoFormat::Rgb, 160, 120);
    let pipeline = common::pipeline(&format!(
        "appsrc name=frames format=time ! videoconvert ! x264enc bframes=0 ! mp4mux ! filesink location={path:?}"
    ));
    let source = pipeline
        .by_name("frames")
        .unwrap()
        .downcast::<gst_app::AppSrc>()
        .unwrap();
    source.set_caps(Some(&info.to_caps().unwrap()));
    pipeline.set_state(gst::State::Playing).unwrap();
    for n in 0..frames {
        let picture = Picture::from_fn(160, 120, |x, _| [if x < n { 255 } else { 0 }; 3]);
        let mut buffer = picture.to_buffer(&info, 0, 0);
        let frame = buffer.get_mut().unwrap();
        frame.set_pts(gst::ClockTime::from_mseconds(n as u64 * 1000 / RATE));
        frame.set_duration(gst::ClockTime::from_mseconds(1000 / RATE));
        source.push_buffer(buffer).unwrap();
    }
    source.end_of_stream().unwrap();
    common::play_to_the_end(&pipeline);
}

/// Which frame of the clip a picture shows: white pixels in its first row.
fn number(picture: &Picture) -> usize {
    let row = &picture.rgb[..3 * picture.width];
    row.chunks(3).filter(|pixel| pixel[0] > 127).count()
}

#[test]
fn a_file_ends_by_itself() {
    let display = Display::new();
    let folder = tempfile::tempdir().unwrap();
    clip(&folder.path().join("clip.mp4"), 3);
    let mut run = command(folder.path(), &["clip.mp4"]);
    let mut program = run.env("DISPLAY", &display.name).spawn().unwrap();
    assert_eq!(wait(&mut program), Some(0));
}

#[test]
fn a_file_waits_while_it_is_paused() {
    const FRAMES: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    clip(&path, FRAMES);
    let mut viewer = Viewer::new(&[path.to_str().unwrap()]);
    viewer.press(&["space"]);
    let held = number(&viewer.still(120));
    // For as long as the whole file takes.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(FRAMES as u64 * 1000 / RATE) {
        assert_eq!(number(&viewer.shot().left(120)), held);
    }
    viewer.press(&["space"]);
    let next = viewer.shot_when("the next frame", |shot| number(&shot.left(120)) != held);
    assert!(
        (held + 1..FRAMES - 1).contains(&number(&next.left(120))),
        "{held}, {}",
        number(&next.left(120))
    );
    viewer.press(&["q"]);
    assert_eq!(viewer.end(), Some(0));
}

#[test]
fn closing_the_window_ends_it_cleanly() {
    let viewer = Viewer::new(&["testbin://video,pattern=smpte"]);
    // As window managers do it; this xdotool cannot.
    let closed = Command::new("/usr/bin/python3")
        .arg(source("tests/close_window.py"))
        .arg(&viewer.window)
        .env("DISPLAY", &viewer.display.name)
        .status()
        .unwrap();
    assert!(closed.success());
    assert_eq!(viewer.end(), Some(0));
}

#[test]
fn an_interruption_ends_it_cleanly() {
    let viewer = Viewer::new(&[source(CAT).to_str().unwrap()]);
    let kill = Command::new("kill")
        .args(["-INT", &viewer.program.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(viewer.end(), Some(0));
}

fn fails(mut command: Command, code: i32, expected: &str) {
    let output: Output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words}");
    assert!(words.contains(expected), "{words}");
    assert!(!words.contains("CRITICAL"), "{words}");
}

#[test]
fn what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let cat = source(CAT);
    let cat = cat.to_str().unwrap();
    let run = |arguments: &[&str]| command(folder.path(), arguments);
    fails(run(&[cat]), 1, "There is no display to show a window on");
    let mut gone = run(&[cat]);
    gone.env("DISPLAY", ":54321");
    fails(gone, 1, "The display cannot be opened");
    fails(run(&["nothing.mp4"]), 1, "nothing.mp4 cannot be read");
    fails(run(&["/dev/video99"]), 1, "There is no camera /dev/video99");
    fails(
        run(&["--size", "wide"]),
        2,
        "--size takes width and height such as 1280x720, not “wide”.",
    );
    fails(
        run(&["--top-k", "0", cat]),
        2,
        "--top-k takes a number from 1 to 100",
    );
    if Path::new("/dev/video0").exists() {
        common::skipped("what view says without a camera", "there is one");
        return;
    }
    fails(run(&[]), 1, "There is no camera. Connect one");
    let list = run(&["--list"]).output().unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(
        list.starts_with("There is no camera. Connect one"),
        "{list}"
    );
}

#[test]
fn an_input_that_is_no_video_is_refused() {
    let display = Display::new();
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("words.txt"),
        "Only words, and many of them.\n".repeat(99),
    )
    .unwrap();
    let mut run = command(folder.path(), &["words.txt"]);
    run.env("DISPLAY", &display.name);
    fails(
        run,
        1,
        "words.txt cannot be read: it is text. Give a video or a picture.",
    );
}

#[test]
fn the_keys_are_in_the_help_and_in_the_readme() {
    let help = Command::new(env!("CARGO_BIN_EXE_camoverlay-view"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, keys) = help.split_once("Keys in the window:\n").unwrap();
    let readme = fs::read_to_string(source("README.md")).unwrap();
    for line in keys.trim_end().lines() {
        assert!(
            readme.contains(line.trim_end()),
            "the README lacks {line:?}"
        );
    }
    assert_eq!(keys.trim_end().lines().count(), 10);
}
