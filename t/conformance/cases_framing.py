"""1 framing, 2 Pings and Pongs, 3 reserved bits, 4 opcodes."""

import struct

from case import SMALL, B, C, Case, P, T
from ws import (BINARY, CONT, NAMES, PING, PONG, CLOSE, TEXT, binary, close,
                cont, fragments, frame, header, ping, pong, text)

KEY = b'\x12\xf4\x5b\x80'

LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 124, 125, 126, 127,
           128, 129, 255, 256, 4095, 4096, 4097, 8191, 8192, 65533, 65534,
           65535, 65536, 65537)


def filled(n):
    """n bytes of ASCII, none like its neighbours."""
    return (b'0123456789abcdefghijklmnopqrstuvwxyz' * (n // 36 + 1))[:n]


LOUD = bytes(i * 7 + i // 256 & 255 for i in range(65536))


def loud(n):
    """n bytes of every value."""
    return (LOUD * (n // 65536 + 1))[:n]


CASES = [
    *(Case('1.1.%d' % i, '5.2', 'text of %d bytes' % n,
           text(filled(n)), [T(filled(n))])
      for i, n in enumerate(LENGTHS, 1)),

    *(Case('1.2.%d' % i, '5.2', 'binary of %d bytes' % n,
           binary(loud(n)), [B(loud(n))])
      for i, n in enumerate(LENGTHS, 1)),

    # masks
    Case('1.3.1', '5.3', 'mask of zeros',
         text('Hello', mask=b'\0\0\0\0'), [T('Hello')]),
    Case('1.3.2', '5.3', 'mask of ones',
         text('Hello', mask=b'\xff\xff\xff\xff'), [T('Hello')]),
    Case('1.3.3', '5.3', 'mask that makes the payload zeros',
         text('abcdabcdab', mask=b'abcd'), [T('abcdabcdab')]),
    Case('1.3.4', '5.3', 'mask that looks like a Close',
         text('Hello', mask=b'\x88\x82\x03\xe8'), [T('Hello')]),
    Case('1.3.5', '5.3', 'each frame with a mask of its own',
         fragments(TEXT, 'ab', 'cde', 'f', 'ghijk'), [T('abcdefghijk')]),
    Case('1.3.6', '5.7', 'the example of the RFC',
         bytes.fromhex('818537fa213d7f9f4d5158'), [T('Hello')]),
    Case('1.3.7', '5.3', 'mask and empty payload',
         text('', mask=b'\xff\0\xff\0') + binary('', mask=KEY),
         [T(), B()]),
    *(Case('1.3.%d' % (8 + n), '5.3', 'the mask starts anew behind a payload '
           'of %d' % n, text(filled(n), mask=KEY) + text('Hello', mask=KEY),
           [T(filled(n)), T('Hello')]) for n in range(1, 10)),

    # no mask
    *(Case('1.4.%d' % (op + 1), '5.1', '%s without a mask' % NAMES[op],
           (text('a', fin=0) if op == CONT else b'')
           + frame(op, b'\x03\xe8' if op == CLOSE else 'a', masked=0),
           [C(1002)]) for op in NAMES),
    Case('1.4.20', '5.1', 'the second byte is enough to see it',
         b'\x81\x05', [C(1002)]),
    Case('1.4.21', '5.1', 'empty text without a mask', b'\x81\x00',
         [C(1002)]),
    Case('1.4.22', '5.1', 'no mask on a later frame',
         text('a') + text('b', masked=0), [T('a'), C(1002)]),
    Case('1.4.23', '5.1', 'no mask on a 16-bit length',
         header(TEXT, 126, masked=0), [C(1002)]),
    Case('1.4.24', '5.1', 'no mask on a 64-bit length',
         header(BINARY, 65536, masked=0), [C(1002)]),

    # lengths in a longer form than they need
    *(Case('1.5.%d' % i, '5.2', '%s length %d in %d bits'
           % (NAMES[op], n, form), frame(op, filled(n), form=form),
           [C(1002)])
      for i, (op, n, form) in enumerate(
          [(TEXT, n, 16) for n in (0, 1, 2, 64, 124, 125)]
          + [(TEXT, n, 64) for n in (0, 1, 125, 126, 127, 128, 255, 256,
                                     32767, 65534, 65535)]
          + [(BINARY, 125, 16), (BINARY, 126, 64), (BINARY, 65535, 64)]
          + [(PING, 5, 16), (PONG, 5, 16), (PING, 5, 64), (PONG, 125, 64)],
          1)),
    Case('1.5.30', '5.2', 'length 5 in 16 bits, seen at the header',
         b'\x82\xfe\x00\x05', [C(1002)]),
    Case('1.5.31', '5.2', 'length 65535 in 64 bits, seen at the header',
         b'\x82\xff' + struct.pack('!Q', 65535), [C(1002)]),
    Case('1.5.32', '5.2', 'continuation of 3 in 16 bits',
         text('a', fin=0) + cont('abc', form=16), [C(1002)]),

    # 64-bit lengths that no message has
    *(Case('1.6.%d' % i, '5.2', 'top bit of a length: %#x' % n,
           b'\x82\xff' + struct.pack('!Q', n) + KEY, [C(1002)])
      for i, n in enumerate((1 << 63, (1 << 63) + 1, (1 << 64) - 1,
                             (1 << 63) + 65536, 0xfffffffffffffff0), 1)),
    Case('1.6.10', '5.2', 'top bit, seen at its byte',
         b'\x82\xff\x80', [C(1002)]),
    Case('1.6.11', '5.2', 'top bit in a continuation',
         text('a', fin=0) + b'\x80\xff' + struct.pack('!Q', 1 << 63),
         [C(1002)]),

    # many in one piece
    Case('1.7.1', '5.2', 'three messages in a row',
         text('a') + binary(b'\0') + text('c'), [T('a'), B(b'\0'), T('c')]),
    Case('1.7.2', '5.2', 'empty messages in a row',
         text() + binary() + text() + binary(), [T(), B(), T(), B()]),
    Case('1.7.3', '5.2', 'a hundred messages in a row',
         b''.join(text('%d' % i) for i in range(100)),
         [T('%d' % i) for i in range(100)], cuts='few'),
    Case('1.7.4', '5.2', 'each form of length in a row',
         text(filled(125)) + text(filled(126)) + binary(loud(65536))
         + text('z'),
         [T(filled(125)), T(filled(126)), B(loud(65536)), T('z')]),
    Case('1.7.5', '5.2', 'messages before a fault are answered',
         text('a') + ping('b') + text('c', rsv=2),
         [T('a'), P('b'), C(1002)]),
    Case('1.7.6', '7.1.7', 'a good message behind a fault is not read',
         text('a', rsv=2) + text('b'), [C(1002)]),
    Case('1.7.7', '7.1.7', 'a Ping behind a fault is not answered',
         frame(3, 'a') + ping('b'), [C(1002)]),
    Case('1.7.8', '7.1.7', 'the first of two faults counts',
         text(b'\xff') + text('b', masked=0), [C(1007)]),
    Case('1.7.9', '7.1.7', 'a Close behind a fault is not answered by its '
         'code', text('a', rsv=1) + close(3000), [C(1002)]),

    # half a frame, then the client's end
    *(Case('1.8.%d' % i, '7.1.5', 'the client ends behind %d bytes of a '
           'frame' % n, text('Hello', mask=KEY)[:n], [],
           fin=True) for i, n in enumerate((1, 2, 5, 6, 8), 1)),
]

LONG = b'p' * 126

CASES += [
    *(Case('2.1.%d' % i, '5.5.2', 'Ping of %d bytes' % n,
           ping(loud(n)), [P(loud(n))])
      for i, n in enumerate((0, 1, 2, 3, 4, 5, 8, 63, 64, 123, 124, 125), 1)),
    Case('2.1.20', '5.5.2', 'Ping that is not UTF-8',
         ping(b'\0\xff\xfe\xfd\xfc\xfb\0\xff'),
         [P(b'\0\xff\xfe\xfd\xfc\xfb\0\xff')]),
    Case('2.1.21', '5.5.2', 'Ping that looks like a Close',
         ping(b'\x88\x02\x03\xe8'), [P(b'\x88\x02\x03\xe8')]),

    *(Case('2.2.%d' % i, '5.5', '%s of %d bytes' % (NAMES[op], n),
           frame(op, b'\x03\xe8' + b'x' * (n - 2)), [C(1002)])
      for i, (op, n) in enumerate(
          [(op, n) for op in (PING, PONG, CLOSE)
           for n in (126, 127, 128, 65535, 65536)], 1)),
    *(Case('2.2.%d' % (20 + i), '5.5', '%s of a long form, seen at its '
           'second byte' % NAMES[op], bytes([0x80 | op, 0x80 | form]),
           [C(1002)])
      for i, (op, form) in enumerate(
          [(op, form) for op in (PING, PONG, CLOSE) for form in (126, 127)])),
    Case('2.2.30', '5.5', 'long Ping within a message',
         text('a', fin=0) + ping(LONG), [C(1002)]),

    # what nobody asked for
    *(Case('2.3.%d' % i, '5.5.3', 'unsolicited Pong of %d bytes' % n,
           pong(loud(n)), []) for i, n in enumerate((0, 1, 5, 125), 1)),
    Case('2.3.10', '5.5.3', 'unsolicited Pong, then a Ping',
         pong('a') + ping('b'), [P('b')]),
    Case('2.3.11', '5.5.3', 'ten Pongs, then a text',
         b''.join(pong('%d' % i) for i in range(10)) + text('z'), [T('z')]),
    Case('2.3.12', '5.5.3', 'Pong within a message',
         text('a', fin=0) + pong('b') + cont('c'), [T('ac')]),

    # several
    Case('2.4.1', '5.5.2', 'two Pings', ping('a') + ping('b'),
         [P('a'), P('b')]),
    Case('2.4.2', '5.5.2', 'ten Pings, in their order',
         b''.join(ping('%d' % i) for i in range(10)),
         [P('%d' % i) for i in range(10)]),
    Case('2.4.3', '5.5.2', 'ten empty Pings', ping() * 10, [P()] * 10),
    Case('2.4.4', '5.5.2', 'Ping between messages',
         text('a') + ping('b') + text('c'), [T('a'), P('b'), T('c')]),
    Case('2.4.5', '5.5.2', 'two Pings of 125 bytes, and a text',
         ping(loud(125)) + ping(loud(125)) + text('z'),
         [P(loud(125)), P(loud(125)), T('z')]),
    Case('2.4.6', '5.5.2', 'Ping, then Close',
         ping('a') + close(1000), [P('a'), C(1000)]),
    Case('2.4.7', '5.5.2', 'Ping, then the client ends',
         ping('a'), [P('a')], fin=True),
    Case('2.4.8', '5.5.2', 'a hundred Pings',
         b''.join(ping('%d' % i) for i in range(100)),
         [P('%d' % i) for i in range(100)], cuts='few'),

    # fragments
    *(Case('2.5.%d' % i, '5.4', '%s that is fragmented' % NAMES[op],
           frame(op, b'\x03\xe8', fin=0), [C(1002)])
      for i, op in enumerate((PING, PONG, CLOSE), 1)),
    *(Case('2.5.%d' % i, '5.4', '%s that is fragmented, and its rest'
           % NAMES[op], frame(op, b'\x03\xe8', fin=0) + cont('b'), [C(1002)])
      for i, op in enumerate((PING, PONG, CLOSE), 4)),
    *(Case('2.5.%d' % i, '5.4', '%s that is fragmented, within a message'
           % NAMES[op], text('a', fin=0) + frame(op, '', fin=0), [C(1002)])
      for i, op in enumerate((PING, PONG, CLOSE), 7)),
    Case('2.5.10', '5.4', 'fragmented Ping, seen at its first byte',
         b'\x09', [C(1002)]),
]


def first(op, rsv, fin=1):
    return frame(op, b'\x03\xe8' if op == CLOSE else 'a', rsv=rsv, fin=fin)


CASES += [
    *(Case('3.%d.%d' % (i, rsv), '5.2', 'reserved bits %s on %s'
           % (format(rsv, '03b'), NAMES[op]),
           (text('x', fin=0) if op == CONT else b'') + first(op, rsv),
           [C(1002)])
      for i, op in enumerate(NAMES, 1) for rsv in range(1, 8)),
    *(Case('3.7.%d' % rsv, '5.2', 'reserved bits %s, seen at the first byte'
           % format(rsv, '03b'), bytes([0x81 | rsv << 4]), [C(1002)])
      for rsv in range(1, 8)),
    Case('3.8.1', '5.2', 'reserved bit behind a good message',
         text('a') + first(TEXT, 1), [T('a'), C(1002)]),
    Case('3.8.2', '5.2', 'reserved bit behind a Ping',
         ping('a') + first(BINARY, 4), [P('a'), C(1002)]),
    Case('3.8.3', '5.2', 'reserved bit on the first fragment',
         first(TEXT, 2, fin=0), [C(1002)]),
    Case('3.8.4', '5.2', 'reserved bit on a Ping within a message',
         text('a', fin=0) + first(PING, 1), [C(1002)]),
    Case('3.8.5', '5.2', 'reserved bit on an unknown opcode',
         first(5, 4), [C(1002)]),
    Case('3.8.6', '5.2', 'reserved bit on an empty text',
         text('', rsv=4), [C(1002)]),
]

UNKNOWN = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)

CASES += [
    *(Case('4.1.%d' % op, '5.2', 'opcode %d' % op, frame(op, 'a'), [C(1002)])
      for op in UNKNOWN),
    *(Case('4.2.%d' % op, '5.2', 'opcode %d, empty' % op, frame(op),
           [C(1002)]) for op in UNKNOWN),
    *(Case('4.3.%d' % op, '5.2', 'opcode %d, seen at the first byte' % op,
           bytes([0x80 | op]), [C(1002)]) for op in UNKNOWN),
    *(Case('4.4.%d' % op, '5.2', 'opcode %d behind a text and a Ping' % op,
           text('a') + ping('b') + frame(op, 'c'),
           [T('a'), P('b'), C(1002)]) for op in UNKNOWN),
    *(Case('4.5.%d' % op, '5.2', 'opcode %d within a message' % op,
           text('a', fin=0) + frame(op, 'b'), [C(1002)]) for op in UNKNOWN),
    *(Case('4.6.%d' % op, '5.2', 'opcode %d, not the last fragment' % op,
           frame(op, 'a', fin=0), [C(1002)]) for op in UNKNOWN),
    *(Case('4.7.%d' % op, '5.2', 'opcode %d with a long length' % op,
           frame(op, 'a' * 130), [C(1002)], at=SMALL) for op in UNKNOWN),
]
