//! Shows in web browsers a camera, a file or a network camera, and what a classifier sees in it.

mod beside;
mod browsers;
mod controls;
mod peer;
mod picture;
mod restart;
mod seen;
mod server;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use camoverlay_programs::access::{Login, address, clients_by_files, count};
use camoverlay_programs::{
    self, CameraOptions, Event, Failure, Input, Next, OverlayOptions, RegionOptions, Wish,
};
use gst::prelude::*;
use tokio::sync::watch;

use browsers::Browsers;
use controls::Controls;
use picture::Picture;
use restart::Restart;
use server::{Listening, Served, Setup};

/// As many as a machine of this day sends to without effort.
const MAX_CLIENTS: NonZeroUsize = NonZeroUsize::new(50).unwrap();

/// Open files that a browser takes: its connections, and those of the video.
const FILES_PER_BROWSER: u64 = 32;

/// Classes that the page shows unless the command line says otherwise.
const CLASSES: u32 = 5;

/// Where the password of `--user` stands.
const PASSWORD: &str = "CAMOVERLAY_WEB_PASSWORD";

/// Show in web browsers a camera, a file or a network camera, and what a classifier sees in it
///
/// The page has the original and, beside it, where the classifier sees the explained class, the most likely classes as bars,
/// and what can be asked; all browsers see the same. The video goes by WebRTC, to browsers that reach this machine directly.
/// Both pictures are at most 640 x 480 large unless --size says otherwise. A file is played again and again, a picture
/// stays. Ctrl-C ends it; so does a file, or a web address, that gives nothing or next to nothing for some seconds, with
/// exit code 3.
///
/// Only browsers on this machine are served, unless --listen names another address: then a login and TLS are needed.
#[derive(clap::Parser)]
#[command(name = "camoverlay-web", version)]
struct Arguments {
    /// File, photo, address (rtsp://...) or camera (/dev/video0); the first camera unless said otherwise
    input: Option<OsString>,
    /// Address to listen on; 0.0.0.0 for all of this machine's
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_parser = address)]
    listen: IpAddr,
    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
    /// User that browsers must give, with the password in the environment variable CAMOVERLAY_WEB_PASSWORD
    #[arg(long, value_name = "NAME", conflicts_with = "users")]
    user: Option<String>,
    /// File of the users that may watch, a `name:hash` a line, by `htpasswd -B`, `mkpasswd -m bcrypt` or `openssl passwd -6`
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Certificate for TLS, a PEM file: browsers then use https://
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Open a camera or an address again whenever it breaks off; browsers wait
    #[arg(long)]
    reconnect: bool,
    /// Most browsers at a time
    #[arg(long, value_name = "N", default_value_t = MAX_CLIENTS, value_parser = count)]
    max_clients: NonZeroUsize,
    #[command(flatten)]
    camera: CameraOptions,
    #[command(flatten)]
    overlay: OverlayOptions,
    #[command(flatten)]
    regions: RegionOptions,
}

fn main() {
    camoverlay_programs::main(run)
}

fn run(mut arguments: Arguments) -> Result<(), Failure> {
    camoverlay_programs::start()?;
    let mut rules = Some(arguments.setup()?.read()?);
    let input = Input::parse(arguments.input.as_deref())?;
    if arguments.reconnect && input.is_local() {
        return Err(Failure::usage(
            "--reconnect is for cameras and addresses; a file is played again and again.",
        ));
    }
    arguments.overlay.question.top_k.get_or_insert(CLASSES);
    let wish = Wish {
        input,
        camera: arguments.camera.clone(),
        name: Input::name(arguments.input.as_deref()),
        has_sound: false,
        jitter: None,
    };
    let picture = Picture::new(
        wish,
        arguments.reconnect,
        &arguments.overlay,
        &arguments.regions,
    )?;
    let Picture {
        mut feed,
        encoded,
        shown,
    } = picture;
    let most = clients_by_files(arguments.max_clients.get(), FILES_PER_BROWSER);
    let browsers = Browsers::new(&feed.pipeline, &encoded, most);
    let watch = browsers.clone();
    feed.run_while(move || watch.is_watched() || !watch.is_ready())?;
    let restart = Restart::of(&feed.overlay);
    let (notices, noticed) = watch::channel(String::new());
    let mut served = Some(Served {
        browsers: browsers.clone(),
        controls: Controls::new(&feed.overlay, &arguments.overlay, restart.clone())?,
        seen: seen::follow(&feed.overlay)?,
        shown,
        notices: noticed,
        overlay: feed.overlay.clone(),
    });
    let mut listening = None;
    let (pipeline, source) = (feed.pipeline.clone(), feed.source.clone());
    camoverlay_programs::run(&pipeline, source.as_deref(), |event| {
        match event {
            Event::Message(message) => match message.view() {
                gst::MessageView::Eos(_) => {
                    let _whole = restart.turn();
                    feed.ended()?;
                    return Ok(Next::Handled);
                }
                gst::MessageView::Warning(warning)
                    if message.src() == Some(feed.overlay.upcast_ref()) =>
                {
                    notices.send_replace(warning.error().message().to_owned());
                }
                _ => {}
            },
            Event::Tick => feed.check()?,
            Event::Stalled(_) => {}
            Event::Interrupted => return Ok(Next::Stop),
        }
        // Only then are the input and the network known to work.
        if browsers.is_ready()
            && let Some((rules, served)) = rules.take().zip(served.take())
        {
            listening = Some(announce(rules, served)?);
        }
        Ok(Next::Continue)
    })
}

/// Listens, and says where.
fn announce(rules: server::Rules, served: Served) -> Result<Listening, Failure> {
    let listening = Listening::start(rules, served)?;
    // It serves whether somebody reads that or not.
    let _ = writeln!(io::stdout(), "Serving {}", listening.url);
    Ok(listening)
}

impl Arguments {
    fn setup(&self) -> Result<Setup, Failure> {
        Ok(Setup {
            address: SocketAddr::new(self.listen, self.port),
            login: Login::asked(self.user.as_deref(), self.users.as_deref(), PASSWORD)?,
            certificate: self.tls_cert.clone().zip(self.tls_key.clone()),
            browsers: self.max_clients.get(),
        })
    }
}
