use std::os::unix::fs::symlink;

use super::*;

/// A folder like `/sys`.
struct Sys(tempfile::TempDir);

impl Sys {
    fn new() -> Self {
        let sys = Self(tempfile::tempdir().unwrap());
        for folder in ["class/net", "devices", "drivers/e1000e"] {
            fs::create_dir_all(sys.0.path().join(folder)).unwrap();
        }
        sys
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    /// A link below a device, with files of its own.
    fn link(&self, name: &str, device: &str, files: &[(&str, &str)]) {
        let device = self.root().join("devices").join(device);
        let folder = device.join("net").join(name);
        fs::create_dir_all(&folder).unwrap();
        symlink(&device, folder.join("device")).unwrap();
        symlink(&folder, self.root().join("class/net").join(name)).unwrap();
        for (file, text) in [("type", "1\n"), ("addr_assign_type", "0\n")].iter().chain(files) {
            fs::write(folder.join(file), text).unwrap();
        }
    }

    fn read(&self) -> Vec<Port> {
        read(self.root(), &BTreeMap::new()).unwrap()
    }
}

#[test]
fn slots_are_what_udev_calls_them() {
    let cases = [
        ("pci0000:00/0000:00:1c.0/0000:01:00.0", "pci-0000:01:00.0"),
        ("pci0000:00/0000:00:03.0/virtio2", "pci-0000:00:03.0"),
        ("pci0000:00/10000:e1:00.1", "pci-10000:e1:00.1"),
        ("pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0", "pci-0000:00:14.0-usb-0:1:1.0"),
        ("pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0", "pci-0000:00:14.0-usb-0:1.2:1.0"),
        ("platform/fe300000.ethernet", "platform-fe300000.ethernet"),
        ("vmbus/1-x", "vmbus-1-x"),
    ];
    for (path, wanted) in cases {
        assert_eq!(slot(Path::new(path)).unwrap().as_str(), wanted, "{path}");
    }
    assert_eq!(slot(Path::new("virtual/net/br0")), None);
    assert_eq!(slot(Path::new("")), None);
}

#[test]
fn a_port_says_what_it_is() {
    let sys = Sys::new();
    let device = "pci0000:00/0000:00:1c.0/0000:01:00.0";
    let files = [("address", "02:00:00:00:00:01\n"), ("carrier", "1\n")];
    sys.link("eth7", device, &[&files[..], &[("speed", "100\n"), ("duplex", "half\n")]].concat());
    symlink("../../../../drivers/e1000e", sys.root().join("devices").join(device).join("driver"))
        .unwrap();
    let found = Found {
        link: "eth7".parse().unwrap(),
        slot: "pci-0000:01:00.0".parse().unwrap(),
        mac: Some(Mac([2, 0, 0, 0, 0, 1])),
    };
    let port = Port {
        found,
        driver: Some("e1000e".to_owned()),
        carrier: Some(true),
        speed: Some(100),
        duplex: Some(Duplex::Half),
    };
    let permanent = [(port.found.link.clone(), Mac([2, 0, 0, 0, 0, 9]))].into();
    assert_eq!(sys.read(), [port]);
    let told = read(sys.root(), &permanent).unwrap();
    assert_eq!(
        told[0].found.mac,
        Some(Mac([2, 0, 0, 0, 0, 9])),
        "what the kernel says counts more"
    );
}

#[test]
fn only_ethernet_with_a_device_is_a_port() {
    let sys = Sys::new();
    sys.link("lo", "virtual/net", &[]);
    sys.link("can0", "pci0000:00/0000:00:05.0", &[("type", "280\n")]);
    sys.link("eth1", "pci0000:00/0000:00:04.0", &[("dev_port", "0\n")]);
    sys.link("eth0", "pci0000:00/0000:00:04.0", &[("dev_port", "1\n"), ("speed", "-1\n")]);
    fs::create_dir(sys.root().join("class/net/bonding_masters")).unwrap();
    let ports = sys.read();
    let slots: Vec<_> =
        ports.iter().map(|port| (port.found.link.as_str(), port.found.slot.as_str())).collect();
    assert_eq!(slots, [("eth1", "pci-0000:00:04.0"), ("eth0", "pci-0000:00:04.0-port1")]);
    assert!(ports.iter().all(|port| (port.carrier, port.speed, port.duplex) == (None, None, None)));
}

#[test]
fn an_address_that_is_made_up_at_each_start_is_none() {
    let sys = Sys::new();
    let device = "pci0000:00/0000:00:04.0";
    sys.link("eth0", device, &[("address", "02:00:00:00:00:01\n"), ("addr_assign_type", "1\n")]);
    assert_eq!(sys.read()[0].found.mac, None);
}

#[test]
fn a_folder_that_is_none_is_named() {
    let error = read(Path::new("/nowhere"), &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("'/nowhere/class/net'"), "{error}");
}
