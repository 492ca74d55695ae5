//! A stream as a client reads it, by the rules of WHATWG HTML §9.2.6.

/// An event as the browser would fire it, or a block that only moves the last event id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Whether the block itself carries an id.
    pub(crate) id: Option<String>,
    /// `message` when the block names none.
    pub(crate) kind: String,
    /// `None` when the block fires no event.
    pub(crate) data: Option<String>,
}

/// Parses a stream, field by field.
pub(crate) fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut id, mut kind, mut data) = (None, String::new(), String::new());
    // LF, CR and CRLF end a line.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in text.split_inclusive('\n') {
        let Some(line) = line.strip_suffix('\n') else { break };
        if line.is_empty() {
            let is_event = !data.is_empty();
            data.pop();
            if is_event || id.is_some() {
                if kind.is_empty() {
                    "message".clone_into(&mut kind);
                }
                let data = is_event.then(|| std::mem::take(&mut data));
                blocks.push(Block { id: id.take(), kind: std::mem::take(&mut kind), data });
            }
            (id, kind, data) = (None, String::new(), String::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "event" => value.clone_into(&mut kind),
            "id" if !value.contains('\0') => id = Some(value.to_owned()),
            // A comment, `retry`, or what a client ignores.
            _ => {}
        }
    }
    blocks
}

/// Returns the offset of a position.
pub(crate) fn offset_of(id: &str) -> u64 {
    id.split('-').nth(1).unwrap().parse().unwrap()
}

/// Returns the offsets of the publications of a stream.
pub(crate) fn offsets_of_events(text: &str) -> Vec<u64> {
    let blocks = parse(text).into_iter();
    let events = blocks.filter(|block| block.data.is_some() && block.kind != "reset");
    events.filter_map(|block| block.id).map(|id| offset_of(&id)).collect()
}
