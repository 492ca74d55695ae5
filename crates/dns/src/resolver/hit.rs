//! What is answered at once, on the thread that took the question.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::reply::{self, Age, Scratch, Told};
use super::{Asker, Miss, Resolver, Settings, Step};
use crate::cache::{Found, Key, KeyFlags, Stored, ViewId};
use crate::client::ClientView;
use crate::entry::{Status, Transport};
use crate::filter::{self, Filter, Hop};
use crate::name::Name;
use crate::record_type::RecordType;
use crate::ring::RingWriter;
use crate::verdict::{BlockAnswer, ListId, Reason, Verdict};
use crate::wire::query::{Query, Unanswerable};
use crate::wire::write::{self, Section};
use crate::wire::{code, extended, flag};

/// Of so many datagrams over the rate one is answered "cut", so that an honest client comes back
/// by TCP while a forged address gets next to nothing.
const SLIP_ONE_OF: u64 = 4;
/// `RFC8482` and nothing: what ANY is answered with (RFC 8482 §4.2).
const ANY_DATA: &[u8] = b"\x07RFC8482\x00";
/// How long that may be kept.
const ANY_TTL_S: u32 = 3_600;

/// One question on its way through.
pub(super) struct Pass<'a> {
    pub(super) query: &'a Query<'a>,
    pub(super) message: &'a [u8],
    pub(super) asker: Asker,
    pub(super) settings: &'a Settings,
    pub(super) filter: &'a Filter,
    pub(super) client: ClientView<'a>,
    pub(super) ring: &'a RingWriter,
    /// The rule that let the name through.
    pub(super) allowed: Option<Reason>,
}

impl Resolver {
    /// Answers a message, or says that upstreams have to be asked.
    pub(crate) fn answer(
        self: &Arc<Self>,
        message: &[u8],
        asker: Asker,
        scratch: &mut Scratch,
        ring: &RingWriter,
    ) -> Step {
        let settings = self.settings.load();
        let address = asker.client.ip();
        let is_welcome = settings.allow.iter().any(|network| network.contains(address));
        if !is_welcome {
            self.counters.not_allowed.fetch_add(1, Ordering::Relaxed);
        }
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(Unanswerable::Silence) => return Step::Silence,
            Err(Unanswerable::Code { id, flags, code, question, has_edns }) => {
                self.counters.malformed.fetch_add(1, Ordering::Relaxed);
                if asker.transport == Transport::Udp
                    && (!is_welcome || !self.is_within_rate(&asker, &settings))
                {
                    return Step::Silence;
                }
                write::code_alone(&mut scratch.out, id, flags, (code, question));
                if has_edns {
                    write::end_code(&mut scratch.out, code, settings.udp_size_max);
                }
                return Step::Send;
            }
        };
        scratch.text.clear();
        crate::name::write_text(query.name.as_wire(), &mut scratch.text);
        let filter = self.filter.load();
        let client = filter.client(address.to_canonical(), asker.at_ms);
        let mut pass = Pass {
            query: &query,
            message,
            asker,
            settings: &settings,
            filter: &filter,
            client,
            ring,
            allowed: None,
        };
        if !is_welcome {
            return self.turn_away(&pass, scratch);
        }
        if !self.has_cookie_of_ours(&pass) && !self.is_within_rate(&asker, &settings) {
            return self.slow_down(&pass, scratch);
        }
        self.resolve(&mut pass, scratch)
    }

    /// Goes through rules, local names and cache.
    fn resolve(self: &Arc<Self>, pass: &mut Pass<'_>, scratch: &mut Scratch) -> Step {
        let query = pass.query;
        if query.kind == RecordType::ANY {
            write::begin(&mut scratch.out, query, code::NO_ERROR);
            let kind = (RecordType(13), ANY_TTL_S);
            let out = &mut scratch.out;
            write::record(out, Section::Answer, &write::QUESTION_NAME, kind, ANY_DATA);
            return self.done(pass, scratch, Told::new(Status::Local, code::NO_ERROR), None);
        }
        let asked = filter::Query { name: &scratch.text, kind: query.kind, client: pass.client };
        match pass.filter.judge(&asked) {
            Verdict::Pass => {}
            Verdict::Allowed(reason) => pass.allowed = Some(reason),
            Verdict::Blocked { reason, answer } => {
                if reason.list == ListId::STRICT
                    && let Some(step) = self.local(pass, scratch)
                {
                    return step;
                }
                return self.block(pass, scratch, (reason, answer));
            }
            Verdict::Rewritten { reason, rewrites } => {
                return self.rewrite(pass, scratch, reason, &rewrites);
            }
            Verdict::Dropped(reason) => {
                let told = Told::new(Status::Blocked, code::REFUSED).because(Some(reason));
                let name = scratch.text.as_str().into();
                Self::tell(pass.ring, &pass.asker, (name, query.kind), told);
                return Step::Silence;
            }
        }
        if let Some(step) = self.local(pass, scratch) {
            return step;
        }
        if !query.has(flag::RECURSION_DESIRED) {
            write::begin(&mut scratch.out, query, code::REFUSED);
            let text = "ask with recursion: nothing but local names is ours";
            let extended_error = Some((extended::NOT_AUTHORITATIVE, text));
            let told = Told::new(Status::Refused, code::REFUSED);
            return self.done(pass, scratch, told, extended_error);
        }
        self.from_cache(pass, scratch)
    }

    fn from_cache(self: &Arc<Self>, pass: &Pass<'_>, scratch: &mut Scratch) -> Step {
        let key = key(pass.query, pass.query.name.as_wire(), pass.client);
        match self.cache.find(&key, self.ms_at(pass.asker.start)) {
            Found::Fresh { stored, age_s, is_due } => {
                if is_due {
                    self.refresh(pass, &key);
                }
                let status = if stored.is_good() { Status::Cached } else { Status::Failed };
                self.serve(pass, scratch, &stored, (Age::Seconds(age_s), status))
            }
            Found::Stale { stored, is_excused: true } => {
                let age = Age::Stale { ttl_s: pass.settings.stale_ttl_s };
                self.serve(pass, scratch, &stored, (age, Status::Stale))
            }
            Found::Stale { stored, is_excused: false } => {
                Step::Ask(Box::new(Self::miss(pass, key, (Vec::new(), Some(stored)))))
            }
            Found::Nothing => Step::Ask(Box::new(Self::miss(pass, key, (Vec::new(), None)))),
        }
    }

    /// Says what has to be asked.
    pub(super) fn miss(
        pass: &Pass<'_>,
        key: Key,
        (aliases, stale): (Vec<Name>, Option<Arc<Stored>>),
    ) -> Miss {
        Miss {
            message: pass.message.into(),
            asker: pass.asker,
            key,
            aliases,
            set: pass.client.group.upstreams.clone(),
            stale,
            reason: pass.allowed.clone(),
        }
    }

    /// Serves an answer of upstreams, if rules let its names and addresses through.
    pub(super) fn serve(
        &self,
        pass: &Pass<'_>,
        scratch: &mut Scratch,
        stored: &Stored,
        (age, status): (Age, Status),
    ) -> Step {
        if pass.allowed.is_none()
            && let Some(blocked) = Self::judge_answer(pass, &scratch.text, stored)
        {
            return self.block(pass, scratch, blocked);
        }
        reply::copy(&mut scratch.out, pass.query, stored, age);
        let extended_error = match (age, stored.response_code) {
            (Age::Stale { .. }, 3) => Some((extended::STALE_NX_DOMAIN, "")),
            (Age::Stale { .. }, _) => Some((extended::STALE, "")),
            (Age::Seconds(_), _) => stored.extended_error.map(|code| (code, "")),
        };
        let code = u16::from(stored.response_code);
        let parts = (code, extended_error);
        self.seal(&mut scratch.out, pass.query, parts, (&pass.asker, pass.settings));
        let told = Told::of(stored, status).because(pass.allowed.clone());
        let question = (Arc::clone(&stored.name), pass.query.kind);
        Self::tell(pass.ring, &pass.asker, question, told);
        Step::Send
    }

    /// Asks the rules about what an answer goes through and leads to.
    pub(super) fn judge_answer(
        pass: &Pass<'_>,
        name: &str,
        stored: &Stored,
    ) -> Option<(Reason, Option<BlockAnswer>)> {
        let asked = filter::Query { name, kind: pass.query.kind, client: pass.client };
        let names = stored.chain.iter().map(|name| Hop::CanonicalName(name));
        let addresses = stored.addresses.iter().map(|address| Hop::Address(*address));
        for hop in names.chain(addresses) {
            match pass.filter.judge_answer(&asked, hop) {
                Verdict::Blocked { reason, answer } => return Some((reason, answer)),
                Verdict::Dropped(reason) => return Some((reason, None)),
                Verdict::Allowed(_) => return None,
                Verdict::Pass | Verdict::Rewritten { .. } => {}
            }
        }
        None
    }

    /// Answers what a rule blocks.
    pub(super) fn block(
        &self,
        pass: &Pass<'_>,
        scratch: &mut Scratch,
        (reason, answer): (Reason, Option<BlockAnswer>),
    ) -> Step {
        let answer = answer.or(pass.client.group.block_answer);
        let answer = answer.unwrap_or(pass.settings.blocked_answer);
        let ttl_s = pass.settings.blocked_ttl_s;
        let code = match answer {
            BlockAnswer::NxDomain => code::NX_DOMAIN,
            BlockAnswer::Refused => code::REFUSED,
            BlockAnswer::NoData | BlockAnswer::NullAddress | BlockAnswer::Own { .. } => {
                code::NO_ERROR
            }
        };
        write::begin(&mut scratch.out, pass.query, code);
        let address = blocked_address(answer, pass.query.kind);
        match (address, code) {
            (Some(address), _) => write::address(&mut scratch.out, address, ttl_s),
            (None, code::REFUSED) => {}
            (None, _) => write::absence(&mut scratch.out, ttl_s),
        }
        let mut told = Told::new(Status::Blocked, code).because(Some(reason));
        told.addresses = address.into_iter().collect();
        self.done(pass, scratch, told, Some((extended::BLOCKED, "")))
    }

    /// Ends an answer that was made here.
    pub(super) fn done(
        &self,
        pass: &Pass<'_>,
        scratch: &mut Scratch,
        told: Told,
        extended_error: Option<(u16, &str)>,
    ) -> Step {
        let parts = (told.code, extended_error);
        self.seal(&mut scratch.out, pass.query, parts, (&pass.asker, pass.settings));
        let name = scratch.text.as_str().into();
        Self::tell(pass.ring, &pass.asker, (name, pass.query.kind), told);
        Step::Send
    }

    /// Answers somebody of a network that is not served.
    fn turn_away(&self, pass: &Pass<'_>, scratch: &mut Scratch) -> Step {
        let told = Told::new(Status::Refused, code::REFUSED);
        if pass.asker.transport == Transport::Udp {
            let name = scratch.text.as_str().into();
            Self::tell(pass.ring, &pass.asker, (name, pass.query.kind), told);
            return Step::Silence;
        }
        write::begin(&mut scratch.out, pass.query, code::REFUSED);
        let text = "your address is not within dns.allow";
        self.done(pass, scratch, told, Some((extended::PROHIBITED, text)))
    }

    /// Answers somebody of a network that is over its rate.
    fn slow_down(&self, pass: &Pass<'_>, scratch: &mut Scratch) -> Step {
        let n_over_rate = self.counters.over_rate.fetch_add(1, Ordering::Relaxed);
        let told = Told::new(Status::Refused, code::REFUSED);
        if pass.asker.transport != Transport::Udp {
            write::begin(&mut scratch.out, pass.query, code::REFUSED);
            let text = "too many questions of your network";
            return self.done(pass, scratch, told, Some((extended::PROHIBITED, text)));
        }
        let name = scratch.text.as_str().into();
        Self::tell(pass.ring, &pass.asker, (name, pass.query.kind), told);
        if !n_over_rate.is_multiple_of(SLIP_ONE_OF) {
            return Step::Silence;
        }
        write::begin(&mut scratch.out, pass.query, code::NO_ERROR);
        write::truncate(&mut scratch.out, pass.query);
        Step::Send
    }

    fn is_within_rate(&self, asker: &Asker, settings: &Settings) -> bool {
        let now_us = asker.start.saturating_duration_since(self.start).as_micros();
        let now_us = u64::try_from(now_us).unwrap_or(u64::MAX);
        self.buckets.admit(asker.client.ip(), now_us, &settings.rate)
    }

    fn has_cookie_of_ours(&self, pass: &Pass<'_>) -> bool {
        let Some(cookie) = pass.query.edns.and_then(|edns| edns.cookie) else { return false };
        let now_s = u32::try_from((pass.asker.at_ms / 1_000) & 0xffff_ffff).unwrap_or(0);
        self.secret.is_ours(&cookie, pass.asker.client.ip(), now_s)
    }
}

/// Returns the key of a question for a name in wire form.
pub(super) fn key(query: &Query<'_>, name: &[u8], client: ClientView<'_>) -> Key {
    let flags = KeyFlags {
        wants_dnssec: query.wants_dnssec(),
        takes_unchecked: query.has(flag::CHECKING_DISABLED),
    };
    Key::new(name, query.kind, flags, ViewId(client.group.view))
}

/// Returns the address that stands in for a blocked name's.
fn blocked_address(answer: BlockAnswer, kind: RecordType) -> Option<std::net::IpAddr> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    match (answer, kind) {
        (BlockAnswer::NullAddress, RecordType::A) => Some(Ipv4Addr::UNSPECIFIED.into()),
        (BlockAnswer::NullAddress, RecordType::AAAA) => Some(Ipv6Addr::UNSPECIFIED.into()),
        (BlockAnswer::Own { v4, .. }, RecordType::A) => v4.map(Into::into),
        (BlockAnswer::Own { v6, .. }, RecordType::AAAA) => v6.map(Into::into),
        _ => None,
    }
}
