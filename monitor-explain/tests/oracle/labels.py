"""Says which labels files should have, by libselinux.

    labels.py FILE_CONTEXTS < questions > answers

Each line of the input is a mode (in decimal) and a path, with a tab between them.
"""

import ctypes
import os
import sys

answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
selinux = ctypes.CDLL("libselinux.so.1")


class Option(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("value", ctypes.c_char_p)]


SELABEL_CTX_FILE, SELABEL_OPT_PATH = 0, 3
selinux.selabel_open.restype = ctypes.c_void_p
options = (Option * 1)(Option(SELABEL_OPT_PATH, sys.argv[1].encode()))
handle = ctypes.c_void_p(selinux.selabel_open(SELABEL_CTX_FILE, options, 1))
if not handle:
    sys.exit("libselinux cannot read the file contexts")
for line in sys.stdin.buffer:
    mode, path = line.rstrip(b"\n").split(b"\t", 1)
    context = ctypes.c_char_p()
    found = selinux.selabel_lookup_raw(handle, ctypes.byref(context), path, int(mode)) == 0
    answers.write((context.value if found else b"none") + b"\n")
    if found:
        selinux.freecon(context)
answers.flush()
