//! Rows 5 to 8 on the way out: a frame to order bytes, an order encoded, a REST call signed, allocations of an amend.

use std::{alloc::System, hint::black_box};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use stats_alloc::StatsAlloc;
use tradingd::{
    engine::{
        Command, Event,
        event::BookUpdate,
        strategy::{self, quoter::Quoter},
    },
    journal::{
        record::{FRAME_BYTES, Kind, Place, encode_entry, write_record},
        segment::Chain,
    },
    types::Instrument,
    venue::kraken::{
        auth::Credentials,
        decode::{Buffers, Decoder, Message},
        encode,
    },
};

use super::{
    books::{decoder, ignore},
    desk::{self, Desk, Restless},
    frames::{self, Frames},
    rounds::{Rounds, cpu},
};

const TOKEN: &str = "cc3kTqGgX3rPb0f4xSPSfYw2CPp5hxwXKZ6cHDg0Cyw";
/// Pieces of a round of rows 6 and 7.
const PIECES: usize = 100_000;

/// Everything between a frame and order bytes, in the order in which the daemon does it. Only queues and `write(2)` are missing.
struct Line {
    decoder: Decoder,
    buffers: Buffers,
    desk: Desk,
    instrument: Instrument,
    journal: Vec<u8>,
    place: Place,
    chain: Chain,
    order: Vec<u8>,
}

impl Line {
    fn new() -> Self {
        let quoter: Box<dyn strategy::Strategy> =
            Box::new(Restless::new(Quoter::new(desk::params())));
        Self {
            decoder: decoder(&[frames::btc_usd()]),
            buffers: Buffers::new(),
            desk: Desk::with(vec![quoter]),
            instrument: desk::instrument(),
            journal: Vec::with_capacity(1 << 16),
            place: Place {
                sequence: 1,
                previous: 0,
            },
            chain: Chain::new(&[0; 32]),
            order: Vec::with_capacity(1024),
        }
    }

    /// Takes a frame in; says how many orders and amends went out.
    #[inline]
    fn frame(&mut self, frame: &[u8]) -> usize {
        let decoded = self.decoder.decode(frame, &mut self.buffers);
        let Ok(Message::Book(_)) = decoded else {
            panic!("no book: {decoded:?}");
        };
        let event = Event::Book(std::mem::replace(
            &mut self.buffers.book,
            BookUpdate::empty(),
        ));
        self.desk.feed(&event);
        self.record(&event);
        let sent = self.send();
        // Without a queue nobody keeps the event: its buffers serve again.
        if let Event::Book(update) = event {
            self.buffers.book = update;
        }
        sent
    }

    fn record(&mut self, event: &Event) {
        self.journal.clear();
        let (now, commands) = (self.desk.now, self.desk.out.commands());
        let written = write_record(&mut self.journal, self.place, Kind::Entry, |buffer| {
            encode_entry(now, event, commands, buffer)
        });
        self.place.previous = written.unwrap();
        self.place.sequence += 1;
        self.chain.add_frame(&self.journal[..FRAME_BYTES]);
    }

    fn send(&mut self) -> usize {
        let mut sent = 0;
        for command in self.desk.out.commands() {
            match command {
                Command::Submit(submit) => {
                    encode::add_order(submit, &self.instrument, TOKEN, &mut self.order);
                }
                Command::Amend(amend) => {
                    encode::amend_order(amend, &self.instrument, TOKEN, &mut self.order);
                }
                Command::Cancel(_)
                | Command::LookUp(_)
                | Command::Reconcile(_)
                | Command::Resync(_) => continue,
            }
            black_box(&self.order);
            sent += 1;
        }
        sent
    }
}

/// Row 5: an order or amend on every frame. Answers and reports come between the frames, outside of what is measured.
///
/// Reading the clock costs more than a frame: it is read once for a frame of each of several lines, and what that costs is taken off.
pub fn pipeline(target: f64, streams: &[Frames]) {
    let (mut frames, mut orders, mut silent) = (0, 0, 0);
    let rounds = Rounds::of(|| {
        let mut lines: Vec<Line> = streams.iter().map(|_| Line::new()).collect();
        let mut feeds: Vec<_> = streams.iter().map(Frames::iter).collect();
        let (mut yardstick, mut ours, mut clock) = (0, 0, 0);
        loop {
            let row: Vec<&[u8]> = feeds.iter_mut().filter_map(Iterator::next).collect();
            if row.len() < lines.len() {
                return (yardstick - clock, ours - clock);
            }
            lines.iter_mut().for_each(|line| line.desk.pass());
            let start = cpu();
            let nothing = cpu();
            row.iter().for_each(|frame| ignore(frame));
            let middle = cpu();
            for (line, frame) in lines.iter_mut().zip(&row) {
                let sent = line.frame(frame);
                orders += sent;
                silent += usize::from(sent == 0);
            }
            let end = cpu();
            clock += nothing - start;
            yardstick += middle - nothing;
            ours += end - middle;
            frames += row.len();
            lines.iter_mut().for_each(|line| line.desk.settle());
        }
    });
    let per_round = streams.iter().map(Frames::len).sum();
    let bytes = streams.iter().map(Frames::mean_bytes).sum::<usize>() / streams.len();
    rounds.print("5  frame in to order bytes out", bytes, per_round, target);
    println!(
        "5  orders and amends per frame: {:.2}; frames without any: {silent} of {frames}",
        orders as f64 / frames as f64
    );
}

/// Row 6: an order encoded, beside `json!` of the same.
pub fn encoding(target: f64) {
    let (submit, instrument) = desk::a_submit();
    let order = submit.order.get();
    let mut out = Vec::with_capacity(1024);
    encode::add_order(&submit, &instrument, TOKEN, &mut out);
    let bytes = out.len();
    let rounds = Rounds::run(
        || {
            for _ in 0..PIECES {
                let value = serde_json::json!({"method": "add_order", "params": {
                    "order_type": "limit", "side": order.side.as_str(), "symbol": instrument.symbol.as_str(),
                    "order_qty": 0.01, "limit_price": 97234.5, "time_in_force": "gtc", "post_only": true,
                    "cl_ord_id": submit.cl_ord_id.as_str(), "stp_type": "cancel_newest",
                    "deadline": submit.deadline.rfc3339(3).to_string(), "token": TOKEN}, "req_id": submit.id.0});
                black_box(value.to_string());
            }
        },
        || {
            for _ in 0..PIECES {
                encode::add_order(black_box(&submit), &instrument, TOKEN, &mut out);
                black_box(&out);
            }
        },
    );
    rounds.print("6  order encoded", bytes, PIECES, target);
}

/// Row 7: a call signed with the prepared key, beside one whose key is decoded for it.
pub fn signature(target: f64) {
    const SECRET: &str =
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
    const PATH: &str = "/0/private/AddOrder";
    const NONCE: u64 = 1_616_492_376_594;
    const BODY: &str =
        "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    let per_call = || {
        let inner = Sha256::new()
            .chain_update(NONCE.to_string())
            .chain_update(BODY)
            .finalize();
        let key = STANDARD.decode(black_box(SECRET)).unwrap();
        let mac = Hmac::<Sha512>::new_from_slice(&key).unwrap();
        let mac = mac.chain_update(PATH).chain_update(inner);
        STANDARD.encode(mac.finalize().into_bytes())
    };
    let prepared = Credentials::new("KEY".to_owned(), &SECRET.into()).unwrap();
    let ours = || black_box(&prepared).sign(PATH, NONCE, BODY);
    assert_eq!(per_call(), ours(), "both sign the same");
    let rounds = Rounds::run(
        || (0..PIECES).for_each(|_| drop(black_box(per_call()))),
        || (0..PIECES).for_each(|_| drop(black_box(ours()))),
    );
    rounds.print("7  REST signature", BODY.len(), PIECES, target);
}

/// Row 8: an amend, from the frame's event to its bytes.
pub fn allocations(allocator: &StatsAlloc<System>) {
    println!(
        "8  allocations per amend, decision to bytes: {} (target 0)",
        desk::allocations_per_amend(TOKEN, allocator)
    );
}
