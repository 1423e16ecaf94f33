//! Explains one picture each time that it is told to, and says how long that took: the core's side of `benches/by_hand/package.py`.
//!
//!     turns PICTURE.rgb WIDTH HEIGHT THREADS
//!
//! For each line that it reads it writes one, in nanoseconds.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

use camoverlay::Explainer;
use camoverlay::cam::Query;
use camoverlay::frame::Frame;
use camoverlay::inference::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [picture, width, height, threads] = arguments.as_slice() else {
        return Err("usage: turns PICTURE.rgb WIDTH HEIGHT THREADS".into());
    };
    let rgb = std::fs::read(picture)?;
    let frame = Frame::rgb(&rgb, width.parse()?, height.parse()?)?;
    let options = Options {
        threads: threads.parse()?,
        search_roots: vec![std::env::current_dir()?],
        ..Options::default()
    };
    let mut explainer = Explainer::open(&options)?;
    for line in stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let explanation = explainer.explain(&frame, &Query::default())?;
        let took = start.elapsed();
        drop(explanation);
        println!("{}", took.as_nanos());
        stdout().flush()?;
    }
    Ok(())
}
