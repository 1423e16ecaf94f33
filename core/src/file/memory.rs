//! How much memory is left, as Linux tells it.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that can still be taken without swapping, by the machine and by the control groups that
/// this process is in; none where nothing tells.
pub fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| Some(1024 * field(&text, "MemAvailable:")?));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    machine
        .into_iter()
        .chain(of_groups(Path::new("/sys/fs/cgroup"), &groups))
        .min()
}

/// The number after `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let rest = lines.find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// What the control groups of `groups` (the contents of /proc/self/cgroup), mounted at `root`,
/// and those above them leave, in bytes.
fn of_groups(root: &Path, groups: &str) -> Vec<u64> {
    let mut left = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        // Version 2 has one hierarchy without a name, version 1 one a controller.
        let (base, limit, usage, files) = match controllers {
            "" => (
                root.to_owned(),
                "memory.max",
                "memory.current",
                "inactive_file ",
            ),
            _ if controllers.split(',').any(|name| name == "memory") => (
                root.join("memory"),
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file ",
            ),
            _ => continue,
        };
        let group: PathBuf = base.join(path.trim_start_matches('/'));
        for folder in group
            .ancestors()
            .take_while(|folder| folder.starts_with(&base))
        {
            let number = |name| {
                let text = fs::read_to_string(folder.join(name)).ok()?;
                text.trim().parse::<u64>().ok()
            };
            // “max” where there is no limit.
            if let (Some(limit), Some(usage)) = (number(limit), number(usage)) {
                let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
                // Files that are kept in memory give way.
                let files = field(&stat, files).unwrap_or(0);
                left.push(limit.saturating_sub(usage.saturating_sub(files)));
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_some() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn the_tightest_group_counts_and_cached_files_do_not() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/memory.max", "1000\n");
        write("a/memory.current", "700\n");
        write("a/memory.stat", "anon 5\ninactive_file 100\n");
        write("a/b/memory.max", "max\n");
        write("a/b/memory.current", "10\n");
        write("memory/c/memory.limit_in_bytes", "50\n");
        write("memory/c/memory.usage_in_bytes", "80\n");
        assert_eq!(of_groups(root.path(), "0::/a/b\n"), [400]);
        assert_eq!(
            of_groups(root.path(), "5:cpu,cpuacct:/x\n4:memory:/c\n"),
            [0]
        );
        assert!(of_groups(root.path(), "0::/\n").is_empty());
    }
}
