"""What every client here is told, what it counts and what it prints.

    CLIENT URL COUNT CA DEFLATE SUBPROTOCOL

CA is a file of certificates or "-", DEFLATE is "on" or "off": whether to offer
permessage-deflate.  The client takes COUNT records, closes with 1000 and
prints one line of JSON.
"""

import hashlib
import json
import ssl
import sys


class Feed:

    def __init__(self):
        self.url, count, ca, deflate, self.protocol = sys.argv[1:]
        self.count = int(count)
        self.deflate = deflate == "on"
        self.tls = None if ca == "-" else ssl.create_default_context(cafile=ca)
        self.records = 0
        self.digests = {}
        self.cursor = {}

    def take(self, message):
        """A message: str or bytes; returns true once all records are there."""

        if self.protocol == "kafka.json.v1":
            self._take_json(json.loads(message))

        else:
            self._take_value(message)

        return self.records >= self.count

    def _take_json(self, message):
        if "event" in message:
            for p in message.get("partitions", []):
                self.cursor[p["partition"]] = p["offset"]

            return

        partition, offset = message["partition"], message["offset"]

        self._add(partition, f"{offset}:{message['key']}:{message['value']}\n"
                  .encode())
        self.cursor[partition] = offset + 1

    def _take_value(self, message):
        text = self.protocol == "kafka.text.v1"

        if isinstance(message, str) != text:
            raise ValueError(f"a {type(message)} of {self.protocol}")

        value = message.encode() if text else message

        self._add(0, b"%d:%s\n" % (len(value), value))

    def _add(self, partition, data):
        self.digests.setdefault(partition, hashlib.sha256()).update(data)
        self.records += 1

    def report(self, library, protocol, extensions, code, clean):
        """What the library says about the connection and its end."""

        print(json.dumps({
            "library": library,
            "records": self.records,
            "digests": {p: d.hexdigest() for p, d in self.digests.items()},
            "cursor": ",".join(f"{p}:{o}"
                               for p, o in sorted(self.cursor.items())),
            "protocol": protocol or "",
            "extensions": extensions or "",
            "code": code,
            "clean": clean,
        }))
