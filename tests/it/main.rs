//! The integration tests: one binary, real sockets, the real program.

mod tidy;
