//! What the way to the platform carries, as the kernel is told: packets that are too long for it are refused where they
//! come in, with the reason, and TCP is told before it sends any.

use sekisho_design::Design;
use sekisho_plan::tunnel_mtu;
use tracing::{info, warn};

/// The way to the centre that carries traffic, or carried it last.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// Where it carries less than was asked of it. One that carries all of that may carry more: another design may ask it.
    narrow: Option<u32>,
}

impl Path {
    /// The largest packet in the tunnel of a design, in bytes.
    pub(super) fn largest(&self, design: &Design) -> u32 {
        let most = tunnel_mtu(design);
        self.narrow.map_or(most, |carries| carries.min(most))
    }

    /// What the carrier's way carries now, as far as that is known. `true` where it changes what the kernel is told.
    pub(super) fn follow(&mut self, carries: Option<u16>, design: &Design) -> bool {
        let Some(carries) = carries else { return false };
        let (before, most) = (self.largest(design), tunnel_mtu(design));
        self.narrow = Some(u32::from(carries)).filter(|carries| *carries < most);
        let largest = self.largest(design);
        if largest < before {
            warn!(largest, most, "the way to the platform carries only smaller packets");
        } else if largest > before {
            info!(largest, most, "the way to the platform carries larger packets again");
        }
        largest != before
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::office;

    use super::*;

    #[test]
    fn the_kernel_is_told_what_the_way_carries_and_never_more_than_the_design() {
        let design = office();
        let mut path = Path::default();
        assert_eq!(path.largest(&design), 1420);
        assert!(!path.follow(None, &design), "nobody knows yet");
        assert!(!path.follow(Some(1420), &design));
        assert!(path.follow(Some(1200), &design));
        assert_eq!(path.largest(&design), 1200);
        assert!(!path.follow(None, &design), "an engine that starts anew");
        assert_eq!(path.largest(&design), 1200);
        assert!(path.follow(Some(9000), &design), "of another design");
        assert_eq!(path.largest(&design), 1420);
    }

    #[test]
    fn what_a_design_asked_for_and_got_bounds_no_other_one() {
        let mut narrow = office();
        narrow.lgwan.mtu = 1400;
        let mut path = Path::default();
        assert!(!path.follow(Some(1320), &narrow));
        assert_eq!((path.largest(&narrow), path.largest(&office())), (1320, 1420));
        assert!(path.follow(Some(1300), &narrow));
        assert_eq!(path.largest(&office()), 1300, "a way that is narrow stays so");
    }
}
