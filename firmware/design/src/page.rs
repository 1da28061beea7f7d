//! From where the device's own page can be reached (R65).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::Serialize;

use crate::{Design, Lan, LanInterface};

/// Who gets to the page beside whoever stands at the maintenance port. No other side of the device ever does.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Page {
    /// Sources on the head office's LAN or behind its routers, each once; none where the page is closed to the LAN.
    pub head_office: Vec<Ipv4Net>,
}

impl Page {
    /// The port that the page is served at.
    pub const PORT: u16 = 443;

    /// How many sources may be named: clerks' terminals, not the whole office.
    pub(crate) const MOST_SOURCES: usize = 32;
}

impl Design {
    /// The device's own addresses at which the page can be reached.
    pub fn page_addresses(&self) -> Vec<Ipv4Addr> {
        let maintenance = self.maintenance.iter().map(|port| port.address.address());
        let lan = self.page_lan().map(|lan| lan.address.address());
        maintenance.chain(lan).collect()
    }

    /// The head office's LAN, where the page is open to sources there.
    pub fn page_lan(&self) -> Option<&LanInterface> {
        let opened = !self.page.head_office.is_empty();
        self.lans.get(&Lan::HeadOffice).filter(|_| opened)
    }
}
