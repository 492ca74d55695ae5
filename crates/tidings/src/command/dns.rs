//! `tidings dns`: tries rules without a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tidings_dns::client::{ClientView, Group};
use tidings_dns::filter::compile::{self, ListKind, ListReport, ListSource, ListText};
use tidings_dns::filter::dialect::Dialect;
use tidings_dns::filter::suffixes::HashKey;
use tidings_dns::filter::{Filter, Query, RESPONSE_CODES};
use tidings_dns::record_type::RecordType;
use tidings_dns::verdict::{BlockAnswer, ListId, Reason, Rewrite, Verdict};

use crate::cli::dns::{DnsCheckArgs, DnsCommand};
use crate::outside;

/// The number that the rules of the file have.
const LIST: ListId = ListId(1);
/// Longest line of a batch, in bytes.
const QUESTION_BYTES_MAX: u64 = 64 * 1024;
/// Ignored lines that are told.
const IGNORED_SHOWN_MAX: usize = 20;

/// Does what the command line asks for.
///
/// # Errors
///
/// Says what cannot be done and why.
pub(super) fn run(command: &DnsCommand) -> anyhow::Result<ExitCode> {
    match command {
        DnsCommand::Check(args) => check(args),
    }
}

/// A question of the command line or of a batch.
struct Question {
    name: String,
    kind: RecordType,
    client: Option<IpAddr>,
    client_names: Vec<Arc<str>>,
    client_tags: Vec<Arc<str>>,
}

fn check(args: &DnsCheckArgs) -> anyhow::Result<ExitCode> {
    let dialect = Dialect::parse(&args.format).context("unknown format")?;
    let kind = if args.allow { ListKind::Allow } else { ListKind::Block };
    let source = ListSource { list: LIST, kind, dialect, text: ListText::File(args.rules.clone()) };
    let key = HashKey::new([outside::random(), outside::random()]);
    let (lists, reports) = compile::compile(key, std::slice::from_ref(&source), &mut |_, _| {})
        .with_context(|| format!("read {}", args.rules.display()))?;
    for report in &reports {
        tell_ignored(report);
    }
    let filter = Filter { lists: Arc::new(lists), ..Filter::default() };
    let mut output = std::io::stdout().lock();
    if let Some(batch) = &args.batch {
        for_each_question(batch, |question| {
            let answer = judge(&filter, &source, &question)?;
            writeln!(output, "{answer}").context("write to standard output")
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let question = Question {
        name: args.name.clone().unwrap_or_default(),
        kind: RecordType::parse(&args.kind)?,
        client: args.client,
        client_names: args.client_name.iter().map(|name| Arc::from(name.as_str())).collect(),
        client_tags: args.client_tag.iter().map(|tag| Arc::from(tag.as_str())).collect(),
    };
    let answer = judge(&filter, &source, &question)?;
    writeln!(output, "{answer}").context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stderr, reason = "what is wrong with the rules is for the person")]
fn tell_ignored(report: &ListReport) {
    for ignored in report.ignored.iter().take(IGNORED_SHOWN_MAX) {
        eprintln!("line {}: ignored: {}: {}", ignored.line, ignored.why, ignored.text);
    }
    let n_more = report.n_ignored.saturating_sub(IGNORED_SHOWN_MAX);
    if n_more > 0 {
        eprintln!("{n_more} more lines are ignored");
    }
}

/// Reads a batch line by line.
fn for_each_question(
    path: &Path,
    mut take: impl FnMut(Question) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?)
    };
    let mut reader = BufReader::new(input);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let mut limited = reader.by_ref().take(QUESTION_BYTES_MAX);
        if limited.read_line(&mut line).with_context(|| format!("line {number}"))? == 0 {
            break;
        }
        if !line.trim().is_empty() {
            take(parse_question(&line).with_context(|| format!("line {number}"))?)?;
        }
    }
    Ok(())
}

fn parse_question(line: &str) -> anyhow::Result<Question> {
    let value: Value = serde_json::from_str(line).context("the line is no JSON object")?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let texts = |key: &str| -> Vec<Arc<str>> {
        let values = value.get(key).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).map(Arc::from).collect()
    };
    let Some(name) = text("name") else { bail!("the object lacks `name`") };
    let client = text("client").map(str::parse).transpose().context("`client` is no address")?;
    Ok(Question {
        name: name.to_owned(),
        kind: RecordType::parse(text("type").unwrap_or("A"))?,
        client,
        client_names: texts("client_names"),
        client_tags: texts("client_tags"),
    })
}

/// Judges one question and says why.
fn judge(filter: &Filter, source: &ListSource, question: &Question) -> anyhow::Result<Value> {
    let name = question.name.strip_suffix('.').unwrap_or(&question.name).to_ascii_lowercase();
    let mut tags = question.client_tags.clone();
    tags.sort_unstable();
    let client = ClientView {
        address: question.client,
        names: &question.client_names,
        tags: &tags,
        group: &Group::default(),
        is_filtered: true,
    };
    let query = Query { name: &name, kind: question.kind, client };
    match filter.judge(&query) {
        Verdict::Pass => Ok(described("allowed", "no rule matches", None, &[], None)),
        Verdict::Allowed(reason) => {
            let rule = located(source, &reason)?;
            Ok(described("allowed", "a rule allows it", Some(rule), &[], None))
        }
        Verdict::Blocked { reason, answer } => {
            let rule = located(source, &reason)?;
            let code = blocked_code(answer.unwrap_or_default());
            Ok(described("blocked", "a rule blocks it", Some(rule), &[], Some(code)))
        }
        Verdict::Rewritten { reason, rewrites } => {
            let rule = located(source, &reason)?;
            let code = rewritten_code(&rewrites);
            let rewrites: Vec<Value> = rewrites.iter().filter_map(rewrite_json).collect();
            Ok(described("rewritten", "a rule answers it", Some(rule), &rewrites, Some(code)))
        }
        Verdict::Dropped(reason) => {
            let rule = located(source, &reason)?;
            Ok(described("dropped", "a rule leaves it unanswered", Some(rule), &[], None))
        }
    }
}

fn described(
    verdict: &str,
    reason: &str,
    rule: Option<(String, Option<u32>)>,
    rewrites: &[Value],
    rcode: Option<&str>,
) -> Value {
    let (rule, line) = rule.map_or((None, None), |(rule, line)| (Some(rule), line));
    json!({
        "verdict": verdict,
        "reason": reason,
        "rule": rule,
        "line": line,
        "rewrites": rewrites,
        "rcode": rcode,
    })
}

/// The rule as its line in the file says it.
fn located(source: &ListSource, reason: &Reason) -> anyhow::Result<(String, Option<u32>)> {
    if reason.line.is_some() {
        return Ok((reason.rule.to_string(), reason.line));
    }
    let found = compile::find_line(source, &reason.rule).context("read the rules again")?;
    Ok(match found {
        Some((line, text)) => (text, Some(line)),
        None => (reason.rule.to_string(), None),
    })
}

fn blocked_code(answer: BlockAnswer) -> &'static str {
    match answer {
        BlockAnswer::NxDomain => "NXDOMAIN",
        BlockAnswer::NoData | BlockAnswer::NullAddress | BlockAnswer::Own { .. } => "NOERROR",
        BlockAnswer::Refused => "REFUSED",
    }
}

fn rewritten_code(rewrites: &[Rewrite]) -> &'static str {
    let number = rewrites.iter().find_map(|rewrite| match rewrite {
        Rewrite::ResponseCode(number) => Some(*number),
        Rewrite::Address(_) | Rewrite::CanonicalName(_) | Rewrite::Record { .. } => None,
    });
    let known = RESPONSE_CODES.iter().find(|(_, known)| Some(*known) == number);
    known.map_or("NOERROR", |(name, _)| name)
}

fn rewrite_json(rewrite: &Rewrite) -> Option<Value> {
    match rewrite {
        Rewrite::Address(address) => {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            Some(json!({ "type": kind, "value": address.to_string() }))
        }
        Rewrite::CanonicalName(name) => Some(json!({ "type": "CNAME", "value": &**name })),
        Rewrite::Record { kind, data } => {
            Some(json!({ "type": kind.to_string(), "value": &**data }))
        }
        Rewrite::ResponseCode(_) => None,
    }
}
