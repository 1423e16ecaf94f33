//! Whether a request comes from the page itself: other pages that a browser shows could send requests too, with the login
//! that the browser knows, and a name that its owner points at this machine could pass for the server's own.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what another page sends.
pub async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let is_opened = request.uri().path() == "/" && request.method() == Method::GET;
    match refusal(
        request.headers(),
        shared.scheme(),
        shared.is_local,
        is_opened,
    ) {
        None => next.run(request).await,
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// What speaks against a request with `headers` to a server of a `scheme`, which serves this machine alone if it `is_local`;
/// a page that `is_opened` may be linked to from anywhere.
fn refusal(
    headers: &HeaderMap,
    scheme: &str,
    is_local: bool,
    is_opened: bool,
) -> Option<&'static str> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let Some(host) = text(header::HOST) else {
        return Some("A request names its host.\n");
    };
    // Beyond this machine there is a certificate, which another's name does not have.
    if is_local && !is_loopback(host) {
        return Some("This is not the host that was asked for.\n");
    }
    let own = |origin: &str| {
        origin
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            == Some(host)
    };
    if !text(header::ORIGIN).is_none_or(own) {
        return Some("Another page may not do that.\n");
    }
    let is_own = text(SITE).is_none_or(|site| ["same-origin", "none"].contains(&site));
    (!is_own && !is_opened).then_some("Another page may not do that.\n")
}

/// Whether `host`, with or without a port, is this machine to itself.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let inside = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    match inside {
        Some(address) => address
            .parse()
            .is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(scheme: &str, is_local: bool, path: &str, headers: &[(&str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        refusal(&headers.collect(), scheme, is_local, path == "/").is_some()
    }

    #[test]
    fn only_the_page_itself_may_ask() {
        let own = ("host", "127.0.0.1:8080");
        for (is_right, headers) in [
            (true, &[own][..]),
            (true, &[own, ("origin", "http://127.0.0.1:8080")]),
            (true, &[own, ("sec-fetch-site", "same-origin")]),
            (true, &[("host", "localhost")]),
            (true, &[("host", "LOCALHOST:1")]),
            (
                true,
                &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
            ),
            (false, &[]),
            (false, &[("host", "evil.example")]),
            (false, &[("host", "localhost.evil.example:8080")]),
            (false, &[("host", "127.0.0.1.evil.example")]),
            (false, &[("host", "10.0.0.1:8080")]),
            (false, &[own, ("origin", "http://evil.example")]),
            (false, &[own, ("origin", "https://127.0.0.1:8080")]),
            (false, &[own, ("origin", "http://127.0.0.1:80801")]),
            (false, &[own, ("origin", "http://127.0.0.1")]),
            (false, &[own, ("origin", "http://localhost:8080")]),
            (false, &[own, ("origin", "null")]),
            (false, &[own, ("sec-fetch-site", "cross-site")]),
            (false, &[own, ("sec-fetch-site", "same-site")]),
        ] {
            let refused = is_refused("http", true, "/settings", headers);
            assert_ne!(refused, is_right, "{headers:?}");
        }
    }

    #[test]
    fn the_page_may_be_linked_to() {
        let linked = [("host", "localhost:1"), ("sec-fetch-site", "cross-site")];
        assert!(!is_refused("http", true, "/", &linked));
        assert!(is_refused("http", true, "/labels", &linked));
    }

    #[test]
    fn with_a_certificate_any_name_will_do_that_is_the_origin_too() {
        let host = ("host", "camera.example:8443");
        let own = [host, ("origin", "https://camera.example:8443")];
        assert!(!is_refused("https", false, "/at", &own));
        for origin in ["http://camera.example:8443", "https://evil.example"] {
            assert!(is_refused(
                "https",
                false,
                "/at",
                &[host, ("origin", origin)]
            ));
        }
    }
}
