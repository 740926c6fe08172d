//! Where the running kernel keeps what the programs read.
//!
//! rustc emits no CO-RE relocations, so user space resolves each entry of this table from the kernel's own BTF and
//! hands the values over as the read-only global `LAYOUT` before load. An entry that the kernel doesn't have is
//! [`ABSENT`], and the program then leaves out what needs it: an offset is never guessed.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The value of an entry that the running kernel doesn't have.
pub const ABSENT: u32 = u32::MAX;

/// Where a value comes from in BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// The offset in bytes of a member of a struct. Members of members are joined by dots; anonymous structs and
    /// unions in between are passed through.
    Member(&'static str, &'static str),
    /// The size in bytes of a struct.
    Size(&'static str),
    /// The size in bytes of a member.
    MemberSize(&'static str, &'static str),
    /// The number of elements of a member that is an array.
    Count(&'static str, &'static str),
    /// The offset in bits of a member that is a bit field of one bit.
    Bit(&'static str, &'static str),
    /// The value of an enumerator of an enum.
    Value(&'static str, &'static str),
    /// The size in bytes of what a function returns.
    ReturnSize(&'static str),
    /// The place of a parameter, by name, among the words of a tracing program's context: those of a function's arguments
    /// before it.
    Argument(&'static str, &'static str),
    /// The number of words of all of a function's arguments; the return value comes after them.
    Arguments(&'static str),
}

/// One entry of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name of the field of [`Layout`].
    pub name: &'static str,
    /// Where it comes from: the first that the kernel has counts, the others are names that other versions use.
    pub specs: &'static [Spec],
}

macro_rules! layout {
    ($($field:ident = $($spec:ident($($arg:literal),+))|+;)+) => {
        /// The values of the running kernel: bytes, except where [`Spec`] says otherwise. Each field's origin stands in
        /// [`ENTRIES`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        #[expect(missing_docs, reason = "ENTRIES says what each one is")]
        pub struct Layout {
            $(pub $field: u32,)+
        }

        impl Layout {
            /// A layout in which nothing is known.
            pub const UNKNOWN: Self = Self { $($field: ABSENT,)+ };
        }

        /// The table, in the order of [`Layout`]'s fields.
        pub const ENTRIES: &[Entry] = &[
            $(Entry { name: stringify!($field), specs: &[$(Spec::$spec($($arg),+)),+] },)+
        ];
    };
}

layout! {
    // The running task.
    task_tgid = Member("task_struct", "tgid");
    task_pid = Member("task_struct", "pid");
    task_flags = Member("task_struct", "flags");
    task_group_leader = Member("task_struct", "group_leader");
    task_real_parent = Member("task_struct", "real_parent");
    task_start_boottime = Member("task_struct", "start_boottime");
    task_comm = Member("task_struct", "comm");
    task_mm = Member("task_struct", "mm");
    task_fs = Member("task_struct", "fs");
    task_cred = Member("task_struct", "cred");
    task_real_cred = Member("task_struct", "real_cred");
    task_nsproxy = Member("task_struct", "nsproxy");
    task_thread_pid = Member("task_struct", "thread_pid");
    task_cgroups = Member("task_struct", "cgroups");
    task_loginuid = Member("task_struct", "loginuid");
    task_sessionid = Member("task_struct", "sessionid");
    task_audit_context = Member("task_struct", "audit_context");
    audit_context_serial = Member("audit_context", "serial") | Member("audit_context", "stamp.serial");
    thread_info_flags = Member("task_struct", "thread_info.flags");
    thread_info_status = Member("task_struct", "thread_info.status");
    thread_info_preempt_count = Member("task_struct", "thread_info.preempt_count");
    task_files = Member("task_struct", "files");
    files_table = Member("files_struct", "fdt");
    file_table_size = Member("fdtable", "max_fds");
    file_table_files = Member("fdtable", "fd");
    task_nameidata = Member("task_struct", "nameidata");
    task_pid_links = Member("task_struct", "pid_links");
    registers_call = Member("pt_regs", "orig_ax") | Member("pt_regs", "syscallno");
    registers_argument0 = Member("pt_regs", "di") | Member("pt_regs", "orig_x0");
    registers_argument1 = Member("pt_regs", "si") | Member("pt_regs", "regs");
    registers_instruction = Member("pt_regs", "ip") | Member("pt_regs", "pc");
    registers_result = Member("pt_regs", "ax") | Member("pt_regs", "regs");
    mm_exe_file = Member("mm_struct", "exe_file");
    mm_arg_start = Member("mm_struct", "arg_start");
    mm_start_stack = Member("mm_struct", "start_stack");
    mm_arg_end = Member("mm_struct", "arg_end");
    fs_pwd = Member("fs_struct", "pwd");
    fs_root = Member("fs_struct", "root");
    nameidata_path = Member("nameidata", "path");
    cred_uid = Member("cred", "uid");
    cred_euid = Member("cred", "euid");
    cred_fsuid = Member("cred", "fsuid");
    cred_gid = Member("cred", "gid");
    cred_egid = Member("cred", "egid");
    cred_fsgid = Member("cred", "fsgid");
    cred_cap_effective = Member("cred", "cap_effective");
    cred_user_ns = Member("cred", "user_ns");
    cred_security = Member("cred", "security");
    nsproxy_mnt_ns = Member("nsproxy", "mnt_ns");
    nsproxy_net_ns = Member("nsproxy", "net_ns");
    mnt_namespace_inum = Member("mnt_namespace", "ns.inum");
    mnt_namespace_sequence = Member("mnt_namespace", "seq");
    mnt_namespace_is_anonymous = Member("mnt_namespace", "is_anon");
    net_inum = Member("net", "ns.inum");
    net_list = Member("net", "list");
    net_interfaces = Member("net", "dev_index_head");
    net_device_in_index = Member("net_device", "index_hlist");
    net_device_index = Member("net_device", "ifindex");
    net_device_name = Member("net_device", "name");
    user_namespace_inum = Member("user_namespace", "ns.inum");
    pid_namespace_inum = Member("pid_namespace", "ns.inum");
    pid_namespace_pids = Member("pid_namespace", "idr.idr_rt.xa_head");
    xa_node_shift = Member("xa_node", "shift");
    xa_node_slots = Member("xa_node", "slots");
    xa_node_slots_count = Count("xa_node", "slots");
    pid_tasks = Member("pid", "tasks");
    pid_level = Member("pid", "level");
    pid_numbers = Member("pid", "numbers");
    upid_size = Size("upid");
    upid_nr = Member("upid", "nr");
    upid_ns = Member("upid", "ns");
    css_set_dfl_cgrp = Member("css_set", "dfl_cgrp");
    css_set_subsys = Member("css_set", "subsys");
    css_set_subsys_count = Count("css_set", "subsys");
    cgroup_subsys_state_cgroup = Member("cgroup_subsys_state", "cgroup");
    cgroup_kn = Member("cgroup", "kn");
    kernfs_node_id = Member("kernfs_node", "id");
    kernfs_node_name = Member("kernfs_node", "name");
    kernfs_node_parent = Member("kernfs_node", "__parent") | Member("kernfs_node", "parent");

    // Files and mounts.
    file_path = Member("file", "f_path") | Member("file", "__f_path");
    path_mnt = Member("path", "mnt");
    path_dentry = Member("path", "dentry");
    dentry_parent = Member("dentry", "d_parent");
    dentry_name = Member("dentry", "d_name.name");
    dentry_inode = Member("dentry", "d_inode");
    dentry_sb = Member("dentry", "d_sb");
    dentry_hash_pprev = Member("dentry", "d_hash.pprev");
    dentry_alias = Member("dentry", "d_alias") | Member("dentry", "d_u.d_alias");
    hlist_node_next = Member("hlist_node", "next");
    inode_dentries = Member("inode", "i_dentry");
    inode_sb = Member("inode", "i_sb");
    inode_ino = Member("inode", "i_ino");
    inode_mode = Member("inode", "i_mode");
    inode_uid = Member("inode", "i_uid");
    inode_nlink = Member("inode", "i_nlink");
    super_block_dev = Member("super_block", "s_dev");
    super_block_id = Member("super_block", "s_id");
    super_block_magic = Member("super_block", "s_magic");
    super_block_root = Member("super_block", "s_root");
    super_block_flags = Member("super_block", "s_flags");
    super_block_mounts = Member("super_block", "s_mounts");
    super_block_mounts_size = MemberSize("super_block", "s_mounts");
    vfsmount_root = Member("vfsmount", "mnt_root");
    mount_parent = Member("mount", "mnt_parent");
    mount_mountpoint = Member("mount", "mnt_mountpoint");
    mount_vfsmount = Member("mount", "mnt");
    mount_namespace = Member("mount", "mnt_ns");
    mount_next_in_super_block = Member("mount", "mnt_next_for_sb") | Member("mount", "mnt_instance");

    // The object that the modules hand to audit.
    audit_data_type = Member("common_audit_data", "type");
    audit_data_union = Member("common_audit_data", "u");
    audit_data_selinux = Member("common_audit_data", "selinux_audit_data");
    audit_data_apparmor = Member("common_audit_data", "apparmor_audit_data");
    audit_data_key_description = Member("common_audit_data", "u.key_struct.key_desc");
    ioctl_path = Member("lsm_ioctlop_audit", "path");
    ioctl_command = Member("lsm_ioctlop_audit", "cmd");
    net_audit_interface = Member("lsm_network_audit", "netif");
    net_audit_sock = Member("lsm_network_audit", "sk");
    net_audit_family = Member("lsm_network_audit", "family");
    net_audit_dport = Member("lsm_network_audit", "dport");
    net_audit_sport = Member("lsm_network_audit", "sport");
    net_audit_v4_daddr = Member("lsm_network_audit", "fam.v4.daddr");
    net_audit_v4_saddr = Member("lsm_network_audit", "fam.v4.saddr");
    net_audit_v6_daddr = Member("lsm_network_audit", "fam.v6.daddr");
    net_audit_v6_saddr = Member("lsm_network_audit", "fam.v6.saddr");
    sock_family = Member("sock_common", "skc_family");
    sock_daddr = Member("sock_common", "skc_daddr");
    sock_rcv_saddr = Member("sock_common", "skc_rcv_saddr");
    sock_v6_daddr = Member("sock_common", "skc_v6_daddr");
    sock_v6_rcv_saddr = Member("sock_common", "skc_v6_rcv_saddr");
    sock_dport = Member("sock_common", "skc_dport");
    sock_num = Member("sock_common", "skc_num");
    sock_type = Member("sock", "sk_type");
    sock_protocol = Member("sock", "sk_protocol");
    unix_sock_addr = Member("unix_sock", "addr");
    unix_sock_path = Member("unix_sock", "path");
    unix_address_len = Member("unix_address", "len");
    unix_address_name = Member("unix_address", "name");

    // SELinux.
    security_class_size = Size("security_class_mapping");
    security_class_name = Member("security_class_mapping", "name");
    security_class_permissions = Member("security_class_mapping", "perms");
    security_class_permissions_count = Count("security_class_mapping", "perms");
    lsm_blob_sizes_cred = Member("lsm_blob_sizes", "lbs_cred");
    lsm_blob_sizes_inode = Member("lsm_blob_sizes", "lbs_inode");
    lsm_blob_sizes_task = Member("lsm_blob_sizes", "lbs_task");
    selinux_ssid = Member("selinux_audit_data", "ssid");
    selinux_tsid = Member("selinux_audit_data", "tsid");
    selinux_tclass = Member("selinux_audit_data", "tclass");
    selinux_requested = Member("selinux_audit_data", "requested");
    selinux_audited = Member("selinux_audit_data", "audited");
    selinux_denied = Member("selinux_audit_data", "denied");
    selinux_result = Member("selinux_audit_data", "result");
    selinux_cred_sid = Member("cred_security_struct", "sid") | Member("task_security_struct", "sid");
    selinux_state_policy = Member("selinux_state", "policy");
    selinux_state_enforcing = Member("selinux_state", "enforcing");
    selinux_policy_sidtab = Member("selinux_policy", "sidtab");
    selinux_policy_mls_enabled = Member("selinux_policy", "policydb.mls_enabled");
    selinux_policy_names = Member("selinux_policy", "policydb.sym_val_to_name");
    selinux_policy_booleans = Member("selinux_policy", "policydb.bool_val_to_struct");
    selinux_policy_sequence = Member("selinux_policy", "latest_granting");
    boolean_state = Member("cond_bool_datum", "state");
    set_booleans_len = Argument("security_set_bools", "len");
    set_booleans_values = Argument("security_set_bools", "values");
    policy_in_force_sequence = Argument("selinux_status_update_policyload", "seqno");
    mode_enforcing = Argument("selinux_status_update_setenforce", "enforcing");
    sidtab_roots = Member("sidtab", "roots");
    sidtab_count = Member("sidtab", "count");
    sidtab_isids = Member("sidtab", "isids");
    sidtab_isids_count = Count("sidtab", "isids");
    sidtab_isid_entry_size = Size("sidtab_isid_entry");
    sidtab_isid_entry = Member("sidtab_isid_entry", "entry");
    sidtab_leaf_count = Count("sidtab_node_leaf", "entries");
    sidtab_leaf_entries = Member("sidtab_node_leaf", "entries");
    sidtab_inner_count = Count("sidtab_node_inner", "entries");
    sidtab_entry_size = Size("sidtab_entry");
    sidtab_entry_sid = Member("sidtab_entry", "sid");
    sidtab_entry_context = Member("sidtab_entry", "context");
    context_user = Member("context", "user");
    context_role = Member("context", "role");
    context_type = Member("context", "type");
    context_len = Member("context", "len");
    context_str = Member("context", "str");
    context_range = Member("context", "range");
    mls_level_size = Size("mls_level");
    mls_level_sens = Member("mls_level", "sens");
    mls_level_categories = Member("mls_level", "cat");
    ebitmap_first = Member("ebitmap", "node");
    ebitmap_node_size = Size("ebitmap_node");
    ebitmap_node_next = Member("ebitmap_node", "next");
    ebitmap_node_maps = Member("ebitmap_node", "maps");
    ebitmap_node_maps_count = Count("ebitmap_node", "maps");
    ebitmap_node_startbit = Member("ebitmap_node", "startbit");
    audit_buffer_skb = Member("audit_buffer", "skb");
    sk_buff_data = Member("sk_buff", "data");
    sk_buff_len = Member("sk_buff", "len");
    bounded_old_sid = Argument("security_bounded_transition", "old_sid");
    bounded_new_sid = Argument("security_bounded_transition", "new_sid");
    bounded_arguments = Arguments("security_bounded_transition");
    avc_denied_ssid = Argument("avc_denied", "ssid");
    avc_denied_tsid = Argument("avc_denied", "tsid");
    avc_denied_tclass = Argument("avc_denied", "tclass");
    avc_denied_requested = Argument("avc_denied", "requested");
    avc_denied_driver = Argument("avc_denied", "driver");
    avc_denied_xperm = Argument("avc_denied", "xperm");
    avc_denied_flags = Argument("avc_denied", "flags");
    avc_denied_avd = Argument("avc_denied", "avd");
    avc_denied_result = Arguments("avc_denied");
    av_decision_allowed = Member("av_decision", "allowed");
    av_decision_auditdeny = Member("av_decision", "auditdeny");
    av_decision_flags = Member("av_decision", "flags");
    task_security = Member("task_struct", "security");
    inode_security = Member("inode", "i_security");
    inode_security_sid = Member("inode_security_struct", "sid");
    inode_security_class = Member("inode_security_struct", "sclass");
    // The directory cache of a task; through 6.16 the struct of this name was that of credentials.
    cred_security_struct_size = Size("cred_security_struct");
    avdcache_dir = Member("task_security_struct", "avdcache.dir");
    avdcache_dir_count = Count("task_security_struct", "avdcache.dir");
    avdc_entry_size = Size("avdc_entry");
    avdc_entry_sid = Member("avdc_entry", "isid");
    avdc_entry_allowed = Member("avdc_entry", "allowed") | Member("avdc_entry", "avd.allowed");
    avdc_entry_audited = Member("avdc_entry", "audited") | Member("avdc_entry", "avd.auditdeny");
    avdc_entry_audited_size = MemberSize("avdc_entry", "audited") | MemberSize("avdc_entry", "avd");
    avdc_entry_flags = Member("avdc_entry", "permissive") | Member("avdc_entry", "avd.flags");

    // AppArmor.
    apparmor_error = Member("apparmor_audit_data", "error");
    apparmor_type = Member("apparmor_audit_data", "type");
    apparmor_class = Member("apparmor_audit_data", "class");
    apparmor_op = Member("apparmor_audit_data", "op");
    apparmor_label = Member("apparmor_audit_data", "subj_label") | Member("apparmor_audit_data", "label");
    apparmor_name = Member("apparmor_audit_data", "name");
    apparmor_info = Member("apparmor_audit_data", "info");
    apparmor_request = Member("apparmor_audit_data", "request");
    apparmor_denied = Member("apparmor_audit_data", "denied");
    apparmor_peer = Member("apparmor_audit_data", "peer");
    apparmor_details = Member("apparmor_audit_data", "fs");
    apparmor_fs_target = Member("apparmor_audit_data", "fs.target");
    apparmor_mount_source = Member("apparmor_audit_data", "mnt.src_name");
    apparmor_mount_type = Member("apparmor_audit_data", "mnt.type");
    apparmor_mount_transition = Member("apparmor_audit_data", "mnt.trans");
    apparmor_mount_data = Member("apparmor_audit_data", "mnt.data");
    aa_perms_allow = Member("aa_perms", "allow");
    aa_perms_deny = Member("aa_perms", "deny");
    aa_perms_quiet = Member("aa_perms", "quiet");
    aa_audit_file_profile = Argument("aa_audit_file", "profile");
    aa_audit_file_perms = Argument("aa_audit_file", "perms");
    aa_audit_file_op = Argument("aa_audit_file", "op");
    aa_audit_file_request = Argument("aa_audit_file", "request");
    aa_audit_file_name = Argument("aa_audit_file", "name");
    aa_audit_file_target = Argument("aa_audit_file", "target");
    aa_audit_file_tlabel = Argument("aa_audit_file", "tlabel");
    aa_audit_file_ouid = Argument("aa_audit_file", "ouid");
    aa_audit_file_info = Argument("aa_audit_file", "info");
    aa_audit_file_error = Argument("aa_audit_file", "error");
    aa_audit_file_arguments = Arguments("aa_audit_file");
    aa_capable_label = Argument("aa_capable", "label");
    aa_capable_capability = Argument("aa_capable", "cap");
    aa_capable_options = Argument("aa_capable", "opts");
    aa_capable_arguments = Arguments("aa_capable");
    aa_label_hname = Member("aa_label", "hname");
    aa_label_size = Member("aa_label", "size");
    aa_label_vec = Member("aa_label", "vec");
    aa_profile_hname = Member("aa_profile", "base.hname");
    aa_profile_ns = Member("aa_profile", "ns");
    aa_ns_hname = Member("aa_ns", "base.hname");
    aa_ns_parent = Member("aa_ns", "parent");
    aa_replace_profiles_label = Argument("aa_replace_profiles", "label");
    aa_remove_profiles_subject = Argument("aa_remove_profiles", "subj");
    policy_profile_list = Member("aa_profile", "base.list");
    policy_profile_mode = Member("aa_profile", "mode");
    policy_profile_flags = Member("aa_profile", "label.flags");
    policy_flag_null = Value("label_flags", "FLAG_NULL");
    policy_audit_all = Value("audit_mode", "AUDIT_ALL");
    policy_parameter_value = Member("kernel_param", "arg");
    silent_data_common = Member("apparmor_audit_data", "common");
    silent_mount_check = Argument("aa_audit_perm_error", "ad");

    // seccomp.
    seccomp_filter_arguments = Arguments("__seccomp_filter");
    seccomp_filter_return_size = ReturnSize("__seccomp_filter");
    seccomp_filters = Member("task_struct", "seccomp.filter");
    seccomp_filter_previous = Member("seccomp_filter", "prev");
    seccomp_filter_listener = Member("seccomp_filter", "notif");
    seccomp_task_ptrace = Member("task_struct", "ptrace");

    // What LSM hooks are called with.
    bpf_lsm_binprm_file = Member("linux_binprm", "file");
    bpf_lsm_socket_sock = Member("socket", "sk");

    // TOMOYO.
    tomoyo_request_object = Member("tomoyo_request_info", "obj");
    tomoyo_request_domain = Member("tomoyo_request_info", "domain");
    tomoyo_request_type = Member("tomoyo_request_info", "param_type");
    tomoyo_request_granted = Member("tomoyo_request_info", "granted");
    tomoyo_request_profile = Member("tomoyo_request_info", "profile");
    tomoyo_request_mode = Member("tomoyo_request_info", "mode");
    tomoyo_request_operation = Member("tomoyo_request_info", "type");
    tomoyo_path_name = Member("tomoyo_request_info", "param.path.filename");
    tomoyo_path_operation = Member("tomoyo_request_info", "param.path.operation");
    tomoyo_path2_name1 = Member("tomoyo_request_info", "param.path2.filename1");
    tomoyo_path2_name2 = Member("tomoyo_request_info", "param.path2.filename2");
    tomoyo_path2_operation = Member("tomoyo_request_info", "param.path2.operation");
    tomoyo_number_name = Member("tomoyo_request_info", "param.path_number.filename");
    tomoyo_number_number = Member("tomoyo_request_info", "param.path_number.number");
    tomoyo_number_operation = Member("tomoyo_request_info", "param.path_number.operation");
    tomoyo_device_name = Member("tomoyo_request_info", "param.mkdev.filename");
    tomoyo_device_mode = Member("tomoyo_request_info", "param.mkdev.mode");
    tomoyo_device_major = Member("tomoyo_request_info", "param.mkdev.major");
    tomoyo_device_minor = Member("tomoyo_request_info", "param.mkdev.minor");
    tomoyo_device_operation = Member("tomoyo_request_info", "param.mkdev.operation");
    tomoyo_mount_type = Member("tomoyo_request_info", "param.mount.type");
    tomoyo_mount_directory = Member("tomoyo_request_info", "param.mount.dir");
    tomoyo_mount_device = Member("tomoyo_request_info", "param.mount.dev");
    tomoyo_mount_flags = Member("tomoyo_request_info", "param.mount.flags");
    tomoyo_inet_address = Member("tomoyo_request_info", "param.inet_network.address");
    tomoyo_inet_port = Member("tomoyo_request_info", "param.inet_network.port");
    tomoyo_inet_protocol = Member("tomoyo_request_info", "param.inet_network.protocol");
    tomoyo_inet_operation = Member("tomoyo_request_info", "param.inet_network.operation");
    tomoyo_inet_is_ipv6 = Member("tomoyo_request_info", "param.inet_network.is_ipv6");
    tomoyo_unix_address = Member("tomoyo_request_info", "param.unix_network.address");
    tomoyo_unix_protocol = Member("tomoyo_request_info", "param.unix_network.protocol");
    tomoyo_unix_operation = Member("tomoyo_request_info", "param.unix_network.operation");
    tomoyo_environment_name = Member("tomoyo_request_info", "param.environ.name");
    tomoyo_object_path1 = Member("tomoyo_obj_info", "path1");
    tomoyo_object_path2 = Member("tomoyo_obj_info", "path2");
    tomoyo_domain_name = Member("tomoyo_domain_info", "domainname");
    tomoyo_domain_namespace = Member("tomoyo_domain_info", "ns");
    tomoyo_namespace_profiles = Member("tomoyo_policy_namespace", "profile_ptr");
    tomoyo_profile_config = Member("tomoyo_profile", "config");
    tomoyo_profile_default_config = Member("tomoyo_profile", "default_config");
    tomoyo_operations = Value("tomoyo_mac_index", "TOMOYO_MAX_MAC_INDEX");
    tomoyo_path_info_name = Member("tomoyo_path_info", "name");
    tomoyo_path_info_len = Member("tomoyo_path_info", "const_len");
    ipe_deny = Value("ipe_action_type", "IPE_ACTION_DENY");
    ipe_matched_rule = Value("ipe_match", "IPE_MATCH_RULE");
    ipe_context_operation = Member("ipe_eval_ctx", "op");
    ipe_context_hook = Member("ipe_eval_ctx", "hook");
    ipe_context_file = Member("ipe_eval_ctx", "file");
    ipe_rule_properties = Member("ipe_rule", "props");
    ipe_property_next = Member("ipe_prop", "next");
    ipe_property_type = Member("ipe_prop", "type");
    ipe_property_value = Member("ipe_prop", "value");
    ipe_root_hash = Value("ipe_prop_type", "IPE_PROP_DMV_ROOTHASH");
    ipe_file_digest = Value("ipe_prop_type", "IPE_PROP_FSV_DIGEST");
    ipe_digest_algorithm = Member("digest_info", "alg");
    ipe_digest_bytes = Member("digest_info", "digest");
    ipe_digest_len = Member("digest_info", "digest_len");

    // Landlock.
    landlock_request_type = Member("landlock_request", "type");
    landlock_request_audit = Member("landlock_request", "audit");
    landlock_request_layer_plus_one = Member("landlock_request", "layer_plus_one");
    landlock_request_access = Member("landlock_request", "access");
    landlock_request_access_size = MemberSize("landlock_request", "access");
    landlock_request_layer_masks = Member("landlock_request", "layer_masks");
    landlock_request_layer_masks_size = Member("landlock_request", "layer_masks_size");
    landlock_subject_domain = Member("landlock_cred_security", "domain");
    landlock_domain_hierarchy = Member("landlock_domain", "hierarchy") | Member("landlock_ruleset", "hierarchy");
    landlock_domain_num_layers = Member("landlock_domain", "num_layers") | Member("landlock_ruleset", "num_layers");
    landlock_hierarchy_parent = Member("landlock_hierarchy", "parent");
    landlock_hierarchy_log_status = Member("landlock_hierarchy", "log_status");
    landlock_log_disabled = Value("landlock_log_status", "LANDLOCK_LOG_DISABLED");
    landlock_hierarchy_log_same_exec = Bit("landlock_hierarchy", "log_same_exec");
    landlock_hierarchy_log_new_exec = Bit("landlock_hierarchy", "log_new_exec");
    landlock_subject_domain_exec = Member("landlock_cred_security", "domain_exec");
    landlock_hierarchy_id = Member("landlock_hierarchy", "id");
    landlock_blockers_access = Member("landlock_blockers", "access");
    landlock_blockers_type = Member("landlock_blockers", "type");
    landlock_told_request = Argument("landlock_trace_denial", "request");
    landlock_told_denier = Argument("landlock_trace_denial", "youngest_denied");
    landlock_told_missing = Argument("landlock_trace_denial", "missing");
    landlock_told_same_exec = Argument("landlock_trace_denial", "same_exec");
    landlock_told_logged = Argument("landlock_trace_denial", "logged");
    landlock_told_net = Member("landlock_request", "trace_net");
    landlock_told_ptrace = Member("landlock_request", "trace_ptrace");
    landlock_told_signal = Member("landlock_request", "trace_signal");
    landlock_told_net_address = Member("landlock_net_trace", "address");
    landlock_told_net_len = Member("landlock_net_trace", "addrlen");
    landlock_told_tracer = Member("landlock_ptrace_trace", "tracer");
    landlock_told_signal_number = Member("landlock_signal_trace", "signal");
}

macro_rules! settings {
    ($($(#[$meta:meta])* $field:ident: $kind:ty;)+) => {
        /// What else the programs need to know of the running kernel: addresses from kallsyms, values of kernel
        /// variables, and denyd's own settings. 0 where unknown.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct Settings {
            $($(#[$meta])* pub $field: $kind,)+
        }

        impl Settings {
            /// Nothing known.
            pub const UNKNOWN: Self = Self { $($field: 0,)+ };

            /// Each field's name, and whether it is known.
            pub fn known(&self) -> impl Iterator<Item = (&'static str, bool)> {
                [$((stringify!($field), self.$field != 0)),+].into_iter()
            }
        }
    };
}

settings! {
    /// The address of `selinux_state` (security/selinux/hooks.c).
    selinux_state: u64;
    /// The address of `__per_cpu_offset` (`arch/x86/kernel/setup_percpu.c`).
    per_cpu_offset: u64;
    /// The address of each CPU's count of preemption and interrupts, before its offset is added: `__preempt_count`, or
    /// from 6.2 to 6.14 its place in `pcpu_hot` (arch/x86/kernel/cpu/common.c).
    preempt_count: u64;
    /// The address of Yama's `ptrace_scope` (`security/yama/yama_lsm.c`).
    yama_ptrace_scope: u64;
    /// The address of TOMOYO's `tomoyo_query_observers` (security/tomoyo/common.c).
    tomoyo_query_observers: u64;
    /// The address of IPE's `enforce` (security/ipe/eval.c).
    ipe_enforce: u64;
    /// The address of `selinux_inode_permission` (security/selinux/hooks.c).
    selinux_inode_permission: u64;
    /// Where its code ends.
    selinux_inode_permission_end: u64;
    /// The address of `net_namespace_list` (`net/core/net_namespace.c`).
    net_namespaces: u64;
    /// The address of `security_vm_enough_memory_mm` (security/security.c).
    vm_enough_memory: u64;
    /// Where its code ends.
    vm_enough_memory_end: u64;
    /// 1: programs read the kernel's memory by instructions of their own: with `bpf_rdonly_cast` to `void` (Linux 6.17).
    own_reads: u64;
    /// What the keys of folded denials are mixed with, so that nobody can make two denials have one: a random number, not
    /// 0. 0: denials are not folded.
    fold_secret: u64;
    /// One in how many records is lost as if the ring buffer had no room, on request; 0: none.
    fault_ring_full: u64;
    /// `selinux_blob_sizes.lbs_cred`: where SELinux's part of `cred->security` starts, plus 1.
    selinux_cred_blob_plus_one: u32;
    /// `selinux_blob_sizes.lbs_inode`: where SELinux's part of `inode->i_security` starts, plus 1.
    selinux_inode_blob_plus_one: u32;
    /// `selinux_blob_sizes.lbs_task`: where SELinux's part of `task->security` starts, plus 1.
    selinux_task_blob_plus_one: u32;
    /// The number of SELinux's class `dir`.
    selinux_dir: u32;
    /// The bit of its permission `read`.
    selinux_dir_read: u32;
    /// The bit of its permission `write`.
    selinux_dir_write: u32;
    /// The bit of its permission `search`.
    selinux_dir_search: u32;
    /// The bit of the permission `audit_access` of SELinux's classes of files.
    selinux_audit_access: u32;
    /// The number of SELinux's class `capability`.
    selinux_capability: u32;
    /// `apparmor_blob_sizes.lbs_cred`: where AppArmor's part of `cred->security` starts, plus 1.
    apparmor_cred_blob_plus_one: u32;
    /// 1: report denials that the policy keeps out of the log, too.
    silent: u32;
    /// 1: report the task's stacks, too.
    stack: u32;
    /// 1: the repeats of each process are folded for themselves.
    fold_by_process: u32;
    /// Slots for folded denials, less one; their number is a power of two.
    fold_slots_mask: u32;
}

const _: () = assert!(size_of::<Layout>() == ENTRIES.len() * size_of::<u32>(), "one u32 for each entry");

impl core::fmt::Display for Spec {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Member(name, member) => write!(f, "struct {name}.{member}"),
            Self::Size(name) => write!(f, "sizeof(struct {name})"),
            Self::MemberSize(name, member) => write!(f, "sizeof(struct {name}.{member})"),
            Self::Bit(name, member) => write!(f, "struct {name}.{member}:1"),
            Self::Value(name, enumerator) => write!(f, "enum {name} {enumerator}"),
            Self::Count(name, member) => write!(f, "struct {name}.{member}[]"),
            Self::Argument(function, name) => write!(f, "{function}(.. {name} ..)"),
            Self::Arguments(function) | Self::ReturnSize(function) => write!(f, "{function}()"),
        }
    }
}
