"""Drives one client library: a command a line on standard input, its answer a line on standard output, both JSON.

Bytes travel as hexadecimal digits. The library is named on the command line; each has a file of its own with the same
functions. The process ends when its input does.
"""

import importlib
import json
import sys
import traceback


def plain(value):
    return None if value is None else bytes(value).hex()


def raw(value):
    return None if value is None else bytes.fromhex(value)


def record_in(record):
    """A record of a command, as the libraries want it."""
    headers = [(name, raw(value)) for name, value in record["headers"]]
    return {
        "key": raw(record["key"]),
        "value": raw(record["value"]),
        "headers": headers,
        "timestamp": record["timestamp"],
    }


def record_out(partition, offset, key, value, headers, timestamp):
    """A record that was read, as the test wants it."""
    headers = [[name, plain(content)] for name, content in headers or []]
    return {
        "partition": partition,
        "offset": offset,
        "key": plain(key),
        "value": plain(value),
        "headers": headers,
        "timestamp": timestamp,
    }


def main():
    library, bootstrap = sys.argv[1:]
    client = importlib.import_module(library).Client(bootstrap)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(client, command.pop("do"))(**command)
        except Exception as error:  # The test decides what an error means.
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
