//! Books without end over one socket: every frame arrives, is applied and verified, and nothing grows meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::sync_channel,
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::SinkExt as _;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tradingd::app::{Stops, Verdict, clock};

use crate::{
    Holdings, QUIET, alone, config, frames, long,
    page::{Page, Queue},
    runtime, start, until,
    venue::{Socket, Venue},
};

const PAIRS: usize = 50;
const SEED: u64 = 7;
/// Updates before the books begin anew with whole ones.
const PASS: usize = 20_000;
/// Frames of one millisecond.
const BURST: usize = 25;
/// Frames a second that the long form must carry.
const RATE: u128 = 20_000;
/// Frames that may be under way in the short form, which asserts no rate; the queue to the driver takes twice as many.
const WINDOW: u64 = 2_000;
/// What live memory may differ by between two looks: frames on their way, the journal's buffer.
const SLACK: usize = 256 * 1024;
/// The same while books find their size.
const EARLY_SLACK: usize = 4 << 20;

/// Nothing is traded: this venue's orders never fill.
const CONFIG: &str = "strategy = []\n";

/// Sends so many passes over the frames; the first snapshots have been given already.
async fn send(feed: &mut Socket, frames: &[Message], passes: usize, handled: &AtomicU64) {
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = PAIRS as u64;
    for pass in 0..passes {
        for burst in frames[if pass == 0 { PAIRS } else { 0 }..].chunks(BURST) {
            ticks.tick().await;
            while !long() && sent > handled.load(Ordering::Acquire) + WINDOW {
                ticks.tick().await;
            }
            for frame in burst {
                feed.feed(frame.clone()).await.unwrap();
            }
            feed.flush().await.unwrap();
            sent += burst.len() as u64;
        }
    }
}

#[test]
fn every_frame_of_a_feed_without_end_is_verified_and_nothing_grows() {
    let _alone = alone();
    let passes = if long() { 180 } else { 3 };
    let pairs = frames::universe(SEED, PAIRS);
    let names: Vec<_> = pairs
        .iter()
        .map(|pair| format!("{:?}", pair.symbol))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_owned();
    let handled = Arc::<AtomicU64>::default();
    let seen = Arc::clone(&handled);
    let (told, tells) = sync_channel(1);
    let (over, ended) = tokio::sync::oneshot::channel::<()>();
    let server = thread::spawn(move || {
        let all = frames::many(&pairs, PASS, SEED);
        let texts = all
            .iter()
            .map(|frame| String::from_utf8(frame.to_vec()).unwrap());
        let messages: Vec<_> = texts.map(Message::text).collect();
        runtime().block_on(async {
            let venue = Venue::open(&pairs, clock::system()).await;
            told.send(venue.config(&place)).unwrap();
            let (mut feed, _account) = tokio::join!(venue.feed(&pairs, &all), venue.account());
            send(&mut feed, &messages, passes, &seen).await;
            // Whoever waits is served until he has seen all of it.
            let _gone = ended.await;
        });
    });
    let section = tells.recv().unwrap();
    let text = format!(
        "{CONFIG}{section}{QUIET}[feed]\ndepth = 10\npairs = [{}]\n",
        names.join(",")
    );
    let config = config(&text, directory.path());
    let books = ((PAIRS + PASS) * passes) as u64;
    runtime().block_on(async {
        let stops = Stops::default();
        let daemon = start(&config, &stops).await;
        let (looks, (public, _)) = (daemon.looks(), daemon.counters());
        let address = daemon.http().unwrap();
        let watching = async {
            let since = now();
            let (mut held, mut tally) = (Vec::new(), None);
            for tenth in 1..=10 {
                let picture = until(&looks, "another tenth of the books", |picture| {
                    handled.store(picture.tally.checksums, Ordering::Release);
                    picture.tally.checksums >= books * tenth / 10
                })
                .await;
                held.push(Holdings::now());
                tally = Some(picture.tally);
            }
            let took = since.elapsed();
            let queues = Page::scrape(address).await.queues();
            drop(looks);
            stops.stop.cancel();
            (took, held, tally.unwrap(), queues)
        };
        let (report, (took, held, tally, queues)) = tokio::join!(daemon.run(), watching);
        assert_eq!(report.verdict, Verdict::Clean);
        let rate = u128::from(books) * 1_000 / took.as_millis();
        println!("{books} books in {took:?}: {rate} a second");
        held.iter().for_each(|held| println!("{held:?}"));
        queues.iter().for_each(|queue| println!("{queue:?}"));
        assert_eq!(
            (tally.checksums, tally.checksums_failed, tally.stale_books),
            (books, 0, 0)
        );
        assert_eq!((public.dropped.get(), public.decode_errors.get()), (0, 0));
        assert_eq!(public.lost_connections.get(), 0);
        assert_eq!(queues.len(), 6);
        for queue in &queues {
            assert!(queue.most < queue.capacity, "was full: {queue:?}");
        }
        assert!(market_of(&queues) > 0, "nothing ever waited: {queues:?}");
        let (early, middle, late) = (held[1], held[4], held[9]);
        assert!(late.bytes <= early.bytes + EARLY_SLACK, "{held:?}");
        // Books have found their size by the middle.
        assert!(late.bytes <= middle.bytes + SLACK, "{held:?}");
        assert_eq!(
            (late.descriptors, late.tasks),
            (early.descriptors, early.tasks)
        );
        assert!(!long() || rate >= RATE, "{rate} frames a second");
    });
    drop(over);
    server.join().unwrap();
}

/// The most that ever waited in the queue that books come through.
fn market_of(queues: &[Queue]) -> u64 {
    let market = queues.iter().find(|queue| queue.name == "market");
    market.unwrap().most
}

#[expect(clippy::disallowed_methods, reason = "the long form measures a rate")]
fn now() -> Instant {
    Instant::now()
}
