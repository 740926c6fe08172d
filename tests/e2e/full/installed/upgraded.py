"""`upgraded.py FOLDER COUNT TIMES`: waits until denyd has told of the last of so many files in the folder, which was refused so many
times, and prints of how many it told as often."""

import collections
import json
import subprocess
import sys

folder, last, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
told = collections.Counter()
with subprocess.Popen(
    ["denyd", "tail", "--follow", "-n", "all", "-o", "json"], stdout=subprocess.PIPE, text=True
) as tail:
    for event in map(json.loads, tail.stdout):
        place, _, name = event.get("object", {}).get("path", "").rpartition("/")
        if place == folder:
            told[name] += event.get("count", 1)
            if told[last] >= times:
                break
    tail.kill()
print(sum(count == times for count in told.values()))
