//! Trading requests: their checks, their faults, and when they and their replies happen.
//!
//! For: the methods that act on orders. Left out: reading them (`validate`), carrying them out (`desk`).
//! Always true: the reply leaves before or after the reports, as the settings say.
//! With a delay, a reply that comes first makes the request wait, and one that comes last waits itself.

use std::{future::Future, pin::Pin, time::Duration};

use rand::RngExt as _;

use super::{
    auth::Needs,
    desk::{Echo, Job, Task},
    reply::Envelope,
    session::Session,
    switch,
    validate::{
        self, AddOrder, AmendOrder, Call, CancelOrder, EditOrder, Method, VenueError, required,
    },
};
use crate::{
    sim::{faults::RequestFault, matching::Universe, settings::ReplyOrder},
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

impl Session {
    /// Answers a trading request, at once or after the settings' delay.
    ///
    /// # Errors
    ///
    /// What is refused before the exchange sees it.
    pub(super) fn trade(&mut self, call: &Call<'_>, envelope: &Envelope) -> Result<(), VenueError> {
        self.check_trading_role()?;
        let shape = Shape::read(call)?;
        let (account, _token) = self.permitted(call, shape.needs())?;
        self.note_trading();
        let job = shape.resolve(&self.state.0.universe, self.now())?;
        let mut task = Task {
            envelope: envelope.clone(),
            account,
            job,
            fault: None,
            fill: self.state.0.faults.fills(call.method.name()),
        };
        let mut delay = self.state.0.settings.reply_delay;
        match self.state.0.faults.request(call.method.name()) {
            Some((RequestFault::Ignore, _)) => return Ok(()),
            Some((
                RequestFault::Error {
                    text,
                    execute: false,
                },
                _,
            )) => {
                let error = VenueError::with(text);
                self.send_after(delay, vec![envelope.failure(&error, None, self.now())]);
                return Ok(());
            }
            Some((RequestFault::Late(late), luck)) => {
                delay += late.drawn(luck);
                self.carry_out(task, delay);
                return Ok(());
            }
            kept => task.fault = kept.map(|(fault, _)| fault),
        }
        self.schedule(task, delay);
        Ok(())
    }

    /// Carries a request out at once, and answers it later.
    fn carry_out(&mut self, task: Task, delay: Duration) {
        let mut replies = Vec::new();
        task.run(&self.state.0.venue, false, &mut |reply| replies.push(reply));
        self.send_after(delay, replies);
    }

    fn schedule(&mut self, task: Task, delay: Duration) {
        let reply_first = match self.state.0.settings.reply_order {
            ReplyOrder::ReplyFirst => true,
            ReplyOrder::ReportFirst => false,
            ReplyOrder::Random => self.rng.random_bool(0.5),
        };
        if !reply_first {
            self.carry_out(task, delay);
        } else if delay.is_zero() {
            self.finish(Due::Run(Box::new(task)));
        } else {
            self.later.push_back(Box::pin(async move {
                tokio::time::sleep(delay).await;
                Due::Run(Box::new(task))
            }));
        }
    }

    pub(super) fn send_after(&mut self, delay: Duration, replies: Vec<String>) {
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
    CancelAfter(Option<Duration>),
    Edit(EditOrder),
    BatchAdd(Vec<AddOrder>),
    BatchCancel(CancelOrder),
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
            Method::CancelAfter => {
                fields.only(&["timeout", "token"], call.method.name())?;
                let seconds = required(fields.integer("timeout")?, "timeout")?;
                let seconds = u64::try_from(seconds)
                    .map_err(|_negative| VenueError::of("EGeneral:Invalid arguments:timeout"))?;
                let timeout = switch::timeout(seconds).map_err(VenueError::of)?;
                Ok(Self::CancelAfter(timeout))
            }
            Method::EditOrder => validate::edit_order(fields).map(Self::Edit),
            // They act on no order.
            Method::Ping | Method::Subscribe | Method::Unsubscribe => Err(VenueError::MALFORMED),
        }
    }

    /// What the token's key must be permitted.
    const fn needs(&self) -> Needs {
        match self {
            Self::Add(_) => Needs::PLACE,
            Self::Edit(_) | Self::BatchAdd(_) => Needs::REPLACE,
            Self::Amend(_)
            | Self::Cancel(_)
            | Self::CancelAll
            | Self::CancelAfter(_)
            | Self::BatchCancel(_) => Needs::CHANGE,
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
                Job::Add(Box::new(order), echo)
            }
            Self::Amend(amend) => {
                let deadline = amend.deadline(now)?;
                Job::Amend(amend, deadline)
            }
            Self::Cancel(cancel) => Job::Cancel(cancel),
            Self::CancelAll => Job::CancelAll,
            Self::CancelAfter(timeout) => Job::CancelAfter(timeout),
            Self::BatchAdd(orders) => {
                let orders: Result<Vec<_>, VenueError> = orders.into_iter().map(new).collect();
                Job::BatchAdd(orders?)
            }
            Self::BatchCancel(cancel) => Job::BatchCancel(cancel),
            Self::Edit(edit) => {
                let deadline = edit.change.deadline(now)?;
                Job::Edit(edit, deadline)
            }
        })
    }
}
