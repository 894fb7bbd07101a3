//! Conformance: one test for each statement about the venue's wire that the simulator keeps, named after its section.
//!
//! The sections are those of the reference that the simulator is written from: 1 WebSocket market data, 2 private
//! WebSocket, 3 REST, 4 authentication, 5 limits, 6 errors, 7 names and precisions, 8 ids and visibility.
//! Every documented request is sent as it stands, every documented answer is compared by its shape (`shape`).
//! Left out: statements whose test stands elsewhere, beside others of its kind; they begin with their section as well (`s1_4_…`), and the
//! head of each file here says where.

mod desk;
mod shape;

mod s1_10_trade;
mod s1_11_instrument;
mod s1_1_endpoints;
mod s1_2_connection;
mod s1_3_formats;
mod s1_4_envelopes;
mod s1_4_refusals;
mod s1_5_status;
mod s1_6_ticker;
mod s1_7_book;
mod s1_8_level3;
mod s1_9_ohlc;
mod s2_1_token;
mod s2_2_executions;
mod s2_3_balances;
mod s2_4_add_order;
mod s2_5_amend_order;
mod s2_6_edit_order;
mod s2_7_cancel_order;
mod s2_8_cancel_all;
mod s2_9_batches;
mod s3_1_conventions;
mod s3_2_market;
mod s3_2_public;
mod s3_2_status;
mod s3_3_account;
mod s3_3_amends;
mod s3_3_level3;
mod s3_3_orders;
mod s3_3_trades;
mod s3_4_changes;
mod s3_4_edits;
mod s3_4_extras;
mod s3_4_lifetimes;
mod s3_4_refusals;
mod s3_4_trading;
mod s3_4_triggers;
mod s4_2_lockouts;
mod s4_3_passwords;
mod s4_4_socket;
mod s4_5_keys;
mod s4_5_tokens;
mod s4_authentication;
mod s5_1_calls;
mod s5_2_public_calls;
mod s5_3_costs;
mod s5_3_counter;
mod s5_4_attempts;
mod s5_4_messages;
mod s6_errors;
mod s7_4_fees;
mod s7_5_margin;
mod s7_6_order_types;
mod s7_names;
mod s8_2_lag;
mod s8_3_unknown_outcomes;
mod s8_4_reconnect;
mod s8_ids;
