//! Answers of this network's own: local names, special names, and what rules put in place.

use std::net::IpAddr;
use std::sync::Arc;

use super::hit::{self, Pass};
use super::reply::{Scratch, Told};
use super::{Resolver, Step};
use crate::entry::Status;
use crate::filter::{self, Hop};
use crate::local::{ALIASES_MAX, Local, LocalData, LocalNames, LocalRecord, Special, to_wire};
use crate::name::Name;
use crate::record_type::RecordType;
use crate::verdict::{BlockAnswer, Reason, Rewrite, Verdict};
use crate::wire::code;
use crate::wire::write::{self, Section};

/// Where a local name leads.
enum End<'a> {
    /// To records of ours.
    Records(&'a [LocalRecord]),
    /// To a name of the internet.
    Elsewhere,
    /// Nowhere.
    NxDomain,
}

impl Resolver {
    /// Answers a local or special name; `None` is an ordinary one.
    pub(super) fn local(&self, pass: &Pass<'_>, scratch: &mut Scratch) -> Option<Step> {
        let name = pass.query.name.as_wire();
        let local = self.local.load();
        match local.find(name) {
            Local::Records(records) => Some(self.local_records(pass, scratch, &local, records)),
            Local::NxDomain if !self.upstreams.load().is_forwarded(name) => {
                Some(self.absent(pass, scratch, code::NX_DOMAIN))
            }
            Local::Unknown | Local::NxDomain => self.special(pass, scratch),
        }
    }

    fn special(&self, pass: &Pass<'_>, scratch: &mut Scratch) -> Option<Step> {
        let name = pass.query.name.as_wire();
        let special = Special::of(name)?;
        match special {
            Special::Localhost => {
                let addresses = Special::ADDRESSES.into_iter();
                let of_kind = addresses.filter(|address| is_of(*address, pass.query.kind));
                Some(self.addresses(pass, scratch, of_kind.collect()))
            }
            Special::Loopback if pass.query.kind == RecordType::PTR => {
                write::begin(&mut scratch.out, pass.query, code::NO_ERROR);
                let kind = (RecordType::PTR, pass.settings.local_ttl_s);
                let out = &mut scratch.out;
                let data = b"\x09localhost\x00";
                write::record(out, Section::Answer, &write::QUESTION_NAME, kind, data);
                Some(self.done(pass, scratch, Told::new(Status::Local, code::NO_ERROR), None))
            }
            Special::Loopback => Some(self.absent(pass, scratch, code::NO_ERROR)),
            Special::NxDomain
                if pass.settings.forwards_special || self.upstreams.load().is_forwarded(name) =>
            {
                None
            }
            Special::NxDomain => Some(self.absent(pass, scratch, code::NX_DOMAIN)),
        }
    }

    fn addresses(&self, pass: &Pass<'_>, scratch: &mut Scratch, addresses: Arc<[IpAddr]>) -> Step {
        if addresses.is_empty() {
            return self.absent(pass, scratch, code::NO_ERROR);
        }
        write::begin(&mut scratch.out, pass.query, code::NO_ERROR);
        for address in &*addresses {
            write::address(&mut scratch.out, *address, pass.settings.local_ttl_s);
        }
        let told = Told { addresses, ..Told::new(Status::Local, code::NO_ERROR) };
        self.done(pass, scratch, told, None)
    }

    /// Answers that there is no such name, or none of its type.
    fn absent(&self, pass: &Pass<'_>, scratch: &mut Scratch, code: u16) -> Step {
        write::begin(&mut scratch.out, pass.query, code);
        write::absence(&mut scratch.out, pass.settings.local_ttl_s);
        self.done(pass, scratch, Told::new(Status::Local, code), None)
    }

    /// Answers with records of ours, following aliases; each hop has to pass the rules.
    fn local_records(
        &self,
        pass: &Pass<'_>,
        scratch: &mut Scratch,
        local: &LocalNames,
        first: &[LocalRecord],
    ) -> Step {
        let mut aliases = Vec::new();
        let mut end = End::Records(first);
        while let End::Records(records) = end
            && pass.query.kind != RecordType::CNAME
            && let Some(target) = alias(records)
        {
            if let Some(blocked) = Self::judge_alias(pass, &scratch.text, target) {
                return self.block(pass, scratch, blocked);
            }
            if aliases.len() >= ALIASES_MAX || aliases.contains(target) {
                return self.absent(pass, scratch, code::SERVER_FAILURE);
            }
            aliases.push(target.clone());
            end = match local.find(target.as_wire()) {
                Local::Records(records) => End::Records(records),
                Local::Unknown => End::Elsewhere,
                Local::NxDomain => End::NxDomain,
            };
        }
        match end {
            End::Elsewhere => {
                let target = aliases.last().map_or(&[0][..], Name::as_wire);
                let key = hit::key(pass.query, target, pass.client);
                Step::Ask(Box::new(Self::miss(pass, key, (aliases, None))))
            }
            End::Records(records) => self.own_records(pass, scratch, (&aliases, records)),
            End::NxDomain => {
                write::begin(&mut scratch.out, pass.query, code::NX_DOMAIN);
                write_aliases(&mut scratch.out, &aliases, pass.settings.local_ttl_s);
                write::absence(&mut scratch.out, pass.settings.local_ttl_s);
                self.done(pass, scratch, Told::new(Status::Local, code::NX_DOMAIN), None)
            }
        }
    }

    /// Writes aliases and then the records of the type.
    fn own_records(
        &self,
        pass: &Pass<'_>,
        scratch: &mut Scratch,
        (aliases, records): (&[Name], &[LocalRecord]),
    ) -> Step {
        let ttl_s = pass.settings.local_ttl_s;
        let of_kind = || records.iter().filter(|record| record.kind == pass.query.kind);
        let out = &mut scratch.out;
        write::begin(out, pass.query, code::NO_ERROR);
        write_aliases(out, aliases, ttl_s);
        let owner = aliases.last().map_or(&write::QUESTION_NAME[..], Name::as_wire);
        let mut addresses = Vec::new();
        for record in of_kind() {
            let kind = (record.kind, ttl_s);
            match &record.data {
                LocalData::Address(address @ IpAddr::V4(v4)) => {
                    addresses.push(*address);
                    write::record(out, Section::Answer, owner, kind, &v4.octets());
                }
                LocalData::Address(address @ IpAddr::V6(v6)) => {
                    addresses.push(*address);
                    write::record(out, Section::Answer, owner, kind, &v6.octets());
                }
                LocalData::Alias(target) => {
                    write::record(out, Section::Answer, owner, kind, target.as_wire());
                }
                LocalData::Wire(data) => write::record(out, Section::Answer, owner, kind, data),
            }
        }
        if of_kind().next().is_none() {
            write::absence(out, ttl_s);
        }
        let told = Told { addresses: addresses.into(), ..Told::new(Status::Local, code::NO_ERROR) };
        self.done(pass, scratch, told, None)
    }

    /// Answers what rules put in place of the name.
    pub(super) fn rewrite(
        &self,
        pass: &mut Pass<'_>,
        scratch: &mut Scratch,
        reason: Reason,
        rewrites: &[Rewrite],
    ) -> Step {
        let ttl_s = pass.settings.blocked_ttl_s;
        let kind = pass.query.kind;
        let target = rewrites.iter().find_map(|rewrite| match rewrite {
            Rewrite::CanonicalName(target) => Name::parse(target).ok(),
            Rewrite::Address(_) | Rewrite::Record { .. } | Rewrite::ResponseCode(_) => None,
        });
        if let Some(target) = target {
            pass.allowed = Some(reason);
            let local = self.local.load();
            if let Local::Records(records) = local.find(target.as_wire()) {
                return self.own_records(pass, scratch, (&[target], records));
            }
            let key = hit::key(pass.query, target.as_wire(), pass.client);
            return Step::Ask(Box::new(Self::miss(pass, key, (vec![target], None))));
        }
        let code = rewrites.iter().find_map(|rewrite| match rewrite {
            Rewrite::ResponseCode(code) => Some(u16::from(*code)),
            Rewrite::Address(_) | Rewrite::CanonicalName(_) | Rewrite::Record { .. } => None,
        });
        let code = code.unwrap_or(code::NO_ERROR);
        write::begin(&mut scratch.out, pass.query, code);
        let mut addresses = Vec::new();
        let mut n_records = 0;
        for rewrite in rewrites {
            match rewrite {
                Rewrite::Address(address) if is_of(*address, kind) => {
                    addresses.push(*address);
                    write::address(&mut scratch.out, *address, ttl_s);
                    n_records += 1;
                }
                Rewrite::Record { kind: of, data } if *of == kind => {
                    let Ok(data) = to_wire(kind, data) else { continue };
                    let out = &mut scratch.out;
                    let owner = &write::QUESTION_NAME;
                    write::record(out, Section::Answer, owner, (kind, ttl_s), &data);
                    n_records += 1;
                }
                Rewrite::Address(_)
                | Rewrite::CanonicalName(_)
                | Rewrite::Record { .. }
                | Rewrite::ResponseCode(_) => {}
            }
        }
        if n_records == 0 && matches!(code, code::NO_ERROR | code::NX_DOMAIN) {
            write::absence(&mut scratch.out, ttl_s);
        }
        let mut told = Told::new(Status::Rewritten, code).because(Some(reason));
        told.addresses = addresses.into();
        self.done(pass, scratch, told, None)
    }

    /// Asks the rules about the target of an alias of ours.
    fn judge_alias(
        pass: &Pass<'_>,
        name: &str,
        target: &Name,
    ) -> Option<(Reason, Option<BlockAnswer>)> {
        if pass.allowed.is_some() {
            return None;
        }
        let asked = filter::Query { name, kind: pass.query.kind, client: pass.client };
        let target = target.to_string();
        match pass.filter.judge_answer(&asked, Hop::CanonicalName(&target)) {
            Verdict::Blocked { reason, answer } => Some((reason, answer)),
            Verdict::Dropped(reason) => Some((reason, None)),
            Verdict::Pass | Verdict::Allowed(_) | Verdict::Rewritten { .. } => None,
        }
    }
}

/// Returns the target when a name stands for another.
fn alias(records: &[LocalRecord]) -> Option<&Name> {
    records.iter().find_map(|record| match &record.data {
        LocalData::Alias(target) => Some(target),
        LocalData::Address(_) | LocalData::Wire(_) => None,
    })
}

/// Writes the CNAME records from the question's name along the aliases.
pub(super) fn write_aliases(out: &mut Vec<u8>, aliases: &[Name], ttl_s: u32) {
    let mut owner = &write::QUESTION_NAME[..];
    for target in aliases {
        let kind = (RecordType::CNAME, ttl_s);
        write::record(out, Section::Answer, owner, kind, target.as_wire());
        owner = target.as_wire();
    }
}

fn is_of(address: IpAddr, kind: RecordType) -> bool {
    match address {
        IpAddr::V4(_) => kind == RecordType::A,
        IpAddr::V6(_) => kind == RecordType::AAAA,
    }
}
