//! Basic authentication (RFC 7617).

use base64::prelude::{BASE64_STANDARD, Engine};

/// A user's name and password, as a client gives them.
pub struct Basic {
    pub user: String,
    pub password: String,
}

impl Basic {
    /// What an `Authorization` header says, if it is basic authentication.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}
