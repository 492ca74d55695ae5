//! Hardware addresses of clients, as the leases tell them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Mac, MacLookup};

/// Hardware addresses by address; replaced whole, read without waiting.
#[derive(Debug, Clone, Default)]
pub struct Macs(Arc<ArcSwap<HashMap<IpAddr, Mac>>>);

impl Macs {
    /// Replaces all of them.
    pub fn replace(&self, macs: HashMap<IpAddr, Mac>) {
        self.0.store(Arc::new(macs));
    }

    /// Returns what looks an address up, always in the newest.
    #[must_use]
    pub fn lookup(&self) -> MacLookup {
        let macs = Arc::clone(&self.0);
        Arc::new(move |address| macs.load().get(&address).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_sees_what_is_replaced_later() {
        let macs = Macs::default();
        let lookup = macs.lookup();
        let address = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(lookup(address), None);
        macs.replace(HashMap::from([(address, [2, 0, 0, 0, 0, 7])]));
        assert_eq!(lookup(address), Some([2, 0, 0, 0, 0, 7]));
    }
}
