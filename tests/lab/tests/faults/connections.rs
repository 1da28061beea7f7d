//! Running connections across a change: its own end, the others don't notice.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, sample};

use crate::{confirm::apply, files::Site};

const LIMIT: Duration = Duration::from_secs(20);
const A_WHILE: Duration = Duration::from_secs(2);

/// A connection held open, both ends in our hands.
struct Held {
    near: TcpStream,
    far: TcpStream,
}

impl Held {
    /// Opens one from a host to a listener in another.
    fn open(
        lab: &Lab,
        from: &str,
        to: &str,
        (listen, ask): (SocketAddr, SocketAddr),
    ) -> anyhow::Result<Self> {
        let listener = lab.host(to).inside(|| TcpListener::bind(listen))?.context("listen")?;
        let near = lab.host(from).inside(|| TcpStream::connect_timeout(&ask, LIMIT))?;
        let near = near.with_context(|| format!("{from} doesn't reach {ask}"))?;
        let (far, _) = listener.accept()?;
        for end in [&near, &far] {
            end.set_nodelay(true)?;
        }
        let mut held = Self { near, far };
        ensure!(held.lives()?, "{from} to {ask}: nothing gets through");
        Ok(held)
    }

    /// A byte gets through in both directions.
    fn lives(&mut self) -> anyhow::Result<bool> {
        self.passes(LIMIT)
    }

    /// Nothing gets through any more, however long it is waited for.
    fn is_dead(&mut self) -> anyhow::Result<bool> {
        Ok(!self.passes(A_WHILE)?)
    }

    fn passes(&mut self, limit: Duration) -> anyhow::Result<bool> {
        for end in [&self.near, &self.far] {
            end.set_read_timeout(Some(limit))?;
        }
        let mut pass = |there: bool| {
            let (from, to) = if there {
                (&mut self.near, &mut self.far)
            } else {
                (&mut self.far, &mut self.near)
            };
            from.write_all(b"x").is_ok() && to.read_exact(&mut [0]).is_ok()
        };
        Ok(pass(true) && pass(false))
    }
}

pub(crate) fn a_change_ends_its_own_connections_and_no_others() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let site = Site::copy(&lab, "rows")?.edit(
        "site.toml",
        &[
            ("\"tcp/7\", \"icmp-echo\"", "\"tcp/7\", \"tcp/7001-7009\", \"icmp-echo\""),
            (
                "[\"tcp/443\", \"icmp-echo\"]",
                "[\"tcp/443\", \"tcp/7005\", \"icmp-echo\"], approval = \"a trial\"",
            ),
        ],
    )?;
    let applied = apply(&lab, &site, &[])?;
    ensure!(applied.ended_connections == 0, "rows were added only: {applied:?}");
    let at = |address: Ipv4Addr, port| SocketAddr::from((address, port));
    let web = |port| (at(PLATFORM_WEB, port), at(PLATFORM_WEB, port));
    let juki = lab.addresses().host("juki")?;
    let at_juki = (at(juki.address, 7005), at(juki.global, 7005));
    let mut terminal = Held::open(&lab, "terminal", "platform", web(7001))?;
    let mut school = Held::open(&lab, "school", "platform", web(7002))?;
    let mut server = Held::open(&lab, "platform", "juki", at_juki)?;

    // A reload of the same touches nothing.
    let applied = apply(&lab, &site, &[])?;
    ensure!((applied.steps, applied.ended_connections) == (0, 0), "{applied:?}");

    // Each change ends exactly one of the three.
    let global = juki.global.to_string();
    let site = site
        .edit("site.toml", &[(&format!("global = \"{global}\""), "global = \"100.64.10.13\"")])?;
    let applied = apply(&lab, &site, &["--confirm-within", "5m"])?;
    ensure!(applied.ended_connections == 1, "{applied:?}");
    ensure!(terminal.lives()? && school.lives()? && server.is_dead()?, "a server's address");

    let rolled_back = lab.sekisho(&["rollback"])?;
    ensure!(rolled_back.status.success(), "{rolled_back:?}");
    ensure!(terminal.lives()? && school.lives()?, "the way back");
    let site =
        site.edit("site.toml", &[("global = \"100.64.10.31\"", "global = \"100.64.10.32\"")])?;
    let applied = apply(&lab, &site, &[])?;
    ensure!(applied.ended_connections == 1, "{applied:?}");
    ensure!(terminal.lives()? && school.is_dead()?, "the school's address");

    // A row that goes takes what it allowed along.
    let site = site.edit("site.toml", &[("\"tcp/7001-7009\", ", "")])?;
    let applied = apply(&lab, &site, &[])?;
    ensure!(applied.ended_connections == 1, "{applied:?}");
    ensure!(terminal.is_dead()?, "the terminals' row");
    Ok(())
}
