//! The rules that people wrote themselves: a text in AdGuard's dialect, and names one by one.

use std::io;
use std::sync::Arc;

use super::{OWN_RULES_BYTES_MAX, Rulebook, RulebookError};
use crate::filter::compile::{self, ListKind, ListReport, ListSource, ListText};
use crate::filter::compiled::Compiled;
use crate::filter::dialect::Dialect;
use crate::filter::suffixes::HashKey;
use crate::list::store::write_whole;
use crate::verdict::{ListId, Reason};

/// File of the text, in the folder of the rules.
pub(super) const FILE: &str = "own.txt";

/// What is compiled to the own rules.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// The text, as it was written.
    pub(super) text: String,
    /// What became of the text.
    pub(super) report: ListReport,
    /// Rules of the names one by one, which are kept elsewhere.
    pub(super) hand: String,
}

impl Rulebook {
    /// Replaces the text of own rules; the lists are not touched.
    ///
    /// # Errors
    ///
    /// It is too large or cannot be kept; the former one stays.
    pub fn set_own_rules(&self, text: &str) -> Result<ListReport, RulebookError> {
        if text.len() > OWN_RULES_BYTES_MAX {
            return Err(RulebookError::TooLarge);
        }
        let mut own = self.own.lock();
        let (compiled, report) =
            compile(self.key, text, &own.hand).map_err(RulebookError::Store)?;
        write_whole(&self.folder.join(FILE), text.as_bytes()).map_err(RulebookError::Store)?;
        text.clone_into(&mut own.text);
        own.report = report.clone();
        self.change(|filter| filter.own = Arc::new(compiled));
        Ok(report)
    }

    /// Replaces the names that are blocked and let through one by one, which the caller keeps.
    ///
    /// `read` returns them as rules, and whether what none of the own rules lets through is
    /// blocked. It is called while no other change is made, so that the newest are read last.
    ///
    /// # Errors
    ///
    /// They cannot be compiled; the former ones stay.
    pub fn set_hand_rules(
        &self,
        read: impl FnOnce() -> (String, bool),
    ) -> Result<(), RulebookError> {
        let mut own = self.own.lock();
        let (hand, is_strict) = read();
        let (compiled, _) = compile(self.key, &own.text, &hand).map_err(RulebookError::Store)?;
        own.hand = hand;
        self.change(|filter| (filter.own, filter.is_strict) = (Arc::new(compiled), is_strict));
        Ok(())
    }

    /// The text of own rules as it was written, and what became of it.
    #[must_use]
    pub fn own_rules(&self) -> (String, ListReport) {
        let own = self.own.lock();
        (own.text.clone(), own.report.clone())
    }

    /// Finds the line that decided, in the copy of its list; rules of names one by one and of
    /// groups have none.
    ///
    /// # Errors
    ///
    /// The copy cannot be read.
    pub fn find_line(&self, reason: &Reason) -> Result<Option<(u32, String)>, RulebookError> {
        if let Some(line) = reason.line {
            return Ok(Some((line, reason.rule.to_string())));
        }
        let source = if reason.list == ListId::OWN {
            source(&self.own.lock().text)
        } else {
            match self.inner.lock().lists.get(&reason.list) {
                Some(entry) => self.source(&entry.subscription),
                None => return Ok(None),
            }
        };
        compile::find_line(&source, &reason.rule).map_err(RulebookError::Store)
    }
}

/// Compiles the text and the names one by one; the report is of the text.
pub(super) fn compile(key: HashKey, text: &str, hand: &str) -> io::Result<(Compiled, ListReport)> {
    let sources = [source(text), source(hand)];
    let (compiled, reports) = compile::compile(key, &sources, &mut |_, _| {})?;
    Ok((compiled, reports.into_iter().next().unwrap_or_default()))
}

fn source(text: &str) -> ListSource {
    let text = ListText::Inline(text.into());
    ListSource { list: ListId::OWN, kind: ListKind::Block, dialect: Dialect::AdGuard, text }
}
