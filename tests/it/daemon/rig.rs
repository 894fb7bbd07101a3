//! A simulated Kraken, a daemon that trades on it, and ways to look at both.

use std::{
    collections::BTreeMap, io::Write as _, net::SocketAddr, os::unix::fs::PermissionsExt as _,
    path::PathBuf, sync::Arc, time::Duration,
};

use tokio::{runtime::Handle, task::JoinSet, time::interval};
use tradingd::{
    app::{Daemon, Handles, Looks, Picture, Report, StartError, Stops, clock},
    config::{Config, SecretRef, Strategy},
    engine::strategy,
    resilience::{Canceled, Deadlines, circuit_breaker::CircuitBreaker},
    sim::{
        Addresses, Settings, Simulator,
        matching::{
            AccountId, Cancel, CancelTarget, NewOrder, OrderKind, OrderState, PairId, Reply,
            Request, SelfTrade, TimeInForce,
        },
        server::Role,
    },
    types::{ClOrdId, Decimal, OrderId, Price, Quantity, Side},
    venue::kraken::counters::SocketCounters,
};

use crate::support::{
    proxy::{Faults, Proxy},
    within,
};

/// Everything that a test stands on.
pub(super) struct Rig {
    pub(super) sim: Simulator,
    pub(super) stops: Stops,
    looks: Looks,
    /// What the sockets count: public, private.
    pub(super) counters: (Arc<SocketCounters>, Arc<SocketCounters>),
    /// Where health and metrics are.
    pub(super) http: Option<SocketAddr>,
    /// Tasks that did not end in time.
    pub(super) joins: Deadlines,
    pub(super) breakers: Vec<CircuitBreaker>,
    running: JoinSet<Report>,
    /// Balances before the daemon did anything.
    pub(super) opening: BTreeMap<String, Decimal>,
    pub(super) state: tempfile::TempDir,
    keys: Keys,
}

/// A market that is busy enough for a short test.
pub(super) fn busy() -> Settings {
    Settings {
        seed: 11,
        rate: 400.0,
        pairs: pairs(),
        ..Settings::default()
    }
}

fn pairs() -> Vec<String> {
    ["BTC/USD", "ETH/USD"].map(str::to_owned).to_vec()
}

/// A market that stands still: books are there and nothing moves.
pub(super) fn still() -> Settings {
    Settings {
        speed: 0.000_001,
        ..busy()
    }
}

/// The quoters of the default config, on the pairs of the rig, as quick as a test wants them.
pub(super) fn quoters(min_interval: Duration) -> Vec<Strategy> {
    let mut strategies = Config::default().strategy;
    strategies.retain(|own| own.half_spread.is_some());
    for own in &mut strategies {
        own.min_interval = Some(min_interval);
    }
    strategies
}

pub(super) fn config() -> Config {
    let mut config = Config {
        strategy: quoters(Duration::from_millis(100)),
        ..Config::default()
    };
    config.http.listen.set_port(0);
    config.feed.pairs = pairs();
    config.throttle.tier = tradingd::config::Tier::Pro;
    config.orders.ttl = Duration::from_millis(1_000);
    config.orders.grace = Duration::from_millis(500);
    config.orders.look_up_every = Duration::from_millis(300);
    config.orders.cancel_again = Duration::from_millis(150);
    config.deadlines.answer = Duration::from_millis(700);
    config.kraken.look_up_pause = Duration::from_millis(50);
    config.deadlines.idle = Duration::from_secs(4);
    config.kraken.ping = Duration::from_secs(1);
    config.breaker.order_entry.open_for = Duration::from_millis(200);
    config.breaker.order_entry.open_for_max = Duration::from_secs(1);
    config.kraken.reconnect.base = Duration::from_millis(50);
    config.kraken.reconnect.minimum = Duration::from_millis(10);
    config
}

/// A start that gets no answer from the venue, and where it can be watched.
pub(super) async fn starting(
    listen: SocketAddr,
    stops: Stops,
) -> Result<Result<Daemon, StartError>, Canceled> {
    let mut config = config();
    // Nobody listens there.
    config.venue.rest = Some("http://127.0.0.1:9".parse().unwrap());
    config.venue.ws = Some("ws://127.0.0.1:9/v2".parse().unwrap());
    config.venue.ws_auth = Some("ws://127.0.0.1:9/v2".parse().unwrap());
    config.http.listen = listen;
    let state = tempfile::tempdir().unwrap();
    config.state.dir = Some(state.path().to_owned());
    let keys = Keys::new("key", "c2VjcmV0");
    (config.venue.api_key, config.venue.api_secret) = keys.references();
    config.network.start = Duration::from_secs(600);
    Daemon::start(&config, None, clock::system(), &here(), stops, None).await
}

/// All on the test's own runtime.
pub(super) fn here() -> Handles {
    Handles {
        disk: Handle::current(),
        simulator: Handle::current(),
        http: Handle::current(),
    }
}

impl Rig {
    pub(super) async fn start(settings: Settings, config: Config) -> Self {
        Self::start_with(settings, config, None).await
    }

    pub(super) async fn start_with(
        settings: Settings,
        config: Config,
        strategies: Option<Vec<Box<dyn strategy::Strategy>>>,
    ) -> Self {
        let sim = simulator(&settings).await;
        let addresses = sim.addresses();
        Box::pin(Self::launch(sim, addresses, config, strategies, here())).await
    }

    /// With threads of its own for what is not the driver's.
    pub(super) async fn start_on(settings: Settings, config: Config, handles: Handles) -> Self {
        let sim = simulator(&settings).await;
        let addresses = sim.addresses();
        Box::pin(Self::launch(sim, addresses, config, None, handles)).await
    }

    /// With a wire that can go bad before each listener. The sockets' wires are this way before anything passes.
    pub(super) async fn start_through(
        settings: Settings,
        config: Config,
        sockets: Faults,
    ) -> (Self, Wires) {
        let sim = simulator(&settings).await;
        let mut addresses = sim.addresses();
        let wires = Wires {
            rest: Proxy::start(addresses.rest, settings.seed).await,
            public: Proxy::start(addresses.ws, settings.seed).await,
            private: Proxy::start(addresses.ws_auth, settings.seed).await,
        };
        addresses.rest = wires.rest.address;
        addresses.ws = wires.public.address;
        addresses.ws_auth = wires.private.address;
        for wire in wires.sockets() {
            wire.set(sockets.clone());
        }
        let launching = Box::pin(Self::launch(sim, addresses, config, None, here()));
        (launching.await, wires)
    }

    async fn launch(
        sim: Simulator,
        addresses: Addresses,
        mut config: Config,
        strategies: Option<Vec<Box<dyn strategy::Strategy>>>,
        handles: Handles,
    ) -> Self {
        let clock = clock::system();
        let state = tempfile::tempdir().unwrap();
        config.venue.rest = Some(addresses.rest_url().parse().unwrap());
        config.venue.ws = Some(addresses.ws_url(Role::Public).parse().unwrap());
        config.venue.ws_auth = Some(addresses.ws_url(Role::Private).parse().unwrap());
        let account = &sim.accounts()[0];
        let keys = Keys::new(&account.key, &account.secret_base64);
        (config.venue.api_key, config.venue.api_secret) = keys.references();
        config.state.dir = Some(state.path().to_owned());
        let opening = balances(&sim);
        let stops = Stops::default();
        let starting = Daemon::start(&config, strategies, clock, &handles, stops.clone(), None);
        let daemon = within(starting).await.unwrap().unwrap();
        let (looks, counters) = (daemon.looks(), daemon.counters());
        let (http, joins, breakers) = (daemon.http(), daemon.joins(), daemon.breakers());
        let mut running = JoinSet::new();
        running.spawn(daemon.run());
        Self {
            sim,
            stops,
            looks,
            counters,
            http,
            joins,
            breakers,
            running,
            opening,
            state,
            keys,
        }
    }

    /// Looks at the engine until it is as wanted.
    pub(super) async fn until(&self, what: &str, wanted: impl Fn(&Picture) -> bool) -> Picture {
        let mut ticks = interval(Duration::from_millis(10));
        let looking = async {
            loop {
                ticks.tick().await;
                let picture = self.looks.picture().await.expect("the driver runs");
                if wanted(&picture) {
                    return picture;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), looking).await;
        found.unwrap_or_else(|_elapsed| panic!("never: {what}"))
    }

    /// Waits until the driver has ended.
    pub(super) async fn until_gone(&self) {
        within(async { while self.looks.picture().await.is_some() {} }).await;
    }

    pub(super) async fn picture(&self) -> Picture {
        self.looks.picture().await.expect("the driver runs")
    }

    /// Stops the daemon as SIGTERM does, and gives what came of it.
    pub(super) async fn stop(&mut self) -> Report {
        self.stops.stop.cancel();
        self.ended().await
    }

    pub(super) async fn ended(&mut self) -> Report {
        within(self.running.join_next()).await.unwrap().unwrap()
    }

    pub(super) fn account(&self) -> AccountId {
        self.sim.accounts()[0].id
    }

    /// All orders of ours that the venue ever accepted.
    pub(super) fn orders(&self) -> Vec<OrderState> {
        let account = self.account();
        self.sim.venue().read(|view| {
            let open = view
                .exchange
                .open_orders(account)
                .map(|order| order.state.clone());
            let closed = view
                .exchange
                .closed_orders(account)
                .map(|order| order.state.clone());
            open.chain(closed).collect()
        })
    }

    pub(super) fn open_ids(&self) -> Vec<OrderId> {
        let account = self.account();
        self.sim.venue().read(|view| {
            let open = view.exchange.open_orders(account);
            open.map(|order| order.state.order_id).collect()
        })
    }

    pub(super) fn open_orders(&self) -> usize {
        let account = self.account();
        self.sim
            .venue()
            .read(|view| view.exchange.open_orders(account).count())
    }

    /// The daemon's orders that rest on one side of one pair.
    fn resting(&self, symbol: &str, side: Side) -> Vec<OrderState> {
        let (account, pair) = (self.account(), self.pair(symbol));
        self.sim.venue().read(|view| {
            let open = view.exchange.open_orders(account);
            let own = open.filter(|order| order.state.pair == pair && order.state.side == side);
            own.map(|order| order.state.clone()).collect()
        })
    }

    fn pair(&self, symbol: &str) -> PairId {
        let venue = self.sim.venue();
        venue
            .read(|view| view.exchange.universe().find_symbol(symbol))
            .unwrap()
    }

    /// Ends the daemon's orders on one side of one pair, as its owner would by hand.
    pub(super) fn end_at_the_venue(&self, symbol: &str, side: Side) {
        for order in self.resting(symbol, side) {
            let target = CancelTarget::Order(order.order_id);
            let cancel = Request::Cancel(Cancel { target });
            // One that was filled meanwhile is over as well.
            let _over = self.sim.venue().act(self.account(), cancel);
        }
    }

    /// The owner of the account places an order of his own, far below the market. Gives its id.
    pub(super) fn place_by_hand(&self, symbol: &str) -> OrderId {
        let pair = self.pair(symbol);
        let order = NewOrder {
            pair,
            side: Side::Buy,
            kind: OrderKind::Limit(Price::new(10_000).unwrap()),
            qty: Quantity::new(10_000_000).unwrap().into(),
            time_in_force: TimeInForce::Gtc,
            post_only: true,
            trigger: None,
            self_trade: SelfTrade::default(),
            display: None,
            cl_ord_id: Some(ClOrdId::new("by-hand-1").unwrap()),
            userref: None,
            deadline: None,
            validate: false,
            extras: Default::default(),
        };
        let placed = self.sim.venue().act(self.account(), Request::Place(order));
        match placed {
            Ok(Reply::Placed { order_id }) => order_id,
            other => panic!("{other:?}"),
        }
    }

    /// Somebody takes everything that rests on one side of one pair down to the daemon's order, and that order whole.
    pub(super) fn fill_at_the_venue(&self, symbol: &str, side: Side) {
        let [order] = &self.resting(symbol, side)[..] else {
            panic!("one order rests there")
        };
        let OrderKind::Limit(price) = order.kind else {
            panic!("quotes have a limit")
        };
        let pair = self.pair(symbol);
        let beyond = |at| match side {
            Side::Buy => at >= price,
            Side::Sell => at <= price,
        };
        let qty = self.sim.venue().read(|view| {
            let levels = view.exchange.levels(pair, side);
            let above = levels.take_while(|(at, _)| beyond(*at));
            above.map(|(_, qty)| qty.units()).sum()
        });
        let order = NewOrder {
            pair,
            side: match side {
                Side::Buy => Side::Sell,
                Side::Sell => Side::Buy,
            },
            kind: OrderKind::Limit(price),
            qty: Quantity::new(qty).unwrap().into(),
            time_in_force: TimeInForce::Ioc,
            post_only: false,
            trigger: None,
            self_trade: SelfTrade::default(),
            display: None,
            cl_ord_id: None,
            userref: None,
            deadline: None,
            validate: false,
            extras: Default::default(),
        };
        let taker = AccountId(u32::MAX);
        let venue = self.sim.venue();
        venue.change(|exchange| exchange.open_agent(taker));
        venue.act(taker, Request::Place(order)).unwrap();
    }

    pub(super) fn balances(&self) -> BTreeMap<String, Decimal> {
        balances(&self.sim)
    }

    /// No id was ever accepted twice.
    pub(super) fn assert_no_order_is_doubled(&self) {
        let mut seen = BTreeMap::<ClOrdId, usize>::new();
        for order in self.orders() {
            *seen.entry(order.cl_ord_id.unwrap()).or_default() += 1;
        }
        assert!(seen.values().all(|count| *count == 1), "doubled: {seen:?}");
    }

    /// What the daemon counted is what the venue filled, to the last digit; and opening balance plus those fills less fees, each in the
    /// digits that the ledger keeps, is the venue's balance.
    pub(super) fn assert_books_balance(&self, picture: &Picture) {
        let mut counted = BTreeMap::new();
        for market in &picture.markets {
            let cash = market.cash.checked_sub(market.fees).unwrap();
            counted.insert(market.symbol, (market.position, cash));
        }
        let account = self.sim.accounts()[0].id;
        let (mut filled, mut expected) = (BTreeMap::new(), self.opening.clone());
        self.sim.venue().read(|view| {
            let universe = view.exchange.universe();
            for fill in view.exchange.fills(account) {
                let of = &universe.pair(fill.order.pair).unwrap().instrument;
                let digits = |asset: &str| universe.asset(asset).unwrap().decimals;
                let booked = |amount: Decimal, asset: &str| {
                    amount.rounded_toward_zero(digits(asset)).unwrap()
                };
                let sign = |amount: Decimal, positive: bool| {
                    if positive { amount } else { amount.negated() }
                };
                let buys = fill.order.side == Side::Buy;
                let qty = sign(of.quantity_decimal(fill.qty), buys);
                let cash = sign(fill.cost, !buys).checked_sub(fill.fee).unwrap();
                let sums = filled
                    .entry(of.symbol)
                    .or_insert((Decimal::ZERO, Decimal::ZERO));
                sums.0 = sums.0.checked_add(qty).unwrap();
                sums.1 = sums.1.checked_add(cash).unwrap();
                let quote = sign(booked(fill.cost, &of.quote), !buys);
                let quote = quote.checked_sub(booked(fill.fee, &of.quote)).unwrap();
                for (asset, amount) in [(&of.base, booked(qty, &of.base)), (&of.quote, quote)] {
                    let sum = expected.get_mut(asset.as_str()).unwrap();
                    *sum = sum.checked_add(amount).unwrap();
                }
            }
        });
        for (symbol, sums) in &counted {
            let nothing = (Decimal::ZERO, Decimal::ZERO);
            assert_eq!(
                sums,
                filled.get(symbol).unwrap_or(&nothing),
                "{symbol}: the daemon's sums against the fills"
            );
        }
        assert!(filled.keys().all(|symbol| counted.contains_key(symbol)));
        assert_eq!(
            expected,
            self.balances(),
            "opening + fills - fees against the venue"
        );
    }

    pub(super) fn state_directory(&self) -> PathBuf {
        self.state.path().to_owned()
    }

    pub(super) async fn shutdown(self) {
        drop(self.keys);
        self.sim.shutdown().await;
    }
}

async fn simulator(settings: &Settings) -> Simulator {
    let started = Simulator::start(settings, None, clock::system());
    started.await.unwrap()
}

/// What stands between daemon and venue.
pub(super) struct Wires {
    pub(super) rest: Proxy,
    pub(super) public: Proxy,
    pub(super) private: Proxy,
}

impl Wires {
    pub(super) const fn sockets(&self) -> [&Proxy; 2] {
        [&self.public, &self.private]
    }

    /// The venue is there and never answers again.
    pub(super) fn swallow(&self) {
        for wire in [&self.rest, &self.public, &self.private] {
            wire.set(Faults::hole());
        }
    }

    /// The sockets die, and nobody is let in.
    pub(super) fn refuse_sockets(&self) {
        for wire in self.sockets() {
            wire.set(Faults {
                refuse: true,
                ..Faults::default()
            });
            wire.reset();
        }
    }

    pub(super) async fn shutdown(self) {
        for wire in [self.rest, self.public, self.private] {
            wire.shutdown().await;
        }
    }
}

fn balances(sim: &Simulator) -> BTreeMap<String, Decimal> {
    let account = sim.accounts()[0].id;
    sim.venue().read(|view| {
        let balances = view.exchange.balances(account);
        balances
            .map(|(asset, balance)| (asset.to_string(), balance.total))
            .collect()
    })
}

/// A key in two files that only we may read.
pub(super) struct Keys(tempfile::TempDir);

impl Keys {
    pub(super) fn new(key: &str, secret: &str) -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("key", key), ("secret", secret)] {
            let mut file = std::fs::File::create(keys.0.path().join(name)).unwrap();
            file.set_permissions(std::fs::Permissions::from_mode(0o600))
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        keys
    }

    /// Where key and secret are, for the config.
    pub(super) fn references(&self) -> (Option<SecretRef>, Option<SecretRef>) {
        let reference = |name| Some(SecretRef::File(self.0.path().join(name)));
        (reference("key"), reference("secret"))
    }
}
