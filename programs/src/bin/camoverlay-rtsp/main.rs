//! Serves a camera, a file or another RTSP server's stream, explained, by RTSP.

mod gate;
mod picture;
mod relay;
mod server;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use camoverlay_programs::access::{Limits, Login, address, count};
use camoverlay_programs::{self, CameraOptions, Event, Failure, Input, Next, OverlayOptions, Wish};

use gate::Rules;
use picture::picture;
use relay::Relay;
use server::Listening;

/// As many as a machine of this day encodes for once and sends to without effort.
const MAX_CLIENTS: NonZeroUsize = NonZeroUsize::new(500).unwrap();
/// Room for a household or an office behind one address, and a tenth of all.
const MAX_PER_ADDRESS: NonZeroUsize = NonZeroUsize::new(50).unwrap();

/// Where the password of `--user` stands.
const PASSWORD: &str = "CAMOVERLAY_RTSP_PASSWORD";

/// Serve a camera, a file or a network camera by RTSP, with what makes a classifier decide drawn over it
///
/// All clients get the same H.264 stream, over UDP or TCP as they ask, with TLS over TCP alone. A file is played again and
/// again. Ctrl-C ends it; so does a file, or a web address, that gives nothing or next to nothing for some seconds, with
/// exit code 3.
///
/// Who does not ask for the picture within 30 seconds is not kept, nor who takes nothing of it for 5 seconds. Each wrong
/// password costs its address a pause, of half a minute in the end. Files of users and certificates are read again
/// when they have changed.
#[derive(clap::Parser)]
#[command(name = "camoverlay-rtsp", version)]
struct Arguments {
    /// File, address (rtsp://...) or camera (/dev/video0); the first camera unless said otherwise
    input: Option<OsString>,
    /// Address to listen on; 0.0.0.0 for all of this machine's
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_parser = address)]
    listen: IpAddr,
    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8554)]
    port: u16,
    /// Path of the stream
    #[arg(long, value_name = "PATH", default_value = "/cam", value_parser = path)]
    path: String,
    /// User that clients must give, with the password in the environment variable CAMOVERLAY_RTSP_PASSWORD (digest
    /// authentication)
    #[arg(long, value_name = "NAME", conflicts_with = "users")]
    user: Option<String>,
    /// File of the users that may watch, a `name:hash` a line, by `htpasswd -B`, `mkpasswd -m bcrypt` or `openssl passwd -6`
    /// (basic authentication, which beyond this machine needs TLS), or all by `htdigest FILE camoverlay NAME` (digest
    /// authentication)
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Certificate for TLS, a PEM file: clients then use rtsps://
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Open a camera or an address again whenever it breaks off; clients wait
    #[arg(long)]
    reconnect: bool,
    /// Most clients at a time
    #[arg(long, value_name = "N", default_value_t = MAX_CLIENTS, value_parser = count)]
    max_clients: NonZeroUsize,
    /// Most clients at a time from one address (of IPv6: from one /64)
    #[arg(long, value_name = "N", default_value_t = MAX_PER_ADDRESS, value_parser = count)]
    max_per_address: NonZeroUsize,
    /// File to which a line is added when a client connects, plays and leaves, and for each wrong password; - for stderr
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    #[command(flatten)]
    camera: CameraOptions,
    #[command(flatten)]
    overlay: OverlayOptions,
}

fn main() {
    camoverlay_programs::main(run)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    camoverlay_programs::start()?;
    let mut rules = Some(arguments.gate()?.read()?);
    let input = Input::parse(arguments.input.as_deref())?;
    let name = Input::name(arguments.input.as_deref());
    if arguments.reconnect && input.is_local() {
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
    let (mut feed, relay) = picture(wish, arguments.reconnect, &arguments.overlay)?;
    let mut listening = None;
    let (pipeline, source) = (feed.pipeline.clone(), feed.source.clone());
    camoverlay_programs::run(&pipeline, source.as_deref(), |event| {
        match event {
            Event::Message(message) => {
                if message.type_() == gst::MessageType::Eos {
                    feed.ended()?;
                    return Ok(Next::Handled);
                }
            }
            Event::Tick => feed.check()?,
            Event::Stalled(_) => {}
            Event::Interrupted => return Ok(Next::Stop),
        }
        // Only then are the input and the network known to work.
        if relay.is_ready()
            && let Some(rules) = rules.take()
        {
            listening = Some(announce(rules, &arguments.path, &relay)?);
        }
        Ok(Next::Continue)
    })
}

/// Listens, and says where.
fn announce(rules: Rules, path: &str, relay: &Relay) -> Result<Listening, Failure> {
    let is_open = rules.is_open_to_all();
    let listening = Listening::start(rules, path, relay)?;
    // It serves whether somebody reads that or not.
    let _ = writeln!(io::stdout(), "Serving {}", listening.url);
    if is_open {
        eprintln!("Whoever reaches this machine can watch: --users or --user ask for a login.");
    }
    Ok(listening)
}

impl Arguments {
    fn gate(&self) -> Result<gate::Setup, Failure> {
        let login = Login::asked(self.user.as_deref(), self.users.as_deref(), PASSWORD)?;
        Ok(gate::Setup {
            address: SocketAddr::new(self.listen, self.port),
            login,
            certificate: self.tls_cert.clone().zip(self.tls_key.clone()),
            limits: Limits {
                in_all: self.max_clients.get(),
                per_address: self.max_per_address.get(),
            },
            access_log: self.access_log.clone(),
        })
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
