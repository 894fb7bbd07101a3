//! A TCP proxy that does to bytes what bad networks do to them.
//!
//! For: latency, jitter, small pieces, narrow bandwidth, black holes, refusals; connections that end by half or by a reset; all of it
//! while they run. Left out: what the bytes say. Always true: bytes keep their order and none is lost before a connection ends; every
//! connection has been counted; when [`Proxy::shutdown`] returns, every task has ended.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::RngExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tradingd::io::rng::{self, Rng};

/// What every connection suffers, those that are open included. Nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Each piece arrives so much later.
    pub(crate) latency: Duration,
    /// And up to so much more, as the seed has it.
    pub(crate) jitter: Duration,
    /// Bytes of a piece at most.
    pub(crate) slice: Option<usize>,
    /// Bytes a second at most, each way.
    pub(crate) bandwidth: Option<u32>,
    /// Connections are accepted and stay open; no byte passes.
    pub(crate) black_hole: bool,
    /// New connections are reset at once.
    pub(crate) refuse: bool,
}

impl Faults {
    /// What is sent goes nowhere.
    pub(crate) fn hole() -> Self {
        Self {
            black_hole: true,
            ..Self::default()
        }
    }
}

/// What happens once, to every connection that is open.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The server's half towards the client ends; the client is still heard.
    Half,
    /// Both ends get a reset.
    Reset,
}

/// The proxy. Stops when dropped; [`shutdown`](Self::shutdown) waits for that.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    faults: watch::Sender<Faults>,
    cuts: watch::Sender<Cut>,
    accepted: Arc<AtomicUsize>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Proxy {
    /// Stands before a server. The seed is that of the jitter, and printed.
    #[expect(clippy::print_stdout, reason = "the seed of a test that fails is seen")]
    pub(crate) async fn start(server: SocketAddr, seed: u64) -> Self {
        println!("proxy of {server} with seed {seed}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (faults, cuts) = (watch::Sender::default(), watch::Sender::new(Cut::Half));
        let mut proxy = Self {
            address: listener.local_addr().unwrap(),
            accepted: Arc::default(),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
            faults,
            cuts,
        };
        let wire = Wire {
            server,
            faults: proxy.faults.subscribe(),
            cuts: proxy.cuts.subscribe(),
            stop: proxy.stop.clone(),
        };
        let accepted = Arc::clone(&proxy.accepted);
        proxy.tasks.spawn(accept(listener, wire, accepted, seed));
        proxy
    }

    /// Changes what every connection suffers from now on.
    pub(crate) fn set(&self, faults: Faults) {
        self.faults.send_replace(faults);
    }

    /// Ends every open connection with a reset, at both ends.
    pub(crate) fn reset(&self) {
        self.cuts.send_replace(Cut::Reset);
    }

    /// Ends what comes from the server, on every open connection. What the client sends still passes.
    pub(crate) fn half_close(&self) {
        self.cuts.send_replace(Cut::Half);
    }

    /// Connections accepted so far, the refused ones included.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Acquire)
    }

    /// Ends every connection and waits for all tasks.
    pub(crate) async fn shutdown(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

/// What a connection must know.
#[derive(Clone)]
struct Wire {
    server: SocketAddr,
    faults: watch::Receiver<Faults>,
    cuts: watch::Receiver<Cut>,
    stop: CancellationToken,
}

async fn accept(listener: TcpListener, wire: Wire, accepted: Arc<AtomicUsize>, seed: u64) {
    let mut connections = JoinSet::new();
    loop {
        let client = tokio::select! {
            biased;
            () = wire.stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                let () = ended.unwrap();
                continue;
            }
            client = listener.accept() => client.unwrap().0,
        };
        let number = accepted.fetch_add(1, Ordering::AcqRel);
        if wire.faults.borrow().refuse {
            client.set_zero_linger().unwrap();
            continue;
        }
        let mut wire = wire.clone();
        // Only what happens from now on happens to this one.
        wire.cuts.mark_unchanged();
        connections.spawn(connect(client, wire, rng::stream(seed, number as u64)));
    }
    while let Some(ended) = connections.join_next().await {
        ended.unwrap();
    }
}

async fn connect(mut client: TcpStream, wire: Wire, dice: Rng) {
    // A server that is not there is one that refuses.
    let Ok(mut server) = TcpStream::connect(wire.server).await else {
        client.set_zero_linger().unwrap();
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    if !forward(&mut client, &mut server, wire, dice).await {
        client.set_zero_linger().unwrap();
        server.set_zero_linger().unwrap();
    }
}

/// False when the connection is to end with a reset.
async fn forward(client: &mut TcpStream, server: &mut TcpStream, wire: Wire, dice: Rng) -> bool {
    let (Wire { faults, stop, .. }, mut cuts) = (&wire, wire.cuts.clone());
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let half = CancellationToken::new();
    let up = pump(from_client, to_server, faults.clone(), dice.clone(), None);
    let down = pump(from_server, to_client, faults.clone(), dice, Some(&half));
    let both = async { tokio::join!(up, down) };
    tokio::pin!(both);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return true,
            Ok(()) = cuts.changed() => match *cuts.borrow_and_update() {
                Cut::Reset => return false,
                Cut::Half => half.cancel(),
            },
            ended = &mut both => return matches!(ended, (Ok(()), Ok(()))),
        }
    }
}

/// A piece, and when it is to arrive.
type Piece = (Instant, Vec<u8>);

/// Carries one direction until it ends; then the other side is told so. An error is a connection that broke.
async fn pump(
    from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    faults: watch::Receiver<Faults>,
    dice: Rng,
    half: Option<&CancellationToken>,
) -> std::io::Result<()> {
    let (under_way, arriving) = mpsc::channel(64);
    let carry = async {
        tokio::try_join!(
            take_in(from, under_way, faults.clone(), dice),
            give_out(&mut to, arriving, faults),
        )
    };
    let cut = async {
        match half {
            Some(half) => half.cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = cut => {}
        carried = carry => {
            carried?;
        }
    }
    to.shutdown().await
}

/// Cuts what comes into pieces, and says when each arrives.
async fn take_in(
    mut from: impl AsyncRead + Unpin,
    under_way: mpsc::Sender<Piece>,
    mut faults: watch::Receiver<Faults>,
    mut dice: Rng,
) -> std::io::Result<()> {
    let mut arrival = now();
    loop {
        passable(&mut faults).await;
        let limit = faults.borrow().slice.unwrap_or(16 * 1024);
        let mut piece = vec![0; limit];
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        piece.truncate(length);
        let Faults {
            latency,
            jitter,
            bandwidth,
            ..
        } = *faults.borrow();
        let late = latency + jitter.mul_f64(dice.random::<f64>());
        let wire = bandwidth.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(length as f64 / f64::from(rate))
        });
        // Never before the piece that left earlier.
        arrival = arrival.max(now() + late) + wire;
        if under_way.send((arrival, piece)).await.is_err() {
            return Ok(());
        }
    }
}

async fn give_out(
    to: &mut WriteHalf<'_>,
    mut arriving: mpsc::Receiver<Piece>,
    mut faults: watch::Receiver<Faults>,
) -> std::io::Result<()> {
    while let Some((at, piece)) = arriving.recv().await {
        sleep_until(at).await;
        passable(&mut faults).await;
        to.write_all(&piece).await?;
    }
    Ok(())
}

/// Waits while there is a black hole.
async fn passable(faults: &mut watch::Receiver<Faults>) {
    // A proxy that is gone ends its connections by itself.
    let _gone = faults.wait_for(|faults| !faults.black_hole).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "bytes travel in real time in tests over real sockets"
)]
fn now() -> Instant {
    Instant::now()
}

mod tests {
    use std::io::ErrorKind;

    use tokio::time::timeout;

    use super::*;
    use crate::support::within;

    /// Long enough for loopback, for what is not to happen.
    const MOMENT: Duration = Duration::from_millis(100);

    /// A server that sends back what it gets, behind a proxy, and a client of it.
    struct Rig {
        proxy: Proxy,
        client: TcpStream,
        _server: JoinSet<()>,
    }

    async fn rig() -> Rig {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap(), 7).await;
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut echoes = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                echoes.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let client = TcpStream::connect(proxy.address).await.unwrap();
        client.set_nodelay(true).unwrap();
        Rig {
            proxy,
            client,
            _server: server,
        }
    }

    impl Rig {
        async fn echo(&mut self, text: &[u8]) -> Duration {
            let start = now();
            self.client.write_all(text).await.unwrap();
            let mut back = vec![0; text.len()];
            within(self.client.read_exact(&mut back)).await.unwrap();
            assert_eq!(back, text);
            start.elapsed()
        }
    }

    #[tokio::test]
    async fn bytes_pass_as_they_are_and_connections_are_counted() {
        let mut rig = rig().await;
        rig.echo(b"hello").await;
        rig.echo(&[42; 100_000]).await;
        let _second = TcpStream::connect(rig.proxy.address).await.unwrap();
        within(async {
            while rig.proxy.accepted() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        rig.proxy.shutdown().await;
        assert_eq!(rig.client.read(&mut [0]).await.unwrap(), 0, "closed");
    }

    #[tokio::test]
    async fn latency_holds_each_way_and_can_be_set_while_it_runs() {
        let mut rig = rig().await;
        rig.echo(b"before").await;
        let latency = Duration::from_millis(60);
        rig.proxy.set(Faults {
            latency,
            ..Faults::default()
        });
        assert!(rig.echo(b"after").await >= 2 * latency);
        rig.proxy.shutdown().await;
    }

    /// The pieces that a text becomes, each with how long after the text it is to arrive. Time stands still meanwhile.
    async fn pieces(text: &[u8], faults: Faults) -> Vec<(Duration, Vec<u8>)> {
        let (under_way, mut arriving) = mpsc::channel(text.len());
        let (_set, faults) = watch::channel(faults);
        let sent = now();
        let taking = take_in(text, under_way, faults, rng::stream(7, 0));
        taking.await.unwrap();
        let mut pieces = Vec::new();
        while let Some((at, piece)) = arriving.recv().await {
            pieces.push((at.duration_since(sent), piece));
        }
        pieces
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_is_within_its_bound_and_keeps_the_order() {
        let (latency, jitter) = (Duration::from_millis(50), Duration::from_millis(20));
        let faults = Faults {
            latency,
            jitter,
            slice: Some(1),
            ..Faults::default()
        };
        let sent: Vec<u8> = (0..64).collect();
        let (times, came): (Vec<_>, Vec<_>) = pieces(&sent, faults).await.into_iter().unzip();
        assert_eq!(came.concat(), sent);
        let bounds = latency..=latency + jitter;
        assert!(times.iter().all(|at| bounds.contains(at)), "{times:?}");
        assert!(times.is_sorted() && times[0] < times[63], "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn pieces_are_no_longer_than_they_may_be() {
        let faults = Faults {
            slice: Some(5),
            ..Faults::default()
        };
        let pieces = pieces(b"twelve bytes", faults).await;
        let pieces: Vec<_> = pieces.iter().map(|(_, piece)| piece.as_slice()).collect();
        assert_eq!(pieces, [&b"twelv"[..], b"e byt", b"es"]);
    }

    #[tokio::test]
    async fn pieces_come_out_in_their_order() {
        let mut rig = rig().await;
        rig.proxy.set(Faults {
            jitter: Duration::from_millis(20),
            slice: Some(1),
            ..Faults::default()
        });
        let sent: Vec<u8> = (0..64).collect();
        rig.echo(&sent).await;
        rig.proxy.shutdown().await;
    }

    #[tokio::test]
    async fn bandwidth_is_a_limit() {
        let mut rig = rig().await;
        rig.proxy.set(Faults {
            bandwidth: Some(100_000),
            ..Faults::default()
        });
        assert!(rig.echo(&[1; 20_000]).await >= Duration::from_millis(200));
        rig.proxy.shutdown().await;
    }

    #[tokio::test]
    async fn a_black_hole_swallows_in_the_middle_and_gives_back_what_it_swallowed() {
        let mut rig = rig().await;
        rig.echo(b"before").await;
        rig.proxy.set(Faults {
            black_hole: true,
            ..Faults::default()
        });
        rig.client.write_all(b"held").await.unwrap();
        let mut late = TcpStream::connect(rig.proxy.address).await.unwrap();
        late.write_all(b"held").await.unwrap();
        for client in [&mut rig.client, &mut late] {
            let mut back = [0; 4];
            timeout(MOMENT, client.read(&mut back)).await.unwrap_err();
        }
        rig.proxy.set(Faults::default());
        for client in [&mut rig.client, &mut late] {
            let mut back = [0; 4];
            within(client.read_exact(&mut back)).await.unwrap();
            assert_eq!(&back, b"held");
        }
        rig.proxy.shutdown().await;
    }

    #[tokio::test]
    async fn a_black_hole_does_not_hold_up_the_end() {
        let mut rig = rig().await;
        rig.proxy.set(Faults {
            black_hole: true,
            ..Faults::default()
        });
        rig.client.write_all(b"held").await.unwrap();
        within(rig.proxy.shutdown()).await;
    }

    #[tokio::test]
    async fn a_reset_is_one_and_only_for_those_that_are_there() {
        let mut rig = rig().await;
        rig.echo(b"before").await;
        rig.proxy.reset();
        let error = within(rig.client.read(&mut [0])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        rig.client = TcpStream::connect(rig.proxy.address).await.unwrap();
        rig.echo(b"another").await;
        rig.proxy.shutdown().await;
    }

    #[tokio::test]
    async fn a_half_closed_connection_still_hears_its_client() {
        let (listener, mut server);
        listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap(), 7).await;
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        (server, _) = within(listener.accept()).await.unwrap();
        client.write_all(b"a").await.unwrap();
        within(server.read_exact(&mut [0])).await.unwrap();
        proxy.half_close();
        assert_eq!(within(client.read(&mut [0])).await.unwrap(), 0);
        client.write_all(b"still here").await.unwrap();
        let mut heard = [0; 10];
        within(server.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, b"still here");
        proxy.shutdown().await;
    }

    #[tokio::test]
    async fn refused_connections_are_counted_and_later_ones_pass() {
        let mut rig = rig().await;
        rig.echo(b"before").await;
        rig.proxy.set(Faults {
            refuse: true,
            ..Faults::default()
        });
        let mut refused = TcpStream::connect(rig.proxy.address).await.unwrap();
        within(refused.read(&mut [0])).await.unwrap_err();
        assert_eq!(rig.proxy.accepted(), 2);
        rig.proxy.set(Faults::default());
        rig.client = TcpStream::connect(rig.proxy.address).await.unwrap();
        rig.echo(b"again").await;
        rig.proxy.shutdown().await;
    }
}
