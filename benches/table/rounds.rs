//! Two pieces of work in turn, each by the processor time of this thread: a yardstick, and ours.

use rustix::time::{ClockId, clock_gettime};

/// Rounds that count. One more comes first and warms both.
pub const ROUNDS: usize = 7;

/// Processor time of this thread, in nanoseconds.
pub fn cpu() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// What each round took, in nanoseconds: the yardstick, ours.
pub struct Rounds(Vec<(i64, i64)>);

impl Rounds {
    /// Runs both in turn.
    pub fn run(mut yardstick: impl FnMut(), mut ours: impl FnMut()) -> Self {
        Self::of(|| {
            let start = cpu();
            yardstick();
            let middle = cpu();
            ours();
            (middle - start, cpu() - middle)
        })
    }

    /// Rounds that measure themselves.
    pub fn of(round: impl FnMut() -> (i64, i64)) -> Self {
        let all = std::iter::repeat_with(round).take(1 + ROUNDS);
        Self(all.skip(1).collect())
    }

    /// Prints the least times per piece, and the median of the rounds' ratios with the least and the largest.
    pub fn print(&self, name: &str, bytes: usize, pieces: usize, target: f64) {
        let mut ratios: Vec<f64> = self
            .0
            .iter()
            .map(|(yardstick, ours)| *ours as f64 / *yardstick as f64)
            .collect();
        ratios.sort_by(f64::total_cmp);
        let [ratio, least, most] = [ratios.len() / 2, 0, ratios.len() - 1].map(|at| ratios[at]);
        let yardstick = self.0.iter().map(|round| round.0).min().unwrap_or(0);
        let ours = self.0.iter().map(|round| round.1).min().unwrap_or(0);
        let per_piece = |total: i64| total as f64 / pieces as f64;
        println!(
            "{name:<40} {bytes:>6} B {:>8.0} ns {:>8.0} ns   {ratio:>5.2} ({least:.2}..{most:.2})   target {target}",
            per_piece(yardstick),
            per_piece(ours),
        );
    }
}

/// The head of the table.
pub fn head() {
    println!(
        "{:<40} {:>8} {:>11} {:>11}   ratio (least..most)",
        "row", "size", "yardstick", "ours"
    );
}
