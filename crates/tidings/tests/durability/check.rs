//! The promises of the log, checked on what publishers were told and subscribers saw.

use std::collections::HashMap;

use crate::load::{Event, Id, Seen};
use crate::publisher::Report;

/// Checks what is stored against what the publishers were told; returns how many events are stored
/// whose publisher was told nothing.
///
/// # Errors
///
/// An acknowledged event is lost or elsewhere, an event is stored twice, out of the order of its
/// publisher, without the others of its array, or without having been published.
pub(crate) fn check_reports(reports: &[Report], all: &[Seen]) -> Result<usize, String> {
    let mut ids: HashMap<Event, Id> = HashMap::with_capacity(all.len());
    for Seen { id, event } in all {
        if let Some(first) = ids.insert(*event, *id) {
            return Err(format!("{event:?} is stored twice: at {first:?} and at {id:?}"));
        }
    }
    let mut n_known = usize::from(ids.contains_key(&Event::LAST));
    let mut n_unasked = 0;
    for report in reports {
        for Seen { id, event } in &report.acknowledged {
            let stored = ids.get(event);
            if stored != Some(id) {
                return Err(format!("{event:?} was acknowledged at {id:?} and is at {stored:?}"));
            }
        }
        n_known += report.acknowledged.len();
        for group in &report.unknown {
            let n_stored = group.iter().filter(|event| ids.contains_key(event)).count();
            if n_stored != 0 && n_stored != group.len() {
                return Err(format!("{n_stored} are stored of {group:?}"));
            }
            n_unasked += n_stored;
        }
    }
    if all.len() != n_known + n_unasked {
        let n_strange = all.len().abs_diff(n_known + n_unasked);
        return Err(format!("{n_strange} events are stored that nobody published"));
    }
    check_order(all)?;
    Ok(n_unasked)
}

/// A publisher sends one request after the other, so its events are stored in their order.
fn check_order(all: &[Seen]) -> Result<(), String> {
    let mut newest: HashMap<u32, u32> = HashMap::new();
    for Seen { id, event } in all {
        if let Some(before) = newest.insert(event.publisher, event.n)
            && before > event.n
        {
            return Err(format!("{event:?} at {id:?} is stored behind number {before}"));
        }
    }
    Ok(())
}

/// Checks that the resuming subscriber saw what is stored: all of it, once, in order, and nothing
/// that was taken back.
///
/// # Errors
///
/// It saw something else.
pub(crate) fn check_chain(followed: &[Seen], all: &[Seen]) -> Result<(), String> {
    for (index, (seen, stored)) in followed.iter().zip(all).enumerate() {
        if seen != stored {
            return Err(format!("event {index} was seen as {seen:?} and is stored as {stored:?}"));
        }
    }
    if followed.len() != all.len() {
        return Err(format!("{} events were seen and {} are stored", followed.len(), all.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The event `n` of publisher 1, stored at `offset`.
    fn at(offset: u32, n: u32) -> Seen {
        let id = Id::parse(&format!("epochs-{offset}-abcd"));
        Seen { id, event: Event { publisher: 1, n } }
    }

    #[test]
    fn a_broken_promise_is_noticed() {
        let acknowledged = [at(1, 0), at(2, 1), at(5, 4)];
        let unknown = [at(3, 2), at(4, 3)];
        #[rustfmt::skip]
        let cases = [
            ("kept, with array",    vec![at(1, 0), at(2, 1), at(3, 2), at(4, 3), at(5, 4)],           Ok(2)),
            ("kept, without array", vec![at(1, 0), at(2, 1), at(5, 4)],                               Ok(0)),
            ("lost",                vec![at(1, 0), at(5, 4)],                                         Err("was acknowledged")),
            ("moved",               vec![at(1, 0), at(3, 1), at(5, 4)],                               Err("was acknowledged")),
            ("doubled",             vec![at(1, 0), at(2, 1), at(4, 1), at(5, 4)],                     Err("is stored twice")),
            ("half an array",       vec![at(1, 0), at(2, 1), at(3, 2), at(5, 4)],                     Err("1 are stored of")),
            ("made up",             vec![at(1, 0), at(2, 1), at(5, 4), at(6, 9)],                     Err("1 events are stored that nobody")),
            ("out of order",        vec![at(1, 0), at(2, 1), at(3, 3), at(4, 2), at(5, 4)],           Err("is stored behind number 3")),
        ];
        for (name, all, expected) in cases {
            let report = Report {
                acknowledged: acknowledged.to_vec(),
                unknown: vec![unknown.iter().map(|seen| seen.event).collect()],
                ..Report::default()
            };
            let result = check_reports(&[report], &all);
            match (result, expected) {
                (Ok(n_unasked), Ok(n_expected)) => assert_eq!(n_unasked, n_expected, "{name}"),
                (Err(why), Err(part)) if why.contains(part) => {}
                (result, _) => panic!("case: {name}: {result:?}"),
            }
        }
    }

    #[test]
    fn an_event_taken_back_or_skipped_is_noticed() {
        let all = [at(1, 0), at(2, 1), at(3, 2)];
        assert_eq!(check_chain(&all, &all), Ok(()));
        let other_id = Seen { id: Id::parse("epochs-2-zzzz"), ..at(2, 1) };
        #[rustfmt::skip]
        let cases = [
            ("taken back", vec![at(1, 0), at(2, 7), at(3, 2)],           "event 1 was seen as"),
            ("other id",   vec![at(1, 0), other_id, at(3, 2)],           "event 1 was seen as"),
            ("skipped",    vec![at(1, 0), at(3, 2)],                     "event 1 was seen as"),
            ("end lost",   vec![at(1, 0), at(2, 1)],                     "2 events were seen and 3"),
            ("too much",   vec![at(1, 0), at(2, 1), at(3, 2), at(4, 3)], "4 events were seen and 3"),
        ];
        for (name, followed, expected) in cases {
            let why = check_chain(&followed, &all).expect_err(name);
            assert!(why.contains(expected), "case: {name}: {why}");
        }
    }
}
