//! The files of the flow log, read: a page at a time, so that neither a question nor its answer is ever large.
//!
//! A page looks into one file at most. Files may go and grow meanwhile; a cursor whose file has gone leads to the next.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use sekisho_control::{FlowCursor, FlowPage, FlowQuery, FlowRecord, LARGEST_PAGE};

use super::{
    record::parse,
    segments::{Segment, list},
};

/// Longer than any line of ours, in bytes; a longer one is passed over in pieces.
const LONGEST_LINE: u64 = 1_024;

/// A page of the flows that a question is about.
pub(super) fn page(folder: &Path, query: &FlowQuery) -> io::Result<FlowPage> {
    let mut segments = list(folder)?;
    let limit = query.limit.map_or(LARGEST_PAGE, |limit| limit.clamp(1, LARGEST_PAGE));
    // A file is last written after the last of its flows has ended.
    segments.retain(|segment| query.since.is_none_or(|since| segment.changed >= since));
    if query.backwards { before(&segments, query, limit) } else { after(&segments, query, limit) }
}

/// Flows from the cursor on.
fn after(segments: &[Segment], query: &FlowQuery, limit: usize) -> io::Result<FlowPage> {
    let cursor = query.cursor.unwrap_or(FlowCursor { segment: 0, offset: 0 });
    let mut left = segments.iter().skip_while(|segment| segment.number < cursor.segment);
    let Some(segment) = left.next() else { return Ok(FlowPage::default()) };
    let start = if segment.number == cursor.segment { cursor.offset } else { 0 };
    let mut flows = Vec::new();
    let mut next = left.next().map(|next| FlowCursor { segment: next.number, offset: 0 });
    for line in lines(segment, start)? {
        let Line { end, text, .. } = line?;
        if let Some(flow) = parse(&text).filter(|flow| concerns(flow, query)) {
            flows.push(flow);
            if flows.len() >= limit {
                next = Some(FlowCursor { segment: segment.number, offset: end });
                break;
            }
        }
    }
    Ok(FlowPage { flows, next })
}

/// Flows up to the cursor, the nearest.
fn before(segments: &[Segment], query: &FlowQuery, limit: usize) -> io::Result<FlowPage> {
    let cursor = query.cursor.unwrap_or(FlowCursor { segment: u64::MAX, offset: u64::MAX });
    let mut left = segments.iter().rev().skip_while(|segment| segment.number > cursor.segment);
    let Some(segment) = left.next() else { return Ok(FlowPage::default()) };
    let end = if segment.number == cursor.segment { cursor.offset } else { u64::MAX };
    let mut next = left.next().map(|next| FlowCursor { segment: next.number, offset: u64::MAX });
    let mut nearest: VecDeque<(u64, FlowRecord)> = VecDeque::with_capacity(limit);
    for line in lines(segment, 0)? {
        let Line { start, text, .. } = line?;
        if start >= end {
            break;
        }
        if let Some(flow) = parse(&text).filter(|flow| concerns(flow, query)) {
            if nearest.len() >= limit {
                nearest.pop_front();
                next = None;
            }
            nearest.push_back((start, flow));
        }
    }
    if next.is_none()
        && let Some((start, _)) = nearest.front()
    {
        next = Some(FlowCursor { segment: segment.number, offset: *start });
    }
    Ok(FlowPage { flows: nearest.into_iter().map(|(_, flow)| flow).collect(), next })
}

fn concerns(flow: &FlowRecord, query: &FlowQuery) -> bool {
    let FlowQuery { since, until, host, .. } = query;
    let ends = [&flow.inside, &flow.global, &flow.platform];
    since.is_none_or(|since| flow.ended >= since)
        && until.is_none_or(|until| flow.began.unwrap_or(flow.ended) < until)
        && host.is_none_or(|host| ends.iter().any(|end| end.address == host))
}

struct Line {
    start: u64,
    end: u64,
    /// Without its end.
    text: String,
}

/// The whole lines of a file from an offset on; what isn't UTF-8 or has no end counts as empty or not at all.
fn lines(segment: &Segment, start: u64) -> io::Result<impl Iterator<Item = io::Result<Line>>> {
    let file = match File::open(&segment.path) {
        // It was too old.
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => File::open("/dev/null")?,
        file => file?,
    };
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(start))?;
    let mut at = start;
    Ok(std::iter::from_fn(move || {
        let mut bytes = Vec::new();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
            Err(fault) => Some(Err(fault)),
            Ok(0) => None,
            Ok(length) => {
                let whole = bytes.pop_if(|last| *last == b'\n').is_some();
                if !whole && (length as u64) < LONGEST_LINE {
                    return None;
                }
                let start = at;
                at += length as u64;
                let text = if whole { String::from_utf8(bytes).ok() } else { None };
                Some(Ok(Line { start, end: at, text: text.unwrap_or_default() }))
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::daemon::flow_log::{
        record::{line, tests::sample},
        segments::{FOLDER, Limits, Segments},
    };

    /// A flow a minute, each from another port, and every tenth of another host; a torn line behind every fourth file.
    fn log(state: &Path, count: u16) -> Vec<FlowRecord> {
        let minute =
            |number: u16| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(60 + i64::from(number));
        let flow = |number: u16| {
            let mut flow = sample();
            flow.inside.port = Some(number);
            (flow.began, flow.ended) = (Some(minute(number - 1)), minute(number));
            if number.is_multiple_of(10) {
                flow.inside.address = [192, 168, 1, 7].into();
            }
            flow
        };
        let flows: Vec<_> = (1..=count).map(flow).collect();
        let limits = Limits { days: 366, size: 1_000_000 };
        let mut files = Segments::new(state, limits);
        for (number, flow) in flows.iter().enumerate() {
            files.add(&line(flow), Duration::ZERO);
            if number % 100 == 99 {
                files.write(Duration::ZERO, flow.ended);
            }
        }
        files.write(Duration::ZERO, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24));
        for segment in list(&state.join(FOLDER)).unwrap().iter().step_by(4) {
            let mut file = fs::read(&segment.path).unwrap();
            file.extend(line(&flows[0]).trim_end().bytes());
            fs::write(&segment.path, file).unwrap();
        }
        flows
    }

    /// All pages of a question, and how many there were.
    fn all(state: &Path, mut query: FlowQuery) -> (Vec<FlowRecord>, usize) {
        let (mut pages, mut flows) = (0, VecDeque::new());
        loop {
            let page = page(&state.join(FOLDER), &query).unwrap();
            assert!(page.flows.len() <= query.limit.unwrap_or(LARGEST_PAGE));
            pages += 1;
            if query.backwards {
                page.flows.into_iter().rev().for_each(|flow| flows.push_front(flow));
            } else {
                flows.extend(page.flows);
            }
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => return (flows.into(), pages),
            }
            assert!(pages < 10_000, "it ends");
        }
    }

    #[test]
    fn pages_forwards_and_backwards_make_up_the_log() {
        let state = tempfile::tempdir().unwrap();
        let wanted = log(state.path(), 2_500);
        assert!(list(&state.path().join(FOLDER)).unwrap().len() > 3);
        for backwards in [false, true] {
            for limit in [Some(1_000_000), Some(7), None] {
                let query = FlowQuery { limit, backwards, ..FlowQuery::default() };
                let (flows, pages) = all(state.path(), query);
                assert!(flows == wanted, "{backwards} {limit:?}: {}", flows.len());
                assert!(pages > 3);
            }
        }
    }

    #[test]
    fn a_question_gets_what_it_is_about() {
        let state = tempfile::tempdir().unwrap();
        let wanted = log(state.path(), 300);
        let ports = |query: FlowQuery| -> Vec<u16> {
            let (forwards, _) = all(state.path(), query.clone());
            let (backwards, _) = all(state.path(), FlowQuery { backwards: true, ..query });
            assert_eq!(forwards, backwards);
            forwards.iter().filter_map(|flow| flow.inside.port).collect()
        };
        let host = |host: [u8; 4]| FlowQuery { host: Some(host.into()), ..FlowQuery::default() };
        assert_eq!(ports(host([192, 168, 1, 7])), (1..=30).map(|n| n * 10).collect::<Vec<_>>());
        assert_eq!(ports(host([100, 72, 1, 10])).len(), 300, "at any end");
        assert_eq!(ports(host([100, 64, 10, 30])).len(), 300);
        assert!(ports(host([100, 64, 10, 31])).is_empty());
        // The fifth ends when the sixth begins.
        let (since, until) = (Some(wanted[5].ended), Some(wanted[8].ended));
        let query = FlowQuery { since, until, ..FlowQuery::default() };
        assert_eq!(ports(query), [6, 7, 8, 9]);
        // A cursor whose file has gone goes on with the next; one beyond the end ends.
        let first = list(&state.path().join(FOLDER)).unwrap().remove(0);
        fs::remove_file(first.path).unwrap();
        let gone = Some(FlowCursor { segment: 1, offset: 400 });
        let (flows, _) = all(state.path(), FlowQuery { cursor: gone, ..FlowQuery::default() });
        assert_eq!(flows.len(), 0, "it was the only one of that day");
        let none = page(&state.path().join("none"), &FlowQuery::default()).unwrap();
        assert_eq!(none, FlowPage::default());
    }

    #[test]
    fn bytes_that_are_no_log_are_passed_over() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        let whole = line(&sample());
        let file = [
            &[0; 5_000][..],
            b"\n\xff\xfe\n",
            whole.as_bytes(),
            &[b'x'; 3_000],
            b"\n",
            whole.as_bytes(),
        ];
        fs::write(folder.join("00000001.csv"), file.concat()).unwrap();
        assert_eq!(all(state.path(), FlowQuery::default()).0, [sample(), sample()]);
    }
}
