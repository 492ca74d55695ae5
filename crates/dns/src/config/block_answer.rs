//! Text of a [`BlockAnswer`]: `nxdomain`, `nodata`, `null`, `refused`, or addresses.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serializer};

use crate::verdict::BlockAnswer;

/// A text that is no answer to blocked questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not one of `nxdomain`, `nodata`, `null`, `refused`, or an IPv4 and an IPv6 address \
     with a comma between them"
)]
pub struct BadBlockAnswer(String);

/// Writes an answer as the settings have it.
#[must_use]
pub fn text(answer: &BlockAnswer) -> String {
    match answer {
        BlockAnswer::NxDomain => "nxdomain".to_owned(),
        BlockAnswer::NoData => "nodata".to_owned(),
        BlockAnswer::NullAddress => "null".to_owned(),
        BlockAnswer::Refused => "refused".to_owned(),
        BlockAnswer::Own { v4, v6 } => {
            let v4 = v4.map(|address| address.to_string());
            let v6 = v6.map(|address| address.to_string());
            let texts: Vec<String> = v4.into_iter().chain(v6).collect();
            texts.join(",")
        }
    }
}

/// Reads an answer as the settings have it.
///
/// # Errors
///
/// The text is none.
pub fn parse(text: &str) -> Result<BlockAnswer, BadBlockAnswer> {
    Ok(match text {
        "nxdomain" => BlockAnswer::NxDomain,
        "nodata" => BlockAnswer::NoData,
        "null" => BlockAnswer::NullAddress,
        "refused" => BlockAnswer::Refused,
        addresses => {
            let (mut v4, mut v6) = (None, None);
            for address in addresses.split(',') {
                match address.trim().parse() {
                    Ok(IpAddr::V4(address)) if v4.is_none() => v4 = Some(address),
                    Ok(IpAddr::V6(address)) if v6.is_none() => v6 = Some(address),
                    Ok(_) | Err(_) => {
                        return Err(BadBlockAnswer(text.chars().take(100).collect()));
                    }
                }
            }
            BlockAnswer::Own { v4, v6 }
        }
    })
}

pub(super) fn serialize<S: Serializer>(
    answer: &BlockAnswer,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(answer))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BlockAnswer, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
