//! What upstreams have to be asked for: once for all who ask the same, and never longer than a
//! client waits when something older is at hand.

use std::sync::Arc;

use tokio::sync::watch;

use super::hit::Pass;
use super::local::write_aliases;
use super::reply::{Age, Scratch, Told};
use super::{Miss, Resolver, Step};
use crate::cache::{Found, Key, Stored};
use crate::entry::Status;
use crate::ingest::{self, Rebinding};
use crate::name::Name;
use crate::upstream::{AskError, Asked, Route};
use crate::wire::query::Query;
use crate::wire::response::Response;
use crate::wire::write::{self, Section};
use crate::wire::{CLASS_IN, code, extended};

/// An answer, and whether it came past its time.
struct Fetched {
    stored: Arc<Stored>,
    age_s: u32,
    is_stale: bool,
}

impl Resolver {
    /// Asks upstreams and makes the answer; `None` is silence.
    pub(super) async fn finish(self: &Arc<Self>, miss: Miss) -> Option<Vec<u8>> {
        let query = Query::parse(&miss.message).ok()?;
        let fetched = self.fetch(&miss).await;
        let settings = self.settings.load();
        let filter = self.filter.load();
        let ring = self.ring.load();
        let address = miss.asker.client.ip().to_canonical();
        let pass = Pass {
            query: &query,
            message: &miss.message,
            asker: miss.asker,
            settings: &settings,
            filter: &filter,
            client: filter.client(address, miss.asker.at_ms),
            ring: &ring,
            allowed: miss.reason.clone(),
        };
        let mut scratch = Scratch::default();
        crate::name::write_text(query.name.as_wire(), &mut scratch.text);
        let step = if miss.aliases.is_empty() {
            let (age, status) = match (fetched.is_stale, fetched.stored.is_good()) {
                (true, _) => (Age::Stale { ttl_s: settings.stale_ttl_s }, Status::Stale),
                (false, true) => (Age::Seconds(0), Status::Forwarded),
                (false, false) => (Age::Seconds(0), Status::Failed),
            };
            self.serve(&pass, &mut scratch, &fetched.stored, (age, status))
        } else {
            self.serve_below(&pass, &mut scratch, &miss.aliases, &fetched)
        };
        matches!(step, Step::Send).then_some(scratch.out)
    }

    /// Waits for an answer; what is past its time stands in when upstreams fail or take long.
    async fn fetch(self: &Arc<Self>, miss: &Miss) -> Fetched {
        if !miss.aliases.is_empty()
            && let Found::Fresh { stored, age_s, .. } = self.cache.find(&miss.key, self.now_ms())
        {
            return Fetched { stored, age_s, is_stale: false };
        }
        let route = self.upstreams.load().route(miss.key.name(), miss.set.as_deref());
        let stored = self.shared(&miss.key, route);
        let Some(stale) = &miss.stale else {
            return Fetched { stored: stored.await, age_s: 0, is_stale: false };
        };
        let wait = self.settings.load().stale_after;
        match tokio::time::timeout(wait, stored).await {
            Ok(stored) if stored.is_good() => Fetched { stored, age_s: 0, is_stale: false },
            Ok(_) | Err(_) => {
                self.cache.count_stale();
                Fetched { stored: Arc::clone(stale), age_s: 0, is_stale: true }
            }
        }
    }

    /// Asks for an answer again before its end; nobody waits for it.
    pub(super) fn refresh(self: &Arc<Self>, pass: &Pass<'_>, key: &Key) {
        let set = pass.client.group.upstreams.as_deref();
        let route = self.upstreams.load().route(key.name(), set);
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let (resolver, key) = (Arc::clone(self), key.clone());
        let task = async move {
            if !resolver.shared(&key, route).await.is_good() {
                resolver.cache.ask_again(&key);
            }
            drop(place);
        };
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Asks upstreams, or waits with those who asked the same before.
    ///
    /// Cancel safe: the question goes on for the cache.
    async fn shared(self: &Arc<Self>, key: &Key, route: Route) -> Arc<Stored> {
        let mut waits = {
            let mut under_way = self.under_way.lock();
            if let Some(waits) = under_way.get(key.as_bytes()) {
                waits.clone()
            } else {
                let (sender, waits) = watch::channel(None);
                under_way.insert(key.as_bytes().into(), waits.clone());
                let (resolver, key) = (Arc::clone(self), key.clone());
                let task = async move {
                    let stored = Arc::new(resolver.ask(&key, &route).await);
                    resolver.cache.insert(&key, Arc::clone(&stored), resolver.now_ms());
                    resolver.under_way.lock().remove(key.as_bytes());
                    sender.send_replace(Some(stored));
                };
                self.tasks.spawn_on(task, &self.runtime);
                waits
            }
        };
        match waits.wait_for(Option::is_some).await.map(|stored| stored.clone()) {
            Ok(Some(stored)) => stored,
            // The task was dropped with the runtime.
            Ok(None) | Err(_) => Arc::new(self.failure(key, &AskError::Nobody)),
        }
    }

    async fn ask(&self, key: &Key, route: &Route) -> Stored {
        let name = Name::from_wire(key.name());
        let settings = self.settings.load_full();
        if route.group.is_empty() && route.is_forwarded {
            let parts = (code::NX_DOMAIN, 0, settings.local_ttl_s);
            return Stored::code(&question(key), &name, parts);
        }
        let kind = Key::kind_of(key.as_bytes());
        let asked = Asked { name, kind, flags: Key::flags_of(key.as_bytes()) };
        let (checked, upstream) = match route.group.ask(&asked, &self.environment.entropy).await {
            Ok(answered) => answered,
            Err(error) => return self.failure(key, &error),
        };
        let Some(response) = Response::walk(&checked.message) else {
            return self.failure(key, &AskError::Answer("the answer cannot be read"));
        };
        let rebinding = match &settings.rebind_allowed {
            Some(allowed) if !route.is_forwarded => Rebinding::RefusedBut(allowed),
            Some(_) | None => Rebinding::Allowed,
        };
        let who = (&asked.name, &upstream);
        ingest::ingest(&checked.message, &response, who, (settings.times, rebinding))
    }

    /// Makes the answer that there is none.
    fn failure(&self, key: &Key, error: &AskError) -> Stored {
        let name = Name::from_wire(key.name());
        tracing::debug!(%name, %error, "no upstream answered");
        let extended_error = match error {
            AskError::Network(_) | AskError::Answer(_) => extended::NETWORK_ERROR,
            AskError::Timeout | AskError::Nobody => extended::NO_REACHABLE_AUTHORITY,
        };
        let ttl_s = self.settings.load().times.failure_ttl;
        Stored::code(&question(key), &name, (code::SERVER_FAILURE, extended_error, ttl_s))
    }

    /// Serves what a name of ours stands for: the aliases, then the records of the last one.
    fn serve_below(
        &self,
        pass: &Pass<'_>,
        scratch: &mut Scratch,
        aliases: &[Name],
        fetched: &Fetched,
    ) -> Step {
        let stored = &fetched.stored;
        if pass.allowed.is_none()
            && let Some(blocked) = Self::judge_answer(pass, &scratch.text, stored)
        {
            return self.block(pass, scratch, blocked);
        }
        let code = u16::from(stored.response_code);
        write::begin(&mut scratch.out, pass.query, code);
        write_aliases(&mut scratch.out, aliases, pass.settings.local_ttl_s);
        if let Some(response) = Response::walk(&stored.wire) {
            let answers = response.answers.iter().map(|record| (Section::Answer, record));
            let authority = response.authority.iter().map(|record| (Section::Authority, record));
            for (section, record) in answers.chain(authority) {
                let Some(data) = response.whole_data(record) else { continue };
                let ttl_s = record.ttl_s.saturating_sub(fetched.age_s);
                let kind = (record.kind, ttl_s.min(pass.settings.local_ttl_s));
                write::record(&mut scratch.out, section, record.owner.as_wire(), kind, &data);
            }
        }
        let is_rewritten = pass.allowed.is_some();
        let status = if is_rewritten { Status::Rewritten } else { Status::Local };
        let told = Told::of(stored, status).because(pass.allowed.clone());
        let extended_error = stored.extended_error.map(|code| (code, ""));
        self.done(pass, scratch, told, extended_error)
    }
}

/// Writes the question of a key.
fn question(key: &Key) -> Vec<u8> {
    let mut question = key.name().to_vec();
    question.extend_from_slice(&Key::kind_of(key.as_bytes()).0.to_be_bytes());
    question.extend_from_slice(&CLASS_IN.to_be_bytes());
    question
}
