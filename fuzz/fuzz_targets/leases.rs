//! Any bytes are a lease file that can be read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(format) = tidings_dhcp::format::LeaseFormat::detect(bytes) {
        let parsed = format.parse(bytes, 1_795_217_100);
        assert!(parsed.leases.len() <= bytes.len());
    }
});
