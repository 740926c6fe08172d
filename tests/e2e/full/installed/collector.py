"""Listens on a unix socket, as a collector of events does, and writes what comes into a file."""

import os
import shutil
import socket

os.makedirs("/run/collector", exist_ok=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/collector/denials.sock")
shutil.chown("/run/collector/denials.sock", group="denyd")
os.chmod("/run/collector/denials.sock", 0o660)
listener.listen()
with open("/run/collector/events", "w", buffering=1) as events:
    while True:
        for line in listener.accept()[0].makefile():
            events.write(line)
