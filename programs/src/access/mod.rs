//! Who may come in to a server, and how: addresses, certificates, logins, and what guessing them costs.

mod admission;
mod basic;
mod files;
mod guesses;
mod reloaded;
mod tls;
mod users;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket};

use crate::failure::Failure;
pub use admission::{Admission, Limits, Place};
pub use basic::Basic;
pub use files::clients_by_files;
pub use guesses::{Check, FIRST_PAUSE, Guesses, Permit};
pub use reloaded::Reloaded;
pub use tls::{Certificate, certificate};
pub use users::{REALM, Users, is_same, md5};

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;

/// Who may come in.
pub enum Login {
    /// A user and the password.
    One(String, String),
    /// The users of a file.
    File(PathBuf),
}

impl Login {
    /// What `--user` and `--users` ask for, the password of the one standing in the environment variable `variable`: a
    /// command line is everybody's to read.
    ///
    /// # Errors
    /// There is no password there.
    pub fn asked(
        user: Option<&str>,
        file: Option<&Path>,
        variable: &str,
    ) -> Result<Option<Self>, Failure> {
        let Some(user) = user else {
            return Ok(file.map(|file| Self::File(file.to_owned())));
        };
        match std::env::var(variable) {
            Ok(password) if !password.is_empty() => Ok(Some(Self::One(user.to_owned(), password))),
            _ => Err(Failure::usage(format!(
                "--user {user} needs a password in the environment variable {variable}. --users takes a file of several, \
                 hashed."
            ))),
        }
    }

    /// The users, read anew when their file has changed.
    ///
    /// # Errors
    /// A sentence on what is wrong with the file.
    pub fn users(&self) -> Result<Reloaded<Users>, Failure> {
        match self {
            Self::One(user, password) => {
                let (user, password) = (user.clone(), password.clone());
                Reloaded::new(Vec::new(), move |_| Users::one(&user, &password))
            }
            Self::File(file) => Reloaded::new(vec![file.clone()], |files| {
                Users::read(Path::new(&files[0]))
            }),
        }
    }
}

/// Listens at `address`, from within a runtime; a port of a server that has just ended is free again at once.
///
/// # Errors
/// A sentence on what is wrong with the address.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    bind(address).map_err(|error| {
        let (port, address) = (address.port(), address.ip());
        Failure::from(format!(
            "The server cannot listen on port {port} of {address}: {error}. Choose with --port and --listen."
        ))
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A number of clients on a command line.
///
/// # Errors
/// What is taken instead.
pub fn count(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse();
    count.map_err(|_| String::from("a whole number above 0"))
}

/// An address to listen on, on a command line.
///
/// # Errors
/// What is taken instead.
pub fn address(text: &str) -> Result<IpAddr, String> {
    let address = text.parse();
    address.map_err(|_| String::from("an address of this machine, such as 127.0.0.1 or ::1"))
}
