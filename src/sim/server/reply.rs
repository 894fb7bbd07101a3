//! Answers to requests: the envelope around results and errors.

use super::{
    encode::Json,
    validate::{Method, VenueError},
};
use crate::types::Timestamp;

/// What an answer repeats of its request.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    method: Option<String>,
    req_id: Option<String>,
    time_in: Timestamp,
}

impl Envelope {
    /// For a request of this method.
    pub(super) fn new(method: Method, req_id: Option<&str>, time_in: Timestamp) -> Self {
        Self::unknown(Some(method.name()), req_id, time_in)
    }

    /// For what is no request; as much as could be told of it.
    pub(super) fn unknown(method: Option<&str>, req_id: Option<&str>, time_in: Timestamp) -> Self {
        Self {
            method: method.map(str::to_owned),
            req_id: req_id.map(str::to_owned),
            time_in,
        }
    }

    /// The answer with a result, which is JSON already.
    pub(super) fn success(&self, result: &str, now: Timestamp) -> String {
        let mut json = Json::object();
        self.head(&mut json);
        json.plain("result", result).plain("success", true);
        self.finish(json, now)
    }

    /// The answer with several results of which some are errors.
    pub(super) fn partial(&self, result: &str, now: Timestamp) -> String {
        let mut json = Json::object();
        self.head(&mut json);
        json.plain("result", result).plain("success", false);
        self.finish(json, now)
    }

    /// The older answer to a batch of cancels: the number stands beside the rest, and there is no result.
    pub(super) fn canceled(&self, count: usize, now: Timestamp) -> String {
        let mut json = Json::object();
        self.head(&mut json);
        json.plain("orders_cancelled", count).plain("success", true);
        self.finish(json, now)
    }

    /// The answer with an error, and the symbol that it is about.
    pub(super) fn failure(
        &self,
        error: &VenueError,
        symbol: Option<&str>,
        now: Timestamp,
    ) -> String {
        let mut json = Json::object();
        json.text("error", &error.0);
        self.head(&mut json);
        if error.0.starts_with("ESession:") {
            json.text("status", "error");
        }
        json.plain("success", false);
        if let Some(symbol) = symbol {
            json.text("symbol", symbol);
        }
        self.finish(json, now)
    }

    /// The answer to a ping, which has no `success`.
    pub(super) fn pong(&self, now: Timestamp) -> String {
        let mut json = Json::object();
        json.text("method", "pong");
        if let Some(req_id) = &self.req_id {
            json.plain("req_id", req_id);
        }
        self.finish(json, now)
    }

    fn head(&self, json: &mut Json) {
        if let Some(method) = &self.method {
            json.text("method", method);
        }
        if let Some(req_id) = &self.req_id {
            json.plain("req_id", req_id);
        }
    }

    fn finish(&self, mut json: Json, now: Timestamp) -> String {
        json.time("time_in", self.time_in).time("time_out", now);
        json.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_documented_shape() {
        let at = |text| Timestamp::parse(text).unwrap();
        let (time_in, now) = (
            at("2026-09-01T08:00:01.000001Z"),
            at("2026-09-01T08:00:01.000040Z"),
        );
        let envelope = Envelope::new(Method::Subscribe, Some("7002"), time_in);
        let error = VenueError::with("Currency pair not supported XBT/USD".to_owned());
        assert_eq!(
            envelope.failure(&error, Some("XBT/USD"), now),
            r#"{"error":"Currency pair not supported XBT/USD","method":"subscribe","req_id":7002,"success":false,"symbol":"XBT/USD","time_in":"2026-09-01T08:00:01.000001Z","time_out":"2026-09-01T08:00:01.000040Z"}"#
        );
        assert_eq!(
            envelope.success("{\"channel\":\"trade\"}", now),
            r#"{"method":"subscribe","req_id":7002,"result":{"channel":"trade"},"success":true,"time_in":"2026-09-01T08:00:01.000001Z","time_out":"2026-09-01T08:00:01.000040Z"}"#
        );
        let ping = Envelope::new(Method::Ping, Some("55"), time_in);
        assert_eq!(
            ping.pong(now),
            r#"{"method":"pong","req_id":55,"time_in":"2026-09-01T08:00:01.000001Z","time_out":"2026-09-01T08:00:01.000040Z"}"#
        );
        let session = VenueError::of("ESession:Invalid session");
        assert!(
            ping.failure(&session, None, now)
                .contains(r#""status":"error""#)
        );
    }
}
