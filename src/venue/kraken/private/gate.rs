//! placeholder until the breaker is merged
use crate::{
    engine::event::{Answer, OrderEntry},
    types::Timestamp,
};
#[derive(Debug)]
pub(super) struct Permit;
#[derive(Debug, Default)]
pub(super) struct Gate;
impl Gate {
    pub(super) fn admit(&mut self) -> Option<Permit> {
        Some(Permit)
    }
    pub(super) fn record(&mut self, _permit: Option<Permit>, _answer: Answer) {}
    pub(super) fn failed(&mut self, _permit: Permit) {}
    pub(super) fn next_probe(&self) -> Option<Timestamp> {
        None
    }
    pub(super) fn begin_probe(&mut self, _now: Timestamp) -> bool {
        false
    }
    pub(super) fn end_probe(&mut self, _good: bool) {}
    pub(super) fn disconnected(&mut self) {}
    pub(super) fn transition(&mut self) -> Option<OrderEntry> {
        None
    }
}
