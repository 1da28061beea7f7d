//! Every effect of every course fails or the daemon dies there; and any sequence of requests, failures and restarts.

mod world;

use proptest::prelude::*;
use sekisho_plan::steps;

use self::world::{DESIGNS, Daemon, Dead, End, MISCHIEFS, Mischief, World, state};
use super::*;

const WAIT: Duration = Duration::from_mins(2);

/// A course from a world at rest. The first design is in force, but for the first course.
type Course = fn(&mut World, &mut Daemon) -> Result<(), Dead>;

const COURSES: [(&str, usize, Course); 6] = [
    ("the first edit", 0, |world, daemon| world.apply(daemon, 1, None).map(drop)),
    ("an edit", 1, |world, daemon| world.apply(daemon, 2, None).map(drop)),
    ("the same again", 1, |world, daemon| world.apply(daemon, 1, None).map(drop)),
    ("an edit that is confirmed", 1, |world, daemon| {
        world.apply(daemon, 2, Some(WAIT))?;
        world.confirm(daemon).map(drop)
    }),
    ("an edit that nobody confirms", 1, |world, daemon| {
        world.apply(daemon, 2, Some(WAIT))?;
        world.wait(daemon, WAIT / 2)?;
        world.wait(daemon, WAIT / 2).map(drop)
    }),
    ("the first edit, taken back", 0, |world, daemon| {
        world.apply(daemon, 1, Some(WAIT))?;
        world.take_back(daemon).map(drop)
    }),
];

/// A world with a design in force, or none, and its daemon.
fn at_rest(design: usize) -> (World, Daemon) {
    let mut world = World::new();
    let (mut daemon, _) = world.start().unwrap();
    if design > 0 {
        assert_eq!(world.apply(&mut daemon, design, None).unwrap(), End::Committed);
    }
    world.effects = 0;
    (world, daemon)
}

/// Starts the daemon until it lives, with one mischief more on the way.
fn restart(world: &mut World, mischief: Option<(usize, Mischief)>) -> Daemon {
    (world.effects, world.mischief) = (0, mischief);
    loop {
        match world.start() {
            Ok((daemon, _)) => return daemon,
            Err(Dead) => world.mischief = None,
        }
    }
}

/// What a box holds that is switched on with this design, or is given it.
fn clean(world: &World) -> World {
    let mut world = world.clone();
    world.mend();
    world.reboot();
    world.start().unwrap();
    world
}

fn same(one: &World, other: &World) -> bool {
    one.kernel == other.kernel && one.tunnel == other.tunnel && one.kept == other.kept
}

#[test]
fn whatever_effect_fails_or_kills_the_old_state_or_the_new_one_is_there_after_a_restart() {
    let mut tried = 0;
    for (name, design, course) in COURSES {
        let (before, _) = at_rest(design);
        let (mut after, mut daemon) = at_rest(design);
        course(&mut after, &mut daemon).unwrap();
        assert!(!after.is_open(), "{name}: the journal stays open");
        for at in 0..after.effects {
            for mischief in MISCHIEFS {
                for reboot in [false, true] {
                    let (mut world, mut daemon) = at_rest(design);
                    world.mischief = Some((at, mischief));
                    let died = course(&mut world, &mut daemon).is_err();
                    drop(daemon);
                    let kept = world.kept;
                    if reboot {
                        world.reboot();
                    }
                    restart(&mut world, None);
                    tried += 1;
                    let what = format!("{name}, effect {at} {mischief:?}, reboot {reboot}");
                    assert!(!world.is_open(), "{what}: the journal stays open");
                    assert_eq!(world.kept, kept, "{what}: a restart changes what is kept");
                    let allowed = [&before, &after].map(|allowed| {
                        if reboot { same(&world, &clean(allowed)) } else { same(&world, allowed) }
                    });
                    assert!(allowed.contains(&true), "{what}, died {died}: {:#?}", world.kernel);
                }
            }
        }
    }
    assert!(tried > 1000, "only {tried}");
}

#[test]
fn a_crash_at_any_effect_of_the_way_back_after_a_crash_at_any_effect_leads_back_too() {
    for (name, design, course) in COURSES {
        let (before, _) = at_rest(design);
        let (mut after, mut daemon) = at_rest(design);
        course(&mut after, &mut daemon).unwrap();
        for at in 0..after.effects {
            let (mut dead, mut daemon) = at_rest(design);
            dead.mischief = Some((at, Mischief::DiesAfterwards));
            if course(&mut dead, &mut daemon).is_ok() {
                continue;
            }
            let mut whole = dead.clone();
            restart(&mut whole, None);
            for again in 0..whole.effects {
                for mischief in MISCHIEFS {
                    let mut world = dead.clone();
                    restart(&mut world, Some((again, mischief)));
                    restart(&mut world, None);
                    let what = format!("{name}, effects {at} and {again} {mischief:?}");
                    assert!(same(&world, &before) || same(&world, &after), "{what}");
                    assert!(!world.is_open(), "{what}: the journal stays open");
                }
            }
        }
    }
}

/// Without a crash, a failure leaves the daemon with the old state, the new one, or a loud word.
#[test]
fn a_failure_is_taken_back_at_once_or_told() {
    for (name, design, course) in COURSES {
        let (mut after, mut daemon) = at_rest(design);
        course(&mut after, &mut daemon).unwrap();
        for at in 0..after.effects {
            for mischief in [Mischief::Fails, Mischief::FailsAfterwards] {
                let (before, _) = at_rest(design);
                let (mut world, mut daemon) = at_rest(design);
                world.mischief = Some((at, mischief));
                course(&mut world, &mut daemon).unwrap();
                let what = format!("{name}, effect {at} {mischief:?}");
                if daemon.pending.is_some() {
                    // It couldn't be kept; somebody may confirm again.
                    assert!(world.is_open(), "{what}");
                    assert_eq!(world.confirm(&mut daemon).unwrap(), Some(End::Committed));
                }
                let there = [&before, &after].map(|allowed| allowed.kernel == world.kernel);
                assert!(there.contains(&true), "{what}: {:#?}", world.kernel);
            }
        }
    }
}

#[test]
fn what_fails_for_good_is_loud_and_the_next_design_mends_it() {
    let (mut world, mut daemon) = at_rest(1);
    // Journalled and half-way through its steps.
    world.mischief = Some((6, Mischief::FailsFromNowOn));
    assert_eq!(world.apply(&mut daemon, 2, None).unwrap(), End::RollbackFailed);
    assert!(world.is_open(), "the next start has to know");
    let (before, _) = at_rest(1);
    let mut mended = world.clone();
    restart(&mut mended, None);
    assert!(same(&mended, &before));

    // Or without a restart, with the power back on the disk; and a failure of that leads to the state before all of it.
    world.mend();
    world.mischief = Some((world.effects + 8, Mischief::Fails));
    assert_eq!(world.apply(&mut daemon, 3, None).unwrap(), End::RolledBack);
    assert_eq!(world.kernel, before.kernel);
    world.mischief = None;
    assert_eq!(world.apply(&mut daemon, 3, None).unwrap(), End::Committed);
    assert_eq!(steps(&world.kernel, &state(3)).unwrap(), []);
}

#[test]
fn a_confirmation_has_its_time_by_a_clock_that_nobody_sets() {
    let (mut world, mut daemon) = at_rest(1);
    assert_eq!(world.apply(&mut daemon, 2, Some(WAIT)).unwrap(), End::Awaiting);
    let moment = Duration::from_millis(1);
    assert_eq!(world.wait(&mut daemon, WAIT.saturating_sub(moment)).unwrap(), None);
    assert_eq!(world.apply(&mut daemon, 3, None).unwrap(), End::Refused, "one at a time");
    assert_eq!(world.wait(&mut daemon, moment).unwrap(), Some(End::RolledBack));
    assert_eq!(world.kept_design(), 1);
}

#[test]
fn only_new_addresses_of_ports_are_asked_for_and_only_by_an_edit() {
    let observed = at_rest(1).0.kernel;
    let (mut change, _) =
        Change::<&str>::begin(Purpose::Edit { confirm_within: None }, Arc::new(state(2)), None);
    let next = change.next(Outcome::Observed(Box::new(observed.clone())), Duration::ZERO);
    // Port 2 isn't up yet; who has its address is asked once it is.
    let Next::Do(Effect::Probe(asked)) = next else { panic!("{next:?}") };
    let asked: Vec<_> = asked.iter().map(|found| found.address.to_string()).collect();
    assert_eq!(asked, ["10.0.0.12"]);
    let raised: Vec<_> = change.raised.iter().map(|found| found.address.to_string()).collect();
    assert_eq!(raised, ["10.1.0.12"]);

    let mut wider = observed.clone();
    wider.addresses =
        wider.addresses.into_iter().map(|held| Address { prefix: 16, ..held }).collect();
    assert_eq!(arrivals(&observed, &wider), [], "the same addresses with another prefix");
    assert_eq!(holders(&observed).len(), 2);

    let (mut change, _) = Change::<&str>::begin(Purpose::Keep, Arc::new(state(2)), None);
    let next = change.next(Outcome::Observed(Box::new(observed)), Duration::ZERO);
    assert!(matches!(next, Next::Do(Effect::Perform(_))), "{next:?}");
}

#[test]
fn nothing_is_done_for_what_is_there_already() {
    let (mut change, _) = Change::<&str>::begin(Purpose::Repair, Arc::new(state(1)), None);
    let next = change.next(Outcome::Observed(Box::new(state(1))), Duration::ZERO);
    assert!(matches!(&next, Next::Do(Effect::Announce(none)) if none.is_empty()), "{next:?}");
    let next = change.next(Outcome::Done, Duration::ZERO);
    assert!(matches!(next, Next::Rest(Rest::Committed)), "{next:?}");
}

#[derive(Clone, Debug)]
enum Deed {
    Apply(usize, bool),
    Confirm,
    TakeBack,
    Wait(u64),
    Crash,
    Reboot,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1..DESIGNS, any::<bool>()).prop_map(|(design, wait)| Deed::Apply(design, wait)),
        2 => Just(Deed::Confirm),
        1 => Just(Deed::TakeBack),
        2 => (1..200_u64).prop_map(Deed::Wait),
        1 => Just(Deed::Crash),
        1 => Just(Deed::Reboot),
    ]
}

fn mischief() -> impl Strategy<Value = Option<(usize, Mischief)>> {
    prop::option::of((0..40_usize, prop::sample::select(&MISCHIEFS[..])))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever is asked for and whatever goes wrong: what is kept was meant to be kept, and a start brings exactly that.
    #[test]
    fn the_unconfirmed_never_survives(
        deeds in prop::collection::vec((deed(), mischief()), 1..20)
    ) {
        let (mut world, mut daemon) = at_rest(0);
        let mut meant = vec![0];
        for (deed, mischief) in deeds {
            (world.effects, world.mischief) = (0, mischief);
            let pending = daemon.pending.as_ref().map(|_| world.newest());
            // What is kept already takes no journal: a start brings it in any case.
            let again = matches!(deed, Deed::Apply(design, _) if world.is_kept(&daemon, design));
            let outcome = match deed {
                Deed::Apply(design, wait) => {
                    if !wait {
                        meant.push(design);
                    }
                    world.apply(&mut daemon, design, wait.then_some(WAIT)).map(Some)
                }
                Deed::Confirm => {
                    meant.extend(pending);
                    world.confirm(&mut daemon)
                }
                Deed::TakeBack => world.take_back(&mut daemon),
                Deed::Wait(seconds) => world.wait(&mut daemon, Duration::from_secs(seconds)),
                Deed::Crash => Err(Dead),
                Deed::Reboot => {
                    world.reboot();
                    Err(Dead)
                }
            };
            match outcome {
                Err(Dead) => daemon = restart(&mut world, mischief),
                Ok(Some(End::Committed)) => {
                    let wanted = state(world.kept_design());
                    prop_assert_eq!(steps(&world.kernel, &wanted).unwrap(), []);
                    prop_assert_eq!(world.tunnel, Some(world.kept_design()));
                }
                Ok(Some(End::RollbackFailed)) => {
                    prop_assert!(daemon.is_loud() && (again || world.is_open()), "it must be loud");
                }
                Ok(_) => {}
            }
            prop_assert!(meant.contains(&world.kept_design()));
        }
        let kept = world.kept;
        drop(daemon);
        restart(&mut world, None);
        prop_assert_eq!(world.kept, kept);
        prop_assert!(!world.is_open());
        let wanted = state(world.kept_design());
        prop_assert_eq!(steps(&world.kernel, &wanted).unwrap(), []);
    }
}
