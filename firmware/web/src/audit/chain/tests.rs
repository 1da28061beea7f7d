use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

fn event(about: &str) -> Event {
    Event {
        user: Some("admin".to_owned()),
        role: Some(Role::Administrator),
        from: Some(IpAddr::from([10, 0, 0, 9])),
        what: "POST /api/users".to_owned(),
        result: Outcome::Done,
        about: Some(about.to_owned()),
        before: None,
        after: Some(serde_json::json!({ "name": about })),
    }
}

/// A whole exported file.
fn file(abouts: &[String]) -> Vec<String> {
    let mut lines = vec![anchor_line(Anchor::START)];
    let mut last = Anchor::START;
    for about in abouts {
        let (line, place) = link(last, Timestamp::UNIX_EPOCH, event(about)).unwrap();
        lines.push(line);
        last = place;
    }
    lines.push(head_line(last));
    lines
}

fn follow(lines: &[String]) -> Result<u64, Broken> {
    let mut follower = Follower::default();
    lines.iter().try_for_each(|line| follower.line(line))?;
    if follower.is_ended() {
        Ok(follower.records())
    } else {
        Err(Broken::End { seq: follower.last().map_or(0, |last| last.seq) })
    }
}

#[test]
fn lines_are_read_as_they_were_written() {
    let (line, place) = link(Anchor::START, Timestamp::UNIX_EPOCH, event("関所")).unwrap();
    let Some(Line::Record { hash, record, .. }) = Line::read(&line) else { panic!("{line}") };
    assert_eq!((hash, record.seq, record.event), (place.hash, 1, event("関所")));
    assert_eq!(Line::read(&anchor_line(place)), Some(Line::Anchor(place)));
    assert_eq!(Line::read(&head_line(place)), Some(Line::Head(place)));
    for bad in ["", "{}", "{\"hash\":\"00\"}", "null", "{\"anchor\":{\"seq\":1,\"hash\":\"zz\"}}"] {
        assert_eq!(Line::read(bad), None, "{bad}");
    }
}

#[test]
fn segments_follow_each_other() {
    let mut lines = file(&["a".to_owned(), "b".to_owned()]);
    let Some(Line::Record { hash, .. }) = Line::read(&lines[1]) else { panic!() };
    lines.insert(2, anchor_line(Anchor { seq: 1, hash }));
    assert_eq!(follow(&lines), Ok(2));
    lines[2] = anchor_line(Anchor { seq: 2, hash });
    assert_eq!(follow(&lines), Err(Broken::Anchor { line: 3 }));
}

#[test]
fn an_empty_trail_is_whole() {
    assert_eq!(follow(&file(&[])), Ok(0));
    assert_eq!(Follower::default().end(Anchor::START), Ok(()));
}

proptest! {
    #[test]
    fn what_is_written_is_whole(abouts in vec(".{0,12}", 0..8)) {
        prop_assert_eq!(follow(&file(&abouts)), Ok(abouts.len() as u64));
    }

    #[test]
    fn a_dropped_line_is_found(abouts in vec(".{0,8}", 1..8), which: Index) {
        let mut lines = file(&abouts);
        lines.remove(which.index(lines.len()));
        prop_assert!(follow(&lines).is_err());
    }

    #[test]
    fn dropped_ends_are_found(abouts in vec(".{0,8}", 1..8), keep: Index) {
        let mut lines = file(&abouts);
        let head = lines.pop().unwrap();
        lines.truncate(1 + keep.index(abouts.len()));
        lines.push(head);
        prop_assert!(follow(&lines).is_err());
    }

    #[test]
    fn swapped_lines_are_found(
        abouts in vec(".{0,8}", 2..8),
        one: Index,
        other: Index,
    ) {
        let mut lines = file(&abouts);
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        prop_assume!(one != other);
        lines.swap(one, other);
        prop_assert!(follow(&lines).is_err());
    }

    #[test]
    fn a_repeated_line_is_found(abouts in vec(".{0,8}", 1..8), which: Index) {
        let mut lines = file(&abouts);
        let which = 1 + which.index(abouts.len());
        lines.insert(which, lines[which].clone());
        prop_assert!(follow(&lines).is_err());
    }

    #[test]
    fn a_changed_letter_is_found(
        abouts in vec("[a-z]{1,8}", 1..6),
        line: Index,
        at: Index,
        put in "[ -~]",
    ) {
        let mut lines = file(&abouts);
        let line = line.index(lines.len());
        let at = at.index(lines[line].len());
        let before = lines[line].clone();
        lines[line].replace_range(at..=at, &put);
        prop_assume!(lines[line] != before);
        // An anchor and a head may be written in another way and say the same; a record's text counts letter by letter.
        let same = matches!(
            (Line::read(&before), Line::read(&lines[line])),
            (Some(Line::Anchor(one)), Some(Line::Anchor(other))) | (Some(Line::Head(one)), Some(Line::Head(other)))
                if one == other
        );
        prop_assert!(same || follow(&lines).is_err(), "{}", lines[line]);
    }
}
