//! The listener.
//!
//! Always true: a connection carries one request and lives ten seconds at most, whatever its peer does; no more than sixteen are
//! open; no body is read; only GET and HEAD are answered.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use prometheus_client::encoding::prometheus_text;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{board::Board, health, metrics};
use crate::io::net::{Listener, Stream};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 16;
/// From a connection to the end of its answer.
const LIMIT: Duration = Duration::from_secs(10);
/// What an open connection gets when the daemon ends.
const GRACE: Duration = Duration::from_millis(200);
/// Pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);
/// How often the channels are looked at.
const EVERY: Duration = Duration::from_millis(250);

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PATHS: &str = "GET /livez            whether the driver answers
GET /readyz           whether it is ready to trade
GET /readyz?verbose   the same, with a line for each condition
GET /metrics          its numbers, for Prometheus
";

/// Serves until canceled.
///
/// # Errors
///
/// When the server ends before that.
///
/// # Cancel safety
///
/// Dropped, it accepts no more; what is open ends by itself within ten seconds.
pub async fn serve(
    listener: Arc<Listener>,
    board: Arc<Board>,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .fallback(handle)
        .with_state(Arc::clone(&board));
    let door = Door {
        listener,
        room: Arc::new(Semaphore::new(CONNECTIONS)),
        stop: stop.clone(),
    };
    let serving = axum::serve(door, router).with_graceful_shutdown(stop.cancelled_owned());
    tokio::select! {
        biased;
        ended = serving => ended,
        never = look(&board) => match never {},
    }
}

async fn look(board: &Board) -> Infallible {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        board.look();
    }
}

async fn handle(State(board): State<Arc<Board>>, request: Request) -> Response {
    // The body is not read.
    let (parts, _body) = request.into_parts();
    let mut response = answer(&board, &parts).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn answer(board: &Arc<Board>, request: &Parts) -> Response {
    if ![Method::GET, Method::HEAD].contains(&request.method) {
        let allowed = [(ALLOW, "GET, HEAD")];
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            allowed,
            "only GET and HEAD\n",
        )
            .into_response();
    }
    match request.uri.path() {
        "/livez" => live(board).await,
        "/readyz" => ready(board, request.uri.query()).await,
        "/metrics" => scraped(board, request).await,
        _ => text(
            StatusCode::NOT_FOUND,
            format!("not found; there is\n{PATHS}"),
        ),
    }
}

async fn live(board: &Board) -> Response {
    match health::liveness(&board.glance().await) {
        Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn ready(board: &Board, query: Option<&str>) -> Response {
    let glance = board.glance().await;
    let conditions = health::conditions(board.stage(), &glance);
    let (ready, lines) = health::report(&conditions);
    let verbose = query.is_some_and(|query| query.split('&').any(is_verbose));
    match (ready, verbose) {
        (true, true) => text(StatusCode::OK, lines),
        (true, false) => text(StatusCode::OK, "ready\n".to_owned()),
        // Whoever is refused wants to know why.
        (false, _) => text(StatusCode::SERVICE_UNAVAILABLE, lines),
    }
}

fn is_verbose(parameter: &str) -> bool {
    parameter == "verbose" || parameter.starts_with("verbose=")
}

/// Prometheus asks for OpenMetrics; people and promtool get the older text.
async fn scraped(board: &Arc<Board>, request: &Parts) -> Response {
    let glance = board.glance().await;
    let accepted = request.headers.get_all(ACCEPT).iter();
    let open = accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"));
    let kind = if open {
        OPEN_METRICS
    } else {
        prometheus_text::CONTENT_TYPE
    };
    match metrics::page(board, glance, open) {
        Ok(page) => ([(CONTENT_TYPE, kind)], page).into_response(),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn text(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], body).into_response()
}

/// Lets connections in, so many at a time.
struct Door {
    listener: Arc<Listener>,
    room: Arc<Semaphore>,
    stop: CancellationToken,
}

impl axum::serve::Listener for Door {
    type Io = Bounded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Bounded, SocketAddr) {
        let Ok(place) = Arc::clone(&self.room).acquire_owned().await else {
            return pending().await;
        };
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    let peer = accepted.peer;
                    if let Ok(stream) = accepted.establish().await {
                        return (Bounded::new(stream, place, self.stop.clone()), peer);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "an HTTP connection cannot be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends in time.
struct Bounded {
    stream: Stream,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl Bounded {
    fn new(stream: Stream, place: OwnedSemaphorePermit, stop: CancellationToken) -> Self {
        let end = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => sleep(GRACE).await,
                () = sleep(LIMIT) => {}
            }
        };
        Self {
            stream,
            end: Box::pin(end),
            _place: place,
        }
    }

    /// Fails once the time is up, which wakes the task like any other progress.
    fn in_time(&mut self, cx: &mut Context<'_>) -> io::Result<&mut Stream> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(&mut self.stream)
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.in_time(cx) {
            Ok(stream) => Pin::new(stream).poll_read(cx, buf),
            Err(late) => Poll::Ready(Err(late)),
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.in_time(cx) {
            Ok(stream) => Pin::new(stream).poll_write(cx, buf),
            Err(late) => Poll::Ready(Err(late)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
