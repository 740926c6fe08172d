#!/usr/bin/env python3
"""Explains a log of 100,000 lines with denyd, audit2allow and audit2why, and compares time and memory.

    cargo build --release -p monitor
    /usr/bin/python3 xtask/bench/explain.py target/release/denyd /etc/selinux/default/policy/policy.33

The log is made of the policy's own types, the same each time: AVC, SYSCALL and PATH records of 33,334 denials, of which
--different differ. It needs the packages python3-setools and policycoreutils-python-utils.
"""

import argparse
import os
import random
import subprocess
import tempfile
import time

import setools

LINES = 100_000


def write(path, policy, different):
    """Writes the log."""
    rng = random.Random(1)
    policy = setools.SELinuxPolicy(policy)
    domains = sorted(str(one) for one in policy.lookup_typeattr("domain").expand())
    files = sorted(str(one) for one in policy.lookup_typeattr("file_type").expand())
    kinds = []
    for number in range(different):
        permissions = rng.sample(["read", "write", "open", "getattr", "append", "lock"], rng.randint(1, 3))
        name = f"file{number}"
        kinds.append((rng.choice(domains), rng.choice(files), " ".join(permissions), name))
    with open(path, "w") as log:
        for serial in range(LINES):
            at, part = divmod(serial, 3)
            source, target, permissions, name = kinds[at * 7919 % different]
            head = f"msg=audit({1795322866 + at // 100}.{at % 100:02}0:{at}):"
            if part == 0:
                log.write(
                    f'type=AVC {head} avc:  denied  {{ {permissions} }} for  pid={at % 30000 + 1} comm="{source[:15]}" '
                    f'name="{name}" dev="sda1" ino={at % different + 1} scontext=system_u:system_r:{source}:s0 '
                    f"tcontext=system_u:object_r:{target}:s0 tclass=file permissive=0\n"
                )
            elif part == 1:
                log.write(
                    f"type=SYSCALL {head} arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=7ffd a2=0 a3=0 "
                    f'items=1 ppid=1 pid={at % 30000 + 1} auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 '
                    f'fsgid=0 tty=(none) ses=4294967295 comm="{source[:15]}" exe="/usr/sbin/{source}" '
                    f"subj=system_u:system_r:{source}:s0 key=(null)\n"
                )
            else:
                log.write(
                    f'type=PATH {head} item=0 name="/srv/data/{name}" inode={at % different + 1} dev=08:01 mode=0100644 '
                    f"ouid=0 ogid=0 rdev=00:00 obj=system_u:object_r:{target}:s0 nametype=NORMAL\n"
                )


def measure(command, log, output):
    """Runs a command on the log. Gives seconds, those of them that a CPU took, MiB at most, and its status."""
    start = time.monotonic()
    with open(log) as stdin, open(output, "w") as stdout:
        child = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    busy = usage.ru_utime + usage.ru_stime
    return time.monotonic() - start, busy, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("denyd")
    parser.add_argument("policy")
    parser.add_argument("--different", type=int, default=2000, help="denials that differ")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log, output = os.path.join(folder, "audit.log"), os.path.join(folder, "output")
        write(log, asked.policy, asked.different)
        print(f"{LINES} lines, {os.path.getsize(log) >> 20} MiB, {asked.different} different denials, {os.cpu_count()} CPUs")
        commands = {
            "denyd explain": [asked.denyd, "explain", "--policy", asked.policy, log],
            "audit2allow": ["audit2allow", "-p", asked.policy],
            "audit2why": ["audit2why", "-p", asked.policy],
        }
        for _ in range(asked.runs):
            for name, command in commands.items():
                seconds, busy, mib, status = measure(command, log, output)
                lines = sum(1 for _ in open(output, errors="replace"))
                print(f"{name:14} {seconds:6.2f} s, of a CPU {busy:6.2f} s {mib:5.0f} MiB   status {status}, {lines} lines")


if __name__ == "__main__":
    main()
