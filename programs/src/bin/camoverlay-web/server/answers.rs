//! What a page asks once, and is answered.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use camoverlay_programs::Failure;
use gst::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::seen::classes;

/// What is to be set, and to what.
#[derive(Deserialize)]
pub struct Setting {
    name: String,
    value: Value,
}

/// A place of the picture, as shares of its width and height.
#[derive(Deserialize)]
pub struct Place {
    x: f64,
    y: f64,
}

/// A refusal, in a sentence.
pub fn refused(why: impl ToString) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, why.to_string()).into_response()
}

/// Does `work`, which takes a while, on a thread that serves nobody.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err("The server is ending.".into()))
}

/// The first names of all classes.
pub async fn labels(State(shared): State<Arc<Shared>>) -> Json<Vec<String>> {
    Json(shared.served.controls.labels())
}

/// What is on show, as a PNG.
pub async fn picture(State(shared): State<Arc<Shared>>) -> Response {
    match aside(move || shared.served.shown.png()).await {
        Ok(png) => {
            let kind = (header::CONTENT_TYPE, "image/png");
            let saved = (
                header::CONTENT_DISPOSITION,
                "attachment; filename=\"camoverlay.png\"",
            );
            ([kind, saved], png).into_response()
        }
        Err(failure) => refused(failure),
    }
}

/// Sets a property.
pub async fn settings(State(shared): State<Arc<Shared>>, Json(setting): Json<Setting>) -> Response {
    let Setting { name, value } = setting;
    match aside(move || shared.served.controls.set(&name, &value)).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => refused(failure),
    }
}

/// Which classes a place speaks for.
pub async fn at(State(shared): State<Arc<Shared>>, Json(place): Json<Place>) -> Response {
    let Some((width, height)) = shared.served.shown.size() else {
        return refused("There is no picture yet.");
    };
    let (x, y) = (place.x * f64::from(width), place.y * f64::from(height));
    let overlay = shared.served.overlay.clone();
    let answer =
        aside(move || Ok(overlay.emit_by_name::<Option<gst::Structure>>("classes-at", &[&x, &y])));
    match answer.await {
        Ok(Some(answer)) => Json(json!({"classes": classes(&answer, "")})).into_response(),
        Ok(None) => refused("The network cannot tell what is there."),
        Err(failure) => refused(failure),
    }
}
