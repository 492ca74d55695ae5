//! Lists the places that may break a rule, each with its reason.

use super::{Finding, Rule};

/// A file that may break a rule.
struct Exception {
    /// File, from the root on.
    path: &'static str,
    rule: Rule,
    /// Why the rule does not help here.
    #[cfg_attr(not(test), expect(dead_code, reason = "for people and for the test below"))]
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 0] = [];

/// Takes out what is excused; an exception that excuses nothing becomes a finding itself.
pub(super) fn apply(findings: Vec<Finding>) -> Vec<Finding> {
    apply_all(&EXCEPTIONS, findings)
}

fn apply_all(exceptions: &[Exception], mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut unused = Vec::new();
    for Exception { path, rule, .. } in exceptions {
        let before = findings.len();
        findings.retain(|finding| finding.path != *path || finding.rule != *rule);
        if findings.len() == before {
            unused.push(Finding {
                path: "xtask/src/tidy/exceptions.rs".to_owned(),
                line: 1,
                rule: Rule::Exception,
                text: format!("{path} needs no exception from {rule}: remove it"),
            });
        }
    }
    findings.extend(unused);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exception_has_a_reason() {
        for exception in &EXCEPTIONS {
            assert!(exception.reason.len() > 10, "{}", exception.path);
        }
    }

    #[test]
    fn exceptions_excuse_one_rule_in_one_file_and_must_be_used() {
        let finding = |path: &str, rule| {
            let text = String::new();
            Finding { path: path.to_owned(), line: 7, rule, text }
        };
        let exception = |path, rule| Exception { path, rule, reason: "a good reason" };
        let exceptions = [exception("a.rs", Rule::Word), exception("b.rs", Rule::Word)];
        let findings = vec![finding("a.rs", Rule::Word), finding("a.rs", Rule::Todo)];

        let left = apply_all(&exceptions, findings);

        let rules: Vec<Rule> = left.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [Rule::Todo, Rule::Exception]);
        assert!(left[1].text.starts_with("b.rs needs no exception"), "{}", left[1]);
    }
}
