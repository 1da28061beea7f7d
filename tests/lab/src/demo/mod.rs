//! The demo: an office reaches the platform through the device, and everything that must not pass doesn't.
//! One line an act, with what was seen.

mod changes;
mod names;
mod outages;
mod page;
mod refusals;
mod selftest;
mod traffic;

use std::{
    io::{IsTerminal, Write, stdin, stdout},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, ensure};
use sekisho_lab::{Door, Extent, Lab, Page, sample, text};

/// The site that the story begins with: servers in the office, both LANs with ranges of their own.
pub(crate) const FIRST_SITE: &str = "1-office";
/// The site that it goes on with: both LANs have one range, one device address, one server address.
const SECOND_SITE: &str = "overlapping-ranges";

/// Acts with their numbers, and how many failed.
struct Story {
    acts: u32,
    failed: u32,
}

impl Story {
    /// Plays an act; what it returns is shown as what was seen. The story goes on after a failure.
    fn act<T: AsRef<str>>(&mut self, what: &str, play: impl FnOnce() -> anyhow::Result<T>) {
        self.acts += 1;
        print!("{:2}  {what} … ", self.acts);
        let _ = stdout().flush();
        let start = Instant::now();
        let result = play();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(seen) => {
                println!("pass ({seconds:.1} s)");
                seen.as_ref().lines().for_each(|line| println!("      {line}"));
            }
            Err(error) => {
                self.failed += 1;
                println!("FAIL ({seconds:.1} s)");
                format!("{error:#}").lines().for_each(|line| println!("      {line}"));
            }
        }
    }
}

/// Plays the whole story; true when every act passed. An error is one that leaves nothing to go on with.
pub(crate) fn play() -> anyhow::Result<bool> {
    let start = Instant::now();
    let mut story = Story { acts: 0, failed: 0 };
    println!(
        "An office, its VPN device, LGWAN between, and the platform with its two centres, all on this machine:\n\
         \x20 terminal, juki (resident registry), atena ─┐\n\
         \x20 school (education board) ─────────────────── gateway ── LGWAN ── east, west ── platform\n"
    );
    let mut lab = bring_up(&mut story, FIRST_SITE)?;
    traffic::play(&mut story, &lab);
    names::play(&mut story, &lab);
    refusals::play(&mut story, &lab);
    selftest::play(&mut story, &lab);
    page::play(&mut story, &mut lab);
    changes::play(&mut story, &mut lab);
    drop(lab);

    println!(
        "\nNow a site where both LANs use the same addresses, the device's and the servers' included:\n"
    );
    let mut lab = bring_up(&mut story, SECOND_SITE)?;
    traffic::play_one_range(&mut story, &lab);
    names::play_one_range(&mut story, &lab);
    outages::play(&mut story, &mut lab);
    drop(lab);

    let seconds = start.elapsed().as_secs_f64();
    match story.failed {
        0 => println!("\nAll {} acts passed in {seconds:.0} s.", story.acts),
        failed => println!("\n{failed} of {} acts FAILED.", story.acts),
    }
    Ok(story.failed == 0)
}

fn bring_up(story: &mut Story, site: &str) -> anyhow::Result<Lab> {
    let mut lab = None;
    story.act("an empty device starts; it has made its key and holds no design", || {
        let built = lab.insert(Lab::up(&sample(site), Extent::Daemon)?);
        let status = built.sekisho(&["status"])?;
        ensure!(status.status.success(), "{}", text(&status.stderr));
        Ok("its public key goes to the operator, who lets it in at both centres")
    });
    let lab = lab.context("without a device the story can't go on")?;
    story.act(&format!("the site '{site}' is applied, from one file"), || lab.apply(lab.site()));
    story.act("the tunnel comes up", || {
        let centre = lab.wait_for_carrier(None, std::time::Duration::from_mins(1))?;
        Ok(format!("{} carries the traffic", centre.name()))
    });
    Ok(lab)
}

/// Whether somebody is there to look around.
pub(crate) fn is_watched() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Brings the first site up again and leaves the page open to a browser of the machine outside, as long as a shell in the lab
/// lasts.
pub(crate) fn look_around(door: Door) -> anyhow::Result<ExitCode> {
    println!("\nThe office comes up once more, for you to look around.");
    let mut lab = Lab::up(&sample(FIRST_SITE), Extent::Applied)?;
    lab.start_page(Some(door))?;
    println!(
        "The device's page is open at https://127.0.0.1:{}/ as long as this shell lasts.\n\
         Log in as admin with the password {}; the browser warns of the certificate, which this device signed itself.\n",
        door.port,
        Page::first_password()?
    );
    crate::shell_in(&lab)
}
