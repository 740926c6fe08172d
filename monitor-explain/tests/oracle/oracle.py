"""Answers questions to a policy by libsepol, libselinux's audit2why and setools.

    oracle.py POLICY < questions > answers

Each line of the input is a question, its words separated by tabs; each line of the output is the answer to it. Whatever
the libraries print goes to standard error. LIBSEPOL names a library made of all of libsepol.a: the system's own
libsepol.so.2 hides some functions.
"""

import ctypes
import functools
import ipaddress
import os
import socket
import sys

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sepol = ctypes.CDLL(os.environ["LIBSEPOL"])
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
sepol.sepol_handle_create.restype = ctypes.c_void_p
sepol.sepol_set_policydb_from_file.argtypes = [ctypes.c_void_p]
if not os.environ.get("VERBOSE"):
    sepol.sepol_debug(0)


class Decision(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("allowed", "decided", "auditallow", "auditdeny", "seqno")]


class NoAnswer(Exception):
    pass


# A `sidtab_t`, which is smaller.
table = ctypes.create_string_buffer(4096)
handle, policy = ctypes.c_void_p(sepol.sepol_handle_create()), ctypes.c_void_p()


class Unread(Exception):
    """This tool can't read policies of this version."""


def load(path):
    """Loads the policy, such that its booleans can be set."""
    file = libc.fopen(path.encode(), b"r")
    if not file or sepol.sepol_set_policydb_from_file(ctypes.c_void_p(file)) != 0:
        sys.exit(f"libsepol cannot read {path}")
    libc.fclose(ctypes.c_void_p(file))
    file = ctypes.c_void_p(libc.fopen(path.encode(), b"r"))
    opened = ctypes.c_void_p()
    sepol.sepol_policy_file_create(ctypes.byref(opened))
    sepol.sepol_policydb_create(ctypes.byref(policy))
    sepol.sepol_policy_file_set_fp(opened, file)
    if sepol.sepol_policydb_read(policy, opened) != 0:
        sys.exit(f"libsepol cannot read {path} again")
    sepol.sepol_set_policydb(policy)
    load_initial_sids()
    sepol.sepol_set_sidtab(table)
    sepol.sepol_msg_set_callback(handle, None, None)


def load_initial_sids():
    """Fills the table; the numbers of initial SIDs have to be taken before others are given."""
    sepol.policydb_load_isids(policy, table)


def forget_sids():
    """Empties the table of all but the initial SIDs: to find a context, libsepol goes through all of it."""
    sids.clear()
    sepol.sepol_sidtab_destroy(table)
    load_initial_sids()


def flip(name):
    """Flips a boolean."""
    key, boolean = ctypes.c_void_p(), ctypes.c_void_p()
    sepol.sepol_bool_key_create(handle, name.encode(), ctypes.byref(key))
    if sepol.sepol_bool_query(handle, policy, key, ctypes.byref(boolean)) != 0 or not boolean:
        raise NoAnswer("boolean")
    value = 1 - sepol.sepol_bool_get_value(boolean)
    sepol.sepol_bool_set_value(boolean, value)
    sepol.sepol_bool_set(handle, policy, key, boolean)
    sepol.sepol_bool_free(boolean)
    sepol.sepol_bool_key_free(key)
    return value


def names_of_booleans():
    names = []
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    @callback
    def see(boolean, _):
        names.append(sepol.sepol_bool_get_name(ctypes.c_void_p(boolean)).decode())
        return 0

    sepol.sepol_bool_get_name.restype = ctypes.c_char_p
    sepol.sepol_bool_iterate(handle, policy, see, None)
    return sorted(names)


sids = {}
MOST_SIDS = 256


def sid(context):
    if context not in sids:
        number = ctypes.c_uint32()
        encoded = context.encode()
        failed = sepol.sepol_context_to_sid(encoded, ctypes.c_size_t(len(encoded) + 1), ctypes.byref(number))
        sids[context] = None if failed else number.value
    if sids[context] is None:
        raise NoAnswer("context")
    return sids[context]


def class_of(name):
    number = ctypes.c_uint16()
    if sepol.sepol_string_to_security_class(name.encode(), ctypes.byref(number)) != 0:
        raise NoAnswer("class")
    return number.value


def vector(number, names):
    bits = 0
    for name in names.split(","):
        bit = ctypes.c_uint32()
        if sepol.sepol_string_to_av_perm(ctypes.c_uint16(number), name.encode(), ctypes.byref(bit)) != 0:
            raise NoAnswer("permission")
        bits |= bit.value
    return bits


def text_of(number):
    text, length = ctypes.c_char_p(), ctypes.c_size_t()
    if sepol.sepol_sid_to_context(number, ctypes.byref(text), ctypes.byref(length)) != 0:
        raise NoAnswer("context")
    result = text.value.decode()
    libc.free(text)
    return result


def decide(source, target, class_name, permissions):
    """What is allowed, logged, not logged; the reasons; the constraints that forbid something."""
    source, target, number = sid(source), sid(target), class_of(class_name)
    requested = vector(number, permissions)
    decision, reason, buffer = Decision(), ctypes.c_uint(), ctypes.c_char_p()
    if sepol.sepol_compute_av_reason_buffer(
        source, target, ctypes.c_uint16(number), requested, ctypes.byref(decision), ctypes.byref(reason),
        ctypes.byref(buffer), 0,
    ) != 0:
        raise NoAnswer("decision")
    constraints = (buffer.value or b"").decode().replace("\n", "|")
    if buffer:
        libc.free(buffer)
    return f"{decision.allowed:x} {decision.auditallow:x} {decision.auditdeny:x} {reason.value} {constraints}"


def reasons(source, target, number, requested):
    decision, reason = Decision(), ctypes.c_uint()
    if sepol.sepol_compute_av_reason(
        source, target, ctypes.c_uint16(number), requested, ctypes.byref(decision), ctypes.byref(reason)
    ) != 0:
        raise NoAnswer("decision")
    return reason.value


def flips(source, target, class_name, permissions, paired):
    """The booleans that allow it when they are flipped: alone, or else in pairs, of all or of those given."""
    source, target, number = sid(source), sid(target), class_of(class_name)
    requested = vector(number, permissions)
    if reasons(source, target, number, requested) == 0:
        return ""
    found = []
    names = names_of_booleans()
    for name in names:
        value = flip(name)
        if reasons(source, target, number, requested) == 0:
            found.append(f"{name}={value}")
        flip(name)
    if not found:
        names = names if paired == "all" else sorted(set(paired.split(",")))
        for place, first in enumerate(names):
            one = flip(first)
            for second in names[place + 1:]:
                two = flip(second)
                if reasons(source, target, number, requested) == 0:
                    found.append(f"{first}={one}+{second}={two}")
                flip(second)
            flip(first)
    return ",".join(sorted(found))


def label(kind, *words):
    """The label of a port, a path, a file system, an interface or an address."""
    number = ctypes.c_uint32()
    result = ctypes.byref(number)
    if kind == "port":
        sepol.sepol_port_sid(ctypes.c_uint16(0), ctypes.c_uint16(0), ctypes.c_uint8(int(words[0])),
                             ctypes.c_uint16(int(words[1])), result)
    elif kind == "path":
        class_number = ctypes.c_uint16(class_of(words[2]))
        if sepol.sepol_genfs_sid(words[0].encode(), words[1].encode(), class_number, result) != 0:
            raise NoAnswer("label")
    elif kind == "netif":
        message = ctypes.c_uint32()
        sepol.sepol_netif_sid(words[0].encode(), result, ctypes.byref(message))
    else:
        address = ipaddress.ip_address(words[0])
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        packed = ctypes.create_string_buffer(address.packed, len(address.packed))
        sepol.sepol_node_sid(ctypes.c_uint16(family), packed, ctypes.c_size_t(len(address.packed)), result)
    return text_of(number.value)


def transition(kind, source, target, class_name):
    function = {"new": sepol.sepol_transition_sid, "member": sepol.sepol_member_sid,
                "change": sepol.sepol_change_sid}[kind]
    number = ctypes.c_uint32()
    if function(sid(source), sid(target), ctypes.c_uint16(class_of(class_name)), ctypes.byref(number)) != 0:
        raise NoAnswer("invalid")
    return text_of(number.value)


def change(old, new, process, class_name):
    buffer = ctypes.c_char_p()
    result = sepol.sepol_validate_transition_reason_buffer(
        sid(old), sid(new), sid(process), ctypes.c_uint16(class_of(class_name)), ctypes.byref(buffer), 0)
    return "allowed" if result == 0 else "refused"


def context(text):
    return text_of(sid(text))


why_ready = None


def why(path, source, target, class_name, permissions):
    """The code of audit2why, and the booleans that it names."""
    global why_ready
    from selinux import audit2why
    if why_ready is None:
        try:
            why_ready = audit2why.init(path) == 0
        except (ValueError, SystemError):
            why_ready = False
    if not why_ready:
        raise Unread
    code, more = audit2why.analyze(source, target, class_name, permissions.split(","))
    names = {value: key for key, value in vars(audit2why).items() if isinstance(value, int)}
    booleans = ",".join(sorted(f"{name}={value}" for name, value in more)) if names[code] == "BOOLEAN" else ""
    return f"{names[code]} {booleans}"


setools_policy = None


def setools_of(path):
    global setools_policy
    if setools_policy is None:
        import setools
        try:
            setools_policy = setools.SELinuxPolicy(path)
        except Exception:  # Its own, which depends on its version.
            setools_policy = False
    if not setools_policy:
        raise Unread
    return setools_policy


@functools.cache
def rules_of_operations(path):
    return [(rule, {str(one) for one in rule.source.expand()}, {str(one) for one in rule.target.expand()})
            for rule in setools_of(path).terules() if rule.extended]


def holds(rule):
    """Whether a rule holds, as the policy's booleans are."""
    from setools.exception import RuleNotConditional
    try:
        condition = rule.conditional
        states = {str(boolean): boolean.state for boolean in condition.booleans}
        return condition.evaluate(**states) == rule.conditional_block
    except RuleNotConditional:
        return True


def ioctl(path, source, target, class_name, number):
    """Whether rules of extended permissions exist, allow it, log it, keep it from the log."""
    number = int(number, 16)
    found = [rule for rule, sources, targets in rules_of_operations(path)
             if source in sources and target in targets and str(rule.tclass) == class_name and holds(rule)]
    kinds = {str(rule.ruletype) for rule in found if number in rule.perms}
    flags = [bool(found), "allowxperm" in kinds, "auditallowxperm" in kinds, "dontauditxperm" in kinds]
    return " ".join(str(int(flag)) for flag in flags)


@functools.cache
def rules_by_name(path):
    found = {}
    for rule in setools_of(path).terules():
        if type(rule).__name__ == "FileNameTERule":
            for source in rule.source.expand():
                for target in rule.target.expand():
                    found[str(source), str(target), str(rule.tclass), str(rule.filename)] = str(rule.default)
    return found


def name(path, source, target, class_name, file_name):
    """The type of a new object by its name."""
    return rules_by_name(path).get((source, target, class_name, file_name), "none")


def rule_text(rule):
    """A rule in a form that depends on no version of setools."""
    from setools.exception import RuleNotConditional, RuleUseError
    kind = str(rule.ruletype)
    try:
        what = str(rule.default)
        if type(rule).__name__ == "FileNameTERule":
            kind, what = "name_transition", f"{rule.filename} {what}"
    except RuleUseError:
        what = "operations " + " ".join(f"{number:x}" for number in sorted(rule.perms)) \
            if rule.extended else " ".join(sorted(rule.perms))
    try:
        booleans = ",".join(sorted(str(boolean) for boolean in rule.conditional.booleans))
        condition = f"{booleans}:{int(rule.conditional_block)}"
    except (RuleNotConditional, AttributeError):
        condition = ""
    return f"{kind} {rule.source} {rule.target} {rule.tclass} {what} [{condition}]"


def rules(path):
    """All rules between types."""
    return "\v".join(sorted(rule_text(rule) for rule in setools_of(path).terules()))


def search(path, kind, source, target, class_name, permission, boolean):
    """The rules that sesearch finds."""
    import setools
    policy = setools_of(path)
    query = setools.TERuleQuery(policy, ruletype=[kind])
    if source:
        query.source = source
    if target:
        query.target = target
    if class_name:
        query.tclass = [class_name]
    if permission:
        query.perms = [permission]
    if boolean != "-":
        query.boolean = [boolean]
    found = [rule for rule in query.results() if type(rule).__name__ != "FileNameTERule"]
    return "\v".join(sorted(rule_text(rule) for rule in found))


def attributes(path):
    """All types with their attributes and aliases, and what is permissive and bounded."""
    policy = setools_of(path)
    bounds = {str(bound.child): str(bound.parent) for bound in policy.bounds() if str(bound.ruletype) == "typebounds"}
    lines = []
    for type_ in policy.types():
        names = ",".join(sorted(str(attribute) for attribute in type_.attributes()))
        aliases = ",".join(sorted(str(alias) for alias in type_.aliases()))
        permissive = int(type_.ispermissive)
        lines.append(f"{type_} {names} {aliases} {permissive} {bounds.get(str(type_), '')}")
    return "\v".join(sorted(lines))


def labels(path):
    """Ports, file systems, paths, interfaces, nodes, initial SIDs, InfiniBand, in the order of the policy."""
    policy = setools_of(path)
    lines = []
    for port in policy.portcons():
        lines.append(f"port {port.protocol} {port.ports.low} {port.ports.high} {port.context}")
    for use in policy.fs_uses():
        lines.append(f"fs {use.fs} {use.context}")
    for label in policy.genfscons():
        class_name = label.tclass if label.tclass else "*"
        lines.append(f"path {label.fs} {label.path} {class_name} {label.context}")
    for interface in policy.netifcons():
        lines.append(f"netif {interface.netif} {interface.context} {interface.packet}")
    for node in policy.nodecons():
        network = node.network
        lines.append(f"node {network.network_address}/{network.netmask} {node.context}")
    for key in policy.ibpkeycons():
        lines.append(f"pkey {key.subnet_prefix} {key.pkeys.low} {key.pkeys.high} {key.context}")
    for port in policy.ibendportcons():
        lines.append(f"endport {port.name} {port.port} {port.context}")
    for initial in policy.initialsids():
        lines.append(f"sid {initial} {initial.context}")
    # setools puts blanks around the dash of a range.
    return "\v".join(sorted(line.replace(" - ", "-") for line in lines))


def roles(path):
    """Rules about roles and levels."""
    policy = setools_of(path)
    lines = []
    for rule in policy.rbacrules():
        if str(rule.ruletype) == "allow":
            lines.append(f"allow {rule.source} {rule.target}")
        else:
            lines.append(f"transition {rule.source} {rule.target} {rule.tclass} {rule.default}")
    for rule in policy.mlsrules():
        low, high = rule.default.low, rule.default.high
        lines.append(f"range {rule.source} {rule.target} {rule.tclass} {low if low == high else f'{low}-{high}'}")
    return "\v".join(sorted(lines))


def capabilities(path):
    """Policy capabilities, version, treatment of unknown classes."""
    policy = setools_of(path)
    names = ",".join(sorted(str(capability) for capability in policy.polcaps()))
    return f"{policy.version} {int(policy.mls)} {policy.handle_unknown} {names}"


def main():
    path = sys.argv[1]
    load(path)
    of_context = {"decide": decide, "transition": transition, "change": change, "context": context, "flips": flips,
                  "label": label}
    of_path = {"why": why, "rules": rules, "search": search, "attributes": attributes, "labels": labels,
               "roles": roles, "capabilities": capabilities, "ioctl": ioctl, "name": name}
    questions = [line.rstrip("\n").split("\t") for line in sys.stdin]
    given = {}
    # Labels first: the policy keeps their SIDs, which are not to be forgotten before.
    for place in sorted(range(len(questions)), key=lambda place: questions[place][0] != "label"):
        verb, *words = questions[place]
        if verb != "label" and len(sids) > MOST_SIDS:
            forget_sids()
        try:
            if verb in of_context:
                answer = of_context[verb](*words)
            else:
                answer = of_path[verb](path, *words)
        except NoAnswer as error:
            answer = f"no {error}"
        except Unread:
            answer = "unread"
        given[place] = answer
    for _, answer in sorted(given.items()):
        print(answer, file=answers)
    answers.flush()


main()
