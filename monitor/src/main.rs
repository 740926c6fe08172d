//! The `denyd` command.

fn main() -> std::process::ExitCode {
    if cfg!(target_feature = "crt-static") {
        monitor::name_service::use_built_in();
    }
    monitor::cli::main()
}
