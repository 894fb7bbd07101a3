//! Shows the run to whoever asks over HTTP: opens the listener, fills the board.

use std::{net::SocketAddr, sync::Arc};

use futures_util::FutureExt as _;
use tracing::info;

use super::{
    launch::{OBSERVERS, Running},
    look::Looks,
    picture::Picture,
    runtimes::on,
    start::StartError,
};
use crate::{
    control::{self, Board, Figures, Parts},
    io::{Clock, net::Listener},
    resilience::{
        Deadlines,
        supervisor::{Policy, Supervisor, TaskSpec},
    },
    venue::kraken::rest::Rest,
};

/// Opens the listener, unless it is switched off, and has a task serve it. Before anything that can take long: a start can be watched.
///
/// # Errors
///
/// When the address cannot be listened at.
///
/// # Cancel safety
///
/// Dropping the future leaves the address free.
pub(super) async fn open(
    tasks: &mut Supervisor,
    settings: &control::Settings,
    clock: &Clock,
    runtime: &tokio::runtime::Handle,
) -> Result<(Arc<Board>, Option<SocketAddr>), StartError> {
    let board = Arc::new(Board::new(clock.clone(), tasks.watch()));
    if !settings.enabled {
        return Ok((board, None));
    }
    let address = settings.listen;
    let refused = |source| StartError::Http { address, source };
    // Bound on the runtime that serves it.
    let bound = on(runtime, Listener::bind(address, None)).await?;
    let listener = Arc::new(bound.map_err(refused)?);
    let address = listener.local_addr().map_err(refused)?;
    info!(%address, "health and metrics over HTTP");
    let shown = Arc::clone(&board);
    // Trading goes on meanwhile. Where it fails again and again nobody can see how the run is: it ends in order.
    let spec = TaskSpec::new("http", Policy::Transient, OBSERVERS).on(runtime.clone());
    tasks.spawn(spec, move |stop| {
        let serving = control::serve(Arc::clone(&listener), Arc::clone(&shown), stop);
        async move { Ok(serving.await?) }
    });
    Ok((board, Some(address)))
}

/// What there is to see of a run whose tasks are there.
pub(super) fn parts(running: &mut Running, rest: &Rest, joins: &Deadlines) -> Parts {
    let (looks, reads) = (running.looks.clone(), rest.clone());
    let mut sockets = vec![
        ("public", Arc::clone(&running.public)),
        ("private", Arc::clone(&running.private)),
    ];
    sockets.extend(running.mirror.clone().map(|counters| ("mirror", counters)));
    let of_sockets = sockets.iter().map(|(on, it)| (*on, it.deadlines.clone()));
    let others = [
        ("rest", rest.deadlines().clone()),
        (control::TASKS, joins.clone()),
    ];
    Parts {
        figures: Box::new(move || figures(looks.clone()).boxed()),
        breakers: running.breakers.clone(),
        deadlines: of_sockets.chain(others).collect(),
        sockets,
        retries: Box::new(move || reads.retries()),
        connections: running.connections.clone(),
        queues: std::mem::take(&mut running.queues),
    }
}

async fn figures(looks: Looks) -> Option<Figures> {
    Some(numbers(&looks.picture().await?))
}

fn numbers(picture: &Picture) -> Figures {
    let (tally, markets) = (&picture.tally, &picture.markets);
    Figures {
        mode: picture.mode,
        ready: picture.ready,
        feed: picture.feed,
        account: picture.account,
        order_entry: picture.order_entry,
        books: (
            markets.len(),
            markets.iter().filter(|market| market.verified).count(),
        ),
        halted: markets.iter().filter(|market| market.halted).count(),
        open_orders: picture.open_orders(),
        checksums: (tally.checksums, tally.checksums_failed),
        stale_books: tally.stale_books,
        commands: [
            ("create", tally.orders),
            ("amend", tally.amends),
            ("cancel", tally.cancels),
        ],
        fills: tally.fills,
        denied: tally.denied.iter().map(|(code, n)| (*code, *n)).collect(),
        rejected: (tally.rejected, tally.rate_limited),
        unanswered: tally.unanswered,
        anomalies: picture.anomalies,
        journal_failures: tally.journal_failures,
        worst_latency: tally.worst_latency,
    }
}
