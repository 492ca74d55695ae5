//! Reads how much memory this process uses (proc(5), `status`).

use std::fs;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Resident memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Now.
    pub resident_bytes: u64,
    /// At most since the start, or since [`forget_peak`].
    pub peak_bytes: u64,
}

impl Memory {
    /// Reads the memory of this process.
    ///
    /// # Errors
    ///
    /// The system does not tell.
    pub(crate) fn of_this_process() -> anyhow::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
        Ok(Self { resident_bytes: field(&status, "VmRSS")?, peak_bytes: field(&status, "VmHWM")? })
    }

    /// Returns it as JSON.
    pub(crate) fn to_json(self) -> Value {
        json!({"resident_bytes": self.resident_bytes, "peak_bytes": self.peak_bytes})
    }

    /// Reads what [`Memory::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// A member is missing.
    pub(crate) fn from_json(value: &Value) -> anyhow::Result<Self> {
        let number = |key: &str| value.get(key).and_then(Value::as_u64).context(key.to_owned());
        Ok(Self { resident_bytes: number("resident_bytes")?, peak_bytes: number("peak_bytes")? })
    }
}

/// Makes the peak of this process count from now on.
///
/// # Errors
///
/// The system does not allow it.
pub(crate) fn forget_peak() -> anyhow::Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("write /proc/self/clear_refs")
}

fn field(status: &str, name: &str) -> anyhow::Result<u64> {
    for line in status.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        if key == name {
            let kib = value.trim().trim_end_matches(" kB").parse::<u64>();
            return kib.map(|kib| kib * 1_024).with_context(|| format!("{name} `{value}`"));
        }
    }
    bail!("/proc/self/status tells no {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_and_survives_json() {
        let memory = Memory::of_this_process().unwrap();
        assert!(memory.resident_bytes > 100_000, "{memory:?}");
        assert!(memory.peak_bytes >= memory.resident_bytes, "{memory:?}");
        assert_eq!(Memory::from_json(&memory.to_json()).unwrap(), memory);
        assert!(Memory::from_json(&json!({})).is_err());
    }
}
