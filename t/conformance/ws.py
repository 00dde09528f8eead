"""The frames of RFC 6455, as a client writes and reads them.

What is written may be as wrong as a case wants it; what is read is held to
every rule that a server has to obey.
"""

import base64
import hashlib
import random
import struct
import zlib

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

NAMES = {CONT: 'cont', TEXT: 'text', BINARY: 'binary', CLOSE: 'close',
         PING: 'ping', PONG: 'pong'}

RSV1, RSV2, RSV3 = 4, 2, 1

TAIL = b'\x00\x00\xff\xff'          # RFC 7692, 7.2.1: cut off, put back

KEY = b'dGhlIHNhbXBsZSBub25jZQ=='   # the example of RFC 6455, 1.3
GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

# masks are always the same, in the order in which the tables are read
_masks = random.Random(6455)


def utf8(data):
    """Tables may give texts as str."""
    return data.encode() if isinstance(data, str) else bytes(data)


def xor(data, key):
    """Masks or unmasks, RFC 6455, 5.3."""
    n = len(data)
    if n == 0:
        return b''
    long_key = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(data, 'big')
            ^ int.from_bytes(long_key, 'big')).to_bytes(n, 'big')


def header(op, length, fin=1, rsv=0, masked=1, form=None):
    """A header without its mask; form: 7, 16 or 64, else the shortest."""
    if form is None:
        form = 7 if length < 126 else 16 if length < 65536 else 64
    first = fin << 7 | rsv << 4 | op
    mask_bit = masked << 7
    if form == 7:
        return struct.pack('!BB', first, mask_bit | length)
    if form == 16:
        return struct.pack('!BBH', first, mask_bit | 126, length)
    return struct.pack('!BBQ', first, mask_bit | 127, length)


def frame(op, payload=b'', fin=1, rsv=0, masked=1, form=None, length=None,
          mask=None):
    """A client's frame; length: what is announced, if it is not true."""
    payload = utf8(payload)
    if length is None:
        length = len(payload)
    head = header(op, length, fin, rsv, masked, form)
    if not masked:
        return head + payload
    if mask is None:
        mask = _masks.randbytes(4)
    return head + mask + xor(payload, mask)


def text(payload=b'', **how):
    return frame(TEXT, payload, **how)


def binary(payload=b'', **how):
    return frame(BINARY, payload, **how)


def cont(payload=b'', **how):
    return frame(CONT, payload, **how)


def ping(payload=b'', **how):
    return frame(PING, payload, **how)


def pong(payload=b'', **how):
    return frame(PONG, payload, **how)


def close(code=None, reason=b'', **how):
    body = b'' if code is None else struct.pack('!H', code) + utf8(reason)
    return frame(CLOSE, body, **how)


def fragments(op, *pieces, rsv=0):
    """One message in as many frames as there are pieces."""
    last = len(pieces) - 1
    return b''.join(frame(CONT if i else op, p, fin=int(i == last),
                          rsv=0 if i else rsv)
                    for i, p in enumerate(pieces))


def chopped(op, payload, size, rsv=0):
    """One message in fragments of this size."""
    payload = utf8(payload)
    return fragments(op, *(payload[i:i + size]
                           for i in range(0, len(payload), size)), rsv=rsv)


def closes(data):
    """returns: code of the first Close among frames, or None"""
    at = 0
    while len(data) - at >= 6:
        first, length = data[at], data[at + 1] & 127
        extra = {126: 2, 127: 8}.get(length, 0)
        if extra:
            length = int.from_bytes(data[at + 2:at + 2 + extra], 'big')
        start = at + 6 + extra
        if first == 0x80 | CLOSE and len(data) >= start + length:
            body = xor(data[start:start + length], data[start - 4:start])
            return int.from_bytes(body[:2], 'big') if body else 1005
        at = start + length
    return None


def request(path, extensions=(), key=KEY):
    """The upgrade; extensions: a header line for each."""
    lines = [b'GET ' + path.encode() + b' HTTP/1.1', b'Host: localhost',
             b'Upgrade: websocket', b'Connection: Upgrade',
             b'Sec-WebSocket-Version: 13', b'Sec-WebSocket-Key: ' + key]
    lines += [b'Sec-WebSocket-Extensions: ' + utf8(e) for e in extensions]
    return b'\r\n'.join(lines) + b'\r\n\r\n'


def new_key():
    return base64.b64encode(_masks.randbytes(16))


def accept(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


class Fault(Exception):
    """What a server must not send."""


def code_may_be_sent(code):
    """RFC 6455, 7.4, and the registry."""
    return (1000 <= code <= 1003 or 1007 <= code <= 1014
            or 3000 <= code <= 4999)


def narrow(z, data):
    """A byte at a time: what zlib gives at once does not count as window."""
    out = []
    for i in range(len(data)):
        piece = z.decompress(data[i:i + 1], 1)
        while piece:
            out.append(piece)
            piece = z.decompress(z.unconsumed_tail, 1)
    return b''.join(out)


class Reader:
    """What a server sends; events are ('text', data), ('close', code).

    deflate: None, or the window bits of the server's answers.
    """

    def __init__(self, deflate=None):
        self.deflate = deflate
        self.buf = bytearray()
        self.events = []
        self.deflated = []          # per data message: came compressed
        self.closed = False
        self.reason = b''
        self._message = None

    def feed(self, data):
        self.buf += data
        while self.buf:
            if self.closed:
                raise Fault('bytes behind the Close: %s'
                            % bytes(self.buf[:32]).hex())
            used = self._frame()
            if not used:
                return
            del self.buf[:used]

    def _frame(self):
        """returns: bytes of the first frame, 0 if it is not all here"""
        buf = self.buf
        if len(buf) < 2:
            return 0
        fin, rsv, op = buf[0] >> 7, buf[0] >> 4 & 7, buf[0] & 15
        length, start = buf[1] & 127, 2
        if buf[1] & 128:
            raise Fault('masked frame of a server')
        if op not in NAMES:
            raise Fault('opcode %d' % op)
        if op >= CLOSE and (not fin or length > 125):
            raise Fault('control frame long or fragmented')
        if rsv and not (rsv == RSV1 and op in (TEXT, BINARY)
                        and self.deflate):
            raise Fault('reserved bits %d on %s' % (rsv, NAMES[op]))
        if length > 125:
            start += 2 if length == 126 else 8
            if len(buf) < start:
                return 0
            least = 126 if length == 126 else 65536
            length = int.from_bytes(buf[2:start], 'big')
            if length < least or length >> 63:
                raise Fault('length %d not in its shortest form' % length)
        if len(buf) < start + length:
            return 0
        self._payload(op, fin, rsv, bytes(buf[start:start + length]))
        return start + length

    def _payload(self, op, fin, rsv, payload):
        if op == CLOSE:
            self._close(payload)
        elif op >= CLOSE:
            self.events.append((NAMES[op], payload))
        else:
            if (op == CONT) != (self._message is not None):
                raise Fault('%s out of place' % NAMES[op])
            if op != CONT:
                self._message = [op, bool(rsv), []]
            self._message[2].append(payload)
            if fin:
                self._data(*self._message)
                self._message = None

    def _data(self, op, compressed, pieces):
        data = b''.join(pieces)
        if compressed:
            data = self._inflate(data)
        if op == TEXT:
            try:
                data.decode()
            except UnicodeDecodeError:
                raise Fault('text is not UTF-8') from None
        self.events.append((NAMES[op], data))
        self.deflated.append(compressed)

    def _inflate(self, data):
        """Each message by itself: no context is taken over."""
        z = zlib.decompressobj(-self.deflate)
        try:
            out = narrow(z, data + TAIL) if self.deflate < 15 \
                else z.decompress(data + TAIL)
        except zlib.error as e:
            raise Fault('does not inflate: %s' % e) from None
        if z.eof or z.unused_data:
            raise Fault('a last block, or bytes behind it')
        # behind a whole message another block can follow
        try:
            z.decompress(b'\x03\x00')
        except zlib.error as e:
            raise Fault('the message ends within a block') from e
        if not z.eof:
            raise Fault('the message ends within a block')
        return out

    def _close(self, payload):
        self.closed = True
        code = 1005
        if len(payload) == 1:
            raise Fault('Close of one byte')
        if payload:
            code = int.from_bytes(payload[:2], 'big')
            if not code_may_be_sent(code):
                raise Fault('Close code %d is never sent' % code)
            self.reason = payload[2:]
            try:
                self.reason.decode()
            except UnicodeDecodeError:
                raise Fault('reason is not UTF-8') from None
        self.events.append(('close', code))
