"""`upgraded.py COUNT`: waits until denyd has told of the last of so many refused files in /srv/upgraded, and prints how many
it told of once."""

import collections
import json
import subprocess
import sys

last = sys.argv[1]
told = collections.Counter()
with subprocess.Popen(
    ["denyd", "tail", "--follow", "-n", "all", "-o", "json"], stdout=subprocess.PIPE, text=True
) as tail:
    for event in map(json.loads, tail.stdout):
        path = event.get("object", {}).get("path", "")
        if path.startswith("/srv/upgraded/"):
            name = path.rpartition("/")[2]
            told[name] += 1
            if name == last:
                break
    tail.kill()
print(sum(count == 1 for count in told.values()))
