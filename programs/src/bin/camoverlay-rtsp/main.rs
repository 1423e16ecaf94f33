//! Serves a camera, a file or another RTSP server's stream, explained, by RTSP.

mod picture;
mod relay;
mod server;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use camoverlay_programs::{self, CameraOptions, Event, Failure, Input, Next, OverlayOptions, Wish};

use picture::Picture;
use relay::Relay;
use server::{Listening, Setup};

/// Serve a camera, a file or a network camera by RTSP, with what makes a classifier decide drawn over it
///
/// All clients get the same H.264 stream, over UDP or TCP as they ask. A file is played again and again. Ctrl-C ends it;
/// so does a file, or a web address, that gives nothing or next to nothing for some seconds, with exit code 3.
#[derive(clap::Parser)]
#[command(name = "camoverlay-rtsp", version)]
struct Arguments {
    /// File, address (rtsp://...) or camera (/dev/video0); the first camera unless said otherwise
    input: Option<OsString>,
    /// Address to listen on; 0.0.0.0 for all of this machine's
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8554)]
    port: u16,
    /// Path of the stream
    #[arg(long, value_name = "PATH", default_value = "/cam", value_parser = path)]
    path: String,
    /// User that clients must give (digest authentication)
    #[arg(long, value_name = "NAME", requires = "password")]
    user: Option<String>,
    /// Password that clients must give
    #[arg(
        long,
        value_name = "PASSWORD",
        requires = "user",
        env = "CAMOVERLAY_RTSP_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// Certificate for TLS, a PEM file: clients then use rtsps://
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Open a camera or an address again whenever it breaks off; clients wait
    #[arg(long)]
    reconnect: bool,
    #[command(flatten)]
    camera: CameraOptions,
    #[command(flatten)]
    overlay: OverlayOptions,
}

fn main() -> ExitCode {
    camoverlay_programs::main(run)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    camoverlay_programs::start()?;
    let input = Input::parse(arguments.input.as_deref())?;
    let name = Input::name(arguments.input.as_deref());
    if arguments.reconnect && matches!(input, Input::File(_)) {
        return Err(Failure::usage(
            "--reconnect is for cameras and addresses; a file is played again and again.",
        ));
    }
    let wish = Wish {
        input,
        camera: arguments.camera.clone(),
        name,
        has_sound: false,
        jitter: None,
    };
    let mut picture = Picture::new(wish, arguments.reconnect, &arguments.overlay)?;
    let setup = arguments.setup();
    let mut listening = None;
    let (pipeline, source) = (picture.pipeline.clone(), picture.source.clone());
    camoverlay_programs::run(&pipeline, source.as_deref(), |event| {
        match event {
            Event::Message(message) => {
                if message.type_() == gst::MessageType::Eos {
                    picture.ended()?;
                    return Ok(Next::Handled);
                }
            }
            Event::Tick => picture.check()?,
            Event::Stalled(_) => {}
            Event::Interrupted => return Ok(Next::Stop),
        }
        // Only then are the input and the network known to work.
        if listening.is_none() && picture.relay.is_ready() {
            listening = Some(announce(&setup, &picture.relay)?);
        }
        Ok(Next::Continue)
    })
}

/// Listens, and says where.
fn announce(setup: &Setup, relay: &Relay) -> Result<Listening, Failure> {
    let listening = Listening::start(setup, relay)?;
    // It serves whether somebody reads that or not.
    let _ = writeln!(io::stdout(), "Serving {}", listening.url);
    if setup.login.is_none() && !setup.address.is_loopback() {
        eprintln!("Whoever reaches this machine can watch: --user and --password ask for a login.");
    }
    Ok(listening)
}

impl Arguments {
    fn setup(&self) -> Setup {
        Setup {
            address: self.listen,
            port: self.port,
            path: self.path.clone(),
            login: self.user.clone().zip(self.password.clone()),
            certificate: self.tls_cert.clone().zip(self.tls_key.clone()),
        }
    }
}

/// A path of an RTSP address, with its slash.
fn path(text: &str) -> Result<String, String> {
    let path = format!("/{}", text.trim_start_matches('/'));
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if path.len() > 1 && path.chars().all(plain) {
        Ok(path)
    } else {
        Err("letters, digits and / - . _ ~".to_owned())
    }
}
