//! Records a video with what an image classifier sees in it: [`camoverlay_programs::record`].

use camoverlay_programs::{main as program, record};

fn main() {
    program(record::run)
}
