#!/usr/bin/env python3
"""What a client can do to a TLS connection below WebSocket.

    tls_fault.py PORT 1.2|1.3 [NAME]

Each case has a connection and a source address of its own, 127.0.2.n for
TLS 1.2 and 127.0.3.n for 1.3.  A line for each: name, address and outcome,
with tabs between.  The outcome is what came of the stream after that: "101"
for the answer, "pong", the code of a Close, and how the server ended it,
"fin" or "rst"; "-" if the client was the one to end it.

TLS is done in memory, so that its bytes can be split, damaged and left out.
"""

import socket
import ssl
import struct
import sys
import time

TIMEOUT = 5
PAUSE = 0.1
MASK = b'\0\0\0\0'
PING = b'\x89\x84' + MASK + b'ping'
CLOSE = b'\x88\x82' + MASK + b'\x03\xe8'
BAD = b'\x83\x80' + MASK
REQUEST = (b'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'
           b'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')


class Client:
    """A socket, and TLS beside it."""

    def __init__(self, port, version, address):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version

        self.sock = socket.create_connection(('127.0.0.1', port), TIMEOUT,
                                             (address, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.plain = b''
        self.answered = False
        self.seen = []

    def send(self, data):
        self.sock.sendall(data)

    def records(self, data):
        """The TLS records of some bytes, not sent."""
        self.tls.write(data)
        return self.outgoing.read()

    def flight(self):
        """What is to be sent next in the handshake; None: it is done."""
        while True:
            try:
                self.tls.do_handshake()
                return self.outgoing.read() or None
            except ssl.SSLWantReadError:
                data = self.outgoing.read()

            if data:
                return data

            got = self.sock.recv(65536)

            if not got:
                raise EOFError

            self.incoming.write(got)

    def handshake(self):
        while data := self.flight():
            self.send(data)
            if self.tls.version() and self.tls.cipher() and self.done():
                break

    def done(self):
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def open(self):
        """TLS and the WebSocket handshake."""
        self.handshake()
        self.send(self.outgoing.read() + self.records(REQUEST))
        self.until('101')

    def until(self, what):
        """Reads until that was seen, or to the end of the connection."""
        while what not in self.seen:
            try:
                got = self.sock.recv(65536)
            except ConnectionResetError:
                self.seen.append('rst')
                return

            if not got:
                self.seen.append('fin')
                return

            self.incoming.write(got)
            self.decrypt()
            self.parse()

    def decrypt(self):
        try:
            while got := self.tls.read(65536):
                self.plain += got
        except ssl.SSLError:
            # nothing more now, an alert, or close_notify: the end of the
            # connection shows which
            pass

    def parse(self):
        if not self.answered:
            head, end, rest = self.plain.partition(b'\r\n\r\n')

            if not end:
                return

            self.seen.append(head[9:12].decode())
            self.answered = True
            self.plain = rest

        while len(self.plain) >= 2:
            length, head = self.plain[1], 2

            if length == 126:
                if len(self.plain) < 4:
                    return

                length, head = struct.unpack('>H', self.plain[2:4])[0], 4

            if len(self.plain) < head + length:
                return

            opcode = self.plain[0] & 15
            body = self.plain[head:head + length]
            self.plain = self.plain[head + length:]

            if opcode == 10:
                self.seen.append('pong')
            elif opcode == 8:
                self.seen.append(str(struct.unpack('>H', body[:2])[0]))

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack('ii', 1, 0))
        self.sock.close()
        self.seen.append('-')


def junk(size):
    return bytes(i * 37 % 256 for i in range(size))


def damaged(data, at=-1):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def in_pieces(c, data):
    for i in range(len(data)):
        c.send(data[i:i + 1])
        time.sleep(0.002)


# on an open stream; what follows is read to the end that is named

def byte_by_byte(c):
    in_pieces(c, c.records(PING))
    c.until('pong')
    c.reset()


def in_halves(c):
    data = c.records(PING)
    c.send(data[:len(data) // 2])
    time.sleep(PAUSE)
    c.send(data[len(data) // 2:])
    c.until('pong')
    c.reset()


def frame_over_records(c):
    for byte in PING:
        c.send(c.records(bytes([byte])))

    c.until('pong')
    c.reset()


def many_frames_in_a_record(c):
    c.send(c.records(PING * 100 + CLOSE))
    c.until('fin')
    c.seen = ['101', '%d pongs' % c.seen.count('pong')] + c.seen[-2:]


def header_alone(c):
    c.send(c.records(PING)[:5])
    time.sleep(PAUSE)
    c.half_close()
    c.until('fin')


def half_a_record(c):
    c.send(c.records(PING)[:-3])
    time.sleep(PAUSE)
    c.half_close()
    c.until('fin')


def half_a_record_reset(c):
    c.send(c.records(PING)[:-3])
    time.sleep(PAUSE)
    c.reset()


def garbage(c):
    c.send(b'\x81\x85maskhello' * 10)
    c.until('fin')


def garbage_in_a_record(c):
    data = c.records(PING)
    c.send(data[:5] + junk(len(data) - 5))
    c.until('fin')


def damage(c):
    c.send(damaged(c.records(PING)))
    c.until('fin')


def replay(c):
    data = c.records(PING)
    c.send(data)
    c.until('pong')
    c.send(data)
    c.until('fin')


def record_too_long(c):
    c.send(b'\x17\x03\x03\xff\xff' + b'a' * 1000)
    c.until('fin')


def close_notify(c):
    try:
        c.tls.unwrap()
    except ssl.SSLError:
        pass

    c.send(c.outgoing.read())
    c.until('fin')


def close_notify_in_a_frame(c):
    c.send(c.records(PING[:8]))
    close_notify(c)


def fault(c):
    c.send(c.records(BAD))
    c.until('fin')


def fault_and_garbage(c):
    c.send(c.records(BAD) + junk(500))
    c.until('fin')


def fault_and_reset(c):
    c.send(c.records(BAD))
    c.reset()


def fault_close_and_reset(c):
    c.send(c.records(BAD))
    c.until('1002')
    c.reset()


def close(c):
    c.send(c.records(CLOSE))
    c.until('fin')


def close_and_reset(c):
    c.send(c.records(CLOSE))
    c.reset()


def half_a_frame_reset(c):
    c.send(c.records(PING[:8]))
    time.sleep(PAUSE)
    c.reset()


def reset(c):
    c.reset()


# within the handshake of TLS

def hello_half(c):
    c.send(c.flight()[:100])
    time.sleep(PAUSE)
    c.half_close()
    c.until('fin')


def hello_half_reset(c):
    c.send(c.flight()[:100])
    time.sleep(PAUSE)
    c.reset()


def hello_reset(c):
    c.send(c.flight())
    c.reset()


def hello_answered_reset(c):
    c.send(c.flight())
    c.flight()
    c.reset()


def hello_answered_end(c):
    c.send(c.flight())
    c.flight()
    c.half_close()
    c.until('fin')


def hello_byte_by_byte(c):
    in_pieces(c, c.flight())
    c.open()
    c.reset()


def hello_damaged(c):
    c.send(damaged(c.flight(), 9))
    c.until('fin')


def finished_damaged(c):
    c.send(c.flight())
    c.send(damaged(c.flight()))
    c.until('fin')


def finished_half_reset(c):
    c.send(c.flight())
    c.send(c.flight()[:-10])
    time.sleep(PAUSE)
    c.reset()


def no_tls(c):
    c.send(junk(200))
    c.until('fin')


def alert(c):
    c.send(b'\x15\x03\x01\x00\x02\x02\x28')
    c.until('fin')


def silent_reset(c):
    c.reset()


def request_byte_by_byte(c):
    c.handshake()
    c.send(c.outgoing.read())

    for byte in REQUEST:
        c.send(c.records(bytes([byte])))

    c.until('101')
    c.reset()


def request_half_reset(c):
    c.handshake()
    c.send(c.outgoing.read() + c.records(REQUEST[:50]))
    time.sleep(PAUSE)
    c.reset()


def request_garbage(c):
    c.handshake()
    c.send(c.outgoing.read() + c.records(REQUEST[:50]) + junk(50))
    c.until('fin')


STREAM = [byte_by_byte, in_halves, frame_over_records,
          many_frames_in_a_record, header_alone, half_a_record,
          half_a_record_reset, garbage, garbage_in_a_record, damage, replay,
          record_too_long, close_notify, close_notify_in_a_frame, fault,
          fault_and_garbage, fault_and_reset, fault_close_and_reset, close,
          close_and_reset, half_a_frame_reset, reset]
HANDSHAKE = [hello_half, hello_half_reset, hello_reset, hello_answered_reset,
             hello_answered_end, hello_byte_by_byte, hello_damaged,
             finished_damaged, finished_half_reset, no_tls, alert,
             silent_reset, request_byte_by_byte, request_half_reset,
             request_garbage]


def main():
    port, version = int(sys.argv[1]), sys.argv[2]
    names = sys.argv[3:]
    tls = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}

    for i, case in enumerate(STREAM + HANDSHAKE):
        if names and case.__name__ not in names:
            continue

        address = '127.0.%s.%d' % (version[-1], 1 + i)
        c = Client(port, tls[version], address)

        try:
            if case in STREAM:
                c.open()

            case(c)
        except Exception as e:
            c.seen.append(repr(e))

        c.sock.close()
        print(case.__name__, address, ' '.join(c.seen), sep='\t', flush=True)


main()
