//! Search engines that leave adult results out when their name resolves to another.
//!
//! Each engine tells administrators which name that is; the switches put it in place.

use std::fmt;

/// An engine with its switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Bing.
    Bing,
    /// Brave Search.
    Brave,
    /// `DuckDuckGo`.
    DuckDuckGo,
    /// Ecosia.
    Ecosia,
    /// Google, under all its country names.
    Google,
    /// Pixabay.
    Pixabay,
    /// Yandex.
    Yandex,
    /// `YouTube`, strictly.
    YouTube,
    /// `YouTube`, moderately; it counts when the strict switch is off.
    YouTubeModerate,
}

impl Engine {
    /// All of them with their names in settings.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Bing, "bing"),
        (Self::Brave, "brave"),
        (Self::DuckDuckGo, "duckduckgo"),
        (Self::Ecosia, "ecosia"),
        (Self::Google, "google"),
        (Self::Pixabay, "pixabay"),
        (Self::Yandex, "yandex"),
        (Self::YouTube, "youtube"),
        (Self::YouTubeModerate, "youtube_moderate"),
    ];

    /// Finds an engine by its name in settings.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(engine, _)| *engine)
    }

    fn bit(self) -> u16 {
        let index = Self::ALL.iter().position(|(engine, _)| *engine == self);
        index.map_or(0, |index| 1 << index)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(engine, _)| engine == self).map(|(_, name)| *name);
        f.write_str(name.unwrap_or_default())
    }
}

/// Which names of an engine are replaced.
enum Names {
    /// These.
    Listed(&'static [&'static str]),
    /// This label under any country, with `www.` before it or not.
    Countries(&'static str),
}

/// Engines, their names, and the name that takes their place.
const TABLE: [(Engine, Names, &str); 9] = [
    (Engine::Bing, Names::Listed(&["www.bing.com", "bing.com"]), "strict.bing.com"),
    (Engine::Brave, Names::Listed(&["search.brave.com"]), "forcesafe.search.brave.com"),
    (
        Engine::DuckDuckGo,
        Names::Listed(&["duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com"]),
        "safe.duckduckgo.com",
    ),
    (
        Engine::Ecosia,
        Names::Listed(&["www.ecosia.org", "ecosia.org"]),
        "strict-safe-search.ecosia.org",
    ),
    (Engine::Google, Names::Countries("google"), "forcesafesearch.google.com"),
    (Engine::Pixabay, Names::Listed(&["pixabay.com", "www.pixabay.com"]), "safesearch.pixabay.com"),
    (Engine::Yandex, Names::Countries("yandex"), "familysearch.yandex.ru"),
    (Engine::YouTube, Names::Listed(&YOUTUBE), "restrict.youtube.com"),
    (Engine::YouTubeModerate, Names::Listed(&YOUTUBE), "restrictmoderate.youtube.com"),
];

const YOUTUBE: [&str; 5] = [
    "www.youtube.com",
    "m.youtube.com",
    "youtubei.googleapis.com",
    "youtube.googleapis.com",
    "www.youtube-nocookie.com",
];

/// The switches of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SafeSearch(u16);

impl SafeSearch {
    /// No engine.
    pub const OFF: Self = Self(0);

    /// Whether the switch of `engine` is on.
    #[must_use]
    pub fn has(self, engine: Engine) -> bool {
        self.0 & engine.bit() != 0
    }

    /// The name that takes the place of `name`, and whose it is; `None` when no switch is for it.
    #[must_use]
    pub fn replace(self, name: &str) -> Option<(Engine, &'static str)> {
        if self == Self::OFF {
            return None;
        }
        TABLE
            .iter()
            .filter(|(engine, _, _)| self.has(*engine))
            .find(|(_, names, _)| match names {
                Names::Listed(listed) => listed.contains(&name),
                Names::Countries(label) => is_country_name(name, label),
            })
            .map(|(engine, _, target)| (*engine, *target))
    }
}

impl FromIterator<Engine> for SafeSearch {
    fn from_iter<Engines: IntoIterator<Item = Engine>>(engines: Engines) -> Self {
        Self(engines.into_iter().fold(0, |bits, engine| bits | engine.bit()))
    }
}

/// Whether `name` is `label` under `com`, a country, or `com` or `co` of a country.
fn is_country_name(name: &str, label: &str) -> bool {
    let name = name.strip_prefix("www.").unwrap_or(name);
    let Some(domain) = name.strip_prefix(label).and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    let country = domain.strip_prefix("com.").or_else(|| domain.strip_prefix("co."));
    let country = country.unwrap_or(domain);
    domain == "com" || (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_cases() {
        let all: SafeSearch = Engine::ALL.iter().map(|(engine, _)| *engine).collect();
        let moderate: SafeSearch = [Engine::YouTubeModerate].into_iter().collect();
        #[rustfmt::skip]
        let cases = [
            (all,             "www.google.com",      Some("forcesafesearch.google.com")),
            (all,             "google.de",           Some("forcesafesearch.google.com")),
            (all,             "www.google.co.uk",    Some("forcesafesearch.google.com")),
            (all,             "www.google.com.au",   Some("forcesafesearch.google.com")),
            (all,             "mail.google.com",     None),
            (all,             "forcesafesearch.google.com", None),
            (all,             "google.example",      None),
            (all,             "notgoogle.com",       None),
            (all,             "yandex.ru",           Some("familysearch.yandex.ru")),
            (all,             "www.youtube.com",     Some("restrict.youtube.com")),
            (moderate,        "www.youtube.com",     Some("restrictmoderate.youtube.com")),
            (moderate,        "www.google.com",      None),
            (SafeSearch::OFF, "www.youtube.com",     None),
            (all,             "restrict.youtube.com", None),
            (all,             "",                    None),
        ];
        for (switches, name, expected) in cases {
            assert_eq!(switches.replace(name).map(|(_, target)| target), expected, "case: {name}");
        }
    }

    #[test]
    fn no_replacement_is_replaced_itself() {
        let all: SafeSearch = Engine::ALL.iter().map(|(engine, _)| *engine).collect();
        for (_, _, target) in &TABLE {
            assert_eq!(all.replace(target), None, "case: {target}");
        }
    }
}
