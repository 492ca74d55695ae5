//! The command line of `tidings dns`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with the rules of the resolver, without a server.
#[derive(Debug, Subcommand)]
pub(crate) enum DnsCommand {
    /// Say what a list of rules makes of a question, and which rule decides.
    Check(DnsCheckArgs),
}

/// Which question, and by which rules.
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub(crate) struct DnsCheckArgs {
    /// File of the rules.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: PathBuf,
    /// How the rules are written.
    #[arg(long, value_name = "DIALECT", value_parser = ["adguard", "hosts", "domains", "dnsmasq", "pihole", "blocky"])]
    pub(crate) format: String,
    /// Name that is asked for.
    #[arg(long, required_unless_present = "batch")]
    pub(crate) name: Option<String>,
    /// Type of record that is asked for.
    #[arg(long = "type", value_name = "TYPE", default_value = "A")]
    pub(crate) kind: String,
    /// Address of the client that asks.
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<IpAddr>,
    /// Name of the client. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) client_name: Vec<String>,
    /// Tag of the client. May be given several times.
    #[arg(long, value_name = "TAG")]
    pub(crate) client_tag: Vec<String>,
    /// The rules allow what they match.
    #[arg(long)]
    pub(crate) allow: bool,
    /// File of questions, one JSON object a line; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    pub(crate) batch: Option<PathBuf>,
}

/// What `dns check --help` adds.
const CHECK_HELP: &str = "\
Prints one JSON object:
  verdict   allowed, blocked, rewritten or dropped; a name that no rule matches is allowed
  reason    why, in a few words
  rule      the rule as its line says it, or null
  line      its line, from 1, or null
  rewrites  what to answer with instead: objects of type and value
  rcode     response code of a blocked or rewritten answer, or null

With --batch, each line of the file is an object of name, type, client, client_names and
client_tags, of which all but name may be missing; one object is printed for each.

Lines of the file that are no rules are told on standard error.

Examples:
  tidings dns check --rules list.txt --format adguard --name www.example.org --type AAAA
  tidings dns check --rules hosts --format hosts --batch questions.jsonl";
