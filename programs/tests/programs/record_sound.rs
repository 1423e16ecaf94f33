//! What becomes of the sound in a recording, whatever it is and whatever becomes of it.

use crate::camera::{Camera, InTheMaking};
use crate::common::skipped;
use crate::record::{
    Recording, ffmpeg, ffprobe, finished, interrupt, names, record, recorded, started,
};

use std::{fs, path::Path, process::Command, thread, time::Duration};

/// Samples a second of what is listened to.
const RATE: usize = 8000;
/// Level of what can be heard, and of silence at most, of 32768.
const LOUD: f64 = 500.0;
const QUIET: f64 = 10.0;

/// The sound of `file` as ffmpeg plays it, one sample after the other, gaps being silent.
fn sound(file: &Path) -> Vec<f64> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args("-vn -af aresample=async=1:first_pts=0 -ac 1 -f s16le -ar".split(' '))
        .args([&RATE.to_string(), "-"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let (samples, _) = output.stdout.as_chunks();
    let samples = samples.iter().map(|bytes| i16::from_le_bytes(*bytes));
    samples.map(f64::from).collect()
}

/// Root mean square.
fn level(samples: &[f64]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| sample * sample).sum();
    (sum / samples.len() as f64).sqrt()
}

/// How often the samples change their sign in a second, by two: the frequency of a tone.
fn frequency(samples: &[f64]) -> f64 {
    let changes = samples
        .windows(2)
        .filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0));
    (changes.count() * RATE) as f64 / (2 * samples.len()) as f64
}

fn packets(file: &Path, kind: &str) -> usize {
    let found = ffprobe(
        file,
        &format!("-show_entries packet=size -select_streams {kind}"),
    );
    found["packets"].as_array().map_or(0, Vec::len)
}

#[test]
fn sound_of_any_kind_stays_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (codec, kept_in) in [
        ("pcm_mulaw", "mkv"),
        ("pcm_alaw", "mkv"),
        ("pcm_s24le", ""),
        ("mp3", "mkv mp4"),
        ("aac", "mkv mp4"),
        ("ac3", "mkv mp4"),
        ("flac", "mkv"),
        ("libvorbis", "mkv webm"),
        ("libopus", "mkv webm"),
    ] {
        ffmpeg(
            folder,
            &format!(
                "-f lavfi -i testsrc=size=64x48:rate=10:duration=2 -f lavfi -i sine=440:sample_rate=48000:duration=2 \
                 -c:v libx264 -pix_fmt yuv420p -c:a {codec} in.mkv"
            ),
        );
        let before = sound(&folder.join("in.mkv"));
        for suffix in ["mkv", "mp4", "webm"] {
            recorded(
                folder,
                &format!("in.mkv -o out.{suffix} --force --inference latest"),
            );
            let file = folder.join(format!("out.{suffix}"));
            let after = sound(&file);
            let what = format!("{codec} in {suffix}");
            let found = ffprobe(&file, "-show_entries stream=codec_name -select_streams a");
            let found = found["streams"][0]["codec_name"].as_str().unwrap();
            let is_kept = kept_in.contains(suffix);
            assert_eq!(
                found == codec.trim_start_matches("lib"),
                is_kept,
                "{what}: {found}"
            );
            // Encoders put some of their own in front.
            let seconds = [&before, &after].map(|samples| samples.len() as f64 / RATE as f64);
            assert!((seconds[0] - seconds[1]).abs() < 0.1, "{what}: {seconds:?}");
            let middle = RATE / 2..RATE * 3 / 2;
            let [before, after] = [&before[middle.clone()], &after[middle]];
            let ratio = level(after) / level(before);
            assert!((0.9..1.1).contains(&ratio), "{what}: {ratio}");
            assert!((frequency(after) - 440.0).abs() < 5.0, "{what}");
        }
    }
}

#[test]
fn a_sound_that_gstreamer_leaves_out_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ffmpeg(
        folder,
        "-f lavfi -i testsrc=size=64x48:rate=10:duration=10 -f lavfi -i sine=440:duration=1.5 -f lavfi -i \
         sine=880:duration=10 -map 0 -map 1 -map 2 -c:v libx264 -pix_fmt yuv420p -c:a aac in.mp4",
    );
    let output = record(folder, "in.mp4 -o out.mkv --inference latest");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let words = "in.mp4: of 2 sounds GStreamer reads 1 only: it leaves out what is much shorter than the rest. ";
    assert!(output.status.success() && said.starts_with(words), "{said}");
    // What it says is of help.
    let (_, line) = said.trim().split_once("first: ffmpeg ").unwrap();
    ffmpeg(folder, &line.replace("NEW", "new"));
    recorded(folder, "new.mkv -o all.mkv --inference latest");
    for (name, count) in [("out.mkv", 1), ("all.mkv", 2)] {
        let found = ffprobe(
            &folder.join(name),
            "-show_entries stream=index -select_streams a",
        );
        assert_eq!(found["streams"].as_array().unwrap().len(), count, "{name}");
    }
}

/// Records what `sounds` a camera has, one after the other, each after an outage, to `name` with `options`. Calls `look` while
/// each is recorded. What the recorder says, and when each was recorded.
fn record_one_after_the_other(
    folder: &Path,
    name: &str,
    options: &str,
    sounds: &[&str],
    look: impl Fn(&str),
) -> Option<(String, Vec<(f64, f64)>)> {
    let mut camera = Camera::start(0, sounds[0])?;
    let line = format!("{} -o {name} --inference latest {options}", camera.url());
    let making = InTheMaking { folder };
    let recorder = started(folder, line.trim(), |_| making.time() > 0.0);
    let mut phases = Vec::new();
    for (n, sound) in sounds.iter().enumerate() {
        if n > 0 {
            let port = camera.port;
            drop(camera);
            camera = Camera::start(port, sound).expect("a camera as before");
        }
        making.go_on(0.1);
        // Sound may come a little later than the picture, and silence waits whether it does.
        thread::sleep(Duration::from_millis(500));
        phases.push(making.go_on(if *sound == "none" { 6.0 } else { 2.5 }));
        look(sound);
    }
    interrupt(&recorder);
    let output = finished(recorder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    Some((said, phases))
}

#[test]
fn a_recording_goes_on_whatever_sound_its_input_comes_back_with() {
    let sounds = ["pcmu", "opus", "none", "aac"];
    thread::scope(|scope| {
        for suffix in ["mkv", "mp4", "webm"] {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let folder = folder.path();
                let name = format!("out.{suffix}");
                let part = folder.join(format!("{name}.part"));
                let done =
                    record_one_after_the_other(folder, &name, "--reconnect", &sounds, |sound| {
                        if sound == "none" {
                            // It does not wait for sound: but for two seconds and a fragment all is in the file.
                            let lines = fs::read_to_string(folder.join("out.jsonl.part")).unwrap();
                            let (all, stored) = (lines.lines().count(), packets(&part, "v"));
                            assert!(stored + 40 > all, "{name}: {stored} frames of {all}");
                        }
                    });
                let Some((said, phases)) = done else {
                    return skipped("sound that changes", "no RTSP server for Python");
                };
                assert_eq!(
                    said.matches("gives no sound any more: silence").count(),
                    1,
                    "{said}"
                );
                let recording = Recording::new(folder, &name);
                recording.assert_plays();
                let lines = recording.lines().len();
                assert!(packets(&recording.video, "v") >= lines, "{name}");
                let heard = sound(&recording.video);
                for (sound, (start, end)) in sounds.iter().zip(phases) {
                    // The encoder's own delay, and silence that waits.
                    let margin = if *sound == "none" { 3.0 } else { 1.0 };
                    let place = |seconds: f64| (seconds * RATE as f64) as usize;
                    let samples = &heard[place(start + margin)..place(end - 0.2)];
                    let (level, frequency) = (level(samples), frequency(samples));
                    match *sound {
                        "none" => assert!(level < QUIET, "{name}, {sound}: {level}"),
                        _ => assert!(
                            level > LOUD && (frequency - 440.0).abs() < 20.0,
                            "{name}, {sound}: {level}, {frequency}"
                        ),
                    }
                }
            });
        }
    });
}

#[test]
fn a_sound_that_was_not_there_at_first_is_left_out_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let done =
        record_one_after_the_other(folder, "out.mp4", "--reconnect", &["none", "pcmu"], |_| {});
    let Some((said, _)) = done else {
        return skipped("a sound that comes later", "no RTSP server for Python");
    };
    assert!(
        said.contains("has a sound that it had not at first: it is left out."),
        "{said}"
    );
    Recording::new(folder, "out.mp4").assert_plays();
    assert_eq!(packets(&folder.join("out.mp4"), "a"), 0);
}

#[test]
fn files_are_cut_while_sound_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let camera = Camera::start(0, "opus-3");
    let Some(camera) = camera else {
        return skipped("segments without sound", "no RTSP server for Python");
    };
    let line = format!(
        "{} -o out.mp4 --inference latest --segment 2s",
        camera.url()
    );
    let recorder = started(folder, &line, |_| {
        names(folder).contains(&"out-00005.mp4".to_owned())
    });
    interrupt(&recorder);
    let output = finished(recorder);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(" gives no sound any more: silence is recorded in its place."),
        "{said}"
    );
    let files = names(folder)
        .into_iter()
        .filter(|name| name.ends_with(".mp4"));
    for name in files.take(5) {
        let recording = Recording::new(folder, &name);
        recording.assert_plays();
        let ends = ["v", "a"].map(|kind| recording.end(kind));
        assert!(
            (ends[0] - ends[1]).abs() < 0.3 && ends[0] > 1.5,
            "{name}: {ends:?}"
        );
    }
}

#[test]
#[ignore = "a minute: make soak"]
fn a_stored_sound_that_stops_for_a_minute_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(camera) = Camera::start(0, "aac-3") else {
        return skipped("a sound that stops for good", "no RTSP server for Python");
    };
    let line = format!("{} -o out.mp4 --inference latest", camera.url());
    let making = InTheMaking { folder };
    let recorder = started(folder, &line, |_| making.time() > 70.0);
    let stored = packets(&folder.join("out.mp4.part"), "v");
    assert!(stored > 600, "{stored}");
    interrupt(&recorder);
    let output = finished(recorder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success()
            && said.contains(
                " has given no sound for 60 seconds: it is recorded without from here on."
            ),
        "{said}"
    );
    Recording::new(folder, "out.mp4").assert_plays();
}
