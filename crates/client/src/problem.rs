//! What a hub says about a request it did not accept.

use std::fmt;

use crate::wire::ProblemBody;

/// Longest body read to learn why a request was refused.
pub(crate) const PROBLEM_SIZE_MAX_BYTES: usize = 64 * 1024;

/// An answer other than success, with the explanation of its `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status code.
    pub status: u16,
    /// The short name of the kind of problem; `None` where the body has none.
    pub title: Option<String>,
    /// What went wrong this time; `None` where the body has none.
    pub detail: Option<String>,
}

impl Problem {
    /// Reads the explanation from a body, which may be of any form.
    pub(crate) fn parse(status: u16, body: &[u8]) -> Self {
        let ProblemBody { title, detail, error } = serde_json::from_slice(body).unwrap_or_default();
        Self { status, title, detail: detail.or(error) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.status)?;
        match self.detail.as_ref().or(self.title.as_ref()) {
            Some(text) => write!(formatter, ": {text}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_cases() {
        #[rustfmt::skip]
        let cases = [
            ("problem",       r#"{"type":"t","title":"Bad channel","detail":"channel `a//b`: empty"}"#, "status 400: channel `a//b`: empty"),
            ("title alone",   r#"{"title":"Bad channel"}"#,        "status 400: Bad channel"),
            ("older form",    r#"{"error":"no such lease"}"#,      "status 400: no such lease"),
            ("other types",   r#"{"title":7,"detail":{}}"#,        "status 400"),
            ("no object",     "[1]",                               "status 400"),
            ("a page",        "<html>Bad Gateway</html>",          "status 400"),
            ("empty",         "",                                  "status 400"),
        ];
        for (name, body, expected) in cases {
            let problem = Problem::parse(400, body.as_bytes());
            assert_eq!(problem.to_string(), expected, "case: {name}");
        }
    }
}
