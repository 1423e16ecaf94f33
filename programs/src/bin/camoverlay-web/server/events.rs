//! What a page is told for as long as it stays: the offer of the video first, then what is set and what is seen. That stream
//! of events is also what shows that the browser is there: with it, its video ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream::poll_fn;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::Shared;
use super::answers::{aside, refused};
use super::connection::Client;
use crate::browsers::Place;
use crate::seen::Told;

/// From one time to the next that classes are told.
const TICK: Duration = Duration::from_millis(100);
/// From one sign of life to the next where there is nothing to tell.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// Events that wait for a slow browser.
const WAITING: usize = 4;

/// A page's answer to an offer.
#[derive(Deserialize)]
pub struct Answer {
    /// The connection's number, as the offer has it.
    peer: u64,
    sdp: String,
}

/// The browser is gone.
struct Gone;

/// Begins to tell a page.
pub async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(client): Extension<Client>,
) -> Response {
    let Some(place) = shared.served.browsers.enter() else {
        let most = "As many browsers watch as may. Close one of them, or raise --max-clients.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, most).into_response();
    };
    let here = client.here.to_canonical();
    let connected = aside(move || {
        let offer = place.connect(here)?;
        Ok((place, offer))
    });
    let (place, offer) = match connected.await {
        Ok(connected) => connected,
        Err(failure) => return refused(failure),
    };
    let (sender, mut events) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        // Until the browser goes.
        let _ = tell(&shared, &place, &offer, &sender).await;
        // To end a connection takes a while.
        tokio::task::spawn_blocking(move || drop(place));
    });
    let stream = poll_fn(move |context| {
        let event = events.poll_recv(context);
        event.map(|event| event.map(Ok::<Event, Infallible>))
    });
    let alive = KeepAlive::new().interval(SIGN_OF_LIFE);
    Sse::new(stream).keep_alive(alive).into_response()
}

/// Tells the offer, and then whatever is new.
async fn tell(
    shared: &Shared,
    place: &Place,
    offer: &str,
    sender: &mpsc::Sender<Event>,
) -> Result<(), Gone> {
    let served = &shared.served;
    let (mut state, mut seen) = (served.controls.follow(), served.seen.clone());
    let mut notices = served.notices.clone();
    notices.mark_unchanged();
    seen.mark_changed();
    let offer = json!({"peer": place.number(), "sdp": offer});
    send(sender, "offer", &offer).await?;
    let now = state.borrow_and_update().clone();
    send(sender, "state", &now).await?;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = sender.closed() => return Err(Gone),
            changed = state.changed() => {
                changed.map_err(|_| Gone)?;
                let now = state.borrow_and_update().clone();
                send(sender, "state", &now).await?;
            }
            changed = notices.changed() => {
                changed.map_err(|_| Gone)?;
                let notice = notices.borrow_and_update().clone();
                send(sender, "notice", &notice).await?;
            }
            _ = ticks.tick() => {
                if !seen.has_changed().map_err(|_| Gone)? {
                    continue;
                }
                let said = seen.borrow_and_update().clone();
                if let Some(said) = said {
                    let told = Told::new(&said, served.shown.size());
                    send(sender, "seen", &told).await?;
                }
            }
        }
    }
}

async fn send(sender: &mpsc::Sender<Event>, name: &str, data: &impl Serialize) -> Result<(), Gone> {
    let event = Event::default().event(name).json_data(data);
    let event = event.map_err(|_| Gone)?;
    sender.send(event).await.map_err(|_| Gone)
}

/// Takes a page's answer.
pub async fn answer(State(shared): State<Arc<Shared>>, Json(answer): Json<Answer>) -> Response {
    let Some(peer) = shared.served.browsers.peer(answer.peer) else {
        return refused("That offer is not valid any more.");
    };
    match aside(move || peer.answer(&answer.sdp)).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => refused(failure),
    }
}
