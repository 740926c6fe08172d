//! Rebuilds the programs when bpf-linker changes, and tells them whose registers they read.

fn main() -> aya_build::Result<()> {
    if let Ok(linker) = which::which("bpf-linker") {
        println!("cargo:rerun-if-changed={}", linker.display());
    }
    // Programs for other machines are built by monitor's build script, which names the machine.
    aya_build::emit_bpf_target_arch_cfg()
}
