//! Any text is refused or kept to the letter as channel, pattern, event type, data or position.
#![no_main]

use tidings_hub::channel::{ChannelName, ChannelPattern};
use tidings_hub::event::{Data, EventType};
use tidings_hub::position::Position;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(name) = ChannelName::parse(text) {
        let pattern = ChannelPattern::parse(text).expect("every name is a pattern");
        assert!(pattern.matches(&name) && ChannelPattern::all().matches(&name));
    }
    if let Ok(kind) = EventType::parse(text) {
        assert!(!kind.as_str().contains(['\n', '\r', '\0']));
    }
    if let Ok(data) = Data::json(text) {
        assert!(!data.as_str().contains(['\r', '\0']));
    }
    if let Some(position) = Position::parse(text) {
        assert_eq!(position.to_string(), text);
    }
});
