//! The daemon's entry: arguments to exit code; nothing else.

fn main() {}
