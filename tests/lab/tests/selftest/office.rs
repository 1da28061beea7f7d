//! Trouble of the box, its cables and the office.

use std::{
    fs::{self, File},
    time::Duration,
};

use anyhow::ensure;
use sekisho_lab::wait_until;

use crate::{cases::Case, site::cable};

/// The box's sensors look again within this time.
const SENSORS: Duration = Duration::from_secs(30);

pub(crate) const CASES: &[Case] = &[
    Case {
        wrong: "The head office's cable is out",
        wreck: |_| cable("link set head-gateway down"),
        mend: |_| cable("link set head-gateway up"),
        check: "standalone.port.head-office",
        code: "cable-out",
    },
    Case {
        wrong: "LGWAN's cable is out",
        wreck: |_| cable("link set wire-gateway down"),
        mend: |_| cable("link set wire-gateway up"),
        check: "standalone.port.lgwan",
        code: "cable-out",
    },
    Case {
        wrong: "The education board's cable is in the head office's port, and none in its own",
        wreck: |_| {
            cable("link set edu-gateway down")?;
            cable("link set head-gateway master education")
        },
        mend: |_| {
            cable("link set head-gateway master head")?;
            cable("link set edu-gateway up")
        },
        check: "standalone.port.education-board",
        code: "cable-in-wrong-port",
    },
    Case {
        wrong: "LGWAN's and the head office's cables are swapped",
        wreck: |_| {
            cable("link set wire-gateway master head")?;
            cable("link set head-gateway master wire")
        },
        mend: |_| {
            cable("link set wire-gateway master wire")?;
            cable("link set head-gateway master head")
        },
        check: "office.server.juki",
        code: "cable-in-wrong-port",
    },
    Case {
        wrong: "The disk is full",
        wreck: |site| {
            let filler = File::create(site.lab.logs().join("state/filler"))?;
            let room = nix::sys::statvfs::fstatvfs(&filler)?;
            let left = room.blocks_available() * room.fragment_size();
            let most = i64::try_from(left.saturating_sub(8 << 10))?;
            Ok(nix::fcntl::posix_fallocate(&filler, 0, most)?)
        },
        mend: |site| {
            fs::remove_file(site.lab.logs().join("state/filler"))?;
            // What the sensors saw last is told until they look again.
            let is_well = || {
                site.lab.status().is_ok_and(|status| status.health.iter().all(|seen| !seen.alarm))
            };
            ensure!(wait_until(SENSORS, is_well), "{:?}", site.lab.status()?.health);
            Ok(())
        },
        check: "standalone.disk",
        code: "disk-full",
    },
    Case {
        wrong: "Another host has the device's address on the head-office LAN",
        wreck: |site| site.ip("atena", "addr add 192.168.1.1/32 dev lo"),
        mend: |site| site.ip("atena", "addr del 192.168.1.1/32 dev lo"),
        check: "office.head-office.address",
        code: "address-taken",
    },
    Case {
        wrong: "A server is off",
        wreck: |site| site.ip("juki", "link set eth0 down"),
        mend: |site| {
            site.ip("juki", "link set eth0 up")?;
            site.ip("juki", "route add default via 192.168.1.1")
        },
        check: "office.server.juki",
        code: "server-off",
    },
    Case {
        wrong: "A server's program isn't running, or its firewall refuses with a reset",
        wreck: |site| site.filter("juki", "input", &["tcp dport 443 reject with tcp reset"]),
        mend: |site| site.unfiltered("juki"),
        check: "office.server.juki",
        code: "server-refuses",
    },
    Case {
        wrong: "A server's own firewall refuses by ICMP",
        wreck: |site| {
            site.filter("juki", "input", &["tcp dport 443 reject with icmp type admin-prohibited"])
        },
        mend: |site| site.unfiltered("juki"),
        check: "office.server.juki",
        code: "server-refuses",
    },
    Case {
        wrong: "A server's own firewall refuses the platform's addresses alone",
        wreck: |site| {
            let rule =
                "ip saddr 100.72.0.0/16 tcp dport 443 reject with icmp type admin-prohibited";
            site.filter("juki", "input", &[rule])
        },
        mend: |site| site.unfiltered("juki"),
        check: "platform.to.juki.tls-443",
        code: "server-refuses",
    },
    Case {
        wrong: "A server's own firewall drops without a word",
        wreck: |site| site.filter("juki", "input", &["tcp dport 443 drop"]),
        mend: |site| site.unfiltered("juki"),
        check: "office.server.juki",
        code: "server-silent",
    },
    Case {
        wrong: "A server has no route back",
        wreck: |site| site.ip("juki", "route del default"),
        mend: |site| site.ip("juki", "route add default via 192.168.1.1"),
        check: "platform.to.juki.tls-443",
        code: "no-route-back",
    },
    Case {
        wrong: "A server's default gateway is another router",
        wreck: |site| site.ip("juki", "route replace default via 192.168.1.254"),
        mend: |site| site.ip("juki", "route replace default via 192.168.1.1"),
        check: "platform.to.juki.tls-443",
        code: "no-route-back",
    },
    Case {
        wrong: "A server's prefix length is wrong",
        wreck: |site| {
            site.ip("juki", "addr flush dev eth0")?;
            site.ip("juki", "addr add 192.168.1.10/29 dev eth0")?;
            site.ip("juki", "route add default via 192.168.1.9")
        },
        mend: |site| {
            site.ip("juki", "addr flush dev eth0")?;
            site.ip("juki", "addr add 192.168.1.10/24 dev eth0")?;
            site.ip("juki", "route add default via 192.168.1.1")
        },
        check: "office.server.juki",
        code: "server-wrong-prefix",
    },
    Case {
        wrong: "The device's prefix length on the LAN is wrong: a server is behind a router",
        wreck: |site| {
            site.lab.host("atena").must(&["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1"])?;
            site.ip("atena", "addr add 192.168.0.10/32 dev lo")?;
            site.apply(|text| {
                text.replace("\"192.168.1.1/24\"", "\"192.168.1.1/23\"")
                    .replace("\"192.168.1.10\"", "\"192.168.0.10\"")
            })
        },
        mend: |site| {
            site.ip("atena", "addr del 192.168.0.10/32 dev lo")?;
            site.lab.host("atena").must(&["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=0"])?;
            site.restore()
        },
        check: "office.server.juki",
        code: "wrong-prefix",
    },
    Case {
        wrong: "A mapping leads to the wrong host",
        wreck: |site| {
            site.apply(|text| {
                let swap = [
                    ("192.168.1.10\"", "JUKI"),
                    ("192.168.1.11\"", "192.168.1.10\""),
                    ("JUKI", "192.168.1.11\""),
                ];
                swap.iter().fold(text, |text, (from, to)| {
                    text.replace(&format!("private = \"{from}"), &format!("private = \"{to}"))
                })
            })
        },
        mend: |site| site.restore(),
        check: "platform.to.juki.tls-443",
        code: "wrong-host",
    },
];
