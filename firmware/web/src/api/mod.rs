//! Handlers of the routes that lead to the device.
//!
//! Most pass the request on as it is ([`pass`]). A change goes with the name of who wants it.

mod arrival;
mod arrive;
mod care;
mod change;
mod pass;

pub(crate) use self::arrival::Arrivals;
use crate::router::Handler;

pub(crate) fn handlers() -> Vec<Handler> {
    [pass::handlers(), change::handlers(), arrive::handlers(), care::handlers()]
        .into_iter()
        .flatten()
        .collect()
}
