//! A crowd that places, amends, cancels and takes, on every pair, half of it clients with funds and counters, half agents.
//!
//! Always true: the seed decides every request; the books stay busy, with some hundreds of orders a pair.

use std::time::Duration;

use rand::RngExt as _;
use tradingd::{
    io::rng::{Rng, stream},
    sim::matching::{
        AccountId, Amend, Cancel, CancelTarget, Exchange, Extras, NewOrder, Offset, OrderKind,
        PairId, Refusal, Reply, Request, SelfTrade, Tier, TimeInForce,
    },
    types::{Decimal, OrderId, Price, Quantity, Side},
};

const CLIENTS: u32 = 500;
const AGENTS: u32 = 20;
const FIRST_AGENT: u32 = 1_000_000;
/// Orders of a pair below which only orders come, and above which only cancels.
const BUSY: std::ops::Range<usize> = 400..600;
/// How far from the middle orders rest, in ticks.
const REACH: i64 = 300;
/// Between two requests: slow enough that the clients' rate counters keep up.
pub const PACE: Duration = Duration::from_millis(1);

/// An order that was open when last heard of.
#[derive(Clone, Copy)]
struct Resting {
    id: OrderId,
    account: AccountId,
    side: Side,
}

/// The crowd, and what it knows of its orders.
pub struct Crowd {
    rng: Rng,
    resting: Vec<Vec<Resting>>,
    middles: Vec<i64>,
    least: Vec<i64>,
    tally: Tally,
}

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub placed: u64,
    pub amended: u64,
    pub canceled: u64,
    pub taken: u64,
    /// The order was filled before the request came.
    pub late: u64,
    pub refused: u64,
}

impl Crowd {
    /// Opens the accounts of a crowd on all pairs of this exchange.
    pub fn join(exchange: &mut Exchange, seed: u64) -> Self {
        let plenty = Decimal::new(1_000_000_000_000, 0).unwrap();
        let universe = exchange.universe().clone();
        let funds: Vec<_> = universe
            .assets
            .iter()
            .map(|asset| (asset.code, plenty))
            .collect();
        for client in 1..=CLIENTS {
            exchange.open_account(AccountId(client), Tier::Pro, &funds);
        }
        for agent in 0..AGENTS {
            exchange.open_agent(AccountId(FIRST_AGENT + agent));
        }
        let middle = |pair: &tradingd::sim::matching::PairSpec| {
            let precision = pair.instrument.price_precision;
            i64::try_from(pair.opening_price.mantissa_at(precision).unwrap()).unwrap()
        };
        Self {
            rng: stream(seed, 0),
            resting: vec![Vec::new(); universe.pairs.len()],
            middles: universe.pairs.iter().map(middle).collect(),
            least: universe
                .pairs
                .iter()
                .map(|pair| pair.instrument.qty_min.units())
                .collect(),
            tally: Tally::default(),
        }
    }

    /// Asks once. `ask` takes the request to whoever decides it.
    pub fn act(&mut self, ask: &mut impl FnMut(AccountId, Request) -> Result<Reply, Refusal>) {
        let pair = self.rng.random_range(0..self.resting.len());
        let resting = self.resting[pair].len();
        let kind = match self.rng.random_range(0..100) {
            _ if resting < BUSY.start => 0,
            _ if resting > BUSY.end => 40,
            kind => kind,
        };
        match kind {
            0..40 => self.place(pair, ask),
            40..65 => self.cancel(pair, ask),
            65..90 => self.amend(pair, ask),
            _ => self.take(pair, ask),
        }
    }

    /// What became of the requests since the last time.
    pub fn tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    fn account(&mut self) -> AccountId {
        AccountId(if self.rng.random_bool(0.5) {
            self.rng.random_range(1..=CLIENTS)
        } else {
            FIRST_AGENT + self.rng.random_range(0..AGENTS)
        })
    }

    fn side(&mut self) -> Side {
        if self.rng.random_bool(0.5) {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    /// A price that rests.
    fn price(&mut self, pair: usize, side: Side) -> Price {
        let distance = self.rng.random_range(1..REACH);
        let away = if side == Side::Buy {
            -distance
        } else {
            distance
        };
        Price::new((self.middles[pair] + away).max(1)).unwrap()
    }

    fn quantity(&mut self, pair: usize, most: i64) -> Quantity {
        let times = self.rng.random_range(1_000..1_000 * most);
        let least = i128::from(self.least[pair]);
        Quantity::new(i64::try_from(least * i128::from(times) / 1_000).unwrap()).unwrap()
    }

    fn place(
        &mut self,
        pair: usize,
        ask: &mut impl FnMut(AccountId, Request) -> Result<Reply, Refusal>,
    ) {
        let (account, side) = (self.account(), self.side());
        let price = self.price(pair, side);
        let qty = self.quantity(pair, 50);
        let order = order(pair, side, OrderKind::Limit(price), qty);
        match ask(account, Request::Place(order)) {
            Ok(Reply::Placed { order_id: id }) => {
                self.tally.placed += 1;
                self.resting[pair].push(Resting { id, account, side });
            }
            Ok(reply) => panic!("{reply:?} to a new order"),
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn cancel(
        &mut self,
        pair: usize,
        ask: &mut impl FnMut(AccountId, Request) -> Result<Reply, Refusal>,
    ) {
        let place = self.rng.random_range(0..self.resting[pair].len());
        let order = self.resting[pair].swap_remove(place);
        let target = CancelTarget::Order(order.id);
        match ask(order.account, Request::Cancel(Cancel { target })) {
            Ok(_canceled) => self.tally.canceled += 1,
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn amend(
        &mut self,
        pair: usize,
        ask: &mut impl FnMut(AccountId, Request) -> Result<Reply, Refusal>,
    ) {
        let place = self.rng.random_range(0..self.resting[pair].len());
        let order = self.resting[pair][place];
        let (price, qty) = if self.rng.random_bool(0.5) {
            (Some(Offset::At(self.price(pair, order.side))), None)
        } else {
            (None, Some(self.quantity(pair, 50)))
        };
        let amend = Amend {
            target: CancelTarget::Order(order.id),
            qty,
            price,
            trigger: None,
            display: None,
            post_only: false,
            deadline: None,
        };
        match ask(order.account, Request::Amend(amend)) {
            Ok(_amended) => self.tally.amended += 1,
            Err(refusal) => {
                self.resting[pair].swap_remove(place);
                self.refused(&refusal);
            }
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        if *refusal == Refusal::UnknownOrder {
            self.tally.late += 1;
        } else {
            self.tally.refused += 1;
            if self.tally.refused < 20 {}
        }
    }

    /// Takes from the book, and moves the middle after it now and then.
    fn take(
        &mut self,
        pair: usize,
        ask: &mut impl FnMut(AccountId, Request) -> Result<Reply, Refusal>,
    ) {
        let (account, side) = (self.account(), self.side());
        let qty = self.quantity(pair, 60);
        let order = order(pair, side, OrderKind::Market, qty);
        match ask(account, Request::Place(order)) {
            Ok(_taken) => self.tally.taken += 1,
            Err(refusal) => self.refused(&refusal),
        }
        if self.rng.random_bool(0.1) {
            self.middles[pair] += if side == Side::Buy { 1 } else { -1 };
        }
    }
}

fn order(pair: usize, side: Side, kind: OrderKind, qty: Quantity) -> NewOrder {
    NewOrder {
        pair: PairId(u32::try_from(pair).unwrap()),
        side,
        kind,
        qty: qty.into(),
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        trigger: None,
        self_trade: SelfTrade::CancelOldest,
        display: None,
        cl_ord_id: None,
        userref: None,
        deadline: None,
        validate: false,
        extras: Extras::default(),
    }
}
