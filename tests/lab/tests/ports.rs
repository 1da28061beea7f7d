//! Names of ports: `sekisho-ports` renames real links, by slots that a made-up `/sys` describes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Output,
    time::Instant,
};

use anyhow::{Context, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use sekisho_lab::{Extent, Lab, enter, sample};
use serde_json::Value;

/// A host of the lab none of whose links is called like a port of the box.
const BOX: &str = "terminal";
const BOARD: &str = "\
name = \"test\"
[[port]]
name = \"port1\"
slot = \"pci-0000:01:00.0\"
[[port]]
name = \"port2\"
slot = \"pci-0000:02:00.0\"
[[port]]
name = \"port3\"
slot = \"pci-0000:03:00.0\"
";

fn main() {
    enter();
    let mut arguments = Arguments::from_args();
    // Each test has the names of the hosts to itself.
    arguments.test_threads = Some(1);
    let trial = |name: &str, test: fn() -> anyhow::Result<()>| {
        Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}"))))
    };
    let trials = vec![
        trial("ports_follow_their_slots_and_then_their_addresses", slots_then_addresses),
        trial("ports_change_places_up_or_down", swap),
        trial("other_ports_than_the_boards_stop_nothing", other_ports),
        trial("what_cannot_be_done_is_said", refusals),
        trial("a_port_that_cannot_be_fixed_is_named_and_all_is_taken_back", not_fixed),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// A host whose links sit in slots.
struct Machine {
    lab: Lab,
    program: String,
    folder: PathBuf,
}

impl Machine {
    /// Links by their names, with their slots; each has an address that ends like its number in this list.
    fn with(links: &[(&str, &str)]) -> anyhow::Result<Self> {
        let lab = Lab::up(&sample("1-office"), Extent::Wires)?;
        let program = lab.binary("sekisho-ports")?;
        let folder = lab.logs().join("box");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("board.toml"), BOARD)?;
        let machine = Self { lab, program, folder };
        for (number, (name, _)) in links.iter().enumerate() {
            let mac = mac(number);
            let far = format!("far{number}");
            let words =
                ["ip", "link", "add", name, "address", &mac, "type", "veth", "peer", "name", &far];
            machine.must(&words)?;
        }
        machine.sit(links)?;
        Ok(machine)
    }

    fn must(&self, words: &[&str]) -> anyhow::Result<String> {
        self.lab.host(BOX).must(words)
    }

    /// Describes where the links sit, under the names that they have now.
    fn sit(&self, links: &[(&str, &str)]) -> anyhow::Result<()> {
        let sys = self.folder.join("sys");
        if sys.exists() {
            fs::remove_dir_all(&sys)?;
        }
        fs::create_dir_all(sys.join("class/net"))?;
        fs::create_dir_all(sys.join("devices"))?;
        let now = self.links()?;
        for (name, slot) in links {
            let device = sys.join("devices/pci0000:00").join(slot);
            let folder = device.join("net").join(name);
            fs::create_dir_all(&folder)?;
            symlink(&device, folder.join("device"))?;
            symlink(&folder, sys.join("class/net").join(name))?;
            let mac = now.get(*name).with_context(|| format!("no link {name}"))?;
            for (file, text) in [("type", "1"), ("addr_assign_type", "0"), ("address", mac)] {
                fs::write(folder.join(file), text)?;
            }
        }
        Ok(())
    }

    /// The kernel's links: name and address.
    fn links(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let listed: Value = serde_json::from_str(&self.must(&["ip", "-j", "link"])?)?;
        let text = |link: &Value, key: &str| link[key].as_str().unwrap_or_default().to_owned();
        let links = listed.as_array().context("a list of links")?;
        Ok(links.iter().map(|link| (text(link, "ifname"), text(link, "address"))).collect())
    }

    fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        let path = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let (board, kept) = (path("board.toml"), path("kept/ports.toml"));
        let (run, sys) = (path("run"), path("sys"));
        let places = ["--board", &board, "--kept", &kept, "--run", &run, "--sys", &sys];
        let common = ["--format", "json", "--lang", "en"];
        self.lab.host(BOX).run(&[&[self.program.as_str()], words, &places, &common].concat())
    }

    fn done(&self, words: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(words)?;
        ensure!(output.status.success(), "{words:?}: {output:?}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn refused(&self, words: &[&str], code: i32, reason: &str) -> anyhow::Result<()> {
        let output = self.run(words)?;
        let failure: Value = serde_json::from_slice(&output.stdout)?;
        let message = failure["message"].as_str().unwrap_or_default();
        ensure!(output.status.code() == Some(code) && message.contains(reason), "{output:?}");
        Ok(())
    }

    /// That the links with these numbers have these names.
    fn ensure_named(&self, wanted: &[(usize, &str)]) -> anyhow::Result<()> {
        let links = self.links()?;
        for (number, name) in wanted {
            ensure!(links.get(*name) == Some(&mac(*number)), "{number} isn't {name}: {links:?}");
        }
        Ok(())
    }

    fn kept(&self) -> PathBuf {
        self.folder.join("kept/ports.toml")
    }

    fn told(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.folder.join("run/ports.json"))?)?)
    }
}

fn mac(number: usize) -> String {
    format!("02:00:00:00:00:{number:02x}")
}

fn remarks(list: &Value) -> Vec<&str> {
    let remarks = list["remarks"].as_array().into_iter().flatten();
    remarks.filter_map(|remark| remark["en"].as_str()).collect()
}

fn slots_then_addresses() -> anyhow::Result<()> {
    let (one, two, three) = ("0000:01:00.0", "0000:02:00.0", "0000:03:00.0");
    let machine = Machine::with(&[("enp0", three), ("enp1", one), ("enp2", two)])?;
    let list = machine.done(&["assign"])?;
    machine.ensure_named(&[(0, "port3"), (1, "port1"), (2, "port2")])?;
    ensure!(remarks(&list).is_empty() && list["ports"][0]["name"] == "port1", "{list}");
    ensure!(machine.told()? == list);
    let kept = fs::read_to_string(machine.kept())?;
    ensure!(kept.contains(&mac(1)), "{kept}");
    // Again, with the ports under their names: nothing to do, and nothing is written.
    machine.sit(&[("port3", three), ("port1", one), ("port2", two)])?;
    let written = fs::metadata(machine.kept())?.modified()?;
    machine.done(&["assign"])?;
    machine.ensure_named(&[(0, "port3"), (1, "port1"), (2, "port2")])?;
    ensure!(fs::metadata(machine.kept())?.modified()? == written);
    // The card of port1 has moved to a slot that is new, and the kernel has numbered them anew.
    for (from, to) in [("port1", "enp0"), ("port2", "enp1"), ("port3", "enp2")] {
        machine.must(&["ip", "link", "set", from, "name", to])?;
    }
    machine.sit(&[("enp0", "0000:09:00.0"), ("enp1", two), ("enp2", three)])?;
    let list = machine.done(&["assign"])?;
    machine.ensure_named(&[(0, "port3"), (1, "port1"), (2, "port2")])?;
    let moved = "port1 has moved from pci-0000:01:00.0 to pci-0000:09:00.0.";
    ensure!(remarks(&list) == [moved], "{list}");
    Ok(())
}

fn swap() -> anyhow::Result<()> {
    let links = [("port1", "0000:01:00.0"), ("port2", "0000:02:00.0"), ("port3", "0000:03:00.0")];
    let machine = Machine::with(&links)?;
    machine.must(&["ip", "link", "set", "port1", "up"])?;
    machine.must(&["ip", "address", "add", "192.0.2.1/24", "dev", "port1"])?;
    let list = machine.done(&["set", "port1=port2"])?;
    machine.ensure_named(&[(0, "port2"), (1, "port1"), (2, "port3")])?;
    ensure!(list["ports"][0]["name"] == "port2", "by slot: {list}");
    let moved = machine.must(&["ip", "-o", "address", "show", "dev", "port2"])?;
    ensure!(moved.contains("192.0.2.1/24"), "what a link has goes with it: {moved}");
    // All three go round, one of them named by its slot.
    machine.sit(&[("port2", links[0].1), ("port1", links[1].1), ("port3", links[2].1)])?;
    machine.done(&["set", "port1=pci-0000:03:00.0", "port2=port1", "port3=port2"])?;
    machine.ensure_named(&[(0, "port3"), (1, "port2"), (2, "port1")])?;
    // A later start finds it so, whatever the kernel calls them.
    machine.sit(&[("port3", links[0].1), ("port2", links[1].1), ("port1", links[2].1)])?;
    ensure!(remarks(&machine.done(&["assign", "--wait", "0"])?).is_empty());
    machine.ensure_named(&[(0, "port3"), (1, "port2"), (2, "port1")])
}

fn other_ports() -> anyhow::Result<()> {
    // A USB adapter, and nothing in the slot of port3.
    let usb = "0000:00:14.0/usb1/1-1/1-1:1.0";
    let links = [("enp0", usb), ("enp1", "0000:02:00.0"), ("enp2", "0000:01:00.0")];
    let machine = Machine::with(&links)?;
    let begun = Instant::now();
    let list = machine.done(&["assign", "--wait", "1"])?;
    ensure!((1..5).contains(&begun.elapsed().as_secs()), "it waits for what is missing, no longer");
    machine.ensure_named(&[(0, "port4"), (1, "port2"), (2, "port1")])?;
    let expected = [
        "port3 is missing (pci-0000:03:00.0).",
        "an additional port is called port4 (pci-0000:00:14.0-usb-0:1:1.0).",
    ];
    ensure!(remarks(&list) == expected, "{list}");
    machine.sit(&[("port4", usb), ("port2", links[1].1), ("port1", links[2].1)])?;
    fs::write(machine.kept(), "[[port]]\nname = 1\n")?;
    fs::remove_file(machine.folder.join("board.toml"))?;
    let list = machine.done(&["assign", "--wait", "0"])?;
    machine.ensure_named(&[(0, "port1"), (1, "port3"), (2, "port2")])?;
    let said = remarks(&list);
    ensure!(said.len() == 2 && said[0].starts_with("the board's slots are unknown"), "{said:?}");
    ensure!(said[1].starts_with("the kept assignment doesn't count"), "{said:?}");
    let kept = fs::read_to_string(machine.kept())?;
    ensure!(kept == "[[port]]\nname = 1\n", "what somebody wrote isn't overwritten: {kept}");
    // Another link has the name: that port keeps its own, the others get theirs.
    machine.must(&["ip", "link", "set", "port1", "name", "enp0"])?;
    machine.must(&["ip", "link", "set", "far0", "name", "port1"])?;
    machine.sit(&[("enp0", usb), ("port3", links[1].1), ("port2", links[2].1)])?;
    let list = machine.done(&["assign", "--wait", "0"])?;
    machine.ensure_named(&[(0, "enp0"), (1, "port3"), (2, "port2")])?;
    let said = remarks(&list);
    ensure!(said.iter().any(|remark| remark.contains("rename 'enp0' to 'port1'")), "{said:?}");
    ensure!(machine.told()? == list);
    // No port at all.
    machine.sit(&[])?;
    let list = machine.done(&["assign", "--wait", "0"])?;
    ensure!(remarks(&list).contains(&"there is no port at all."), "{list}");
    Ok(())
}

fn refusals() -> anyhow::Result<()> {
    let machine = Machine::with(&[("port1", "0000:01:00.0"), ("port2", "0000:02:00.0")])?;
    let refused = |words: &[&str], code, reason| machine.refused(words, code, reason);
    refused(&["set", "port1=port9"], 2, "there is no port 'port9'")?;
    refused(&["set", "port1=port1", "port2=port1"], 2, "two names")?;
    refused(&["set", "port1=port1", "port1=port2"], 2, "the name of two ports")?;
    refused(&["set", "far0=port1"], 2, "no port")?;
    refused(&["set", "tunnel=port1"], 2, "no port")?;
    ensure!(!Path::new(&machine.kept()).exists(), "nothing is kept of that");
    machine.ensure_named(&[(0, "port1"), (1, "port2")])?;
    refused(&["blink", "port9"], 2, "there is no port 'port9'")?;
    refused(&["blink", "port1", "--seconds", "1"], 4, "can't make the lamp of 'port1' blink")?;
    for words in [["set", "port1"], ["set", "a b=port1"], ["blink", "--wait"]] {
        let output = machine.run(&words)?;
        ensure!(output.status.code() == Some(2), "{output:?}");
    }
    let output = machine.run(&["blink", "port1", "--seconds", "0"])?;
    ensure!(output.status.code() == Some(2), "without end: {output:?}");
    fs::remove_dir_all(machine.folder.join("sys"))?;
    refused(&["list"], 4, "can't read the ports below")?;
    Ok(())
}

/// The lab's wires have no speed, so that a design that fixes one can't be put in force. Ports that can be fixed are the image
/// test's.
fn not_fixed() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("2-partly-data-centre"), Extent::Daemon)?;
    let links = || lab.host("gateway").must(&["ip", "-br", "link", "show"]);
    let before = links()?;
    let file = |name: &str| lab.site().join(name).to_string_lossy().into_owned();
    let (site, profile) = (file("site.toml"), file("platform-profile.toml"));
    let words = ["apply", "--site", &site, "--profile", &profile, "--lang", "en"];
    let output = lab.sekisho(&words)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(4), "{output:?}");
    let port = &lab.design().lgwan.port;
    ensure!(said.contains(&format!("can't fix the port '{port}' at 100M full duplex")), "{said}");
    ensure!(said.contains("Take 'speed' and 'duplex' of this port out of the design"), "{said}");
    ensure!(links()? == before, "{}", links()?);
    lab.apply(lab.site())?;
    Ok(())
}
