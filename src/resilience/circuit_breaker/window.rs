//! A window over time that truly slides.
//!
//! Always true: a call counts for at least the window less one bucket and for at most the window, however many came before it.

use std::time::Duration;

use crate::types::Timestamp;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    calls: u64,
    failures: u64,
    slow: u64,
}

/// Counts of the last buckets, and their sums.
#[derive(Clone, Debug)]
pub(super) struct Window {
    ring: Vec<Bucket>,
    bucket_nanos: i64,
    /// The newest bucket's number since the epoch.
    newest: i64,
    calls: u64,
    failures: u64,
    slow: u64,
}

impl Window {
    pub(super) fn new(length: Duration, buckets: u16) -> Self {
        let buckets = buckets.max(1);
        let nanos = (length / u32::from(buckets)).as_nanos().max(1);
        Self {
            ring: vec![Bucket::default(); usize::from(buckets)],
            bucket_nanos: i64::try_from(nanos).unwrap_or(i64::MAX),
            newest: i64::MIN,
            calls: 0,
            failures: 0,
            slow: 0,
        }
    }

    pub(super) fn add(&mut self, now: Timestamp, failed: bool, slow: bool) {
        self.slide(now);
        self.calls += 1;
        self.failures += u64::from(failed);
        self.slow += u64::from(slow);
        let place = self.place(self.newest);
        if let Some(bucket) = self.ring.get_mut(place) {
            bucket.calls += 1;
            bucket.failures += u64::from(failed);
            bucket.slow += u64::from(slow);
        }
    }

    /// Calls, failures and slow calls of the window that ends now.
    pub(super) fn sums(&mut self, now: Timestamp) -> (u64, u64, u64) {
        self.slide(now);
        (self.calls, self.failures, self.slow)
    }

    pub(super) fn clear(&mut self) {
        self.ring.fill(Bucket::default());
        (self.calls, self.failures, self.slow) = (0, 0, 0);
    }

    fn slide(&mut self, now: Timestamp) {
        let newest = now.as_nanos().div_euclid(self.bucket_nanos);
        let steps = newest.saturating_sub(self.newest);
        if steps <= 0 {
            return;
        }
        if usize::try_from(steps).map_or(true, |steps| steps >= self.ring.len()) {
            self.clear();
        } else {
            for number in self.newest + 1..=newest {
                self.forget(number);
            }
        }
        self.newest = newest;
    }

    /// Empties the bucket whose place `number` is about to take.
    fn forget(&mut self, number: i64) {
        let place = self.place(number);
        if let Some(bucket) = self.ring.get_mut(place).map(std::mem::take) {
            self.calls -= bucket.calls;
            self.failures -= bucket.failures;
            self.slow -= bucket.slow;
        }
    }

    fn place(&self, number: i64) -> usize {
        let length = i64::try_from(self.ring.len()).unwrap_or(i64::MAX);
        usize::try_from(number.rem_euclid(length)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn calls_leave_the_window_bucket_by_bucket() {
        let mut window = Window::new(Duration::from_secs(10), 10);
        for second in 0..10 {
            window.add(at(second * 1_000), second % 2 == 0, second == 3);
        }
        assert_eq!(window.sums(at(9_999)), (10, 5, 1));
        assert_eq!(window.sums(at(10_000)), (9, 4, 1));
        assert_eq!(window.sums(at(13_000)), (6, 3, 0));
        assert_eq!(window.sums(at(18_999)), (1, 0, 0));
        assert_eq!(window.sums(at(19_000)), (0, 0, 0));
    }

    #[test]
    fn a_long_silence_empties_the_window() {
        let mut window = Window::new(Duration::from_secs(10), 10);
        window.add(at(0), true, true);
        assert_eq!(window.sums(at(86_400_000)), (0, 0, 0));
        window.add(at(86_400_000), true, false);
        assert_eq!(window.sums(at(86_400_000)), (1, 1, 0));
    }

    #[test]
    fn times_before_the_epoch_slide_too() {
        let mut window = Window::new(Duration::from_secs(2), 2);
        window.add(at(-1_500), true, false);
        window.add(at(-500), true, false);
        assert_eq!(window.sums(at(-1)), (2, 2, 0));
        assert_eq!(window.sums(at(0)), (1, 1, 0));
    }
}
