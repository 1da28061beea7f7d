//! Whether a change touches the way that its user came by: pure.
//!
//! He came by one of the device's addresses, on a LAN or on the maintenance port. Whatever changes of that interface, its
//! port, address, prefix, mode or the routes behind it, may cut him off; nothing else of a design does.

use std::net::Ipv4Addr;

use sekisho_control::FIRST_CONTACT;
use sekisho_design::{Design, InterfaceAddress};

/// What becomes of a way to the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// It stays as it is.
    Stays,
    /// It is another one, by this address of the device.
    Changes(Ipv4Addr),
    /// The device isn't reached on that side any more.
    Goes,
}

/// What a new design does to the way by an address of the design before; none where that isn't one of its ways. The first design
/// takes the address of first contact away.
pub(super) fn way(came_by: Ipv4Addr, before: Option<&Design>, after: &Design) -> Option<Way> {
    let Some(before) = before else {
        let maintenance = after.maintenance.as_ref().map(|row| row.address.address());
        return (came_by == FIRST_CONTACT).then(|| maintenance.map_or(Way::Goes, Way::Changes));
    };
    if let Some(old) = &before.maintenance
        && old.address.address() == came_by
    {
        return Some(between(old, after.maintenance.as_ref(), |row| row.address));
    }
    let (lan, old) = before.lans.iter().find(|(_, row)| row.address.address() == came_by)?;
    Some(between(old, after.lans.get(lan), |row| row.address))
}

fn between<Interface: PartialEq>(
    old: &Interface,
    new: Option<&Interface>,
    address: impl Fn(&Interface) -> InterfaceAddress,
) -> Way {
    match new {
        None => Way::Goes,
        Some(new) if new == old => Way::Stays,
        Some(new) => Way::Changes(address(new).address()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use sekisho_design::{Source, Sources, Trust, check};

    use super::*;

    const MAINTENANCE: &str =
        "[interface.maintenance]\nport = \"port4\"\naddress = \"192.168.254.1/24\"\n";

    /// The first sample with a text replaced that must be there.
    fn design(from: &str, to: &str) -> Design {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let site = read("config-samples/1-office/site.toml");
        assert!(site.contains(from), "{from}");
        let site = site.replace(from, to);
        let profile = read("config-samples/1-office/platform-profile.toml");
        let sources = Sources {
            site: Source { name: "site.toml", bytes: site.as_bytes() },
            profile: Source { name: "platform-profile.toml", bytes: profile.as_bytes() },
        };
        let operator = read("tests/lab/keys/operator.pub").trim().parse().unwrap();
        check(&sources, &Trust { operator, in_force: None }).unwrap().design
    }

    #[test]
    fn whatever_changes_of_an_interface_changes_the_way_by_it() {
        use Way::{Changes, Goes, Stays};
        let [maintenance, head, board] =
            ["192.168.254.1", "192.168.1.1", "192.168.2.1"].map(|text| text.parse().unwrap());
        let route = "address = \"192.168.1.1/24\"\nroutes = [{ to = \"10.9.0.0/16\", via = \"192.168.1.2\" }]";
        let cases: [(&str, &str, Ipv4Addr, Way); 13] = [
            ("\"juki\"", "\"juki\"", maintenance, Stays),
            (
                "192.168.254.1/24",
                "192.168.254.9/24",
                maintenance,
                Changes([192, 168, 254, 9].into()),
            ),
            ("192.168.254.1/24", "192.168.254.1/25", maintenance, Changes(maintenance)),
            ("192.168.254.1/24", "192.168.254.9/24", head, Stays),
            ("\"port4\"", "\"port5\"", maintenance, Changes(maintenance)),
            (MAINTENANCE, "", maintenance, Goes),
            (MAINTENANCE, "", head, Stays),
            ("192.168.1.1/24", "192.168.1.254/24", head, Changes([192, 168, 1, 254].into())),
            ("192.168.1.1/24", "192.168.1.254/24", board, Stays),
            ("address = \"192.168.1.1/24\"", route, head, Changes(head)),
            ("100.64.10.11", "100.64.10.13", head, Stays),
            ("198.18.1.2/24", "198.18.1.3/24", head, Stays),
            ("\"port3\"", "\"port5\"", board, Changes(board)),
        ];
        let before = design("", "");
        for (from, to, came_by, wanted) in cases {
            assert_eq!(
                way(came_by, Some(&before), &design(from, to)),
                Some(wanted),
                "{from} {to} {came_by}"
            );
        }
        for nobody in [[198, 18, 1, 2], [192, 168, 1, 10], [127, 0, 0, 1]] {
            assert_eq!(way(nobody.into(), Some(&before), &before), None, "{nobody:?}");
        }
        assert_eq!(way(FIRST_CONTACT, Some(&before), &before), None);
        assert_eq!(way(FIRST_CONTACT, None, &before), Some(Changes(maintenance)));
        assert_eq!(way(FIRST_CONTACT, None, &design(MAINTENANCE, "")), Some(Goes));
        assert_eq!(way(maintenance, None, &before), None);
    }
}
