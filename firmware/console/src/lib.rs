//! The box's serial console (R69): first steps, rescue menu, and a prompt for its own commands.
//!
//! Whoever sits here has the box before him, so the menu asks for no password. It knows nothing by itself: it runs the
//! command lines `sekisho`, `sekisho-ports` and `systemctl` and shows what they say. Both ends are traits: the line to the
//! person ([`Terminal`]) and the programs and files of the box ([`System`]); tests put a script and a model in their
//! places.

#![forbid(unsafe_code)]

mod administrator;
mod console;
mod places;
mod prompt;
mod reset;
mod restore;
#[cfg(test)]
mod script;
mod stick;
mod system;
mod terminal;
mod wizard;

pub use self::{
    administrator::{Administrator, Entry, Fault},
    console::{Console, End},
    places::Places,
    system::{Box_, Outcome, System},
    terminal::{Echo, Input, Line, Terminal},
};
