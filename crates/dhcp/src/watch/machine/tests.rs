//! Tests of the state machine: tables of inputs with their times, and laws over random inputs.

use proptest::prelude::*;

use super::*;

const SETTLE: Duration = Duration::from_millis(100);

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A watch whose first read was taken over.
fn idle() -> FileWatch {
    let (watch, action) = FileWatch::new(SETTLE).step(at(0), Input::Due);
    assert_eq!(action, Action::Read);
    let (watch, action) = watch.step(at(0), Input::Read(Verdict::Whole));
    assert_eq!(action, Action::Apply(DetectedBy::Poll));
    assert_eq!(watch.due(), None);
    watch
}

/// Each step: milliseconds, input, action.
type Steps = Vec<(u64, Input, Action)>;

#[test]
fn step_cases() {
    use Action::{Apply, Fail, Hold, Wait};
    use DetectedBy::{Notify, Poll, Watch};
    use Input::{Due, Signal};
    use Verdict::{Doubtful, Failed, Fresh, Unsettled, Whole};
    const READ: Action = Action::Read;
    let read = Input::Read;
    #[rustfmt::skip]
    let cases: Vec<(&str, Steps)> = vec![
        ("settles, then reads", vec![
            (1000, Signal(Watch), Wait), (1099, Due, Wait), (1100, Due, READ),
            (1101, read(Whole), Apply(Watch)), (9000, Due, Wait),
        ]),
        ("each signal puts the read off", vec![
            (1000, Signal(Watch), Wait), (1080, Signal(Watch), Wait), (1100, Due, Wait),
            (1180, Due, READ), (1181, read(Whole), Apply(Watch)),
        ]),
        ("at most a second", vec![
            (1000, Signal(Watch), Wait), (1950, Signal(Watch), Wait), (1999, Due, Wait),
            (2000, Due, READ), (2001, read(Whole), Apply(Watch)),
        ]),
        ("the first signal found it", vec![
            (1000, Signal(Notify), Wait), (1010, Signal(Watch), Wait), (1020, Signal(Poll), Wait),
            (1120, Due, READ), (1121, read(Whole), Apply(Notify)),
        ]),
        ("signals while reading are answered by a read of their own", vec![
            (1000, Signal(Watch), Wait), (1100, Due, READ), (1110, Signal(Notify), Wait),
            (1120, Signal(Watch), Wait), (1130, read(Whole), Apply(Watch)),
            (1219, Due, Wait), (1220, Due, READ), (1221, read(Whole), Apply(Notify)),
        ]),
        ("a fresh file is read once more", vec![
            (1000, Signal(Notify), Wait), (1100, Due, READ), (1101, read(Fresh), Apply(Notify)),
            (1201, Due, READ), (1202, read(Whole), Apply(Notify)), (9000, Due, Wait),
        ]),
        ("retries after 50, 100, 200 and 400 ms, then from the start", vec![
            (1000, Signal(Watch), Wait), (1100, Due, READ), (1100, read(Unsettled), Wait),
            (1149, Due, Wait), (1150, Due, READ), (1150, read(Unsettled), Wait),
            (1249, Due, Wait), (1250, Due, READ), (1250, read(Unsettled), Wait),
            (1449, Due, Wait), (1450, Due, READ), (1450, read(Unsettled), Wait),
            (1849, Due, Wait), (1850, Due, READ), (1850, read(Unsettled), Wait),
            (1949, Due, Wait), (1950, Due, READ), (1950, read(Whole), Apply(Watch)),
        ]),
        ("a signal does not hurry a retry", vec![
            (1000, Signal(Watch), Wait), (1100, Due, READ), (1100, read(Unsettled), Wait),
            (1101, Signal(Watch), Wait), (1102, Due, Wait), (1150, Due, READ),
        ]),
        ("a loss is read again before it is believed", vec![
            (1000, Signal(Watch), Wait), (1100, Due, READ),
            (1100, read(Doubtful(at(300))), Hold), (1200, Signal(Watch), Wait),
            (1399, Due, Wait), (1400, Due, READ), (1401, read(Whole), Apply(Watch)),
            (9000, Due, Wait),
        ]),
        ("a failure waits for the next signal", vec![
            (1000, Signal(Watch), Wait), (1100, Due, READ), (1100, read(Failed), Fail),
            (9000, Due, Wait), (9000, Signal(Poll), Wait), (9100, Due, READ),
            (9101, read(Whole), Apply(Poll)),
        ]),
        ("a signal during a failing read is not lost", vec![
            (1000, Signal(Watch), Wait), (1100, Due, READ), (1105, Signal(Watch), Wait),
            (1110, read(Failed), Fail), (1205, Due, READ),
        ]),
    ];
    for (name, steps) in cases {
        let mut watch = idle();
        for (index, (ms, input, expected)) in steps.into_iter().enumerate() {
            let (next, action) = watch.step(at(ms), input);
            assert_eq!(action, expected, "case: {name}, step {index}");
            watch = next;
        }
    }
}

#[test]
fn the_last_attempt_is_known() {
    let (mut watch, _) = idle().step(at(0), Input::Signal(DetectedBy::Watch));
    for attempt in 0..=RETRIES.len() {
        let due = watch.due().expect("a read is due");
        watch = watch.step(due, Input::Due).0;
        assert_eq!(watch.is_last_attempt(), attempt == RETRIES.len(), "attempt {attempt}");
        watch = watch.step(due, Input::Read(Verdict::Unsettled)).0;
    }
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Whole),
        Just(Verdict::Fresh),
        Just(Verdict::Doubtful(at(300))),
        Just(Verdict::Unsettled),
        Just(Verdict::Failed),
    ]
}

proptest! {
    /// After the last signal a read begins within a second, whatever came before.
    #[test]
    fn no_signal_is_lost(
        steps in prop::collection::vec((0_u64..700, prop::option::of(verdicts())), 0..60)
    ) {
        let mut watch = idle();
        let mut now = 0;
        let mut is_reading = false;
        for (wait_ms, verdict) in steps {
            now += wait_ms;
            let (next, action) = watch.step(at(now), Input::Due);
            watch = next;
            is_reading |= action == Action::Read;
            let input = match verdict {
                Some(verdict) if is_reading => {
                    is_reading = false;
                    Input::Read(verdict)
                }
                _ => Input::Signal(DetectedBy::Watch),
            };
            watch = watch.step(at(now), input).0;
        }
        if is_reading {
            watch = watch.step(at(now), Input::Signal(DetectedBy::Watch)).0;
            watch = watch.step(at(now), Input::Read(Verdict::Whole)).0;
        } else {
            watch = watch.step(at(now), Input::Signal(DetectedBy::Watch)).0;
        }
        let due = watch.due().expect("a signal leads to a read");
        prop_assert!(due <= at(now + 1000), "due {due:?} at {now}");
        prop_assert_eq!(watch.step(due.max(at(now)), Input::Due).1, Action::Read);
    }
}
