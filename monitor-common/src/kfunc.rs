//! The kernel's functions that programs call.
//!
//! A program can call one only by its number in the running kernel's BTF. So the programs are compiled with calls of
//! helpers that no kernel has, and user space writes the numbers over them before it loads the programs.

/// Stands for `bpf_session_is_return` (Linux 6.10).
pub const SESSION_IS_RETURN: i32 = 0x6465_6e01;
/// Stands for `bpf_session_cookie` (Linux 6.10).
pub const SESSION_COOKIE: i32 = 0x6465_6e02;

/// Stands for `bpf_rdonly_cast` (Linux 6.2).
pub const RDONLY_CAST: i32 = 0x6465_6e03;

/// Every one: what stands for it, and the function's name.
pub const ALL: [(i32, &str); 3] = [
    (SESSION_IS_RETURN, "bpf_session_is_return"),
    (SESSION_COOKIE, "bpf_session_cookie"),
    (RDONLY_CAST, "bpf_rdonly_cast"),
];
