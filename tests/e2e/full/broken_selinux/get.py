"""The status of each URL, in a line."""

import sys
import urllib.error
import urllib.request


def status(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return "none"


print(*map(status, sys.argv[1:]))
