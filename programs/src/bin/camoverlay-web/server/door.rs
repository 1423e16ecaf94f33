//! The login: basic authentication, which every browser asks for by itself and gives with every request.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use camoverlay_programs::access::{Basic, Guesses, Permit, REALM, Reloaded, Users};

use super::Shared;
use super::connection::Client;

/// How long a request's body and its answer may take; to open a network anew takes the longest.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for logins.
pub struct Door {
    users: Reloaded<Users>,
    guesses: Guesses,
}

/// What a login came to.
enum Verdict {
    In,
    Wrong,
    /// It was not looked at: too many from there were wrong.
    Never,
}

impl Door {
    pub fn new(users: Reloaded<Users>) -> Self {
        Self {
            users,
            guesses: Guesses::default(),
        }
    }

    /// Looks at a login of `client`; a wrong one takes a while.
    async fn look_at(&self, login: Basic, client: &Client) -> Verdict {
        let users = self.users.current();
        let Basic { user, password } = login;
        // What was right before is so for as long as the user's hash is the same.
        let hash = users.hash(&user).unwrap_or_default();
        match self
            .guesses
            .permit(client.address, &[&user, hash, &password])
            .await
        {
            Permit::Known => Verdict::In,
            Permit::Never => Verdict::Never,
            Permit::Check(check) => {
                // It takes a core for a while: on a thread that serves nobody.
                let looked = tokio::task::spawn_blocking(move || users.knows(&user, &password));
                match looked.await {
                    Ok(true) => {
                        check.right();
                        Verdict::In
                    }
                    Ok(false) | Err(_) => {
                        tokio::time::sleep(check.wrong()).await;
                        Verdict::Wrong
                    }
                }
            }
        }
    }
}

/// Lets in who need not log in or has.
pub async fn ask(
    State(shared): State<Arc<Shared>>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(door) = &shared.door {
        let login = request.headers().get(header::AUTHORIZATION);
        let login = login.and_then(|login| Basic::parse(login.to_str().ok()?));
        let verdict = match login {
            Some(login) => door.look_at(login, &client).await,
            None => Verdict::Wrong,
        };
        match verdict {
            Verdict::In => {}
            Verdict::Wrong => {
                let question = format!("Basic realm=\"{REALM}\", charset=\"UTF-8\"");
                return (
                    StatusCode::UNAUTHORIZED,
                    [(header::WWW_AUTHENTICATE, question)],
                    "A user's name and password are asked for here.\n",
                )
                    .into_response();
            }
            Verdict::Never => {
                return (
                    StatusCode::TOO_MANY_REQUESTS,
                    "Too many passwords were wrong. Wait for half a minute.\n",
                )
                    .into_response();
            }
        }
    }
    client.place.settle();
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "That takes too long.\n").into_response(),
    }
}
