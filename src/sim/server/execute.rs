//! Trading requests: from what was asked to the venue's decision, and the words of its answer.
//!
//! For: the six methods that act on orders. Left out: reading them (`validate`), deciding them (the exchange).
//! Always true: each order of a request gets its own decision; the reply leaves before or after the reports, as the settings say.
//! With a delay, a reply that comes first makes the request wait, and one that comes last waits itself.

use std::{future::Future, pin::Pin};

use rand::RngExt as _;

use super::{
    encode::Json,
    refusal,
    reply::Envelope,
    session::Session,
    validate::{
        self, AddOrder, AmendOrder, Call, CancelOrder, Method, Target, VenueError, resolve_price,
        resolve_quantity,
    },
};
use crate::{
    sim::{
        Venue, View,
        faults::MethodFault,
        matching::{
            AccountId, Amend, Cancel, CancelTarget, NewOrder, PairId, Refusal, Reply, Request,
            Universe,
        },
        settings::ReplyOrder,
    },
    types::Timestamp,
};

/// What waits for its time.
pub(super) type Later = Pin<Box<dyn Future<Output = Due> + Send>>;

/// What waited for its time.
#[derive(Debug)]
pub(super) enum Due {
    /// A request that is to be carried out now.
    Run(Box<Task>),
    /// Replies that are to be sent now.
    Send(Vec<String>),
}

/// A request that may be carried out.
#[derive(Debug)]
pub(super) struct Task {
    envelope: Envelope,
    account: AccountId,
    job: Job,
    fault: Option<MethodFault>,
}

#[derive(Debug)]
enum Job {
    Add(NewOrder, Echo),
    Amend(AmendOrder, Timestamp),
    Cancel(CancelOrder),
    CancelAll,
    BatchAdd(Vec<(NewOrder, Echo)>),
    BatchCancel(CancelOrder),
}

/// What the answer to a new order repeats.
#[derive(Debug)]
struct Echo {
    cl_ord_id: Option<String>,
    userref: Option<i32>,
}

/// Where replies go.
type Sink<'a> = &'a mut dyn FnMut(String);

impl Session {
    /// Answers a trading request, at once or after the settings' delay.
    ///
    /// # Errors
    ///
    /// What is refused before the exchange sees it.
    pub(super) fn trade(&mut self, call: &Call<'_>, envelope: &Envelope) -> Result<(), VenueError> {
        self.check_trading_role()?;
        let shape = Shape::read(call)?;
        let (account, _token) = self.account(call)?;
        self.note_trading();
        let job = shape.resolve(&self.state.0.universe, self.now())?;
        let mut task = Task {
            envelope: envelope.clone(),
            account,
            job,
            fault: self.state.0.faults.method(call.method.name()),
        };
        match task.fault.take() {
            Some(MethodFault::Ignore) => return Ok(()),
            Some(MethodFault::Error {
                text,
                execute: false,
            }) => {
                let error = VenueError::with(text);
                self.send_later(vec![envelope.failure(&error, None, self.now())]);
                return Ok(());
            }
            kept => task.fault = kept,
        }
        self.schedule(task);
        Ok(())
    }

    fn schedule(&mut self, task: Task) {
        let reply_first = match self.state.0.settings.reply_order {
            ReplyOrder::ReplyFirst => true,
            ReplyOrder::ReportFirst => false,
            ReplyOrder::Random => self.rng.random_bool(0.5),
        };
        let delay = self.state.0.settings.reply_delay;
        if !reply_first {
            let mut replies = Vec::new();
            task.run(&self.state.0.venue, false, &mut |reply| replies.push(reply));
            self.send_later(replies);
        } else if delay.is_zero() {
            self.finish(Due::Run(Box::new(task)));
        } else {
            self.later.push_back(Box::pin(async move {
                tokio::time::sleep(delay).await;
                Due::Run(Box::new(task))
            }));
        }
    }

    fn send_later(&mut self, replies: Vec<String>) {
        let delay = self.state.0.settings.reply_delay;
        if delay.is_zero() {
            self.finish(Due::Send(replies));
            return;
        }
        self.later.push_back(Box::pin(async move {
            tokio::time::sleep(delay).await;
            Due::Send(replies)
        }));
    }

    /// Does what was put off.
    pub(super) fn finish(&self, due: Due) {
        match due {
            Due::Run(task) => {
                let outbox = &self.outbox;
                task.run(&self.state.0.venue, true, &mut |reply| outbox.reply(reply));
            }
            Due::Send(replies) => {
                for reply in replies {
                    self.outbox.reply(reply);
                }
            }
        }
    }
}

/// A request whose members and types are right.
enum Shape {
    Add(AddOrder),
    Amend(AmendOrder),
    Cancel(CancelOrder),
    CancelAll,
    BatchAdd(Vec<AddOrder>),
    BatchCancel(CancelOrder),
    NotSimulated,
}

impl Shape {
    fn read(call: &Call<'_>) -> Result<Self, VenueError> {
        let fields = &call.params;
        match call.method {
            Method::AddOrder => validate::add_order(fields).map(Self::Add),
            Method::AmendOrder => validate::amend_order(fields).map(Self::Amend),
            Method::CancelOrder => validate::cancel_order(fields).map(Self::Cancel),
            Method::BatchAdd => validate::batch_add(fields).map(Self::BatchAdd),
            Method::BatchCancel => validate::batch_cancel(fields).map(Self::BatchCancel),
            Method::CancelAll => fields
                .only(&["token"], call.method.name())
                .map(|()| Self::CancelAll),
            Method::EditOrder
            | Method::CancelAfter
            | Method::Ping
            | Method::Subscribe
            | Method::Unsubscribe => Ok(Self::NotSimulated),
        }
    }

    fn resolve(self, universe: &Universe, now: Timestamp) -> Result<Job, VenueError> {
        let new = |order: AddOrder| {
            let resolved = order.resolve(universe, now)?;
            let echo = Echo {
                cl_ord_id: order.cl_ord_id,
                userref: order.userref,
            };
            Ok((resolved, echo))
        };
        Ok(match self {
            Self::Add(order) => {
                let (order, echo) = new(order)?;
                Job::Add(order, echo)
            }
            Self::Amend(amend) => {
                let deadline = amend.deadline(now)?;
                Job::Amend(amend, deadline)
            }
            Self::Cancel(cancel) => Job::Cancel(cancel),
            Self::CancelAll => Job::CancelAll,
            Self::BatchAdd(orders) => {
                let orders: Result<Vec<_>, VenueError> = orders.into_iter().map(new).collect();
                Job::BatchAdd(orders?)
            }
            Self::BatchCancel(cancel) => Job::BatchCancel(cancel),
            Self::NotSimulated => return Err(VenueError::DISABLED),
        })
    }
}

impl Task {
    /// Carries the request out. `reply_first` decides on which side of the reports the reply is.
    fn run(&self, venue: &Venue, reply_first: bool, sink: Sink<'_>) {
        let desk = Desk {
            venue,
            reply_first,
            task: self,
        };
        match &self.job {
            Job::Add(order, echo) => {
                let request = Request::Place(order.clone());
                desk.act(request, sink, |reply| placed(reply, echo));
            }
            Job::Amend(amend, deadline) => desk.amend(amend, *deadline, sink),
            Job::Cancel(cancel) => desk.cancel(cancel, sink),
            Job::CancelAll => desk.act(Request::CancelAll, sink, counted),
            Job::BatchAdd(orders) => desk.batch_add(orders, sink),
            Job::BatchCancel(cancel) => desk.batch_cancel(cancel, sink),
        }
    }

    /// What of a reply reaches the client.
    fn deliver(&self, reply: String, now: Timestamp, sink: Sink<'_>) {
        match &self.fault {
            None => sink(reply),
            Some(MethodFault::NoAnswer | MethodFault::Ignore) => {}
            Some(MethodFault::Error { text, .. }) => {
                let error = VenueError::with(text.clone());
                sink(self.envelope.failure(&error, None, now));
            }
        }
    }
}

/// Carries one task out at one venue.
struct Desk<'a> {
    venue: &'a Venue,
    reply_first: bool,
    task: &'a Task,
}

impl Desk<'_> {
    fn act(&self, request: Request, sink: Sink<'_>, word: impl Fn(&Reply) -> String) {
        let envelope = &self.task.envelope;
        let mut answer = |now, result: &Result<Reply, Refusal>| {
            let frame = match result {
                Ok(reply) => envelope.success(&word(reply), now),
                Err(refusal) => envelope.failure(&refused(*refusal), None, now),
            };
            self.task.deliver(frame, now, sink);
        };
        if self.reply_first {
            self.venue.act_with(self.task.account, request, answer).ok();
        } else {
            let result = self.venue.act(self.task.account, request);
            answer(self.venue.clock().now(), &result);
        }
    }

    fn refuse(&self, error: &VenueError, sink: Sink<'_>) {
        let now = self.venue.clock().now();
        let frame = self.task.envelope.failure(error, None, now);
        self.task.deliver(frame, now, sink);
    }

    fn amend(&self, amend: &AmendOrder, deadline: Timestamp, sink: Sink<'_>) {
        match self.amendment(amend, deadline) {
            Ok(request) => self.act(Request::Amend(request), sink, |reply| {
                amended(reply, &amend.target)
            }),
            Err(error) => self.refuse(&error, sink),
        }
    }

    /// The change in the units of the order's pair. An order that is not open needs no digits to be refused.
    fn amendment(&self, amend: &AmendOrder, deadline: Timestamp) -> Result<Amend, VenueError> {
        let target = amend.target.find().ok_or(refused(Refusal::InvalidOrder))?;
        let account = self.task.account;
        let pair = self.venue.read(|view| open_pair(view, account, target));
        let mut request = Amend {
            target,
            qty: None,
            price: None,
            post_only: amend.post_only,
            deadline: Some(deadline),
        };
        let Some(pair) = pair else {
            return Ok(request);
        };
        self.venue.read(|view| {
            let Some(spec) = view.exchange.universe().pair(pair) else {
                return Ok(());
            };
            let of = &spec.instrument;
            let price = amend.price.as_deref();
            request.price = price.map(|digits| resolve_price(of, digits)).transpose()?;
            let qty = amend.qty.as_deref();
            request.qty = qty.map(|digits| resolve_quantity(of, digits)).transpose()?;
            Ok::<(), VenueError>(())
        })?;
        Ok(request)
    }

    fn cancel(&self, cancel: &CancelOrder, sink: Sink<'_>) {
        for target in &cancel.targets {
            self.cancel_one(target, sink);
        }
        for userref in &cancel.userrefs {
            let orders = self.by_userref(*userref);
            if orders.is_empty() {
                self.refuse(&refused(Refusal::UnknownOrder), sink);
            }
            for target in orders {
                self.cancel_one(&target, sink);
            }
        }
    }

    fn cancel_one(&self, target: &Target, sink: Sink<'_>) {
        let Some(found) = target.find() else {
            self.refuse(&refused(Refusal::InvalidOrder), sink);
            return;
        };
        let request = Request::Cancel(Cancel { target: found });
        self.act(request, sink, |_canceled| {
            let (name, id) = target.echo();
            let mut json = Json::object();
            json.text(name, id);
            json.finish()
        });
    }

    fn by_userref(&self, userref: i64) -> Vec<Target> {
        self.venue.read(|view| {
            let open = view.exchange.open_orders(self.task.account);
            open.filter(|order| order.state.userref.map(i64::from) == Some(userref))
                .map(|order| Target::Order(order.state.order_id.to_string()))
                .collect()
        })
    }

    fn batch_cancel(&self, cancel: &CancelOrder, sink: Sink<'_>) {
        let by_userref = cancel
            .userrefs
            .iter()
            .flat_map(|number| self.by_userref(*number));
        let targets: Vec<Target> = cancel.targets.iter().cloned().chain(by_userref).collect();
        let canceled = targets.iter().filter_map(Target::find).filter(|target| {
            let request = Request::Cancel(Cancel { target: *target });
            self.venue.act(self.task.account, request).is_ok()
        });
        let count = canceled.count();
        let now = self.venue.clock().now();
        let frame = self
            .task
            .envelope
            .success(&format!("{{\"count\":{count}}}"), now);
        self.task.deliver(frame, now, sink);
    }

    /// Each order is decided on its own; the one reply comes after all of them.
    fn batch_add(&self, orders: &[(NewOrder, Echo)], sink: Sink<'_>) {
        let mut rows = String::from("[");
        let mut clean = true;
        for (order, echo) in orders {
            let request = Request::Place(order.clone());
            if rows.len() > 1 {
                rows.push(',');
            }
            match self.venue.act(self.task.account, request) {
                Ok(reply) => rows.push_str(&placed(&reply, echo)),
                Err(refusal) => {
                    clean = false;
                    rows.push_str(&failed(refusal, echo));
                }
            }
        }
        rows.push(']');
        let (envelope, now) = (&self.task.envelope, self.venue.clock().now());
        let frame = if clean {
            envelope.success(&rows, now)
        } else {
            envelope.partial(&rows, now)
        };
        self.task.deliver(frame, now, sink);
    }
}

const fn refused(refusal: Refusal) -> VenueError {
    VenueError::of(refusal::text(refusal))
}

/// The pair of an account's open order.
fn open_pair(view: View<'_>, account: AccountId, target: CancelTarget) -> Option<PairId> {
    let mut open = view.exchange.open_orders(account);
    let meant = |order: &crate::sim::matching::Order| match target {
        CancelTarget::Order(id) => order.state.order_id == id,
        CancelTarget::Client(id) => order.state.cl_ord_id == Some(id),
    };
    open.find(|order| meant(order))
        .map(|order| order.state.pair)
}

/// The result of a new order. One that was only checked has no id.
fn placed(reply: &Reply, echo: &Echo) -> String {
    let mut json = Json::object();
    json.text("order_id", id(reply).unwrap_or_default());
    push_echo(&mut json, echo);
    json.finish()
}

fn failed(refusal: Refusal, echo: &Echo) -> String {
    let mut json = Json::object();
    json.text("error", refusal::text(refusal));
    push_echo(&mut json, echo);
    json.finish()
}

fn push_echo(json: &mut Json, echo: &Echo) {
    if let Some(cl_ord_id) = &echo.cl_ord_id {
        json.text("cl_ord_id", cl_ord_id);
    }
    if let Some(userref) = echo.userref {
        json.plain("order_userref", userref);
    }
}

fn amended(reply: &Reply, target: &Target) -> String {
    let mut json = Json::object();
    if let Reply::Amended { amend_id, .. } = reply {
        json.text("amend_id", amend_id);
    }
    let (name, id) = target.echo();
    json.text(name, id);
    json.finish()
}

fn counted(reply: &Reply) -> String {
    let count = match reply {
        Reply::CanceledAll { count } => *count,
        Reply::Placed { .. } | Reply::Valid | Reply::Amended { .. } | Reply::Canceled { .. } => 0,
    };
    format!("{{\"count\":{count}}}")
}

fn id(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::Placed { order_id }
        | Reply::Amended { order_id, .. }
        | Reply::Canceled { order_id } => Some(order_id),
        Reply::Valid | Reply::CanceledAll { .. } => None,
    }
}
