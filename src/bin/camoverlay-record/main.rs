//! Records a video with what an image classifier sees in it: [`gstcamoverlay::program::record`].

use gstcamoverlay::program::{main as program, record};

fn main() -> std::process::ExitCode {
    program(record::run)
}
