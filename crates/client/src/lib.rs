//! Client of a Tidings hub: event-stream decoding, resume, back-off, publish.
