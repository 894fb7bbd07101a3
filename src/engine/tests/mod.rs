//! The engine as its edges see it: events in, commands out, no clock, no socket.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the variant it wants; every other fails it"
)]

mod account;
mod changes;
mod creates;
mod gate;
mod guards;
mod properties;
mod restart;
mod rig;
mod stop;
mod strategies;
mod written_off;
