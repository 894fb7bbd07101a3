//! Carrying trading requests out, and the words of the answers.
//!
//! Always true: each order of a request gets its own decision; a reply that comes first leaves before the venue tells what happened.

use std::time::Duration;

use super::{
    batch,
    encode::Json,
    order_type::OrderType,
    race, refusal,
    reply::Envelope,
    switch::SwitchTimes,
    validate::{
        AmendOrder, Asked, CancelOrder, EditOrder, PriceType, Target, VenueError, resolve_quantity,
    },
};
use crate::{
    sim::{
        Venue, View,
        faults::{Part, RequestFault, Shape},
        matching::{
            AccountId, Amend, Cancel, CancelTarget, Edit, NewOrder, Order, PairId, Refusal, Reply,
            Request,
        },
    },
    types::Timestamp,
};

/// A request that may be carried out.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) envelope: Envelope,
    pub(super) account: AccountId,
    pub(super) job: Job,
    pub(super) fault: Option<RequestFault>,
    /// How much of its order is filled meanwhile: a fault.
    pub(super) fill: Option<Part>,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Job {
    Add(Box<NewOrder>, Echo),
    Amend(AmendOrder, Timestamp),
    Edit(EditOrder, Timestamp),
    Cancel(CancelOrder),
    CancelAll,
    CancelAfter(Option<Duration>),
    BatchAdd(Vec<(NewOrder, Echo)>),
    BatchCancel(CancelOrder),
}

/// What the answer to a new order repeats.
#[derive(Debug)]
pub(super) struct Echo {
    pub(super) cl_ord_id: Option<String>,
    pub(super) userref: Option<i32>,
}

/// Where replies go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(String);

impl Task {
    /// Carries the request out. `reply_first` decides on which side of the reports the reply is.
    pub(super) fn run(&self, venue: &Venue, reply_first: bool, sink: Sink<'_>) {
        let desk = Desk {
            venue,
            reply_first,
            task: self,
        };
        match &self.job {
            Job::Add(order, echo) => {
                let request = Request::Place((**order).clone());
                desk.act(request, sink, |reply| placed(reply, echo));
            }
            Job::Amend(amend, deadline) => desk.amend(amend, *deadline, sink),
            Job::Edit(edit, deadline) => desk.edit(edit, *deadline, sink),
            Job::Cancel(cancel) => desk.cancel(cancel, sink),
            Job::CancelAll => desk.act(Request::CancelAll, sink, counted),
            Job::CancelAfter(timeout) => {
                let now = venue.clock().now();
                let request = Request::CancelAllAfter(*timeout);
                desk.act(request, sink, |_wound| wound(now, *timeout));
            }
            Job::BatchAdd(orders) => desk.batch_add(orders, sink),
            Job::BatchCancel(cancel) => desk.batch_cancel(cancel, sink),
        }
    }

    /// What of a reply reaches the client.
    fn deliver(&self, reply: String, now: Timestamp, sink: Sink<'_>) {
        match &self.fault {
            None | Some(RequestFault::Late(_) | RequestFault::Shape { .. }) => sink(reply),
            Some(RequestFault::NoAnswer | RequestFault::Ignore) => {}
            Some(RequestFault::Error { text, .. }) => {
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
            self.decide(request, answer).ok();
        } else {
            let result = self.decide(request, |_now, _result| {});
            answer(self.venue.clock().now(), &result);
        }
    }

    fn decide(
        &self,
        request: Request,
        answer: impl FnOnce(Timestamp, &Result<Reply, Refusal>),
    ) -> Result<Reply, Refusal> {
        race::act_with(
            self.venue,
            self.task.account,
            request,
            self.task.fill,
            answer,
        )
    }

    /// The shape of the answer to a batch, and the error with which its last order is refused.
    fn shape(&self) -> (Shape, Option<&str>) {
        match &self.task.fault {
            Some(RequestFault::Shape { shape, refusal }) => (*shape, refusal.as_deref()),
            None
            | Some(
                RequestFault::NoAnswer
                | RequestFault::Ignore
                | RequestFault::Error { .. }
                | RequestFault::Late(_),
            ) => (Shape::Rows, None),
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

    fn edit(&self, edit: &EditOrder, deadline: Timestamp, sink: Sink<'_>) {
        let change = match self.amendment(&edit.change, deadline) {
            Ok(change) => change,
            Err(error) => return self.refuse(&error, sink),
        };
        let request = Request::Edit(Edit {
            target: change.target,
            qty: change.qty,
            price: change.price,
            trigger: change.trigger,
            display: change.display,
            post_only: change.post_only,
            userref: edit.userref,
            deadline: change.deadline,
            validate: edit.validate,
        });
        self.act(request, sink, |reply| {
            let mut json = Json::object();
            json.text("order_id", id(reply).unwrap_or_default())
                .text("original_order_id", &edit.order_id);
            json.finish()
        });
    }

    /// The change in the units of the order's pair. An order that is not open needs no digits to be refused.
    fn amendment(&self, amend: &AmendOrder, deadline: Timestamp) -> Result<Amend, VenueError> {
        let target = amend.target.find().ok_or(refused(Refusal::InvalidOrder))?;
        let account = self.task.account;
        let found = self.venue.read(|view| found(view, account, target));
        let mut request = Amend {
            post_only: amend.post_only,
            deadline: Some(deadline),
            ..Amend::of(target)
        };
        let Some((pair, kind)) = found else {
            return Ok(request);
        };
        self.venue.read(|view| {
            let Some(spec) = view.exchange.universe().pair(pair) else {
                return Ok(());
            };
            let of = &spec.instrument;
            let limit = amend.price.as_ref().map(|(digits, price_type)| {
                let price_type = price_type.unwrap_or(PriceType::of_limit(kind));
                Asked::new(digits, price_type).resolve(of)
            });
            request.price = limit.transpose()?;
            let trigger = amend.trigger.as_ref();
            request.trigger = trigger.map(|asked| asked.resolve(of)).transpose()?;
            let display = amend.display.as_deref();
            request.display = display
                .map(|digits| resolve_quantity(of, digits))
                .transpose()?;
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
            let request = Request::CancelInBatch(Cancel { target: *target });
            self.decide(request, |_now, _result| {}).is_ok()
        });
        let count = canceled.count();
        let (envelope, now) = (&self.task.envelope, self.venue.clock().now());
        let frame = match self.shape() {
            (Shape::TopLevel, _) => envelope.canceled(count, now),
            _ => envelope.success(&format!("{{\"count\":{count}}}"), now),
        };
        self.task.deliver(frame, now, sink);
    }

    /// Where none is wrong in itself, each order is decided on its own; the one reply comes after all of them.
    fn batch_add(&self, orders: &[(NewOrder, Echo)], sink: Sink<'_>) {
        let asked = orders.iter().map(|(order, _)| order);
        if let Some(refusal) = batch::spoiled(self.venue, self.task.account, asked) {
            return self.refuse(&refused(refusal), sink);
        }
        let (shape, refusal) = self.shape();
        let (mut rows, mut clean) = (Vec::new(), true);
        for (position, (order, echo)) in (1..).zip(orders) {
            let row = match refusal.filter(|_| position == orders.len()) {
                Some(refusal) => Err(refusal.to_owned()),
                None => self.decide_one(order),
            };
            clean &= row.is_ok();
            rows.push(batch_row(&row, echo, shape));
        }
        let rows = format!("[{}]", rows.join(","));
        let (envelope, now) = (&self.task.envelope, self.venue.clock().now());
        let frame = match shape {
            Shape::Nested => envelope.success(&format!("{{\"orders\":{rows}}}"), now),
            Shape::Rows if !clean => envelope.partial(&rows, now),
            Shape::Rows | Shape::Lenient | Shape::TopLevel => envelope.success(&rows, now),
        };
        self.task.deliver(frame, now, sink);
    }

    fn decide_one(&self, order: &NewOrder) -> Result<Reply, String> {
        let placed = self.decide(Request::PlaceInBatch(order.clone()), |_now, _result| {});
        placed.map_err(|refusal| refusal::text(refusal).to_owned())
    }
}

/// What became of one order of a batch.
fn batch_row(row: &Result<Reply, String>, echo: &Echo, shape: Shape) -> String {
    let mut json = Json::object();
    match row {
        Ok(reply) => json.text("order_id", id(reply).unwrap_or_default()),
        Err(refusal) => json.text("error", refusal),
    };
    push_echo(&mut json, echo);
    if shape == Shape::Nested {
        json.plain("success", row.is_ok());
    }
    json.finish()
}

const fn refused(refusal: Refusal) -> VenueError {
    VenueError::of(refusal::text(refusal))
}

/// Pair and type of an account's open order.
fn found(view: View<'_>, account: AccountId, target: CancelTarget) -> Option<(PairId, OrderType)> {
    let mut open = view.exchange.open_orders(account);
    let meant = |order: &Order| match target {
        CancelTarget::Order(id) => order.state.order_id == id,
        CancelTarget::Client(id) => order.state.cl_ord_id == Some(id),
    };
    let order = open.find(|order| meant(order))?;
    Some((order.state.pair, OrderType::of(&order.state)))
}

/// The result of a new order. One that was only checked has no id.
fn placed(reply: &Reply, echo: &Echo) -> String {
    let mut json = Json::object();
    json.text("order_id", id(reply).unwrap_or_default());
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
        Reply::Placed { .. }
        | Reply::Valid
        | Reply::Amended { .. }
        | Reply::Edited { .. }
        | Reply::Canceled { .. }
        | Reply::Wound { .. } => 0,
    };
    format!("{{\"count\":{count}}}")
}

fn wound(now: Timestamp, timeout: Option<Duration>) -> String {
    let SwitchTimes { current, trigger } = SwitchTimes::new(now, timeout);
    let mut json = Json::object();
    json.text("currentTime", &current)
        .text("triggerTime", &trigger);
    json.finish()
}

fn id(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::Placed { order_id }
        | Reply::Amended { order_id, .. }
        | Reply::Edited { order_id, .. }
        | Reply::Canceled { order_id } => Some(order_id),
        Reply::Valid | Reply::CanceledAll { .. } | Reply::Wound { .. } => None,
    }
}
