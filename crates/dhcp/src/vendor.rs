//! Names the maker of a network interface from its hardware address, offline.

mod csv;
mod table;

use std::sync::Arc;

use crate::lease::HwAddr;

pub use csv::{CSV_SIZE_MAX_BYTES, CsvError, VendorRow, read_csv};
pub use table::{DecodeError, encode};

use table::Table;

/// Vendor shown for a locally administered address that nobody registered.
pub const PRIVATE: &str = "private";

/// Blocks that nobody registered but that everybody uses: first octets, name.
///
/// Docker's default bridge driver, QEMU and KVM, and `VirtualBox` host-only networks give such
/// addresses; all have the locally administered bit, so they would be called private otherwise.
const WELL_KNOWN: &[(&[u8], &str)] = &[
    (&[0x02, 0x42], "Docker container"),
    (&[0x0a, 0x00, 0x27], "VirtualBox host-only network"),
    (&[0x52, 0x54, 0x00], "QEMU/KVM virtual machine"),
];

/// ARP hardware types whose addresses the IEEE registers: Ethernet and IEEE 802 networks.
const IEEE_HARDWARE_TYPES: [u16; 2] = [1, 6];
/// Octets of an address that the IEEE registers (EUI-48).
const EUI48_OCTETS: usize = 6;
/// Bit of the first octet that marks a locally administered address (IEEE 802-2014 §8.2.2).
const LOCAL_BIT: u8 = 0x02;

/// The registered blocks of hardware addresses and who holds them; cheap to clone.
#[derive(Debug, Clone)]
pub struct VendorTable {
    table: Arc<Table>,
}

impl VendorTable {
    /// Returns a table that knows no registered block.
    #[must_use]
    pub fn empty() -> Self {
        Self::from_rows(Vec::new())
    }

    /// Unpacks the table that the crate is shipped with (about 1 MB, some milliseconds).
    ///
    /// # Panics
    ///
    /// Never in a build that passed its tests: the data is part of the crate.
    #[must_use]
    pub fn bundled() -> Self {
        Self::decode(include_bytes!("../data/vendors.bin"))
            .expect("the bundled table was made by `encode` and is tested")
    }

    /// Unpacks what [`encode`] packed.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are something else or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { table: Arc::new(Table::decode(bytes)?) })
    }

    /// Reads one registry file of the IEEE in CSV form (`oui.csv`, `mam.csv`, `oui36.csv`,
    /// `iab.csv`, or several of them one after the other).
    ///
    /// # Errors
    ///
    /// [`CsvError`] when this is no such file.
    pub fn from_csv(bytes: &[u8]) -> Result<Self, CsvError> {
        Ok(Self::from_rows(read_csv(bytes)?))
    }

    /// Makes a table of rows; of several rows for one block the last wins.
    #[must_use]
    pub fn from_rows(rows: Vec<VendorRow>) -> Self {
        Self { table: Arc::new(Table::from_rows(rows)) }
    }

    /// Returns this table with the blocks of `newer` added to it; `newer` wins.
    #[must_use]
    pub fn updated_with(&self, newer: &Self) -> Self {
        let mut rows = self.table.rows();
        rows.extend(newer.table.rows());
        Self::from_rows(rows)
    }

    /// Returns how many blocks the table knows.
    #[must_use]
    pub fn n_blocks(&self) -> usize {
        self.table.n_blocks()
    }

    /// Returns the maker of an interface; `None` when unknown or not an IEEE address.
    ///
    /// The longest registered block wins (36, 28, then 24 bits): some blocks with the local bit
    /// are registered. Only then a well-known virtual interface, then [`PRIVATE`] for what is
    /// locally administered.
    #[must_use]
    pub fn lookup(&self, mac: &HwAddr) -> Option<&str> {
        if !IEEE_HARDWARE_TYPES.contains(&mac.hwtype) || mac.octets.len() != EUI48_OCTETS {
            return None;
        }
        let address = mac.octets.iter().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
        if let Some(name) = self.table.find(address) {
            return Some(name);
        }
        if let Some((_, name)) = WELL_KNOWN.iter().find(|(start, _)| mac.octets.starts_with(start))
        {
            return Some(name);
        }
        let first = mac.octets.first().copied().unwrap_or_default();
        (first & LOCAL_BIT != 0).then_some(PRIVATE)
    }
}

#[cfg(test)]
mod tests;
