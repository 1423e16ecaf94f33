//! The page and what belongs to it, all of which is in the program: no file is served.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;

/// Path, media type and text of each part.
const PARTS: [(&str, &str, &str); 10] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_str!("../page/index.html"),
    ),
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_str!("../page/page.css"),
    ),
    (
        "/icon.svg",
        "image/svg+xml",
        include_str!("../page/icon.svg"),
    ),
    ("/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/ask.js", SCRIPT, include_str!("../page/ask.js")),
    ("/boxes.js", SCRIPT, include_str!("../page/boxes.js")),
    ("/video.js", SCRIPT, include_str!("../page/video.js")),
    ("/classes.js", SCRIPT, include_str!("../page/classes.js")),
    ("/controls.js", SCRIPT, include_str!("../page/controls.js")),
    ("/place.js", SCRIPT, include_str!("../page/place.js")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What browsers are told of everything: nothing may be loaded from elsewhere, framed, guessed at or kept.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The parts of the page.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    PARTS
        .into_iter()
        .fold(Router::new(), |router, (path, kind, text)| {
            router.route(
                path,
                get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }),
            )
        })
}

/// The same response with the headers that all have.
pub async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
