//! Whose profile it is, and whether it is newer than the one in force (R26).

use std::cmp::Ordering;

use crate::{
    ProfileStamp, Rule,
    draft::{ProfileDraft, SiteDraft},
    reader::Log,
};

pub(super) fn run(
    site: &SiteDraft,
    profile: &ProfileDraft,
    in_force: Option<&ProfileStamp>,
    log: &mut Log,
) {
    if let (Some(issued_for), Some(holder)) = (&profile.organisation, &site.organisation)
        && issued_for.value != holder.value
    {
        let rule = Rule::OtherOrganisation { profile: issued_for.value, site: holder.value };
        log.add(&issued_for.place, rule);
    }
    let (Some(serial), Some(issued), Some(in_force)) = (&profile.serial, &profile.issued, in_force)
    else {
        return;
    };
    match serial.value.cmp(&in_force.serial) {
        Ordering::Less => {
            let rule = Rule::SerialLower { serial: serial.value, in_force: in_force.serial };
            log.add(&serial.place, rule);
        }
        Ordering::Equal if issued.value != in_force.issued => {
            log.add(&issued.place, Rule::SerialReused { serial: serial.value });
        }
        Ordering::Greater if issued.value < in_force.issued => {
            let rule = Rule::IssuedEarlier { issued: issued.value, in_force: in_force.issued };
            log.add(&issued.place, rule);
        }
        Ordering::Equal | Ordering::Greater => {}
    }
}
