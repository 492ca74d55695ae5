//! Data of records in presentation format, as people write it in rewrites and rules.

use std::net::IpAddr;

use hickory_proto::rr::{RData, RecordType as Kind};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

use super::{LocalData, LocalRecord};
use crate::name::Name;
use crate::record_type::RecordType;

/// Reads a record: without a type, an address is A or AAAA and a name is CNAME.
pub(super) fn parse(kind: Option<&str>, value: &str) -> Result<LocalRecord, String> {
    let Some(kind) = kind else {
        if let Ok(address) = value.parse::<IpAddr>() {
            let kind = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
            return Ok(LocalRecord { kind, data: LocalData::Address(address) });
        }
        return alias(value);
    };
    let kind = RecordType::parse(kind).map_err(|error| error.to_string())?;
    match (kind, value.parse::<IpAddr>()) {
        (RecordType::A, Ok(address)) if address.is_ipv4() => {
            Ok(LocalRecord { kind, data: LocalData::Address(address) })
        }
        (RecordType::AAAA, Ok(address)) if address.is_ipv6() => {
            Ok(LocalRecord { kind, data: LocalData::Address(address) })
        }
        (RecordType::A | RecordType::AAAA, _) => Err(format!("`{value}` is no address of {kind}")),
        (RecordType::CNAME, _) => alias(value),
        (kind, _) => {
            let data = to_wire(kind, value)?;
            Ok(LocalRecord { kind, data: LocalData::Wire(data.into()) })
        }
    }
}

fn alias(value: &str) -> Result<LocalRecord, String> {
    let target = Name::parse(value).map_err(|error| error.to_string())?;
    Ok(LocalRecord { kind: RecordType::CNAME, data: LocalData::Alias(target) })
}

/// Turns the presentation format of a record's data (RFC 1035 §5.1) into wire form.
pub(crate) fn to_wire(kind: RecordType, value: &str) -> Result<Vec<u8>, String> {
    let data = RData::try_from_str(Kind::from(kind.0), value)
        .map_err(|error| format!("`{value}` is no data of {kind}: {error}"))?;
    let mut wire = Vec::new();
    let mut encoder = BinEncoder::new(&mut wire);
    encoder.set_canonical_form(true);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    data.emit(&mut encoder).map_err(|error| format!("`{value}`: {error}"))?;
    Ok(wire)
}
