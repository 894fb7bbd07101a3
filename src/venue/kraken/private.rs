//! The private socket.
mod desk;
