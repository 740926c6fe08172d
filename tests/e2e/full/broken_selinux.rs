//! Services that are broken as administrators break them: what denyd says of each, that its remedy helps, and that it is taken
//! back.

use serde_json::Value;
use xtask::vm::Module;

use super::{Seen, Step};

pub(super) const STEPS: [Step; 1] = [Step {
    name: "broken_services_are_explained_put_right_and_back",
    module: Module::Selinux,
    script: include_str!("broken_selinux/services"),
    files: &[
        ("get.py", include_str!("broken_selinux/get.py")),
        ("install", include_str!("installed/install")),
        ("collector.py", include_str!("installed/collector.py")),
        ("everywhere.py", include_str!("installed/everywhere.py")),
        ("installed.toml", include_str!("installed/installed.toml")),
    ],
    check: |seen| {
        let broken = "403 403 403 502";
        seen.is("broken", broken)?;
        seen.explains("before", &BROKEN)?;
        let fix = seen.fact("fix")?;
        if !fix.contains("nginx.service was restarted") || !fix.contains("not refused again within") {
            return Err(format!("fix: {fix}"));
        }
        seen.is("mended", "200 200 200 200 200")?;
        seen.explains("after", &MENDED)?;
        seen.is("undone", broken)?;
        seen.is("labels", "system_u:object_r:var_t:s0\nsystem_u:object_r:httpd_sys_content_t:s0:c1,c2")?;
        seen.is("drop_in", "")?;
        seen.explains("left", &LEFT)?;
        seen.refused_nothing()
    },
}];

/// A part of a finding's summary, the cause, and the kind of the best remedy.
type Explained = (&'static str, &'static str, &'static str);

const BROKEN: [Explained; 7] = [
    ("file { getattr read } on var_t", "custom_path", "file_context"),
    ("dir { search } on nfs_t", "boolean", "boolean"),
    ("(level s0 on s0:c1,c2)", "constraint", "relabel"),
    ("tcp_socket { name_connect } on postgresql_port_t", "boolean", "boolean"),
    ("tcp_socket { name_bind } on unreserved_port_t", "port", "port"),
    ("process2 { nnp_transition } on ifconfig_t", "transition", "setting"),
    ("file { append } on var_lib_t", "leak", "refuse"),
];

const MENDED: [Explained; 7] = [
    ("on var_t: by now its label is right", "allowed", "nothing"),
    ("on nfs_t: by now the policy allows it", "allowed", "nothing"),
    ("on httpd_sys_content_t: by now its label is right", "allowed", "nothing"),
    ("on postgresql_port_t: by now the policy allows it", "allowed", "nothing"),
    ("on unreserved_port_t: by now its port has a label", "allowed", "nothing"),
    ("process2 { nnp_transition } on ifconfig_t", "transition", "setting"),
    ("file { append } on var_lib_t", "leak", "refuse"),
];

const LEFT: [Explained; 2] = [
    ("nscd_t would be refused file { append open } on var_t", "custom_path", "file_context"),
    ("ifconfig_t was refused udp_socket { ioctl } on its own domain", "extended", "module"),
];

impl Seen<'_> {
    fn is(&self, name: &str, wanted: &str) -> Result<(), String> {
        let fact = self.fact(name)?;
        if fact == wanted { Ok(()) } else { Err(format!("{name}: `{fact}` instead of `{wanted}`")) }
    }

    /// Whether each of these is among what `denyd explain` said.
    fn explains(&self, name: &str, wanted: &[Explained]) -> Result<(), String> {
        let report: Value = serde_json::from_str(self.fact(name)?).map_err(|error| error.to_string())?;
        let findings = report["findings"].as_array().ok_or("no findings")?;
        let is_there = |(summary, cause, kind): &&Explained| {
            findings.iter().any(|finding| {
                finding["summary"].as_str().is_some_and(|text| text.contains(summary))
                    && finding["cause"] == **cause
                    && finding["remedies"][0]["kind"] == **kind
            })
        };
        let missing: Vec<_> = wanted.iter().filter(|one| !is_there(one)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{name} lacks {missing:?}: {findings:#?}")) }
    }
}
