//! Who may watch: names, and what proves them. A file as `htpasswd` or `htdigest` writes it, or one user whose password
//! the environment has.

use std::collections::HashMap;
use std::path::Path;

use crate::failure::Failure;
use bcrypt::HashParts;
use gst::glib;
use sha_crypt::{PasswordVerifier, ShaCrypt};
use subtle::ConstantTimeEq;

use super::reloaded::read_secret;

/// What clients show beside the question for a password; digests are made with it.
pub const REALM: &str = "camoverlay";

/// bcrypt's cost, of which one more doubles the work: 15 is about two seconds of a core a login.
const MAX_COST: u32 = 15;
/// SHA-crypt's rounds: about a second of a core a login.
const MAX_ROUNDS: u32 = 1_000_000;

/// The users that may watch.
pub struct Users {
    secrets: HashMap<String, Secret>,
    /// What an unknown user's password is held to, so that it takes as long as a known one's.
    decoy: Secret,
}

/// What a user's password is held to.
#[derive(Clone)]
enum Secret {
    /// The hash of name, realm and password that digest authentication goes by (RFC 7616's `H(A1)`, MD5).
    Digest(String),
    Bcrypt(String),
    ShaCrypt(String),
}

impl Users {
    /// One user with a password in plain text.
    ///
    /// # Errors
    /// There is no MD5 on this machine.
    pub fn one(user: &str, password: &str) -> Result<Self, Failure> {
        let hash = user_hash(user, password).ok_or("This machine's GLib has no MD5.")?;
        let secret = Secret::Digest(hash);
        Ok(Self {
            decoy: secret.clone(),
            secrets: HashMap::from([(user.to_owned(), secret)]),
        })
    }

    /// The users of a file with one `name:hash` a line, as `htpasswd -B`, `mkpasswd -m bcrypt` and `openssl passwd -6`
    /// write the hash, or `name:camoverlay:hash` as `htdigest` does. Blank lines and those that begin with `#` are none.
    ///
    /// # Errors
    /// A sentence on which line is wrong, never with what stands in it behind the name.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let text = read_secret(file, "users")?;
        let mut secrets = HashMap::new();
        let mut decoy = None;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| -> Failure {
                format!("{}, line {}: {what}", file.display(), number + 1).into()
            };
            let (name, hash) = line
                .split_once(':')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| wrong("there is no “name:hash” here.".to_owned()))?;
            let secret = Secret::parse(hash)
                .map_err(|what| wrong(format!("the password of {name:?} {what}")))?;
            // Where some are hashed for good, unknown users' passwords are hashed so too.
            if decoy.is_none() || !matches!(secret, Secret::Digest(_)) {
                decoy = Some(secret.clone());
            }
            if secrets.insert(name.to_owned(), secret).is_some() {
                return Err(wrong(format!("there are two users called {name:?}.")));
            }
        }
        let decoy = decoy.ok_or_else(|| -> Failure {
            format!(
                "{} has no users. Add one by `htpasswd -B {0} NAME`.",
                file.display()
            )
            .into()
        })?;
        Ok(Self { secrets, decoy })
    }

    /// Whether digest authentication will do, by which no password crosses the network: no user's is hashed otherwise.
    pub fn digest(&self) -> bool {
        self.secrets
            .values()
            .all(|secret| matches!(secret, Secret::Digest(_)))
    }

    /// Whether `password` is the one of `user`. It may take a second of a core.
    pub fn knows(&self, user: &str, password: &str) -> bool {
        match self.secrets.get(user) {
            Some(secret) => secret.fits(user, password),
            None => {
                self.decoy.fits(user, password);
                false
            }
        }
    }

    /// What the password of `user` is held to, as it stands in the file.
    pub fn hash(&self, user: &str) -> Option<&str> {
        match self.secrets.get(user)? {
            Secret::Digest(hash) | Secret::Bcrypt(hash) | Secret::ShaCrypt(hash) => Some(hash),
        }
    }
}

impl Secret {
    /// What stands behind a user's name.
    fn parse(hash: &str) -> Result<Self, String> {
        if let Some((realm, digest)) = hash.split_once(':') {
            if realm != REALM {
                return Err(format!(
                    "is for the realm {realm:?}, not for {REALM:?}. Write it by `htdigest FILE {REALM} NAME`."
                ));
            }
            if digest.len() == 32 && digest.chars().all(|c| c.is_ascii_hexdigit()) {
                return Ok(Self::Digest(digest.to_ascii_lowercase()));
            }
        } else if hash.starts_with("$2") {
            if let Ok(parts) = hash.parse::<HashParts>()
                && bcrypt::verify("", hash_of_least_cost(hash).as_str()).is_ok()
            {
                return match parts.get_cost() <= MAX_COST {
                    true => Ok(Self::Bcrypt(hash.to_owned())),
                    false => Err(format!(
                        "takes too long to check: its cost is over {MAX_COST}. Hash it anew with less."
                    )),
                };
            }
        } else if hash.starts_with("$5$") || hash.starts_with("$6$") {
            let rounds = hash
                .split('$')
                .find_map(|field| field.strip_prefix("rounds="));
            if rounds.is_some_and(|rounds| rounds.parse().is_ok_and(|n: u32| n > MAX_ROUNDS)) {
                return Err(format!(
                    "takes too long to check: it has over {MAX_ROUNDS} rounds. Hash it anew with fewer."
                ));
            }
            let found = ShaCrypt::default().verify_password(b"", hash);
            if matches!(
                found,
                Ok(()) | Err(sha_crypt::password_hash::Error::PasswordInvalid)
            ) {
                return Ok(Self::ShaCrypt(hash.to_owned()));
            }
        }
        Err(
            "is not hashed in a way that is known here. Hash it by `htpasswd -B`, `mkpasswd -m bcrypt` or \
             `openssl passwd -6`."
                .to_owned(),
        )
    }

    fn fits(&self, user: &str, password: &str) -> bool {
        match self {
            Self::Digest(hash) => {
                user_hash(user, password).is_some_and(|wanted| is_same(&wanted, hash))
            }
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::ShaCrypt(hash) => ShaCrypt::default()
                .verify_password(password.as_bytes(), hash.as_str())
                .is_ok(),
        }
    }
}

/// A bcrypt hash with the least cost, so that it can be looked at quickly whether it is well formed.
fn hash_of_least_cost(hash: &str) -> String {
    let mut fields: Vec<&str> = hash.split('$').collect();
    if let Some(cost) = fields.get_mut(2) {
        *cost = "04";
    }
    fields.join("$")
}

/// RFC 7616's `H(A1)`.
fn user_hash(user: &str, password: &str) -> Option<String> {
    md5(&format!("{user}:{REALM}:{password}"))
}

/// Whether a proof is the one that is wanted, in a time that does not tell how much of it is right.
pub fn is_same(proof: &str, wanted: &str) -> bool {
    proof.as_bytes().ct_eq(wanted.as_bytes()).into()
}

/// MD5 in hexadecimal digits, as the digest authentication of RTSP wants it; none where GLib has been built without.
pub fn md5(text: &str) -> Option<String> {
    let bytes = glib::Bytes::from(text.as_bytes());
    let sum = glib::compute_checksum_for_bytes(glib::ChecksumType::Md5, &bytes)?;
    Some(sum.to_string())
}
