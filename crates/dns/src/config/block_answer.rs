//! Text of a [`BlockAnswer`]: `nxdomain`, `nodata`, `null`, `refused`, or addresses.

use serde::{Deserialize, Deserializer, Serializer};

use crate::verdict::BlockAnswer;

pub(super) fn serialize<S: Serializer>(
    answer: &BlockAnswer,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match answer {
        BlockAnswer::NxDomain => serializer.serialize_str("nxdomain"),
        BlockAnswer::NoData => serializer.serialize_str("nodata"),
        BlockAnswer::NullAddress => serializer.serialize_str("null"),
        BlockAnswer::Refused => serializer.serialize_str("refused"),
        BlockAnswer::Own { v4, v6 } => {
            let v4 = v4.map(|address| address.to_string());
            let v6 = v6.map(|address| address.to_string());
            let texts: Vec<String> = v4.into_iter().chain(v6).collect();
            serializer.serialize_str(&texts.join(","))
        }
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BlockAnswer, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(match text.as_str() {
        "nxdomain" => BlockAnswer::NxDomain,
        "nodata" => BlockAnswer::NoData,
        "null" => BlockAnswer::NullAddress,
        "refused" => BlockAnswer::Refused,
        addresses => {
            let (mut v4, mut v6) = (None, None);
            for address in addresses.split(',') {
                match address.trim().parse() {
                    Ok(std::net::IpAddr::V4(address)) if v4.is_none() => v4 = Some(address),
                    Ok(std::net::IpAddr::V6(address)) if v6.is_none() => v6 = Some(address),
                    Ok(_) | Err(_) => {
                        let expected = "`nxdomain`, `nodata`, `null`, `refused`, or an IPv4 \
                                        and an IPv6 address with a comma between them";
                        return Err(serde::de::Error::custom(format!(
                            "`{text}` is not one of {expected}"
                        )));
                    }
                }
            }
            BlockAnswer::Own { v4, v6 }
        }
    })
}
