//! A connection: encrypted if need be, with requests that come to their end, and given up when its other end is gone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use camoverlay_programs::access::{Certificate, Place};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower::ServiceExt;

/// How long a handshake or a request's head may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Milliseconds after which a client that acknowledges nothing is gone.
const GIVEN_UP: u32 = 20_000;
/// Largest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// Who sent a request.
#[derive(Clone)]
pub struct Client {
    pub address: IpAddr,
    /// This machine's address by which it came.
    pub here: IpAddr,
    /// Its connection's place.
    pub place: Arc<Place>,
}

/// Serves who came from `address` by `router`, until it goes or its `place` is another's.
pub async fn serve(
    stream: TcpStream,
    address: IpAddr,
    place: Place,
    certificate: Option<Arc<Certificate>>,
    router: Router,
) {
    // Without them, one that has vanished is noticed later.
    let _ = sockopt::set_tcp_user_timeout(&stream, GIVEN_UP);
    let _ = stream.set_nodelay(true);
    let Ok(here) = stream.local_addr() else {
        return;
    };
    let client = Client {
        address,
        here: here.ip(),
        place: Arc::new(place),
    };
    let place = client.place.clone();
    let serving = async {
        match certificate {
            None => answer(stream, client, router).await,
            Some(certificate) => {
                let handshake = certificate.current().accept(stream);
                if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, handshake).await {
                    answer(stream, client, router).await;
                }
            }
        }
    };
    tokio::select! {
        () = serving => {}
        () = place.is_lost() => {}
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, client: Client, router: Router) {
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(client.clone());
        router.clone().oneshot(request)
    });
    // How it ends is the client's affair.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
