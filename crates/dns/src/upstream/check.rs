//! Checks that what came is the answer to what was asked, by two codecs that must agree.

use hickory_proto::op::Message;

use super::{AskError, Asked};
use crate::wire::response::Response;
use crate::wire::{CLASS_IN, code, flag};

/// A response that answers the question; its bytes, whole.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) message: Vec<u8>,
    pub(crate) code: u16,
}

/// What a message is to a question.
#[derive(Debug)]
pub(super) enum Fit {
    /// Its answer.
    Answer(Checked),
    /// Its answer, cut to fit a datagram.
    Cut,
    /// Its answer, but for the case of the letters, which shows that it was not guessed.
    OtherCase,
    /// None of its.
    Foreign,
}

impl Checked {
    /// Returns whether it says what is, or that it is not.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.code, code::NO_ERROR | code::NX_DOMAIN)
    }
}

/// A question in wire form, with the header's id and the letters' case by chance.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) message: Vec<u8>,
    question_bytes: usize,
}

impl Sent {
    /// Writes a question; `random` makes the id, and with `mixes_case` the case of the letters
    /// (0x20), so that who cannot read it has to guess both.
    pub(super) fn new(asked: &Asked, random: [u64; 2], case: Case) -> Self {
        /// Largest answer that fits all usual paths (DNS flag day 2020).
        const UDP_SIZE: u16 = 1_232;
        let [id_high, id_low, ..] = random[0].to_le_bytes();
        let checking = if asked.flags.takes_unchecked { flag::CHECKING_DISABLED } else { 0 };
        // AD asks for the bit itself without the records behind it (RFC 6840 §5.7).
        let flags = flag::RECURSION_DESIRED | flag::AUTHENTIC | checking;
        let [flags_high, flags_low] = flags.to_be_bytes();
        let mut message = vec![id_high, id_low, flags_high, flags_low, 0, 1, 0, 0, 0, 0, 0, 1];
        let mut bits = random[1];
        for byte in asked.name.as_wire() {
            let is_raised = case == Case::Mixed && byte.is_ascii_lowercase() && bits & 1 == 1;
            bits = bits.rotate_right(1);
            message.push(if is_raised { byte.to_ascii_uppercase() } else { *byte });
        }
        message.extend_from_slice(&asked.kind.0.to_be_bytes());
        message.extend_from_slice(&CLASS_IN.to_be_bytes());
        let question_bytes = message.len() - crate::wire::HEADER_BYTES;
        let [size_high, size_low] = UDP_SIZE.to_be_bytes();
        let dnssec = if asked.flags.wants_dnssec { 0x80 } else { 0 };
        message.extend_from_slice(&[0, 0, 41, size_high, size_low, 0, 0, dnssec, 0, 0, 0]);
        Self { message, question_bytes }
    }

    fn id(&self) -> Option<&[u8]> {
        self.message.get(..2)
    }

    fn question(&self) -> &[u8] {
        let start = crate::wire::HEADER_BYTES;
        self.message.get(start..start + self.question_bytes).unwrap_or_default()
    }

    /// Says what a message is to this question; a malformed one is none of its.
    pub(super) fn fit(&self, message: Vec<u8>) -> Fit {
        if message.get(..2) != self.id() {
            return Fit::Foreign;
        }
        let Some(response) = Response::walk(&message) else { return self.fit_of_cut(&message) };
        if response.question != self.question() {
            let is_same = response.question.eq_ignore_ascii_case(self.question());
            return if is_same { Fit::OtherCase } else { Fit::Foreign };
        }
        if response.flags & flag::TRUNCATED != 0 {
            return Fit::Cut;
        }
        if !is_agreed(&message, &response) {
            return Fit::Foreign;
        }
        let code = response.code;
        Fit::Answer(Checked { message, code })
    }

    /// A message that ends in the middle of a record may still say that it was cut.
    fn fit_of_cut(&self, message: &[u8]) -> Fit {
        let start = crate::wire::HEADER_BYTES;
        let is_cut = message.get(2).is_some_and(|flags| flags & 0x82 == 0x82)
            && message.get(start..start + self.question_bytes) == Some(self.question());
        if is_cut { Fit::Cut } else { Fit::Foreign }
    }

    /// Takes what came over a connection to the right server, where case proves nothing.
    pub(super) fn fit_on_connection(&self, message: Vec<u8>) -> Result<Checked, AskError> {
        let bad = Err(AskError::Answer("what came over the connection does not fit the question"));
        let Some(response) = Response::walk(&message) else { return bad };
        let is_ours = message.get(..2) == self.id()
            && response.question.eq_ignore_ascii_case(self.question())
            && response.flags & flag::TRUNCATED == 0
            && is_agreed(&message, &response);
        let code = response.code;
        if is_ours { Ok(Checked { message, code }) } else { bad }
    }
}

/// Whether letters are raised by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// They are.
    Mixed,
    /// They stay as they are.
    Lower,
}

/// Returns whether another codec reads the same from a message.
fn is_agreed(message: &[u8], response: &Response<'_>) -> bool {
    let Ok(other) = Message::from_vec(message) else { return false };
    // The other codec keeps OPT and signatures of messages apart from the additional records.
    other.queries.len() == 1
        && other.answers.len() == response.answers.len()
        && other.authorities.len() == response.authority.len()
        && other.additionals.len() <= response.n_additional
}
