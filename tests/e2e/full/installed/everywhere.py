"""`everywhere.py PATH`: waits until the installed denyd has told all its outputs of the refusal of a path, and prints the event.
`everywhere.py first COMMAND...`: prints the first line that a command prints, and ends it.
`everywhere.py entry OPTION...`: waits for an entry of the journal that `journalctl OPTION...` shows, and prints it."""

import json
import os
import re
import subprocess
import sys
import urllib.request


def lines(*command):
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield from running.stdout
        finally:
            running.kill()


def entry(*options):
    # In the script's own domain: Debian 13's policy has one for services' journalctl, which may not read /var/log.
    enter = ["runcon", "--type=initrc_t"] if os.path.exists("/sys/fs/selinux/enforce") else []
    follow = ["journalctl", "--follow", "--lines", "all", "--output", "json"]
    return next(lines(*enter, *follow, *options))


def first_about(path, of):
    return next(event for event in map(json.loads, of) if event.get("object", {}).get("path") == path)


def everywhere(path):
    event = first_about(path, lines("/usr/bin/denyd", "tail", "--follow", "-n", "all", "-o", "json"))
    for file, advised in [("/var/log/denyd/denials.jsonl", False), ("/run/collector/events", True)]:
        told = first_about(path, lines("tail", "--lines", "+1", "-F", file))
        advice = told.pop("advice", None)
        assert (advice is not None and advice["summary"] != "") == advised, f"{file} has the advice {advice}"
        assert told == event, f"{file} has {told}, and denyd tail {event}"
    fields = [f"DENYD_PATH={path}", f"DENYD_MODULE={event['module']}", f"DENYD_UNIT={event['unit']['name']}"]
    told = json.loads(entry(*fields))
    assert json.loads(told["DENYD_EVENT"]) == event, f"the journal has {told}, and denyd tail {event}"
    assert told["_SYSTEMD_UNIT"] == "denyd.service", told
    metrics = urllib.request.urlopen("http://127.0.0.1:9934/metrics").read().decode()
    series = 'denyd_denials_by_unit_total{module="%s",unit="%s",verdict="denied"} ' % (
        event["module"],
        event["unit"]["name"],
    )
    assert re.search("^" + re.escape(series) + "[1-9]", metrics, re.M), metrics
    # It is refused nothing itself, and has lost nothing.
    for count in re.findall(r"^denyd_(?:source_own|source_lost|output_lost)_total\{.* (.*)$", metrics, re.M):
        assert float(count) == 0, metrics
    return json.dumps(event)


match sys.argv[1:]:
    case ["first", *command]:
        print(next(lines(*command)), end="")
    case ["entry", *options]:
        print(entry(*options), end="")
    case [path]:
        print(everywhere(path))
