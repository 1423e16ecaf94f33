//! Whether a request's `Authorization` lets its sender in: basic or digest authentication (RFC 7617, RFC 7616 with MD5, as
//! RTSP's players know it).

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use camoverlay_programs::access::{
    Basic, FIRST_PAUSE, Guesses, Permit, REALM, Reloaded, Users, is_same, md5,
};

use super::message::Request;

/// Asks for logins.
pub struct Door {
    users: Reloaded<Users>,
    guesses: Guesses,
    /// What digests are made with is used once, on one connection: those overheard are worth nothing.
    nonces: (RandomState, AtomicU64),
}

/// What a login came to.
pub enum Verdict {
    /// The user may watch.
    In(String),
    /// There was none, or one for a question of another connection.
    Ask,
    /// It was wrong; the user, and how long the answer has to wait.
    Wrong(String, Duration),
    /// It was not looked at: too many from there were wrong.
    Never(String),
}

/// What a client says to get in.
enum Login {
    Basic(Basic),
    Digest {
        user: String,
        nonce: String,
        uri: String,
        response: String,
    },
}

impl Door {
    pub fn new(users: Reloaded<Users>) -> Self {
        Self {
            users,
            guesses: Guesses::default(),
            nonces: (RandomState::new(), AtomicU64::new(0)),
        }
    }

    /// Whether passwords would cross the network as they are.
    pub fn asks_for_passwords(&self) -> bool {
        !self.users.current().digest()
    }

    /// A nonce for a connection.
    pub fn nonce(&self) -> String {
        let number = self.nonces.1.fetch_add(1, Ordering::Relaxed);
        let half = |which: u8| self.nonces.0.hash_one((number, which));
        format!("{:016x}{:016x}", half(0), half(1))
    }

    /// The header line that asks for a login.
    pub fn question(&self, nonce: &str) -> String {
        if self.users.current().digest() {
            format!(
                "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5\r\n"
            )
        } else {
            format!("WWW-Authenticate: Basic realm=\"{REALM}\"\r\n")
        }
    }

    /// Looks at the login of `request`, which comes from `address` on the connection that was given `nonce`.
    pub async fn look_at(&self, request: &Request, address: IpAddr, nonce: &str) -> Verdict {
        let Some(login) = request.header("authorization").and_then(Login::parse) else {
            return Verdict::Ask;
        };
        let users = self.users.current();
        let user = login.user().to_owned();
        let check = match &login {
            Login::Digest {
                nonce: made_with, ..
            } if made_with != nonce => return Verdict::Ask,
            Login::Digest { .. } if !users.digest() => return Verdict::Ask,
            Login::Basic(_) if users.digest() => return Verdict::Ask,
            Login::Digest { .. } | Login::Basic(_) => {
                // What was right before is so for as long as the user's hash is the same.
                let hash = users.hash(&user).unwrap_or_default();
                let proof = match &login {
                    Login::Basic(basic) => &basic.password,
                    Login::Digest { .. } => "",
                };
                self.guesses.permit(address, &[&user, hash, proof]).await
            }
        };
        match check {
            // A digest is another one each time.
            Permit::Known => match login.proves_its_user(users, &request.method).await {
                true => Verdict::In(user),
                false => Verdict::Wrong(user, FIRST_PAUSE),
            },
            Permit::Check(check) => match login.proves_its_user(users, &request.method).await {
                true => {
                    check.right();
                    Verdict::In(user)
                }
                false => Verdict::Wrong(user, check.wrong()),
            },
            Permit::Never => Verdict::Never(user),
        }
    }
}

impl Login {
    fn parse(header: &str) -> Option<Self> {
        if let Some(basic) = Basic::parse(header) {
            return Some(Self::Basic(basic));
        }
        let (scheme, rest) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let field = |name: &str| parameter(rest, name);
        Some(Self::Digest {
            user: field("username")?,
            nonce: field("nonce")?,
            uri: field("uri")?,
            response: field("response")?,
        })
    }

    fn user(&self) -> &str {
        match self {
            Self::Basic(Basic { user, .. }) | Self::Digest { user, .. } => user,
        }
    }

    /// Whether it proves its user, for a request of `method`.
    async fn proves_its_user(self, users: Arc<Users>, method: &str) -> bool {
        match self {
            Self::Basic(Basic { user, password }) => {
                // It takes a core for a while: on a thread that serves nobody.
                let looked = tokio::task::spawn_blocking(move || users.knows(&user, &password));
                looked.await.unwrap_or(false)
            }
            Self::Digest {
                user,
                nonce,
                uri,
                response,
            } => {
                let wanted = |hash: &str| {
                    let request = md5(&format!("{method}:{uri}"))?;
                    md5(&format!("{hash}:{nonce}:{request}"))
                };
                let wanted = users.hash(&user).and_then(wanted);
                wanted.is_some_and(|wanted| is_same(&response.to_ascii_lowercase(), &wanted))
            }
        }
    }
}

/// The value of `name` in a list of `name="value"` or `name=value`.
fn parameter(list: &str, name: &str) -> Option<String> {
    let mut rest = list;
    loop {
        let (found, behind) = rest.split_once('=')?;
        let (value, behind) = match behind.trim_start().strip_prefix('"') {
            Some(quoted) => {
                // A quoted quote ends no value.
                let mut value = String::new();
                let mut chars = quoted.char_indices();
                let end = loop {
                    match chars.next()? {
                        (_, '\\') => value.push(chars.next()?.1),
                        (at, '"') => break at,
                        (_, char) => value.push(char),
                    }
                };
                (value, &quoted[end + 1..])
            }
            None => {
                let (value, behind) = behind.split_once(',').unwrap_or((behind, ""));
                (value.trim().to_owned(), behind)
            }
        };
        if found
            .trim_matches([' ', ',', '\t'])
            .eq_ignore_ascii_case(name)
        {
            return Some(value);
        }
        rest = behind;
    }
}
