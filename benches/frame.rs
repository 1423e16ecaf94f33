//! What a whole frame costs in the element, next to what cannot be saved: the bare network on the same tensor with the
//! same threads, and a copy of the frame. All are measured in turns in one run, so that the machine's mood is the same for
//! each; the ratios are the result.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstcamoverlay::network::environment;
use ort::{session::Session, value::TensorRef};

const ROUNDS: usize = 60;
const WARM_UP: usize = 5;
const SIZES: [(usize, usize); 3] = [(640, 480), (1280, 720), (1920, 1080)];
const FORMATS: [gst_video::VideoFormat; 2] =
    [gst_video::VideoFormat::Rgb, gst_video::VideoFormat::Bgrx];

fn main() {
    gst::init().expect("GStreamer starts");
    gstcamoverlay::plugin_register_static().expect("the plugin registers");
    println!(
        "SqueezeNet, medians of {ROUNDS} frames, ms (and in units of the bare network, of a copy of the frame)\n"
    );
    println!(
        "| frame | prepare | infer | map | paint | whole element | bare network | copy | element / network |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (width, height) in SIZES {
        for format in FORMATS {
            println!("{}", Row::measure(format, width, height));
        }
    }
}

/// Medians of one kind of frame.
struct Row {
    name: String,
    steps: [Duration; 4],
    element: Duration,
    network: Duration,
    copy: Duration,
}

impl Row {
    fn measure(format: gst_video::VideoFormat, width: usize, height: usize) -> Self {
        let info = gst_video::VideoInfo::builder(format, width as u32, height as u32)
            .fps(gst::Fraction::new(30, 1))
            .build()
            .expect("the format has this size");
        let mut harness = gst_check::Harness::new("camoverlay");
        let caps = info.to_caps().expect("the format has caps");
        harness.set_caps(caps.clone(), caps);
        let frame = picture(&info);
        let element = harness.element().expect("the harness has an element");
        // The element has loaded ONNX Runtime by now, with the library it found.
        let mut network = Bare::open(width, height);
        let (mut whole, mut bare, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        let mut steps: [Vec<Duration>; 4] = Default::default();
        let mut target = frame.clone();
        for round in 0..ROUNDS + WARM_UP {
            let buffer = gst::Buffer::from_slice(frame.clone())
                .copy_deep()
                .expect("memory for a frame");
            let start = Instant::now();
            harness.push(buffer).expect("the element takes the frame");
            let painted = harness.pull();
            let time = start.elapsed();
            drop(painted);
            let bare_time = network.run();
            let start = Instant::now();
            target.copy_from_slice(std::hint::black_box(&frame));
            std::hint::black_box(&mut target);
            let copy_time = start.elapsed();
            if round < WARM_UP {
                continue;
            }
            whole.push(time);
            bare.push(bare_time);
            copies.push(copy_time);
            let stats = element.property::<gst::Structure>("stats");
            for (step, name) in
                steps
                    .iter_mut()
                    .zip(["prepare-last", "infer-last", "map-last", "blend-last"])
            {
                step.push(Duration::from_nanos(
                    stats.get(name).expect("stats has the step"),
                ));
            }
        }
        Self {
            name: format!("{width} x {height} {format}"),
            steps: steps.map(median),
            element: median(whole),
            network: median(bare),
            copy: median(copies),
        }
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let per = |time: Duration, unit: Duration| time.as_secs_f64() / unit.as_secs_f64();
        let [prepare, infer, map, paint] = self.steps;
        write!(
            f,
            "| {} | {:.2} ({:.1} copies) | {:.2} | {:.2} | {:.2} ({:.1} copies) | {:.2} | {:.2} | {:.3} | {:.2} |",
            self.name,
            ms(prepare),
            per(prepare, self.copy),
            ms(infer),
            ms(map),
            ms(paint),
            per(paint, self.copy),
            ms(self.element),
            ms(self.network),
            ms(self.copy),
            per(self.element, self.network),
        )
    }
}

/// The network file as it is, without feature map output or any work of ours.
struct Bare {
    session: Session,
    tensor: Vec<f32>,
    shape: [usize; 4],
}

impl Bare {
    fn open(width: usize, height: usize) -> Self {
        let (width, height) = gstcamoverlay::picture::network_size(width, height, 227);
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(".deps/share/camoverlay/models/squeezenet.onnx");
        let environment = environment(None, &[]).expect("the element has loaded it");
        let session = Session::builder(&environment)
            .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
            .and_then(|mut builder| builder.commit_from_file(file))
            .expect("set-up installed SqueezeNet");
        let tensor = (0..3 * width * height)
            .map(|i| (i % 251) as f32 - 125.0)
            .collect();
        Self {
            session,
            tensor,
            shape: [1, 3, height, width],
        }
    }

    fn run(&mut self) -> Duration {
        let start = Instant::now();
        let input =
            TensorRef::from_array_view((self.shape, &*self.tensor)).expect("the shape fits");
        let outputs = self
            .session
            .run(ort::inputs![input])
            .expect("the network runs");
        let time = start.elapsed();
        drop(outputs);
        time
    }
}

/// A photo-like frame: smooth shades and edges, so that every table entry and heat colour is used.
fn picture(info: &gst_video::VideoInfo) -> Vec<u8> {
    let stride = info.stride()[0] as usize;
    (0..info.size())
        .map(|i| {
            let (x, y) = (i % stride, i / stride);
            ((x / 5 + y / 3) ^ (x * y / 4096)) as u8
        })
        .collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
