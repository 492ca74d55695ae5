//! Tests of the vendor lookup: blocks of every length, virtual interfaces, files of the registry.

use super::*;

fn mac(hwtype: u16, octets: &[u8]) -> HwAddr {
    HwAddr { hwtype, octets: octets.into() }
}

const REGISTRY: &str = "Registry,Assignment,Organization Name,Organization Address\r\n\
    MA-L,00005E,Example Large,\"One street, 1\nsecond line\"\r\n\
    MA-L,02C08C,Registered though local,Somewhere\r\n\
    MA-L,0050C2,IEEE Registration Authority,Here\r\n\
    MA-M,00005E1,\"Example \"\"Medium\"\", Ltd.\",\r\n\
    MA-S,00005E123,Example Small,\r\n\
    IAB,0050C2001,Example Individual,\r\n\
    MA-L,00005D,Private,\r\n";

#[test]
fn lookup_cases() {
    let table = VendorTable::from_csv(REGISTRY.as_bytes()).expect("a registry");
    #[rustfmt::skip]
    let cases: [(&str, HwAddr, Option<&str>); 15] = [
        ("24 bits",              mac(1, &[0, 0, 0x5e, 0x20, 0, 1]),       Some("Example Large")),
        ("28 bits win",          mac(1, &[0, 0, 0x5e, 0x11, 0, 1]),       Some("Example \"Medium\", Ltd.")),
        ("36 bits win",          mac(1, &[0, 0, 0x5e, 0x12, 0x30, 1]),    Some("Example Small")),
        ("IAB",                  mac(1, &[0, 0x50, 0xc2, 0, 0x1f, 1]),    Some("Example Individual")),
        ("handed-on block",      mac(1, &[0, 0x50, 0xc2, 0xff, 0x1f, 1]), None),
        ("local but registered", mac(1, &[0x02, 0xc0, 0x8c, 0, 0, 1]),    Some("Registered though local")),
        ("unlisted holder",      mac(1, &[0, 0, 0x5d, 0, 0, 1]),          Some("Unlisted")),
        ("Docker",               mac(1, &[0x02, 0x42, 0xac, 0, 0, 1]),    Some("Docker container")),
        ("QEMU",                 mac(1, &[0x52, 0x54, 0, 0, 0, 1]),       Some("QEMU/KVM virtual machine")),
        ("private",              mac(1, &[0x06, 0, 0, 0, 0, 1]),          Some(PRIVATE)),
        ("private, digit e",     mac(1, &[0xfe, 1, 2, 3, 4, 5]),          Some(PRIVATE)),
        ("unknown",              mac(1, &[0xf0, 1, 2, 3, 4, 5]),          None),
        ("token ring",           mac(6, &[0, 0, 0x5e, 0x20, 0, 1]),       Some("Example Large")),
        ("infiniband",           mac(32, &[0, 0, 0x5e, 0x20, 0, 1]),      None),
        ("no address",           mac(1, &[]),                             None),
    ];
    for (name, mac, expected) in cases {
        assert_eq!(table.lookup(&mac), expected, "case: {name}");
    }
}

#[test]
fn csv_errors_name_the_line() {
    #[rustfmt::skip]
    let cases = [
        ("empty",          "",                        "no record of a registry"),
        ("header only",    "Registry,Assignment\n",   "no record of a registry"),
        ("text form",      "OUI/MA-L  Organization\n", "line 1: `OUI/MA-L  Organization` is none"),
        ("short block",    "\nMA-L,0005E,A\n",        "line 2: `0005E` is not a block of 6"),
        ("no hexadecimal", "MA-M,00005EG,A\n",        "line 1: `00005EG` is not a block of 7"),
        ("no block",       "MA-L\n",                  "line 1: `` is not a block of 6"),
    ];
    for (name, text, expected) in cases {
        let error = read_csv(text.as_bytes()).expect_err(name).to_string();
        assert!(error.contains(expected), "case: {name}: {error}");
    }
}

#[test]
fn long_names_are_cut_at_a_character() {
    let text = format!("MA-L,00005E,{}\n", "ü".repeat(100));
    let rows = read_csv(text.as_bytes()).expect("a registry");
    assert_eq!(&*rows.first().expect("one row").name, "ü".repeat(60));
}

#[test]
fn encode_and_decode_agree() {
    let rows = read_csv(REGISTRY.as_bytes()).expect("a registry");
    let table = VendorTable::decode(&encode(rows.clone())).expect("a table");
    let mut decoded = table.table.rows();
    decoded.sort_by_key(|row| (row.bits, row.prefix));
    let mut expected = rows;
    expected.sort_by_key(|row| (row.bits, row.prefix));
    assert_eq!(decoded, expected);
}

#[test]
fn decode_refuses_damage() {
    let packed = encode(read_csv(REGISTRY.as_bytes()).expect("a registry"));
    for end in 0..packed.len() {
        assert!(VendorTable::decode(&packed[..end]).is_err(), "cut at {end}");
    }
    assert!(VendorTable::decode(b"no table").is_err());
}

#[test]
fn a_newer_file_adds_and_wins() {
    let old = VendorTable::from_csv(REGISTRY.as_bytes()).expect("a registry");
    let newer = VendorTable::from_csv(b"MA-L,00005E,Renamed\nMA-L,F00001,New\n").expect("a file");
    let both = old.updated_with(&newer);
    assert_eq!(both.lookup(&mac(1, &[0, 0, 0x5e, 0x20, 0, 1])), Some("Renamed"));
    assert_eq!(both.lookup(&mac(1, &[0xf0, 0, 1, 0, 0, 1])), Some("New"));
    assert_eq!(both.lookup(&mac(1, &[0, 0x50, 0xc2, 0, 0x1f, 1])), Some("Example Individual"));
}

#[test]
fn the_bundled_table_knows_old_blocks() {
    let table = VendorTable::bundled();
    assert!(table.n_blocks() > 30_000, "{} blocks", table.n_blocks());
    // The block of the IANA, since 1990.
    assert_eq!(table.lookup(&mac(1, &[0, 0, 0x5e, 0, 0x53, 1])), Some("ICANN, IANA Department"));
    assert_eq!(table.lookup(&mac(1, &[0x02, 0xaa, 0xbb, 0xcc, 0xdd, 1])), Some(PRIVATE));
}
