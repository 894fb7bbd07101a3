//! The listener.
//!
//! Always true: a connection carries one request and lives ten seconds at most, whatever its peer does; no more than sixteen are
//! open, and one more takes the place of the oldest that has not sent its request, so that peers who say nothing keep no health check
//! waiting; no body is read; only GET and HEAD are answered.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State, connect_info::Connected},
    http::{
        HeaderValue, Method, StatusCode,
        header::{ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE},
        request::Parts,
    },
    response::{IntoResponse, Response},
    serve::IncomingStream,
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

/// Connections at a time.
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
        inside: Vec::with_capacity(CONNECTIONS),
        stop: stop.clone(),
    };
    let service = router.into_make_service_with_connect_info::<Known>();
    let serving = axum::serve(door, service).with_graceful_shutdown(stop.cancelled_owned());
    tokio::select! {
        biased;
        ended = serving => ended,
        never = look(&board) => match never {},
    }
}

/// Notes at a steady pace what the ages of channels are told from.
///
/// # Cancel safety
///
/// Dropping the future loses no count: the next look sees the same ones.
async fn look(board: &Board) -> Infallible {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        board.look();
    }
}

async fn handle(
    ConnectInfo(Known(peer)): ConnectInfo<Known>,
    State(board): State<Arc<Board>>,
    request: Request,
) -> Response {
    peer.has_asked.store(true, Ordering::Relaxed);
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
    matches!(
        parameter,
        "verbose" | "verbose=" | "verbose=1" | "verbose=true"
    )
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

/// What the door knows of somebody whom it let in.
#[derive(Debug, Default)]
struct Peer {
    /// Its request is there: it is being answered.
    has_asked: AtomicBool,
    /// Its place is wanted.
    leave: CancellationToken,
}

/// The peer that a request comes from.
#[derive(Clone, Debug)]
struct Known(Arc<Peer>);

impl Connected<IncomingStream<'_, Door>> for Known {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(Arc::clone(&stream.io().peer))
    }
}

/// Lets connections in, so many at a time.
struct Door {
    listener: Arc<Listener>,
    room: Arc<Semaphore>,
    /// The oldest first.
    inside: Vec<Weak<Peer>>,
    stop: CancellationToken,
}

impl Door {
    /// A place for one more. If there is none, the oldest that has not asked for anything gives up its own; if all have asked, the
    /// first answer that is out makes room.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        self.inside.retain(|peer| peer.strong_count() > 0);
        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
            return Some(place);
        }
        let mut inside = self.inside.iter().filter_map(Weak::upgrade);
        // One that has been told to leave may still be on its way out, with its place free again.
        let is_silent = |peer: &Arc<Peer>| {
            !peer.has_asked.load(Ordering::Relaxed) && !peer.leave.is_cancelled()
        };
        if let Some(silent) = inside.find(is_silent) {
            silent.leave.cancel();
        }
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    fn seat(&mut self, stream: Stream, place: OwnedSemaphorePermit) -> Bounded {
        let peer = Arc::<Peer>::default();
        self.inside.push(Arc::downgrade(&peer));
        Bounded::new(stream, peer, place, self.stop.clone())
    }
}

impl axum::serve::Listener for Door {
    type Io = Bounded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Bounded, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    let address = accepted.peer;
                    let Ok(stream) = accepted.establish().await else {
                        continue;
                    };
                    let Some(place) = self.place().await else {
                        return pending().await;
                    };
                    return (self.seat(stream, place), address);
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
    peer: Arc<Peer>,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl Bounded {
    fn new(
        stream: Stream,
        peer: Arc<Peer>,
        place: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) -> Self {
        let leave = peer.leave.clone();
        let end = async move {
            tokio::select! {
                biased;
                () = leave.cancelled() => {}
                () = stop.cancelled() => sleep(GRACE).await,
                () = sleep(LIMIT) => {}
            }
        };
        Self {
            stream,
            peer,
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

#[cfg(test)]
mod tests {
    use std::{future::ready, sync::atomic::AtomicUsize};

    use futures_util::FutureExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        sync::Notify,
        task::JoinSet,
        time::timeout,
    };

    use super::*;
    use crate::control::board::tests::{board, figures};

    /// The listener at a free port; dropping the tasks ends it.
    async fn serving(board: Board) -> (SocketAddr, JoinSet<io::Result<()>>) {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), None)
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(
            Arc::new(listener),
            Arc::new(board),
            CancellationToken::new(),
        ));
        (address, tasks)
    }

    async fn connected(address: SocketAddr, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream
    }

    /// What a peer is told before the connection ends; nothing, if it is cut. Long before a place would be free by itself.
    async fn told(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        let reading = timeout(LIMIT / 2, stream.read_to_string(&mut text));
        // Closed or reset: either is an end.
        let _ended = reading.await.expect("in time");
        text
    }

    const HALF: &str = "GET /livez HTTP/1.1\r\n";
    const OTHER_HALF: &str = "host: x\r\n\r\n";

    #[tokio::test]
    async fn silent_peers_on_every_place_keep_no_health_check_waiting() {
        let (address, _tasks) = serving(board(|| Box::pin(ready(Some(figures()))))).await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(connected(address, HALF).await);
        }
        let mut check = connected(address, &[HALF, OTHER_HALF].concat()).await;
        assert!(told(&mut check).await.starts_with("HTTP/1.1 200 OK"));
        // The oldest has made room for it; the others are still heard.
        let mut silent = silent.into_iter();
        let mut oldest = silent.next().unwrap();
        assert_eq!(told(&mut oldest).await, "");
        for mut peer in silent {
            peer.write_all(OTHER_HALF.as_bytes()).await.unwrap();
            assert!(told(&mut peer).await.starts_with("HTTP/1.1 200 OK"));
        }
    }

    #[tokio::test]
    async fn whoever_has_asked_is_answered_however_many_come_after() {
        let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (calls, heard, held) = (AtomicUsize::new(0), Arc::clone(&asked), Arc::clone(&go_on));
        // The first look at the engine takes its time.
        let board = board(move || {
            if calls.fetch_add(1, Ordering::Relaxed) > 0 {
                return ready(Some(figures())).boxed();
            }
            heard.notify_one();
            let held = Arc::clone(&held);
            async move {
                held.notified().await;
                Some(figures())
            }
            .boxed()
        });
        let (address, _tasks) = serving(board).await;
        let request = [HALF, OTHER_HALF].concat();
        let mut first = connected(address, &request).await;
        timeout(LIMIT, asked.notified()).await.unwrap();
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(connected(address, HALF).await);
        }
        // With sixteen after it, its place was wanted if anybody's was.
        assert_eq!(told(&mut silent[0]).await, "");
        go_on.notify_one();
        assert!(told(&mut first).await.starts_with("HTTP/1.1 "));
    }

    #[test]
    fn a_word_for_no_is_no_wish_for_lines() {
        for (parameter, wished) in [
            ("verbose", true),
            ("verbose=", true),
            ("verbose=1", true),
            ("verbose=true", true),
            ("verbose=0", false),
            ("verbose=false", false),
            ("verbosely", false),
            ("", false),
        ] {
            assert_eq!(is_verbose(parameter), wished, "{parameter}");
        }
    }
}
