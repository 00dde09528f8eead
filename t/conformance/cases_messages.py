"""5 fragmentation, 9 limits and large messages, 10 miscellaneous."""

from case import SMALL, B, C, Case, P, T
from cases_framing import filled, loud
from ws import (BINARY, TEXT, binary, chopped, close, cont,
                fragments, frame, header, ping, pong, text)

CASES = [
    # text in pieces
    Case('5.1.1', '5.4', 'text in two', fragments(TEXT, 'Hel', 'lo'),
         [T('Hello')]),
    Case('5.1.2', '5.4', 'text in five, a byte each',
         fragments(TEXT, *'Hello'), [T('Hello')]),
    Case('5.1.3', '5.4', 'first fragment empty', fragments(TEXT, '', 'a'),
         [T('a')]),
    Case('5.1.4', '5.4', 'last fragment empty', fragments(TEXT, 'a', ''),
         [T('a')]),
    Case('5.1.5', '5.4', 'middle fragment empty',
         fragments(TEXT, 'a', '', 'b'), [T('ab')]),
    Case('5.1.6', '5.4', 'all fragments empty',
         fragments(TEXT, '', '', ''), [T()]),
    Case('5.1.7', '5.4', 'binary in two', fragments(BINARY, b'\0', b'\xff'),
         [B(b'\0\xff')]),
    Case('5.1.8', '5.4', 'binary, all fragments empty',
         fragments(BINARY, '', ''), [B()]),
    Case('5.1.9', '5.4', 'fragments of each form of length',
         fragments(BINARY, loud(1), loud(125), loud(126), loud(65535),
                   loud(65536)),
         [B(loud(1) + loud(125) + loud(126) + loud(65535) + loud(65536))]),
    Case('5.1.10', '5.4', 'two messages in fragments',
         fragments(TEXT, 'a', 'b') + fragments(BINARY, 'c', 'd'),
         [T('ab'), B('cd')]),
    Case('5.1.11', '5.4', 'in fragments, then whole',
         fragments(TEXT, 'a', 'b') + text('c'), [T('ab'), T('c')]),
    Case('5.1.12', '5.4', 'whole, then in fragments',
         text('c') + fragments(TEXT, 'a', 'b'), [T('c'), T('ab')]),
    *(Case('5.1.%d' % (20 + i), '5.4', 'binary in %d fragments' % n,
           fragments(BINARY, *(bytes([j & 255]) for j in range(n))),
           [B(bytes(j & 255 for j in range(n)))])
      for i, n in enumerate((3, 4, 8, 16, 100))),

    # control frames between
    Case('5.2.1', '5.5', 'Ping between fragments',
         text('a', fin=0) + ping('p') + cont('b'), [P('p'), T('ab')]),
    Case('5.2.2', '5.5', 'Ping between each two fragments',
         text('a', fin=0) + ping('1') + cont('b', fin=0) + ping('2')
         + cont('c', fin=0) + ping('3') + cont('d'),
         [P('1'), P('2'), P('3'), T('abcd')]),
    Case('5.2.3', '5.5', 'empty Ping between fragments',
         text('a', fin=0) + ping() + cont('b'), [P(), T('ab')]),
    Case('5.2.4', '5.5', 'Ping of 125 bytes between fragments',
         text('a', fin=0) + ping(loud(125)) + cont('b'),
         [P(loud(125)), T('ab')]),
    Case('5.2.5', '5.5', 'two Pings between fragments',
         text('a', fin=0) + ping('1') + ping('2') + cont('b'),
         [P('1'), P('2'), T('ab')]),
    Case('5.2.6', '5.5', 'Ping between fragments, both empty',
         text('', fin=0) + ping('p') + cont(''), [P('p'), T()]),
    Case('5.2.7', '5.5', 'Ping is answered before the message ends',
         text('a', fin=0) + ping('p'), [P('p')]),
    Case('5.2.8', '5.5', 'Pong between fragments',
         text('a', fin=0) + pong('p') + cont('b'), [T('ab')]),
    Case('5.2.9', '5.5', 'Close between fragments',
         text('a', fin=0) + close(1001), [C(1001)]),
    Case('5.2.10', '5.5', 'empty Close between fragments',
         text('a', fin=0) + close(), [C(1005)]),
    Case('5.2.11', '5.5', 'Ping, then Close between fragments',
         binary('a', fin=0) + ping('p') + close(1000), [P('p'), C(1000)]),
    Case('5.2.12', '5.3', 'the mask of a Ping does not touch the message',
         text('abc', fin=0, mask=b'1234') + ping('xyz', mask=b'\0\xff\0\xff')
         + cont('def', mask=b'5678'), [P('xyz'), T('abcdef')]),
    Case('5.2.13', '5.5', 'the client ends between fragments',
         text('a', fin=0), [], fin=True),
    Case('5.2.14', '5.5', 'Ping between fragments, the client ends',
         text('a', fin=0) + ping('p'), [P('p')], fin=True),

    # out of place
    Case('5.3.1', '5.4', 'continuation without a start', cont('a'),
         [C(1002)]),
    Case('5.3.2', '5.4', 'continuation without a start, not the last',
         cont('a', fin=0), [C(1002)]),
    Case('5.3.3', '5.4', 'empty continuation without a start', cont(),
         [C(1002)]),
    Case('5.3.4', '5.4', 'continuation behind a whole message',
         text('a') + cont('b'), [T('a'), C(1002)]),
    Case('5.3.5', '5.4', 'continuation behind the last fragment',
         fragments(TEXT, 'a', 'b') + cont('c'), [T('ab'), C(1002)]),
    Case('5.3.6', '5.4', 'continuation behind a Ping',
         ping('a') + cont('b'), [P('a'), C(1002)]),
    Case('5.3.7', '5.4', 'continuation behind an empty message',
         text() + cont(), [T(), C(1002)]),
    Case('5.3.8', '5.4', 'message behind a continuation without a start',
         cont('a', fin=0) + text('b') + cont('c'), [C(1002)]),
    *(Case('5.4.%d' % i, '5.4', '%s within a %s in fragments' % (b, a),
           frame({'text': TEXT, 'binary': BINARY}[a], 'a', fin=0)
           + frame({'text': TEXT, 'binary': BINARY}[b], 'b', fin=fin),
           [C(1002)])
      for i, (a, b, fin) in enumerate(
          [(a, b, fin) for a in ('text', 'binary')
           for b in ('text', 'binary') for fin in (0, 1)], 1)),
    Case('5.4.10', '5.4', 'message within a message, at the second fragment',
         text('a', fin=0) + cont('b', fin=0) + text('c'), [C(1002)]),
    Case('5.4.11', '5.4', 'message within a message, all empty',
         text('', fin=0) + text(''), [C(1002)]),
    Case('5.4.12', '5.4', 'message within a message, behind a Ping',
         text('a', fin=0) + ping('p') + binary('b'), [P('p'), C(1002)]),
    Case('5.4.13', '5.4', 'start within a message is seen at its header',
         text('a', fin=0) + header(TEXT, 100) + b'1234', [C(1002)]),
    Case('5.4.14', '5.4', 'continuation is seen at its header',
         header(0, 100) + b'1234', [C(1002)]),
]

MAX = 4096                          # of the location /small
FRAGMENTS, EMPTY = 1024, 128


def announced(n, **how):
    """A binary frame of which only the header comes."""
    return header(BINARY, n, **how) + b'\x01\x02\x03\x04'


LIMITS = [
    # one frame
    Case('9.1.1', '10.4', 'a message as large as allowed',
         binary(loud(MAX)), [B(loud(MAX))], at=SMALL),
    Case('9.1.2', '10.4', 'a text as large as allowed',
         text(filled(MAX)), [T(filled(MAX))], at=SMALL),
    Case('9.1.3', '10.4', 'one byte less', text(filled(MAX - 1)),
         [T(filled(MAX - 1))], at=SMALL),
    Case('9.1.4', '10.4', 'one byte more', binary(loud(MAX + 1)),
         [C(1009)], at=SMALL),
    Case('9.1.5', '10.4', 'one byte of text more', text(filled(MAX + 1)),
         [C(1009)], at=SMALL),
    *(Case('9.1.%d' % i, '10.4', '%d announced, seen at the header' % n,
           announced(n), [C(1009)], at=SMALL)
      for i, n in enumerate((MAX + 1, MAX + 2, 65535, 65536, 1 << 24,
                             (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
                             (1 << 32) + 1, (1 << 32) + 5, (1 << 33) + MAX,
                             1 << 62, (1 << 63) - MAX, (1 << 63) - 1), 10)),
    Case('9.1.30', '10.4', '2^63-1 announced where 16m are allowed',
         announced((1 << 63) - 1), [C(1009)]),
    Case('9.1.31', '10.4', 'one byte above 16m announced',
         announced((16 << 20) + 1), [C(1009)]),
    Case('9.1.32', '10.4', 'the limit is of a message, not of a connection',
         binary(loud(MAX)) + binary(loud(MAX)) + text('z'),
         [B(loud(MAX)), B(loud(MAX)), T('z')], at=SMALL),
    Case('9.1.33', '10.4', 'messages before it are answered',
         text('a') + announced(MAX + 1), [T('a'), C(1009)], at=SMALL),

    # fragments
    Case('9.2.1', '10.4', 'two fragments as large as allowed',
         fragments(BINARY, loud(MAX - 96), loud(96)),
         [B(loud(MAX - 96) + loud(96))], at=SMALL),
    Case('9.2.2', '10.4', 'two fragments, one byte more',
         fragments(BINARY, loud(MAX - 96), loud(97)), [C(1009)], at=SMALL),
    Case('9.2.3', '10.4', 'seen at the header of the second',
         binary(loud(MAX - 96), fin=0) + header(0, 97) + b'1234',
         [C(1009)], at=SMALL),
    Case('9.2.4', '10.4', 'full, then an empty last fragment',
         fragments(BINARY, loud(MAX), ''), [B(loud(MAX))], at=SMALL),
    Case('9.2.5', '10.4', 'full, then one byte',
         fragments(BINARY, loud(MAX), 'a'), [C(1009)], at=SMALL),
    Case('9.2.6', '10.4', 'lengths whose sum is above 2^63',
         binary('a', fin=0) + header(0, (1 << 63) - 1) + b'1234', [C(1009)],
         at=SMALL),
    Case('9.2.7', '10.4', '64 bytes at a time, as large as allowed',
         chopped(BINARY, loud(MAX), 64), [B(loud(MAX))], at=SMALL),
    Case('9.2.8', '10.4', '64 bytes at a time, one byte more',
         chopped(BINARY, loud(MAX + 1), 64), [C(1009)], at=SMALL),
    Case('9.2.9', '10.4', 'control frames do not count',
         binary(loud(MAX - 1), fin=0) + ping(loud(125)) + ping(loud(125))
         + cont('z'), [P(loud(125)), P(loud(125)), B(loud(MAX - 1) + b'z')],
         at=SMALL),
    Case('9.2.10', '10.4', 'the sum starts anew with a message',
         fragments(BINARY, loud(3000), loud(1000)) * 3,
         [B(loud(3000) + loud(1000))] * 3, at=SMALL),
    Case('9.2.11', '10.4', 'first fragment too large, seen at the header',
         announced(MAX + 1, fin=0), [C(1009)], at=SMALL),

    # how many fragments
    Case('9.3.1', '10.4', 'as many fragments as allowed',
         fragments(BINARY, *(b'x' for _ in range(FRAGMENTS))),
         [B(b'x' * FRAGMENTS)], at=SMALL),
    Case('9.3.2', '10.4', 'one fragment more',
         fragments(BINARY, *(b'x' for _ in range(FRAGMENTS + 1))),
         [C(1008)], at=SMALL),
    Case('9.3.3', '10.4', 'as many empty fragments as allowed',
         fragments(BINARY, *([b''] * EMPTY)), [B()], at=SMALL),
    Case('9.3.4', '10.4', 'one empty fragment more',
         fragments(BINARY, *([b''] * (EMPTY + 1))), [C(1008)], at=SMALL),
    Case('9.3.5', '10.4', 'empty fragments without end',
         binary('', fin=0) + cont('', fin=0) * 3000, [C(1008)], at=SMALL),
    Case('9.3.6', '10.4', 'one-byte fragments without end',
         text('a', fin=0) + cont('b', fin=0) * 3000, [C(1008)], at=SMALL),
    Case('9.3.7', '10.4', 'too many, seen at the header',
         binary('a', fin=0) + cont('b', fin=0) * (FRAGMENTS - 1)
         + header(0, 100) + b'1234', [C(1008)], at=SMALL),
    Case('9.3.8', '10.4', 'Pings between do not count',
         binary('a', fin=0) + (ping('p') + cont('b', fin=0)) * 500
         + cont('c'), [P('p')] * 500 + [B(b'a' + b'b' * 500 + b'c')],
         at=SMALL),
    Case('9.3.9', '10.4', 'the count starts anew with a message',
         fragments(BINARY, *([b'x'] * 600)) * 3, [B(b'x' * 600)] * 3,
         at=SMALL),
    Case('9.3.10', '10.4', 'empty ones between others, as many as allowed',
         fragments(BINARY, *([b'x', b''] * EMPTY), b'x'),
         [B(b'x' * (EMPTY + 1))], at=SMALL),
    Case('9.3.11', '10.4', 'empty ones between others, one more',
         fragments(BINARY, *([b'x', b''] * (EMPTY + 1)), b'x'),
         [C(1008)], at=SMALL),
    Case('9.3.12', '10.4', 'the count of empty ones starts anew',
         fragments(BINARY, *([b''] * 100)) * 3, [B()] * 3, at=SMALL),
    Case('9.3.13', '10.4', 'more fragments where 16m are allowed',
         fragments(BINARY, *([b'x'] * 3000)), [B(b'x' * 3000)]),
    Case('9.3.14', '10.4', 'no more empty ones where 16m are allowed',
         fragments(BINARY, *([b''] * (EMPTY + 1))), [C(1008)]),
]


def large(number, op, size, piece=None):
    """A large message, whole or in fragments."""
    data = filled(size) if op == TEXT else loud(size)
    kind, event = ('text', T) if op == TEXT else ('binary', B)
    what = '%s of %dk' % (kind, size >> 10)
    if piece:
        what += ' in fragments of %d' % piece
    sent = chopped(op, data, piece) if piece else frame(op, data)
    return Case(number, '5.4', what, sent, [event(data)], seconds=20,
                cuts='few' if size <= 4 << 20 else 'none')


LARGE = [
    *(large('9.%d.%d' % (4 if op == TEXT else 5, i), op, size << 10)
      for op in (TEXT, BINARY)
      for i, size in enumerate((64, 256, 1024, 4096, 8192, 16384), 1)),
    *(large('9.%d.%d' % (6 if op == TEXT else 7, i), op, 4 << 20, piece)
      for op in (TEXT, BINARY)
      for i, piece in enumerate((64, 256, 1024, 4096, 16384, 65536, 262144,
                                 1 << 20, 4 << 20), 1)),
    large('9.8.1', BINARY, 16 << 20, 65536),
    large('9.8.2', TEXT, 16 << 20, 1 << 20),
]

MISC = [
    Case('10.1.1', '4.2.2', 'nothing is sent before the client does', b'',
         []),
    Case('10.1.2', '7.1.5', 'the client ends without a frame', b'', [],
         fin=True),
    Case('10.1.3', '7.1.5', 'text, then the client ends', text('Hello'),
         [T('Hello')], fin=True),
    Case('10.1.4', '5.4', '64k in fragments of 1300',
         chopped(BINARY, loud(65536), 1300), [B(loud(65536))]),
    Case('10.1.5', '5.2', 'five hundred messages in a row',
         text('Hello') * 500, [T('Hello')] * 500, cuts='few'),
    Case('10.1.6', '5.2', 'thousand messages of 125 bytes',
         binary(loud(125)) * 1000, [B(loud(125))] * 1000, cuts='few'),
    Case('10.1.7', '5.6', 'binary that is a text stays binary',
         binary('Hello'), [B('Hello')]),
    Case('10.1.8', '5.6', 'text and binary alternate',
         (text('a') + binary('a')) * 10, [T('a'), B('a')] * 10),
    Case('10.1.9', '5.5', 'each kind of frame, one behind the other',
         text('a') + ping('b') + pong('c') + binary('d')
         + fragments(TEXT, 'e', 'f') + close(3001, 'g'),
         [T('a'), P('b'), B('d'), T('ef'), C(3001)]),
    Case('10.1.10', '5.2', 'text with NUL bytes', text('a\0b\0'),
         [T('a\0b\0')]),
    Case('10.1.11', '5.2', 'lines of HTTP as a text',
         text('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
         [T('GET / HTTP/1.1\r\nHost: a\r\n\r\n')]),
    Case('10.1.12', '5.2', 'lines of HTTP instead of a frame',
         b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', [C(1002)]),
    Case('10.1.13', '5.2', 'a TLS record instead of a frame',
         b'\x16\x03\x01\x00\x05hello', [C(1002)]),
    Case('10.1.14', '5.2', 'zeros instead of a frame', b'\0' * 16,
         [C(1002)]),
    Case('10.1.15', '5.2', 'ones instead of a frame', b'\xff' * 16,
         [C(1002)]),
    Case('10.1.16', '5.2', 'CR LF behind the request', b'\r\n', [C(1002)]),
    Case('10.1.17', '7.1.7', 'a megabyte behind a fault',
         text('a', rsv=1) + loud(1 << 20), [C(1002)], cuts='few', seconds=5),
    Case('10.1.18', '7.1.7', 'frames of a megabyte behind a fault',
         text(b'\xff') + binary(loud(1 << 20)), [C(1007)], cuts='few',
         seconds=5),
    Case('10.1.19', '10.4', 'a megabyte behind what is too large',
         announced(1 << 20) + loud(1 << 20), [C(1009)], at=SMALL,
         cuts='few', seconds=5),
    Case('10.1.20', '5.5', 'Close in the middle of many messages',
         text('a') * 200 + close(1000) + text('b') * 200,
         [T('a')] * 200 + [C(1000)], cuts='few'),
]

CASES += LIMITS + LARGE + MISC
