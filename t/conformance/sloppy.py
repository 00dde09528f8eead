#!/usr/bin/env python3

"""An echo server that obeys every rule, or breaks the one it is asked to.

    sloppy.py    prints its port on 127.0.0.1; ends with its standard input

A connection to /echo?NAME makes the mistake of that name; sloppy_deflate.py
has those about compression.
"""

import asyncio
import socket
import struct
import sys
import urllib.parse

import sloppy_deflate
import ws

# name: class of cases that have to find it, what it is

MISTAKES = {
    'rsv': ('3', 'reserved bits are ignored'),
    'opcode': ('4', 'unknown data opcodes are taken as binary'),
    'control-opcode': ('4', 'unknown control opcodes are ignored'),
    'code': ('3', 'what is 1002 is closed with 1000'),
    'mask': ('1.4', 'frames without a mask are taken'),
    'long-control': ('2.2', 'control frames over 125 bytes are taken'),
    'fragmented-control': ('2.5', 'fragmented control frames are taken'),
    'minimal': ('1.5', 'lengths need not be in their shortest form'),
    'top-bit': ('1.6', 'the top bit of a length is ignored'),
    'header-late': ('1.5', 'headers are checked when the payload is there'),
    'limit-late': ('9.1', 'the limit is checked when the message is there'),
    'limit-frame': ('9.2', 'the limit counts for frames, not for messages'),
    'limit-off': ('9.1', 'the limit is one byte too low'),
    'fragments': ('9.3', 'fragments are not counted'),
    'fragments-empty': ('9.3', 'empty fragments are not counted'),
    'cont': ('5.3', 'a continuation without a start is taken as binary'),
    'nested': ('5.4', 'a message may start inside another'),
    'pong-late': ('5.2', 'Pings within a message are answered behind it'),
    'pong-empty': ('2.1', 'Pongs are empty'),
    'pong-order': ('2.4', 'of two Pings in one read the first is not answered'),
    'pong-answer': ('2.3', 'a Pong is answered'),
    'utf8-late': ('6.7', 'UTF-8 is checked at the end of a message'),
    'utf8-frame': ('6.2', 'UTF-8 is checked frame by frame'),
    'utf8-surrogate': ('6.4', 'surrogates are taken for UTF-8'),
    'utf8-overlong': ('6.4', 'overlong forms are taken for UTF-8'),
    'utf8-beyond': ('6.4', 'U+110000 and above are taken for UTF-8'),
    'utf8-end': ('6.10', 'a text may end within a character'),
    'phase': ('1.3', 'the mask starts anew with each read'),
    'early': ('1.1', 'frames that come with the request are lost'),
    'echo-text': ('10.1', 'binary comes back as text if it is UTF-8'),
    'close-code': ('7.2', 'a Close is always answered by 1000'),
    'close-empty': ('7.1', 'an empty Close is answered by 1000'),
    'close-one': ('7.6', 'a Close of one byte is taken'),
    'close-1005': ('7.4', 'Close codes 1004 to 1006 are taken'),
    'close-range': ('7.4', 'Close codes 1016 to 2999 are taken'),
    'close-5000': ('7.4', 'Close codes from 5000 are taken'),
    'close-low': ('7.4', 'Close codes below 1000 are taken'),
    'reason': ('7.8', 'the reason of a Close is not checked'),
    'reason-code': ('7.8', 'a reason that is not UTF-8 is closed with 1002'),
    'behind': ('7.2', 'a Pong is sent behind the Close'),
    'behind-data': ('7.10', 'data behind the Close is echoed'),
    'twice': ('7.2', 'the Close is sent twice'),
    'reset': ('7.2', 'the connection ends by a reset'),
    'unread': ('10.1', 'it is closed while bytes wait to be read'),
    'never': ('7.2', 'the connection is never closed'),
    'no-close': ('3.1', 'faults end the connection without a Close'),
    'masked': ('1.1', 'answers are masked'),
    'long-form': ('1.1', 'answers of 126 bytes have a 64-bit length'),
    'accept': ('1.1', 'the Sec-WebSocket-Accept is that of the RFC'),
}

LIMITS = {'/echo': 16 << 20, '/small': 4096, '/deflate': 16 << 20,
          '/tight': 4096}


class Bad(Exception):
    pass


class Session(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buf = bytearray()
        self.bad = ''
        self.open = False
        self.done = False
        self.head = None            # the frame whose payload is coming
        self.message = None         # opcode of the message
        self.deflate = None
        self.late = []

    def data_received(self, data):
        self.buf += data
        try:
            if not self.open and not self.upgrade():
                return
            while self.buf and not self.done and self.step():
                pass
        except Bad as e:
            self.fail(e.args[0])
        if self.done and self.bad == 'behind-data' and self.buf:
            self.transport.write(bytes(self.buf))
        if self.done:
            self.buf.clear()

    def eof_received(self):
        return False

    def upgrade(self):
        at = self.buf.find(b'\r\n\r\n')
        if at < 0:
            return False
        lines = self.buf[:at].decode('latin-1').split('\r\n')
        del self.buf[:at + 4]
        url = urllib.parse.urlsplit(lines[0].split(' ')[1])
        self.bad = url.query
        self.max = LIMITS[url.path]
        self.fragments_max = max(1024, self.max // 16)
        offers = [v.strip() for n, _, v in (s.partition(':') for s in lines)
                  if n.lower() == 'sec-websocket-extensions']
        key = [v.strip() for n, _, v in (s.partition(':') for s in lines)
               if n.lower() == 'sec-websocket-key'][0].encode()
        agreed = None
        if url.path in ('/deflate', '/tight') or self.bad == 'unasked':
            self.deflate = sloppy_deflate.negotiate(offers, self.bad)
            agreed = self.deflate and self.deflate.answer
        if self.bad == 'early':
            self.buf.clear()
        answer = [b'HTTP/1.1 101 Switching Protocols', b'Upgrade: websocket',
                  b'Connection: Upgrade', b'Sec-WebSocket-Accept: '
                  + (ws.accept(ws.KEY) if self.bad == 'accept'
                     else ws.accept(key))]
        if agreed:
            answer.append(b'Sec-WebSocket-Extensions: ' + agreed.encode())
        self.transport.write(b'\r\n'.join(answer) + b'\r\n\r\n')
        self.open = True
        return True

    def step(self):
        """returns: false when more has to come"""
        if self.head is None and not self.header():
            return False
        return self.payload()

    def header(self):
        buf, bad = self.buf, self.bad
        size = 6 if len(buf) < 2 else {126: 8, 127: 14}.get(buf[1] & 127, 6)
        if len(buf) < size and bad == 'header-late':
            return False
        fin, rsv, op = buf[0] >> 7, buf[0] >> 4 & 7, buf[0] & 15
        self.check_first(fin, rsv, op)
        if len(buf) < 2:
            return False
        length, masked = buf[1] & 127, buf[1] >> 7
        if not masked and bad != 'mask':
            raise Bad(1002)
        size -= 0 if masked else 4
        if op >= 8 and length > 125 and bad != 'long-control':
            raise Bad(1002)
        if len(buf) > 2 and length == 127 and buf[2] > 127 \
                and bad != 'top-bit':
            raise Bad(1002)
        if length > 125:
            end = 4 if length == 126 else 10
            if len(buf) < end:
                return False
            least = 126 if length == 126 else 65536
            length = int.from_bytes(buf[2:end], 'big')
            if length < least and bad != 'minimal':
                raise Bad(1002)
        if len(buf) < size:
            return False
        mask = bytes(buf[size - 4:size]) if masked else b'\0\0\0\0'
        if bad == 'header-late' and len(buf) < size + length:
            return False
        self.head = [fin, rsv, op, length, mask, b'']
        self.phase = 0
        del buf[:size]
        if op < 8:
            self.check_message(fin, rsv, op, length)
        return True

    def check_first(self, fin, rsv, op):
        bad = self.bad
        legal = rsv == ws.RSV1 and self.deflate and (
            op in (1, 2) or op == 0 and bad == 'rsv1-cont'
            or op > 7 and bad == 'rsv1-control')
        if rsv == ws.RSV1 and bad == 'rsv1-plain':
            legal = True
        if rsv and not legal and bad != 'rsv':
            raise Bad(1002)
        if 3 <= op <= 7 and bad != 'opcode':
            raise Bad(1002)
        if op > 10 and bad != 'control-opcode':
            raise Bad(1002)
        if op >= 8 and not fin and bad != 'fragmented-control':
            raise Bad(1002)

    def check_message(self, fin, rsv, op, length):
        bad = self.bad
        if op == 0 and self.message is None:
            if bad != 'cont':
                raise Bad(1002)
            op = 2
        elif op != 0 and self.message is not None and bad != 'nested':
            raise Bad(1002)
        if op:
            self.message = 2 if op > 2 else op
            self.compressed = bool(rsv == ws.RSV1 and self.deflate)
            self.size = self.fragments = self.empty = 0
            self.data = bytearray()
            self.text = Utf8(bad) if op == 1 else None
            if self.compressed:
                self.deflate.begin(self.max)
        self.fragments += 1
        self.empty += not length and bad != 'fragments-empty'
        if self.fragments > self.fragments_max and bad != 'fragments' \
                or self.empty > 128:
            raise Bad(1008)
        self.size = length if bad == 'limit-frame' else self.size + length
        if self.size > self.max - (bad == 'limit-off') \
                and bad != 'limit-late':
            raise Bad(1009)

    def payload(self):
        fin, rsv, op, length, mask, kept = self.head
        data = bytes(self.buf[:length])
        del self.buf[:length]
        length -= len(data)
        phase = 0 if self.bad == 'phase' else self.phase
        self.phase = phase + len(data) & 3
        data = ws.xor(data, mask[phase:] + mask[:phase])
        self.head[3] = length
        if op >= 8:
            self.head[5] = kept + data
            if length:
                return False
            self.head = None
            self.control(op, kept + data)
            return True
        self.take(data, fin and not length, not length)
        if length:
            return False
        self.head = None
        return True

    def take(self, data, last, whole):
        """A piece of a message."""
        bad = self.bad
        if self.compressed:
            try:
                data = self.deflate.inflate(data, last)
            except sloppy_deflate.Bad as e:
                raise Bad(e.args[0]) from None
        self.data += data
        if len(self.data) > self.max and bad != 'inflated':
            raise Bad(1009)
        if self.text and not (self.compressed and bad == 'inflated-utf8'):
            self.text.feed(data, last, whole)
        if last:
            op, self.message = self.message, None
            if bad == 'echo-text' and op == 2 and self.data.isascii():
                op = 1
            self.reply(op, bytes(self.data))
            for pong in self.late:
                self.write(ws.PONG, pong)
            self.late.clear()

    def control(self, op, data):
        bad = self.bad
        if op == ws.PONG and bad == 'pong-answer':
            self.write(ws.PONG, data)
        elif op == ws.PING:
            if bad == 'pong-late' and self.message is not None:
                self.late.append(data)
            elif bad == 'pong-order' and self.buf[:1] == b'\x89':
                pass
            else:
                self.write(ws.PONG, b'' if bad == 'pong-empty' else data)
        elif op == ws.CLOSE:
            self.close(data)

    def close(self, data):
        bad, code = self.bad, None
        if data:
            code = int.from_bytes(data[:2], 'big')
            legal = (ws.code_may_be_sent(code)
                     or bad == 'close-1005' and 1004 <= code <= 1006
                     or bad == 'close-range' and 1016 <= code <= 2999
                     or bad == 'close-5000' and code >= 5000
                     or bad == 'close-low' and code < 1000)
            if len(data) == 1 and bad == 'close-one':
                legal, code = True, 1000
            if not legal:
                raise Bad(1002)
            if bad != 'reason':
                try:
                    data[2:].decode()
                except UnicodeDecodeError:
                    raise Bad(1002 if bad == 'reason-code'
                              else 1007) from None
        if bad == 'close-code' or bad == 'close-empty' and code is None:
            code = 1000
        self.end(code, True)

    def fail(self, code):
        if self.bad == 'code' and code == 1002:
            code = 1000
        if self.bad == 'no-close':
            self.done = True
            self.transport.close()
            return
        self.end(code, False)

    def end(self, code, theirs):
        """Our Close, and our end of the connection."""
        bad = self.bad
        self.done = True
        body = b'' if code is None else struct.pack('!H', code)
        self.write(ws.CLOSE, body)
        if bad == 'twice':
            self.write(ws.CLOSE, body)
        if bad == 'behind':
            self.write(ws.PONG, b'x')
        if bad == 'reset':
            self.transport.get_extra_info('socket').setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            self.transport.abort()
        elif bad == 'unread' and not theirs:
            # as by a server that does not wait for the client's end
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(0.02, self.transport.close)
        elif bad not in ('never', 'behind-data'):
            self.transport.write_eof()

    def reply(self, op, data):
        rsv = 0
        if self.deflate:
            packed = self.deflate.deflate(data)
            if packed is not None:
                data, rsv = packed, ws.RSV1
        self.write(op, data, rsv)

    def write(self, op, data, rsv=0):
        form = 64 if self.bad == 'long-form' and len(data) > 125 else None
        masked = int(self.bad == 'masked')
        self.transport.write(ws.frame(op, data, rsv=rsv, masked=masked,
                                      form=form))


class Utf8:
    """Fails at the first byte that cannot be right."""

    def __init__(self, bad):
        self.bad = bad
        self.kept = b''

    def feed(self, data, last, whole):
        if self.bad == 'utf8-late' and not last:
            self.kept += data
            return
        data = self.kept + data
        try:
            data.decode('utf-8')
            self.kept = b''
            return
        except UnicodeDecodeError as e:
            start, rest = e.start, data[e.start:]
            cut = e.reason == 'unexpected end of data'
        if self.lenient(rest):
            self.kept = b''
            self.feed(rest[self.lenient(rest):], last, whole)
        elif not cut or last and self.bad != 'utf8-end' \
                or whole and self.bad == 'utf8-frame':
            raise Bad(1007)
        else:
            self.kept = data[start:]

    def lenient(self, rest):
        """returns: bytes of what is wrong, and is taken nevertheless"""
        if self.bad == 'utf8-surrogate' and rest[:1] == b'\xed':
            return 3
        if self.bad == 'utf8-overlong' and rest[:1] in (b'\xc0', b'\xc1'):
            return 2
        if self.bad == 'utf8-beyond' and rest[:1] == b'\xf4':
            return 4
        return 0


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Session, '127.0.0.1', 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == '__main__':
    asyncio.run(main())
