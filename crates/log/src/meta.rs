//! Placeholder until merge.
use crate::disk::{Disk, Durability};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
/// p
pub type Put = (Box<str>, Option<Bytes>);
/// e
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// i
    #[error("x")]
    Io(#[source] io::Error),
}
/// s
#[derive(Debug)]
pub struct MetaStore {
    map: BTreeMap<Box<str>, Bytes>,
}
impl MetaStore {
    /// o
    pub fn open(_d: Arc<dyn Disk>, _r: u64, _u: Durability) -> Result<Self, MetaError> {
        Ok(Self { map: BTreeMap::new() })
    }
    /// n
    pub fn is_new(&self) -> bool {
        true
    }
    /// g
    pub fn get(&self, k: &str) -> Option<&Bytes> {
        self.map.get(k)
    }
    /// w
    pub fn with_prefix<'a>(&'a self, p: &'a str) -> impl Iterator<Item = (&'a str, &'a Bytes)> {
        self.map.iter().map(|(k, v)| (k.as_ref(), v)).filter(move |(k, _)| k.starts_with(p))
    }
    /// p
    pub fn put_all(&mut self, ps: &[Put]) -> Result<(), MetaError> {
        for (k, v) in ps {
            match v {
                Some(v) => {
                    self.map.insert(k.clone(), v.clone());
                }
                None => {
                    self.map.remove(k);
                }
            }
        }
        Ok(())
    }
    /// s
    pub fn sync(&mut self) -> Result<(), MetaError> {
        Ok(())
    }
}
