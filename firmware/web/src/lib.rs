//! The web page's server, a client of the daemon's control socket.
//!
//! [`access`] is the table of all routes, and [`router`] refuses to be built where it doesn't match the handlers that the modules offer.
//! [`openapi`] tells both to others. [`guard`] stands before each handler; [`serve`] and [`tls`] before the guard; [`device`] asks the daemon behind the handlers. [`App`] is what handlers have in common.

#![forbid(unsafe_code)]

pub mod access;
pub mod answer;
mod api;
pub mod app;
pub mod assets;
pub mod audit;
mod design;
pub mod device;
pub mod guard;
pub mod live;
pub mod metrics;
pub mod openapi;
pub mod router;
pub mod run;
pub mod serve;
pub mod session;
pub mod tls;
mod update;
pub mod users;

pub use app::App;
pub use guard::{Peer, Person};
