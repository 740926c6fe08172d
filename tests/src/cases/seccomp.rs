//! seccomp: what filters refuse, logged and not.

use crate::{
    case::{Case, Module},
    confinement::Confinement,
    expectation::Expectation,
    machine::Machine,
    operation::system,
    scene,
    seccomp::{Filter, I386, action},
};

/// Not any call's.
const NO_CALL: u32 = 9999;
/// `sync`, which takes no arguments, by the rules of i386.
const I386_SYNC: u32 = 36;

const EPERM: u32 = libc::EPERM.unsigned_abs();

fn case(name: &'static str, filter: Filter) -> Case {
    Case::new(Module::Seccomp, name, Confinement::Seccomp(filter))
        .given(|_| scene::directory("/srv/open"))
        .when(|_| std::fs::create_dir("/srv/open/made"))
        .fails_with(libc::EPERM)
}

/// A filter for a call of 64-bit programs.
fn of_machine(call: u32, action: u32) -> Filter {
    Filter::new(Machine::tested().audit_arch(), call, action)
}

fn mkdir(action: u32) -> Filter {
    of_machine(Machine::tested().make_directory().1, action)
}

/// About making a folder.
fn on_mkdir(event: Expectation) -> Expectation {
    let machine = Machine::tested();
    let (name, number) = machine.make_directory();
    event
        .action("syscall", [name])
        .field("action.syscall", name)
        .field("action.syscall_number", number)
        .field("action.syscall_arch", machine.name())
        .field("object.kind", "none")
        .present("action.instruction_pointer")
}

fn refused(name: &'static str) -> Expectation {
    on_mkdir(Expectation::denied()).field("action.seccomp_action", name)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = [logged(), unlogged()].concat();
    if Machine::tested() == Machine::X86_64 {
        cases.extend(of_32_bits());
    }
    cases
}

const NO_LOG: &str = "the filter does not ask for a log";

/// Calls of 32-bit programs, which 64-bit ones can make on x86 alone.
fn of_32_bits() -> Vec<Case> {
    vec![
        case("seccomp_denied_32_bit_call_is_named_by_its_own_rules", mkdir(action::ALLOW))
            .confined_by(Confinement::Seccomp(Filter::new(I386, I386_SYNC, action::ERRNO | EPERM).logged()))
            .when(|_| system::call_as_i386(I386_SYNC))
            .expect(
                Expectation::denied()
                    .action("syscall", ["sync"])
                    .field("action.syscall_arch", "i386")
                    .field("action.syscall_number", I386_SYNC)
                    .field("action.errno", libc::EPERM),
            ),
        case("seccomp_unlogged_32_bit_call", mkdir(action::ALLOW))
            .confined_by(Confinement::Seccomp(Filter::new(I386, I386_SYNC, action::ERRNO | EPERM)))
            .when(|_| system::call_as_i386(I386_SYNC))
            .expect(
                Expectation::denied_unlogged()
                    .action("syscall", ["sync"])
                    .field("action.syscall_arch", "i386")
                    .field("action.seccomp_action", "errno")
                    .field("action.errno", libc::EPERM),
            )
            .without_record(NO_LOG),
    ]
}

fn logged() -> Vec<Case> {
    let errno = mkdir(action::ERRNO | EPERM).logged();
    vec![
        case("seccomp_denied_by_errno_reports_call_and_errno", errno)
            .expect(refused("errno").field("action.errno", libc::EPERM).absent("action.signal")),
        case("seccomp_denied_with_another_errno", mkdir(action::ERRNO | libc::EROFS.unsigned_abs()).logged())
            .fails_with(libc::EROFS)
            .expect(refused("errno").field("action.errno", libc::EROFS)),
        case("seccomp_denied_with_success_has_no_errno", mkdir(action::ERRNO).logged())
            .succeeds()
            .expect(refused("errno").absent("action.errno")),
        case("seccomp_killed_process_names_the_signal", mkdir(action::KILL_PROCESS))
            .killed_by(libc::SIGSYS)
            .expect(refused("kill_process").field("action.signal", "sys").absent("action.errno")),
        case("seccomp_killed_thread_that_is_the_last", mkdir(action::KILL_THREAD))
            .killed_by(libc::SIGSYS)
            .expect(refused("kill_thread").field("action.signal", "sys")),
        case("seccomp_killed_thread_in_strict_mode", mkdir(action::ALLOW))
            .confined_by(Confinement::None)
            .when(|_| system::enter_strict_seccomp().and_then(|()| std::fs::create_dir("/srv/open/x")))
            .killed_by(libc::SIGKILL)
            .expect(refused("kill_thread").field("action.signal", "kill")),
        case("seccomp_trapped_call", mkdir(action::TRAP).logged())
            .killed_by(libc::SIGSYS)
            .expect(refused("trap").absent("action.errno")),
        case("seccomp_denied_for_want_of_a_tracer", mkdir(action::TRACE).logged())
            .fails_with(libc::ENOSYS)
            .expect(refused("trace").field("action.errno", libc::ENOSYS)),
        case("seccomp_denied_by_a_supervisor", mkdir(action::USER_NOTIF).logged().answered(libc::EDOM))
            .fails_with(libc::EDOM)
            .expect(refused("user_notif").field("action.errno", libc::EDOM)),
        case(
            "seccomp_call_done_by_a_supervisor_is_permitted",
            mkdir(action::USER_NOTIF).logged().answered(0),
        )
        .succeeds()
        .expect(
            on_mkdir(Expectation::permitted())
                .field("action.seccomp_action", "user_notif")
                .absent("action.errno"),
        ),
        case("seccomp_logged_call_is_permitted", mkdir(action::LOG)).succeeds().expect(
            on_mkdir(Expectation::permitted()).field("action.seccomp_action", "log").absent("action.errno"),
        ),
        case("seccomp_denied_call_without_a_name", errno)
            .confined_by(Confinement::Seccomp(of_machine(NO_CALL, action::ERRNO | EPERM).logged()))
            .when(|_| system::call_number(NO_CALL))
            .expect(
                Expectation::denied().action("syscall", ["syscall_9999"]).field("action.errno", libc::EPERM),
            ),
    ]
}

fn unlogged() -> Vec<Case> {
    let case = |name, filter| case(name, filter).without_record(NO_LOG);
    let denied = || on_mkdir(Expectation::denied_unlogged());
    vec![
        case("seccomp_unlogged_errno_is_silent", mkdir(action::ERRNO | EPERM))
            .expect(denied().field("action.seccomp_action", "errno").field("action.errno", libc::EPERM)),
        case("seccomp_unlogged_trap_is_silent", mkdir(action::TRAP)).killed_by(libc::SIGSYS).expect(
            denied()
                .field("action.seccomp_action", "trap")
                .field("action.signal", "sys")
                .absent("action.errno"),
        ),
        case("seccomp_unlogged_enosys_may_be_of_a_missing_tracer", mkdir(action::TRACE))
            .fails_with(libc::ENOSYS)
            .expect(
                denied()
                    .field("action.errno", libc::ENOSYS)
                    .absent("action.seccomp_action")
                    .field("missing.0.field", "action.seccomp_action"),
            ),
        case("seccomp_unlogged_answer_of_a_supervisor", mkdir(action::USER_NOTIF).answered(libc::EDOM))
            .fails_with(libc::EDOM)
            .expect(denied().field("action.errno", libc::EDOM).absent("action.seccomp_action")),
        case("seccomp_unlogged_call_after_a_logged_one_is_one_event", mkdir(action::ERRNO | EPERM))
            .before(|_| of_machine(NO_CALL, action::LOG).install())
            .when(|_| {
                // This one is logged, and passes; it must not hide the next.
                let passed = system::call_number(NO_CALL).map_err(|error| error.raw_os_error());
                if passed != Err(Some(libc::ENOSYS)) {
                    return Err(std::io::Error::other("the call did not pass"));
                }
                std::fs::create_dir("/srv/open/made")
            })
            .expect(denied().field("action.seccomp_action", "errno"))
            .expect(
                Expectation::permitted()
                    .action("syscall", ["syscall_9999"])
                    .field("action.seccomp_action", "log"),
            )
            .with_records(1, "only one of the two is logged"),
    ]
}
