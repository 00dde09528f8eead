#!/usr/bin/env python3
"""Clients that end in every way, in every state that a client can bring about.

ends.py STATUS_PORT plain|tls PORT: a line for each state and each end,

    STATE: END: how the server ended it

once the server has no other connection than the one that asks for that.
"""

import socket
import ssl
import struct
import sys
import time
import urllib.request

BOUND = 10          # seconds for anything
TEXT, CLOSE = 0x81, 0x88
HEAD = ('GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'
        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')


class Client:
    """One connection; the TLS in it is ours to send or not to send."""

    def __init__(self, port, tls, uri):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        self.sock.settimeout(BOUND)
        self.sock.connect(('127.0.0.1', port))
        self.data = b''
        self.tls = None

        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.incoming, self.outgoing)
            self.again(self.tls.do_handshake)

        self.write((HEAD % uri).encode())
        self.need(b'\r\n\r\n')

    def again(self, call, *args):
        """Calls it until TLS has read what it needs."""
        while True:
            try:
                result = call(*args)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                more = self.sock.recv(65536)
                if not more:
                    raise EOFError
                self.incoming.write(more)

    def flush(self):
        try:
            self.sock.sendall(self.outgoing.read())
        except BrokenPipeError:
            pass                # our half has ended; reading tells the rest

    def write(self, data):
        if self.tls:
            self.tls.write(data)
            self.flush()
        else:
            self.sock.sendall(data)

    def read(self):
        """Reads some bytes; none at an end."""
        if not self.tls:
            return self.sock.recv(65536)
        try:
            return self.again(self.tls.read, 65536)
        except (ssl.SSLZeroReturnError, EOFError):
            return b''

    def need(self, what):
        """Reads up to what, which is taken out with all before it."""
        while what not in self.data:
            more = self.read()
            if not more:
                raise EOFError('no %r' % what)
            self.data += more
        self.data = self.data.split(what, 1)[1]

    def frame(self, first, payload=b''):
        """Sends a frame, masked by zeros."""
        size = (bytes([0x80 | len(payload)]) if len(payload) < 126
                else struct.pack('>BH', 0x80 | 126, len(payload)))
        self.write(bytes([first]) + size + bytes(4) + payload)

    def rest(self):
        """Reads to the end: how it comes."""
        try:
            while self.read():
                pass
            return 'fin'
        except ConnectionResetError:
            return 'rst'
        except socket.timeout:
            return 'no end'


# how a state is come to

def stream(client):
    client.need(b'"start"')


def idle(client):
    client.frame(TEXT, b'hello')
    client.need(b'hello')


def half(client):
    idle(client)
    client.write(b'\x81\xfe\x01')


def fragment(client):
    idle(client)
    client.frame(0x01, b'hel')


def full(client):
    """The server takes no more, since we take nothing."""
    message = struct.pack('>BBH', TEXT, 0x80 | 126, 60000) + bytes(60004)
    left = b''
    since = time.monotonic()
    client.sock.setblocking(False)
    while time.monotonic() - since < 0.3:
        if not left and client.tls:
            client.tls.write(message)
            left = client.outgoing.read()
        elif not left:
            left = message
        try:
            left = left[client.sock.send(left):]
            since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    client.sock.settimeout(BOUND)


def lingering(client):
    """The server has closed, and waits for our Close."""
    stream(client)
    client.frame(TEXT, b'hello')
    client.need(struct.pack('>H', 1003))


def closed(client):
    """Both have closed, and the server has ended its half."""
    idle(client)
    client.frame(CLOSE, struct.pack('>H', 1000))
    client.need(struct.pack('>H', 1000))


# how a client ends

def reset(client):
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack('ii', 1, 0))
    client.sock.close()


def fin(client):
    client.sock.shutdown(socket.SHUT_WR)


def notify(client):
    """close_notify, and TCP stays open."""
    try:
        client.tls.unwrap()
    except ssl.SSLError:
        pass
    client.flush()


def notify_fin(client):
    notify(client)
    fin(client)


STATES = [('stream', '/stream', stream), ('idle', '/echo', idle),
          ('half of a frame', '/echo', half), ('fragment', '/echo', fragment),
          ('full', '/echo', full), ('lingering', '/stream', lingering),
          ('closed', '/echo', closed)]
ENDS = [('reset', reset), ('end', fin)]
TLS_ENDS = ENDS + [('notify', notify), ('notify and end', notify_fin)]


def alone(port):
    """Waits until nobody but us is connected."""
    limit = time.monotonic() + BOUND
    while time.monotonic() < limit:
        with urllib.request.urlopen('http://127.0.0.1:%d/active' % port,
                                    timeout=BOUND) as answer:
            if answer.read().startswith(b'Active connections: 1 '):
                return True
        time.sleep(0.02)
    return False


def main():
    status, port = int(sys.argv[1]), int(sys.argv[3])
    tls = sys.argv[2] == 'tls'

    for state, uri, enter in STATES:
        for end, leave in TLS_ENDS if tls else ENDS:
            if state == 'full' and 'notify' in end:
                continue        # it cannot be sent
            client = Client(port, tls, uri)
            enter(client)
            leave(client)
            gone = alone(status)
            how = 'reset' if end == 'reset' else client.rest()
            print('%s: %s: %s' % (state, end, how if gone else 'stays'),
                  flush=True)
            client.sock.close()


if __name__ == '__main__':
    main()
