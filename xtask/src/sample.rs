//! Lays out the sample network, with lease times relative to now.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// Files with this ending are templates; the copy is named without it.
const TEMPLATE_ENDING: &str = ".template";

/// Copies the sample from `from` to `to` and fills in its templates.
///
/// What stood at `to` is removed.
///
/// # Errors
///
/// A file cannot be read or written, or a template has an unknown placeholder; `to` is then
/// incomplete.
pub(crate) fn lay_out(from: &Path, to: &Path, now: u64) -> anyhow::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("remove {}", to.display()))?;
    }
    copy_folder(from, to, now)
}

fn copy_folder(from: &Path, to: &Path, now: u64) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("list {}", from.display()))? {
        let entry = entry.with_context(|| format!("list {}", from.display()))?;
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            copy_folder(&path, &to.join(name), now)?;
            continue;
        }
        let read = || format!("read {}", path.display());
        let template = name.to_str().and_then(|name| name.strip_suffix(TEMPLATE_ENDING));
        if let Some(name) = template {
            let text = fs::read_to_string(&path).with_context(read)?;
            let text = expand(&text, now).with_context(read)?;
            fs::write(to.join(name), text).with_context(|| format!("write {name}"))?;
        } else {
            fs::copy(&path, to.join(name)).with_context(read)?;
        }
    }
    Ok(())
}

/// Replaces `{now}`, `{now+SECONDS}` and `{now-SECONDS}` by seconds since 1970.
///
/// # Errors
///
/// Names the line of a placeholder that is none of these.
fn expand(template: &str, now: u64) -> anyhow::Result<String> {
    let mut text = String::with_capacity(template.len());
    for (index, line) in template.lines().enumerate() {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            let (placeholder, after) = after
                .split_once('}')
                .with_context(|| format!("line {}: `{{` without `}}`", index + 1))?;
            let Some(time) = time_of(placeholder, now) else {
                bail!("line {}: unknown placeholder `{{{placeholder}}}`", index + 1);
            };
            text.push_str(before);
            text.push_str(&time.to_string());
            rest = after;
        }
        text.push_str(rest);
        text.push('\n');
    }
    Ok(text)
}

fn time_of(placeholder: &str, now: u64) -> Option<u64> {
    let offset = placeholder.strip_prefix("now")?;
    match offset.chars().next() {
        None => Some(now),
        Some('+') => now.checked_add(offset.strip_prefix('+')?.parse().ok()?),
        Some('-') => now.checked_sub(offset.strip_prefix('-')?.parse().ok()?),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expand_cases() {
        #[rustfmt::skip]
        let cases = [
            ("nothing to do",  "0 aa * *\n",               Some("0 aa * *\n")),
            ("empty",          "",                         Some("")),
            ("now",            "{now}",                    Some("1000\n")),
            ("later, earlier", "{now+60} a\n{now-60} b\n", Some("1060 a\n940 b\n")),
            ("two in a line",  "{now+1}{now+2}",           Some("10011002\n")),
            ("unknown word",   "{then}",                   None),
            ("no number",      "{now+}",                   None),
            ("not a number",   "{now+1h}",                 None),
            ("two signs",      "{now+-3}",                 None),
            ("before 1970",    "{now-1001}",               None),
            ("other sign",     "{now*3}",                  None),
            ("left open",      "{now",                     None),
        ];
        for (name, template, expected) in cases {
            assert_eq!(expand(template, 1000).ok().as_deref(), expected, "case: {name}");
        }
    }

    #[test]
    fn a_layout_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("etc")).unwrap();
        fs::write(from.join("etc/plain"), "{now}").unwrap();
        fs::write(from.join("leases.template"), "{now+5} x\n").unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(to.join("old"), "").unwrap();

        lay_out(&from, &to, 10).unwrap();

        assert_eq!(fs::read_to_string(to.join("etc/plain")).unwrap(), "{now}");
        assert_eq!(fs::read_to_string(to.join("leases")).unwrap(), "15 x\n");
        assert!(!to.join("old").exists(), "what stood there is gone");
    }

    #[test]
    fn the_bundled_sample_can_be_laid_out() {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/network");
        lay_out(&from, folder.path(), 1_000_000).unwrap();
        let leases = folder.path().join("var/lib/misc/dnsmasq.leases");
        let leases = fs::read_to_string(leases).unwrap();
        assert!(leases.lines().count() > 20, "{leases}");
        assert!(!leases.contains('{'), "{leases}");
    }
}
