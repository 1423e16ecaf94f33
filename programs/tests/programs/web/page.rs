//! The page in Chromium.

use super::browser::Browser;
use super::http::{Events, Request};
use super::*;

/// How many frames the page has decoded, as it counts itself; nothing before it does.
const DECODED: &str = "Number(document.getElementById('counts').dataset.framesDecoded) || null";

/// The class that the page marks as explained.
fn marked(browser: &Browser, id: i64) {
    let explained = "#classes [aria-pressed=true]";
    browser.when(
        &format!("class {id} as the explained one"),
        &format!("document.querySelector('{explained}')?.dataset.id == {id}"),
    );
}

fn targets(told: &Value) -> Vec<i64> {
    let targets = told["targets"].as_array().unwrap().iter();
    targets
        .map(|target| target["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn a_click_on_a_class_explains_it_in_all_browsers() {
    let server = Server::of_cat(&[]);
    let Some(browser) = Browser::open(&server.url) else {
        return;
    };
    let start = browser.when("a frame", DECODED).as_i64().unwrap();
    let other = Browser::open(&server.url).unwrap();
    browser.when("another frame", &format!("{DECODED} > {start}"));
    other.when("a frame", DECODED);
    // The bars are what the network says.
    let mut events = Events::of(server.port());
    let told = events.next("seen");
    let shown = browser.run(
        "return [...document.querySelectorAll('#classes button')].map(button => \
         [Number(button.dataset.id), button.querySelector('.name').textContent, \
          button.querySelector('.score').textContent, parseFloat(button.querySelector('.bar').style.width)])",
    );
    let classes = told["top"].as_array().unwrap();
    assert_eq!(shown.as_array().unwrap().len(), classes.len());
    for (shown, class) in shown.as_array().unwrap().iter().zip(classes) {
        let score = class["score"].as_f64().unwrap();
        let name = class["label"].as_str().unwrap().split(',').next().unwrap();
        assert_eq!((&shown[0], shown[1].as_str()), (&class["id"], Some(name)));
        assert_eq!(shown[2], format!("{score:.2}"));
        assert!(
            (shown[3].as_f64().unwrap() - 100.0 * score).abs() < 0.01,
            "{shown}"
        );
    }
    marked(&browser, 285);

    browser.click("#classes li:nth-child(2) button");
    events.when("seen", |told| targets(told) == [282]);
    for browser in [&browser, &other] {
        marked(browser, 282);
        assert_eq!(
            browser.run("return document.querySelector('[name=target]').value"),
            "#282"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let [original, tiger] = explained(&source(CAT), "target=282");
    server.shows(folder.path(), "the tiger cat", [&original, &tiger]);

    // What the video shows is that picture, but for its compression.
    let distance = |frame: &str, picture: &Picture| {
        let pixels = browser.run(&format!(
            "const video = document.querySelector('#{frame} video'), canvas = document.createElement('canvas');
             [canvas.width, canvas.height] = [video.videoWidth / 2, video.videoHeight];
             const context = canvas.getContext('2d');
             context.drawImage(video, {} * canvas.width, 0, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
             return [canvas.width, canvas.height, ...context.getImageData(0, 0, canvas.width, canvas.height).data]",
            u8::from(frame == "explained")
        ));
        let numbers: Vec<u64> = pixels
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .collect();
        assert_eq!(numbers[..2], [picture.width as u64, picture.height as u64]);
        let samples = numbers[2..].chunks(4).flat_map(|pixel| &pixel[..3]);
        let differences = samples
            .zip(&picture.rgb)
            .map(|(a, b)| a.abs_diff(u64::from(*b)));
        differences.sum::<u64>() as f64 / picture.rgb.len() as f64
    };
    let distances = [
        distance("original", &original),
        distance("explained", &tiger),
    ];
    let across = distance("explained", &original);
    assert!(
        distances.iter().all(|levels| *levels < 6.0) && across > 20.0,
        "{distances:?} {across}"
    );

    // A label is typed; and what is none is said.
    browser.write("[name=target]", "espresso");
    events.when("seen", |told| targets(told) == [967]);
    other.when(
        "what was typed",
        "document.querySelector('[name=target]').value == 'espresso'",
    );
    browser.write("[name=target]", "unicorn");
    browser.when(
        "a sentence",
        "document.getElementById('notice').textContent.includes('names none of the')",
    );
    assert_eq!(targets(&events.next("seen")), [967]);
    browser.write("[name=target]", "tabby;#287");
    events.when("seen", |told| targets(told) == [281, 287]);
    for browser in [browser, other] {
        let complaints = browser.complaints();
        // The refusal is one.
        assert!(
            complaints.iter().all(|line| line.contains("422")),
            "{complaints:?}"
        );
    }
}

#[test]
fn the_mouse_asks_for_a_place() {
    let server = Server::of_cat(&[]);
    let Some(browser) = Browser::open(&server.url) else {
        return;
    };
    browser.when("a frame", DECODED);
    // What the element itself says of that place.
    let [photo, _] = explained(&source(CAT), "");
    let (width, height) = (photo.width as f64, photo.height as f64);
    let line = format!(
        "{} ! camoverlay name=cam top-k=5 ! fakesink",
        frame(&source(CAT))
    );
    let pipeline = common::pipeline(&line);
    let cam = pipeline.by_name("cam").unwrap();
    use gst::prelude::*;
    pipeline.set_state(gst::State::Playing).unwrap();
    let end = gst::MessageType::Eos;
    pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(60), &[end])
        .unwrap();
    let (x, y) = (0.3_f64, 0.25_f64);
    let answer =
        cam.emit_by_name::<Option<gst::Structure>>("classes-at", &[&(x * width), &(y * height)]);
    let answer = answer.unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    let ids: Vec<i32> = common::array(&answer, "ids");
    let labels: Vec<String> = common::array(&answer, "labels");

    browser.point("#explained", (x, y), false);
    let name = labels[0].split(',').next().unwrap();
    browser.when(
        "what is there",
        &format!("!document.getElementById('place').hidden && document.getElementById('place').textContent.startsWith('{name} ')"),
    );
    let told = server.send(Request::post("/at", &json!({"x": x, "y": y})));
    let told: Value = serde_json::from_slice(&told.body).unwrap();
    let found: Vec<i64> = told["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["id"].as_i64().unwrap())
        .collect();
    assert_eq!(
        found,
        ids.iter().map(|id| i64::from(*id)).collect::<Vec<_>>()
    );

    let mut events = Events::of(server.port());
    assert_ne!(targets(&events.next("seen")), [i64::from(ids[0])]);
    browser.point("#explained", (x, y), true);
    events.when("seen", |told| targets(told) == [i64::from(ids[0])]);

    // The keys do the same: two steps of the cross to the right (U+E014), then Return.
    browser.run("document.getElementById('explained').focus()");
    browser.press('\u{e014}');
    browser.press('\u{e014}');
    browser.when(
        "the cross",
        "document.getElementById('cross').style.left == '54%'",
    );
    let told = server.send(Request::post("/at", &json!({"x": 0.54, "y": 0.5})));
    let told: Value = serde_json::from_slice(&told.body).unwrap();
    let best = told["classes"][0]["id"].as_i64().unwrap();
    browser.press('\u{e007}');
    events.when("seen", |told| targets(told) == [best]);
}

#[test]
fn all_that_can_be_set_is_set_while_it_plays() {
    let server = Server::of_cat(&[]);
    let Some(browser) = Browser::open(&server.url) else {
        return;
    };
    browser.when("a frame", DECODED);
    let folder = tempfile::tempdir().unwrap();
    let choose = |name: &str, value: &str| {
        browser.run(&format!(
            "const element = document.querySelector('[name=\"{name}\"]'); element.value = '{value}';
             element.dispatchEvent(new Event(element.type == 'range' ? 'input' : 'change'))"
        ));
    };
    let mut properties = String::new();
    let [_, mut before] = explained(&source(CAT), "");
    for (name, value) in [
        ("colormap", "viridis"),
        ("blend", "colour"),
        ("threshold", "0.05"),
        ("opacity", "0.5"),
        ("placement", "receptive-field"),
        ("scale", "score"),
        ("target", "tabby"),
        ("versus", "lynx"),
        ("versus", ""),
        ("method", "eigencam"),
        // For these the element starts anew.
        ("layer", "fire9/concat"),
        ("layer", "auto"),
    ] {
        choose(name, value);
        properties = match (name, value) {
            ("versus", "") | ("layer", "auto") => properties.rsplit_once(' ').unwrap().0.to_owned(),
            _ => format!("{properties} {name}={value}"),
        };
        let [original, expected] = explained(&source(CAT), &properties);
        assert!(!same(&expected, &before), "{properties} changes nothing");
        before = expected.clone();
        server.shows(folder.path(), &properties, [&original, &expected]);
        browser.when(
            &format!("{name}={value} in its control"),
            &format!("document.querySelector('[name=\"{name}\"]').value == '{value}'"),
        );
    }
    let decoded = browser.run(&format!("return {DECODED}"));
    browser.when("more frames", &format!("{DECODED} > {decoded}"));
    assert_eq!(
        browser.run("return document.getElementById('notice').textContent"),
        ""
    );
    browser.click("[name=regions]");
    browser.when(
        "boxes",
        "document.querySelector('#boxes rect')?.getAttribute('width') > 0",
    );
    assert!(browser.complaints().is_empty());

    for (name, value, words) in [
        ("layer", json!("nonsense"), "camoverlay-inspect --layers"),
        ("layer", json!("a\0b"), "takes a text"),
        ("method", json!("legrad"), "legrad"),
        ("threshold", json!(1.5), "a number from 0 to 1"),
        ("threshold", json!("high"), "a number from 0 to 1"),
        ("colormap", json!("hot"), "one of its names"),
        ("target", json!("a;b;c;d;e;f;g;h"), "At most 7 classes"),
        ("model", json!("/etc/passwd"), "nothing called"),
        ("ort-library", json!("/tmp/x.so"), "nothing called"),
    ] {
        let answer = server.set(name, value);
        assert_eq!(answer.status, 422, "{name}");
        assert!(answer.text().contains(words), "{name}: {}", answer.text());
    }
}

#[test]
fn a_file_is_played_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    let pipeline = common::pipeline(&format!(
        "videotestsrc num-buffers=20 pattern=ball ! video/x-raw,width=160,height=120,framerate=20/1 ! \
         x264enc speed-preset=ultrafast ! mp4mux ! filesink location={}",
        clip.display()
    ));
    {
        use gst::prelude::*;
        pipeline.set_state(gst::State::Playing).unwrap();
    }
    common::play_to_the_end(&pipeline);
    let server = Server::start(&[clip.to_str().unwrap()]);
    let Some(browser) = Browser::open(&server.url) else {
        return;
    };
    // Three times its length.
    browser.when("its third end", &format!("{DECODED} > 60"));
    // One that comes after a while in which nobody watched sees it, too.
    browser.go("about:blank");
    std::thread::sleep(Duration::from_secs(2));
    browser.go(&server.url);
    browser.when("it again", &format!("{DECODED} > 20"));
}
