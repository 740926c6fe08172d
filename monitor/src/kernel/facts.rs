//! What this kernel is, as far as its programs and the decoders need to know it: its variables, enumerations and where
//! its functions are. What can't be had is noted and left out.

use std::{collections::HashMap, ops::Range};

use monitor_common::layout::{ABSENT, Layout, Settings, Spec};

use super::{KernelTypes, classes, lockdown, memory::KernelMemory, symbols};
use crate::source::{
    Tables,
    bpf_lsm::WatchedHook,
    context::EbitmapLayout,
    names::{ipe::Numbers, lockdown::Reasons, selinux::ClassMap},
};

/// What decoding needs to know of this kernel.
#[derive(Debug, Default)]
pub struct Facts {
    /// SELinux's classes and permissions, in the kernel's numbering.
    pub classes: Option<ClassMap>,
    /// How the kernel lays out SELinux's sets of categories.
    pub ebitmap: Option<EbitmapLayout>,
    /// What a locked-down kernel refuses.
    pub lockdown: Reasons,
    /// IPE's numbers.
    pub ipe: Numbers,
    /// The LSM hooks that have BPF programs, by their slots.
    pub bpf_lsm: Vec<WatchedHook>,
}

impl Facts {
    /// What decoding needs to know of this machine.
    #[must_use]
    pub fn tables(self) -> Tables {
        let Self { classes, ebitmap, lockdown, ipe, bpf_lsm } = self;
        let classes = classes.unwrap_or_default();
        Tables { classes, ebitmap, lockdown, ipe, bpf_lsm, ..Tables::from_kernel() }
    }
}

/// The symbols whose addresses are needed.
const SYMBOLS: [&str; 14] = [
    "secclass_map",
    "selinux_state",
    "selinux_blob_sizes",
    "apparmor_blob_sizes",
    "selinux_inode_permission",
    "security_vm_enough_memory_mm",
    "net_namespace_list",
    "ptrace_scope",
    "tomoyo_query_observers",
    "enforce",
    "lockdown_reasons",
    "__per_cpu_offset",
    "__preempt_count",
    "pcpu_hot",
];

/// Reads the variables that the programs and the decoders need, of the active modules.
pub(super) fn read(
    types: &KernelTypes,
    layout: &Layout,
    modules: &[String],
    notes: &mut Vec<String>,
) -> (Settings, Facts) {
    let symbols = symbols::find(&SYMBOLS).unwrap_or_else(|error| {
        notes.push(format!(
            "/proc/kallsyms: {error}: labels of processes and SELinux's names will be missing"
        ));
        HashMap::default()
    });
    let facts = Facts { classes: None, ebitmap: ebitmap(layout), ..Facts::default() };
    let mut asked = Asked { types, layout, symbols, settings: Settings::UNKNOWN, facts, notes };
    asked.shared();
    let active = |name: &str| modules.iter().any(|module| module == name);
    if active("ipe") {
        asked.ipe();
    }
    let [selinux, apparmor, lockdown] = ["selinux", "apparmor", "lockdown"].map(active);
    if lockdown {
        asked.facts.lockdown.names = types.enumeration("lockdown_reason");
    }
    if selinux || apparmor || lockdown {
        match KernelMemory::open() {
            Ok(mut memory) => {
                if apparmor {
                    asked.apparmor(&mut memory);
                }
                if selinux {
                    asked.selinux(&mut memory);
                }
                if lockdown {
                    asked.lockdown(&mut memory);
                }
            }
            Err(error) => {
                asked.notes.push(format!("{error}: labels of processes and SELinux's names will be missing"));
            }
        }
    }
    (asked.settings, asked.facts)
}

/// What is known so far.
struct Asked<'a> {
    types: &'a KernelTypes,
    layout: &'a Layout,
    symbols: HashMap<&'static str, Range<u64>>,
    settings: Settings,
    facts: Facts,
    notes: &'a mut Vec<String>,
}

impl Asked<'_> {
    /// Where a symbol's code or data is; 0 if that is unknown.
    fn range(&self, symbol: &str) -> Range<u64> {
        self.symbols.get(symbol).cloned().unwrap_or_default()
    }

    fn address(&self, symbol: &str) -> u64 {
        self.range(symbol).start
    }

    /// Where a module's part of a blob starts, plus 1 (`struct lsm_blob_sizes`, `include/linux/lsm_hooks.h`); 0 if that is
    /// unknown.
    fn blob(&self, memory: &mut KernelMemory, symbol: &str, member: u32) -> u32 {
        let Some(range) = self.symbols.get(symbol).filter(|_| member != ABSENT) else { return 0 };
        memory.u32(range.start + u64::from(member)).map_or(0, |offset| offset.saturating_add(1))
    }

    /// What is asked whatever modules are active.
    fn shared(&mut self) {
        self.settings.yama_ptrace_scope = self.address("ptrace_scope");
        self.settings.tomoyo_query_observers = self.address("tomoyo_query_observers");
        self.settings.per_cpu_offset = self.address("__per_cpu_offset");
        self.settings.preempt_count = preempt_count(self.types, &self.symbols);
    }

    fn ipe(&mut self) {
        self.settings.ipe_enforce = self.address("enforce");
        self.facts.ipe = Numbers {
            operations: self.types.enumeration("ipe_op_type"),
            hooks: self.types.enumeration("ipe_hook_type"),
            matches: self.types.enumeration("ipe_match"),
            properties: self.types.enumeration("ipe_prop_type"),
        };
    }

    fn apparmor(&mut self, memory: &mut KernelMemory) {
        self.settings.apparmor_cred_blob_plus_one =
            self.blob(memory, "apparmor_blob_sizes", self.layout.lsm_blob_sizes_cred);
    }

    fn selinux(&mut self, memory: &mut KernelMemory) {
        let layout = self.layout;
        let mut blob = |member| self.blob(memory, "selinux_blob_sizes", member);
        let (cred, inode, task) = (
            blob(layout.lsm_blob_sizes_cred),
            blob(layout.lsm_blob_sizes_inode),
            blob(layout.lsm_blob_sizes_task),
        );
        let inode_permission = self.range("selinux_inode_permission");
        let vm_enough_memory = self.range("security_vm_enough_memory_mm");
        let (state, namespaces) = (self.address("selinux_state"), self.address("net_namespace_list"));
        let settings = &mut self.settings;
        settings.selinux_cred_blob_plus_one = cred;
        settings.selinux_inode_blob_plus_one = inode;
        settings.selinux_task_blob_plus_one = task;
        settings.selinux_inode_permission = inode_permission.start;
        settings.selinux_inode_permission_end = inode_permission.end;
        settings.vm_enough_memory = vm_enough_memory.start;
        settings.vm_enough_memory_end = vm_enough_memory.end;
        settings.net_namespaces = namespaces;
        settings.selinux_state = state;
        if state == 0 {
            self.notes.push(hidden("selinux_state", "SELinux contexts"));
        }
        self.classes(memory);
    }

    /// SELinux's classes and permissions, and the numbers of those that the programs know.
    fn classes(&mut self, memory: &mut KernelMemory) {
        let address = self.address("secclass_map");
        if address == 0 {
            self.notes.push(hidden("secclass_map", "the names of SELinux classes and permissions"));
            return;
        }
        self.facts.classes = classes::read(memory, self.layout, address).unwrap_or_else(|error| {
            self.notes
                .push(format!("secclass_map: {error}: SELinux classes and permissions will be numbers"));
            None
        });
        let Some(classes) = &self.facts.classes else { return };
        let settings = &mut self.settings;
        settings.selinux_dir = classes.number("dir").unwrap_or(0);
        settings.selinux_dir_read = classes.bit("dir", "read").unwrap_or(0);
        settings.selinux_dir_write = classes.bit("dir", "write").unwrap_or(0);
        settings.selinux_dir_search = classes.bit("dir", "search").unwrap_or(0);
        settings.selinux_audit_access = classes.bit("file", "audit_access").unwrap_or(0);
        settings.selinux_capability = classes.number("capability").unwrap_or(0);
    }

    fn lockdown(&mut self, memory: &mut KernelMemory) {
        let address = self.address("lockdown_reasons");
        if address == 0 {
            return;
        }
        let texts = lockdown::texts(memory, &self.facts.lockdown.names, address);
        self.facts.lockdown.texts = texts.unwrap_or_else(|error| {
            self.notes
                .push(format!("lockdown_reasons: {error}: action.info of lockdown's events will be missing"));
            Vec::new()
        });
    }
}

/// Where each CPU counts preemption and interrupts, before the CPU's offset is added; 0 if that is unknown.
fn preempt_count(types: &KernelTypes, symbols: &HashMap<&str, Range<u64>>) -> u64 {
    let at = |symbol| symbols.get(symbol).map(|range| range.start);
    let in_hot = || {
        let offset = types.resolve(Spec::Member("pcpu_hot", "preempt_count"))?;
        Some(at("pcpu_hot")? + u64::from(offset))
    };
    at("__preempt_count").or_else(in_hot).unwrap_or(0)
}

fn hidden(symbol: &str, what: &str) -> String {
    format!(
        "/proc/kallsyms doesn't show {symbol}, so {what} will be missing: use a kernel with CONFIG_KALLSYMS_ALL=y, and \
         give denyd CAP_SYSLOG"
    )
}

fn ebitmap(layout: &Layout) -> Option<EbitmapLayout> {
    let fields = [
        layout.ebitmap_node_size,
        layout.ebitmap_node_maps,
        layout.ebitmap_node_maps_count,
        layout.ebitmap_node_startbit,
    ];
    if fields.contains(&ABSENT) {
        return None;
    }
    let [node_size, maps_offset, maps_len, startbit_offset] = fields.map(|field| field as usize);
    Some(EbitmapLayout { node_size, maps_offset, maps_len, startbit_offset })
}
