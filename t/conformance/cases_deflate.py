"""12 messages under permessage-deflate, RFC 7692."""

import functools
import random
import zlib

from bits import Stream, deflate
from case import DEFLATE, ECHO, TIGHT, B, C, Case, P, T
from cases_framing import filled, loud
from cases_utf8 import BAD, CUT, GOOD, WORD
from ws import (BINARY, CLOSE, PING, PONG, TAIL, TEXT, binary, chopped,
                close, cont, fragments, frame, header, ping, text)

OFFER = 'permessage-deflate'
AGREED = {'server_no_context_takeover': True,
          'client_no_context_takeover': True}
CLEAR = 1000                        # so long a text always comes compressed

Deflated = functools.partial(Case, at=DEFLATE, offer=(OFFER,), agreed=AGREED)
Tight = functools.partial(Case, at=TIGHT, offer=(OFFER,), agreed=AGREED)

_random = random.Random(7692)
NOISE = _random.randbytes(70000)
COPIED = sum(range(3, 259))         # by a copy of each length


def packed(op, data, **how):
    """A whole message, compressed as zlib does it."""
    return frame(op, deflate(data, **how), rsv=4)


def raw(op, body, **how):
    """A frame with RSV1 and what may be any data."""
    if isinstance(body, Stream):
        body = body.whole()
    return frame(op, body, rsv=4, **how)


def model(body):
    """returns: what a message inflates to, or None if it does not"""
    z = zlib.decompressobj(-15)
    try:
        out = z.decompress(body + TAIL)
        if z.eof:
            return None
        z.decompress(b'\x03\x00')
    except zlib.error:
        return None
    return out if z.eof else None


SIZES = (0, 1, 2, 3, 5, 16, 64, 100, 124, 125, 126, 127, 128, 200, 500, 1000,
         4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 65537, 131072)

CASES = [
    *(Deflated('12.1.%d' % i, '7692 7.2', 'text of %d bytes' % n,
               packed(TEXT, filled(n)), [T(filled(n))],
               deflated=True if n >= CLEAR else None)
      for i, n in enumerate(SIZES, 1)),
    *(Deflated('12.1.%d' % i, '7692 7.2', 'noise of %d bytes' % n,
               packed(BINARY, NOISE[:n]), [B(NOISE[:n])])
      for i, n in enumerate((1, 2, 64, 125, 126, 1000, 4096, 32768, 65535,
                             70000), 40)),
    Deflated('12.1.60', '7692 7.1.1.1', 'two equal texts',
             packed(TEXT, filled(2000)) * 2, [T(filled(2000))] * 2,
             deflated=True),
    Deflated('12.1.61', '7692 7.1.1.1', 'ten equal texts',
             packed(TEXT, filled(1000)) * 10, [T(filled(1000))] * 10,
             deflated=True),
    Deflated('12.1.62', '7692 7.1.1.1', 'different messages in a row',
             packed(TEXT, WORD * 200) + packed(BINARY, loud(3000))
             + packed(TEXT, filled(1500)),
             [T(WORD * 200), B(loud(3000)), T(filled(1500))]),
    Deflated('12.1.63', '7692 7.2.3.1', 'the example of the RFC',
             raw(TEXT, bytes.fromhex('f248cdc9c90700')), [T('Hello')]),
    Deflated('12.1.64', '7692 7.2.3.3', 'the stored example of the RFC',
             raw(TEXT, bytes.fromhex('000500faff48656c6c6f00')),
             [T('Hello')]),
    Deflated('12.1.65', '7692 7.2.3.4', 'the last-block example of the RFC',
             raw(TEXT, bytes.fromhex('f348cdc9c9070000')), [T('Hello')]),
    Deflated('12.1.66', '7692 7.2.3.5', 'the two-block example of the RFC',
             raw(TEXT, bytes.fromhex('f248050000 00ffffcac9c90700')),
             [T('Hello')]),
    Deflated('12.1.67', '7692 7.2.3.1', 'the example in two fragments',
             text(bytes.fromhex('f248cd'), rsv=4, fin=0)
             + cont(bytes.fromhex('c9c90700')), [T('Hello')]),

    # what zlib can be told
    *(Deflated('12.2.%d' % (i + 1), '7692 7.2.1', 'level %d' % i,
               packed(TEXT, filled(3000), level=i), [T(filled(3000))],
               deflated=True) for i in range(10)),
    *(Deflated('12.2.%d' % i, '7692 7.2.1', name,
               packed(TEXT, filled(2000), strategy=how),
               [T(filled(2000))], deflated=True)
      for i, (name, how) in enumerate(
          [('fixed codes', zlib.Z_FIXED), ('runs', zlib.Z_RLE),
           ('codes only', zlib.Z_HUFFMAN_ONLY),
           ('filtered', zlib.Z_FILTERED)], 11)),
    *(Deflated('12.2.%d' % (11 + bits), '7692 7.1.2.2', 'window of %d bits'
               % bits, packed(BINARY, loud(5000), bits=bits),
               [B(loud(5000))]) for bits in range(9, 16)),
    *(Deflated('12.2.%d' % i, '7692 7.2.1', 'flushed each %d bytes' % n,
               packed(TEXT, filled(size), every=n), [T(filled(size))])
      for i, (n, size) in enumerate([(1, 20), (2, 40), (10, 100), (1, 1000),
                                     (100, 5000), (1000, 40000)], 30)),

    # blocks by hand
    *(Deflated('12.3.%d' % i, '7692 7.2.3', name, raw(BINARY, stream),
               [B(want)])
      for i, (name, stream, want) in enumerate([
          ('nothing but an empty block', Stream(), b''),
          ('empty block of fixed codes', Stream().fixed(), b''),
          ('empty block of codes of its own', Stream().dynamic(), b''),
          ('empty stored blocks', Stream().stored().stored().stored(), b''),
          ('stored', Stream().stored(b'abc'), b'abc'),
          ('stored in pieces', Stream().stored(b'a').stored(b'b')
           .stored(b'c'), b'abc'),
          ('stored, as long as one can be', Stream().stored(loud(65535)),
           loud(65535)),
          ('fixed codes', Stream().fixed(b'abc'), b'abc'),
          ('fixed codes of nine bits', Stream().fixed(bytes(range(256))),
           bytes(range(256))),
          ('codes of its own', Stream().dynamic(b'abracadabra'),
           b'abracadabra'),
          ('codes of one symbol', Stream().dynamic(b'aaaa'), b'aaaa'),
          ('codes of all symbols', Stream().dynamic(bytes(range(256))),
           bytes(range(256))),
          ('each kind of block', Stream().stored(b'a').fixed(b'b')
           .dynamic(b'c').fixed(b'd').stored(b'e'), b'abcde'),
          ('each kind of block, empty', Stream().stored().fixed().dynamic()
           .fixed(b'a').stored(), b'a'),
          ('hundred blocks', functools.reduce(
              lambda s, i: s.fixed(bytes([i])), range(100), Stream()),
           bytes(range(100))),
          ('copy of the byte before', Stream().fixed(b'a', (258, 1)),
           b'a' * 259),
          ('shortest copy', Stream().fixed(b'abc', (3, 3)), b'abcabc'),
          ('copy over itself', Stream().fixed(b'ab', (7, 2)), b'ababababa'),
          ('copy from the block before', Stream().stored(b'hello ')
           .dynamic((6, 6), b'!'), b'hello hello !'),
          ('copy from far back', Stream().stored(NOISE[:32768])
           .fixed((10, 32768)), NOISE[:32768] + NOISE[:10]),
          ('copies of each length', Stream().fixed(
              b'xyz', *((n, 3) for n in range(3, 259))),
           (b'xyz' * COPIED)[:3 + COPIED]),
          ('copy within 1k', Stream().stored(NOISE[:1024])
           .dynamic((100, 1024), (100, 1)), NOISE[:1024] + NOISE[:100]
           + NOISE[99:100] * 100),
          ('fixed codes, then an empty block of them',
           Stream().fixed(b'a').fixed(), b'a'),
          ('last block, then a stored one', Stream().fixed(b'a', final=1)
           .align(), b'a'),
          ('last stored block', Stream().stored(b'ab', final=1), b'ab'),
          ('last block of codes of its own', Stream().dynamic(
              b'abc', final=1).align(), b'abc'),
          ('last block, then another', Stream().fixed(b'a', final=1).align()
           .fixed(b'b'), b'ab'),
          ('two last blocks', Stream().fixed(b'a', final=1).align()
           .fixed(b'b', final=1).align(), b'ab'),
          ('empty last block', Stream().fixed(final=1).align(), b''),
      ], 1)),
]

BODY = deflate(filled(200))
LONG = deflate(NOISE[:300])
SHORT = deflate('Hello')

CASES += [
    # fragments
    Deflated('12.4.1', '7692 6.1', 'two fragments',
             fragments(TEXT, BODY[:20], BODY[20:], rsv=4),
             [T(filled(200))]),
    *(Deflated('12.4.%d' % (i + 2), '7692 6.1', 'cut in two at %d' % i,
               fragments(TEXT, SHORT[:i], SHORT[i:], rsv=4), [T('Hello')])
      for i in range(0, len(SHORT) + 1)),
    *(Deflated('12.4.%d' % i, '7692 6.1', '%d bytes in each fragment' % n,
               chopped(BINARY, LONG, n, rsv=4), [B(NOISE[:300])])
      for i, n in enumerate((1, 2, 3, 7, 64, 125, 126, 200), 20)),
    Deflated('12.4.30', '7692 6.1', 'Pings between fragments',
             text(BODY[:9], rsv=4, fin=0) + ping('1')
             + cont(BODY[9:20], fin=0) + ping('2') + cont(BODY[20:]),
             [P('1'), P('2'), T(filled(200))]),
    Deflated('12.4.31', '7692 6.1', 'Ping before the message ends',
             text(BODY[:9], rsv=4, fin=0) + ping('p'), [P('p')]),
    Deflated('12.4.32', '7692 6.1', 'empty fragments between',
             fragments(TEXT, b'', BODY[:9], b'', BODY[9:], b'', rsv=4),
             [T(filled(200))]),
    Deflated('12.4.33', '7692 6.1', 'Close between fragments',
             text(BODY[:9], rsv=4, fin=0) + close(1001), [C(1001)]),
    Deflated('12.4.34', '7692 6.1', 'start within a compressed message',
             text(BODY[:9], rsv=4, fin=0) + text(BODY, rsv=4), [C(1002)]),
    Deflated('12.4.35', '7692 6.1', 'the client ends between fragments',
             text(BODY[:9], rsv=4, fin=0), [], fin=True),
    Deflated('12.4.36', '7692 6.1', 'fragments, then whole, then plain',
             fragments(TEXT, BODY[:9], BODY[9:], rsv=4)
             + packed(TEXT, 'a') + text('b'),
             [T(filled(200)), T('a'), T('b')]),
    Tight('12.4.37', '10.4', 'one fragment too many',
          chopped(BINARY, deflate(NOISE[:1100]), 1, rsv=4), [C(1008)]),
    Deflated('12.4.38', '10.4', 'empty fragments, one too many',
             fragments(TEXT, SHORT, *([b''] * 129), rsv=4), [C(1008)]),

    # RSV1, where it may be
    Deflated('12.5.1', '7692 6', 'plain text', text('Hello'), [T('Hello')]),
    Deflated('12.5.2', '7692 6', 'plain binary', binary(loud(300)),
             [B(loud(300))]),
    Deflated('12.5.3', '7692 6', 'plain, in fragments',
             fragments(TEXT, 'a', 'b', 'c'), [T('abc')]),
    Deflated('12.5.4', '7692 6', 'plain and compressed alternate',
             (text('a') + packed(TEXT, 'b') + binary('c')
              + packed(BINARY, 'd')) * 3,
             [T('a'), T('b'), B('c'), B('d')] * 3),
    Deflated('12.5.5', '7692 6', 'plain and empty', text() + binary(),
             [T(), B()]),
    Deflated('12.5.6', '7692 6', 'plain and long', text(filled(70000)),
             [T(filled(70000))], deflated=True),
    Deflated('12.5.7', '7692 6.1', 'Ping and Pong are never compressed',
             ping(filled(125)) + frame(PONG, 'a') + ping(),
             [P(filled(125)), P()]),
    Deflated('12.5.8', '7692 6.1', 'Close is never compressed',
             close(3000, 'bye'), [C(3000)]),
    *(Deflated('12.5.%d' % (10 + i), '7692 6.1', 'RSV1 on a %s' % name,
               frame(op, b'\x03\xe8', rsv=4), [C(1002)])
      for i, (op, name) in enumerate(((PING, 'Ping'), (PONG, 'Pong'),
                                      (CLOSE, 'Close')))),
    Deflated('12.5.13', '7692 6.1', 'RSV1 on a Ping within a message',
             text(BODY[:9], rsv=4, fin=0) + ping('a', rsv=4), [C(1002)]),
    Deflated('12.5.14', '7692 6.1', 'RSV1 on a continuation',
             text(BODY[:9], rsv=4, fin=0) + cont(BODY[9:], rsv=4),
             [C(1002)]),
    Deflated('12.5.15', '7692 6.1', 'RSV1 on the continuation of a plain '
             'message', text('a', fin=0) + cont('b', rsv=4), [C(1002)]),
    Deflated('12.5.16', '7692 6.1', 'RSV1 on the last of many',
             text(BODY[:9], rsv=4, fin=0) + cont(b'', fin=0)
             + cont(BODY[9:], rsv=4), [C(1002)]),
    *(Deflated('12.5.%d' % (19 + rsv), '5.2', 'reserved bits %s'
               % format(rsv, '03b'), text(BODY, rsv=rsv), [C(1002)])
      for rsv in (1, 2, 3, 5, 6, 7)),
    *(Deflated('12.5.%d' % (30 + op), '5.2', 'RSV1 on opcode %d' % op,
               frame(op, BODY, rsv=4), [C(1002)])
      for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    Case('12.5.50', '5.2', 'RSV1 where nothing was offered',
         packed(TEXT, 'Hello'), [C(1002)], at=DEFLATE),
    Case('12.5.51', '5.2', 'RSV1 where it is off',
         packed(TEXT, 'Hello'), [C(1002)], at=ECHO, offer=(OFFER,)),
    Case('12.5.52', '5.2', 'RSV1 where the offer was declined',
         packed(TEXT, 'Hello'), [C(1002)], at=DEFLATE,
         offer=(OFFER + '; unknown',)),
    Case('12.5.53', '5.2', 'long text where nothing was offered',
         text(filled(5000)), [T(filled(5000))], at=DEFLATE, deflated=False),

    # what does not inflate
    *(Deflated('12.6.%d' % i, '7692 7.2.2', name, raw(BINARY, body),
               [C(1007)])
      for i, (name, body) in enumerate([
          ('block of type 3', b'\x06'),
          ('block of type 3 behind a good one',
           Stream().fixed(b'a').head(3).raw()),
          ('stored length not like its complement',
           Stream().stored(b'abc', check=0)),
          ('copy from before the start', Stream().fixed((3, 1))),
          ('copy from one byte before the start',
           Stream().fixed(b'ab', (3, 3))),
          ('copy from 32k before the start',
           Stream().fixed(b'ab', (3, 32768))),
          ('copy from before the start, codes of its own',
           Stream().dynamic(b'ab', (3, 3))),
          ('symbol 286 of fixed codes',
           Stream().head(1).put(0x63, 8).raw()),
          ('distance 30 of fixed codes', Stream().head(1).put(0x0c, 8)
           .put(0x40, 7).put(0x0f, 5).raw()),
          ('too many codes of its own', Stream().head(2).put(31, 5)
           .put(0, 5).put(0, 4).put(0, 60).raw()),
          ('code lengths that do not fit', Stream().head(2).put(0, 5)
           .put(0, 5).put(15, 4).put((1 << 57) - 1, 57).raw()),
          ('repeat without a length before it', Stream().head(2).put(0, 5)
           .put(0, 5).put(0, 4).put(1, 3).put(1, 3).put(0, 6).put(0, 40)
           .raw()),
          ('noise', bytes.fromhex('ffeeddccbbaa99887766554433221100')),
          ('plain text', b'This is not compressed'),
          ('a zlib header', zlib.compress(b'Hello')),
          ('a gzip header', bytes.fromhex('1f8b0800000000000003') + SHORT),
          ('good, then bad', SHORT + b'\x06\xff'),
          ('bad behind a last block', Stream().fixed(b'a', final=1).align()
           .head(3).raw()),
      ], 1)),
    *(Deflated('12.13.%d' % i, '7692 7.2.2', 'ends at byte %d of %d'
               % (i, len(body)), raw(BINARY, body[:i]), [C(1007)])
      for body in (Stream().stored(b'abcdef').whole(),)
      for i in range(1, len(body) - 1) if model(body[:i]) is None),
    *(Deflated('12.14.%d' % i, '7692 7.2.2',
               'ends at byte %d of %d, fixed codes' % (i, len(body)),
               raw(BINARY, body[:i]), [C(1007)])
      for body in (Stream().fixed(b'abcdef', (9, 3)).whole(),)
      for i in range(1, len(body)) if model(body[:i]) is None),
    *(Deflated('12.15.%d' % i, '7692 7.2.2',
               'ends at byte %d of %d, codes of its own' % (i, len(body)),
               raw(BINARY, body[:i]), [C(1007)])
      for body in (Stream().dynamic(b'abracadabra', (9, 3)).whole(),)
      for i in range(1, len(body)) if model(body[:i]) is None),
    Deflated('12.6.120', '7692 7.1.1.2', 'copy from the message before',
             raw(TEXT, Stream().fixed(b'Hello'))
             + raw(TEXT, Stream().fixed((5, 5))), [T('Hello'), C(1007)]),
    Deflated('12.6.121', '7692 7.1.1.2', 'zlib that keeps its context',
             (lambda z: raw(TEXT, (z.compress(filled(90)) + z.flush(
                 zlib.Z_SYNC_FLUSH))[:-4]) + raw(TEXT, (z.compress(
                     filled(90)) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]))(
                         zlib.compressobj(6, zlib.DEFLATED, -15)),
             [T(filled(90)), C(1007)]),
    *(Deflated('12.16.%d' % i, '7692 7.2.3', name, send, [C(1007)])
      for i, (name, send) in enumerate([
          ('empty text without its zero byte', text(rsv=4)),
          ('empty binary without its zero byte', binary(rsv=4)),
          ('empty fragments without a zero byte',
           fragments(TEXT, b'', b'', rsv=4)),
          ('last block without a zero byte', raw(
              TEXT, bytes.fromhex('f348cdc9c90700'))),
          ('stored last block without a zero byte', raw(
              TEXT, Stream().stored(b'ab', final=1).raw())),
          ('zero bytes behind a message', raw(TEXT, SHORT + b'\0')),
          ('the tail not cut off', raw(TEXT, SHORT + TAIL)),
      ], 1)),
    Deflated('12.6.122', '7.1.7', 'a good message behind a bad one',
             raw(TEXT, b'\x06') + packed(TEXT, 'a'), [C(1007)]),
    Deflated('12.6.123', '7692 7.2.2', 'bad in the second fragment',
             fragments(TEXT, Stream().stored(b'abc').raw(), b'\x06',
                       rsv=4), [C(1007)]),
]

MAX = 4096                          # of the location /tight


@functools.cache
def bomb(size):
    """So many zeros: each megabyte of them compressed by itself."""
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    whole = z.compress(bytes(1 << 20)) + z.flush(zlib.Z_FULL_FLUSH)
    return whole * (size >> 20) + deflate(bytes(size & (1 << 20) - 1), 9)


CASES += [
    Tight('12.7.1', '10.4', 'inflates to as much as allowed',
          packed(TEXT, filled(MAX)), [T(filled(MAX))], deflated=True),
    Tight('12.7.2', '10.4', 'to one byte more',
          packed(TEXT, filled(MAX + 1)), [C(1009)]),
    Tight('12.7.3', '10.4', 'binary of one byte more',
          packed(BINARY, loud(MAX + 1)), [C(1009)]),
    Tight('12.7.4', '10.4', 'to 16 bytes more by one copy',
          raw(BINARY, Stream().fixed(b'a', *([(258, 1)] * 16))), [C(1009)]),
    Tight('12.7.5', '10.4', 'exactly by copies',
          raw(BINARY, Stream().fixed(b'a', *([(255, 1)] * 16), b'zzzzzzz'
                                     b'zzzzzzzz')),
          [B(b'a' * 4081 + b'z' * 15)]),
    Tight('12.7.6', '10.4', 'a megabyte of zeros', raw(BINARY, bomb(1 << 20)),
          [C(1009)]),
    Tight('12.7.7', '10.4', 'a megabyte of zeros as a text',
          raw(TEXT, bomb(1 << 20)), [C(1009)]),
    Tight('12.7.8', '10.4', '4 MB of zeros: 4096 bytes hold no more',
          raw(BINARY, bomb(4 << 20)[:MAX]), [C(1009)]),
    Tight('12.7.10', '10.4', 'too large over many fragments',
          chopped(BINARY, bomb(1 << 20), 16, rsv=4), [C(1009)]),
    Tight('12.7.11', '10.4', 'frame too large, seen at its header',
          header(BINARY, MAX + 1, rsv=4) + b'1234', [C(1009)]),
    Tight('12.7.12', '10.4', '2^63-1 announced',
          header(BINARY, (1 << 63) - 1, rsv=4) + b'1234', [C(1009)]),
    Tight('12.7.13', '10.4', 'noise that grew by compression',
          packed(BINARY, NOISE[:MAX]), [C(1009)]),
    Tight('12.7.14', '10.4', 'empty blocks, as many as fit',
          raw(BINARY, b'\0\0\0\xff\xff' * 800 + b'\0'), [B()]),
    Tight('12.7.15', '10.4', 'empty blocks, and more',
          raw(BINARY, b'\0\0\0\xff\xff' * 820 + b'\0'), [C(1009)]),
    Tight('12.7.16', '10.4', 'the sum starts anew with a message',
          packed(TEXT, filled(3000)) * 4, [T(filled(3000))] * 4,
          deflated=True),
    Tight('12.7.17', '10.4', 'messages before it are answered',
          packed(TEXT, 'a') + raw(BINARY, bomb(1 << 20)),
          [T('a'), C(1009)]),
    Tight('12.7.18', '10.4', 'plain message too large', text(filled(MAX + 1)),
          [C(1009)]),
    Deflated('12.7.19', '10.4', '16 MB and a byte, of zeros',
             raw(BINARY, bomb((16 << 20) + 1)), [C(1009)], cuts='few',
             seconds=5),
    Deflated('12.7.20', '10.4', '200 MB of zeros',
             raw(BINARY, bomb(200 << 20)), [C(1009)], cuts='none',
             seconds=5),

    # texts
    *(Deflated('12.8.%d' % i, '8.1', name, packed(TEXT, bytes.fromhex(bad)),
               [C(1007)]) for i, (bad, name) in enumerate(BAD, 1)),
    *(Deflated('12.9.%d' % i, '8.1', 'a text that ends behind %s' % cut,
               packed(TEXT, WORD + bytes.fromhex(cut)), [C(1007)])
      for i, (cut, _) in enumerate(CUT, 1)),
    *(Deflated('12.10.%d' % i, '8.1', name, packed(TEXT, chr(code)),
               [T(chr(code))]) for i, (code, name) in enumerate(GOOD, 1)),
    Deflated('12.10.30', '8.1', 'a character over two blocks',
             raw(TEXT, Stream().stored(b'\xe2').stored(b'\x82\xac')),
             [T('€')]),
    Deflated('12.10.31', '8.1', 'a character over two fragments',
             fragments(TEXT, Stream().stored(b'\xe2').raw(),
                       Stream().stored(b'\x82\xac').whole(), rsv=4),
             [T('€')]),
    Deflated('12.10.32', '8.1', 'binary is not checked',
             packed(BINARY, b'\xff\xfe' * 40), [B(b'\xff\xfe' * 40)]),
    Deflated('12.10.33', '8.1', 'a copy that cuts a character',
             raw(TEXT, Stream().fixed('€€'.encode(), (4, 3))), [C(1007)]),
    Deflated('12.10.34', '8.1', 'bad far behind in a long text',
             packed(TEXT, filled(50000) + b'\xff'), [C(1007)]),
    Deflated('12.10.35', '8.1', 'plain and bad', text(b'\xff'), [C(1007)]),
]


def large(number, op, size, piece=None):
    data = (filled if op == TEXT else loud)(65536) * (size >> 16)
    event = T if op == TEXT else B
    body = deflate(data, 1)
    sent = chopped(op, body, piece, rsv=4) if piece \
        else frame(op, body, rsv=4)
    return Deflated(number, '7692 6.1', '%dk%s' % (
        size >> 10, ' in fragments of %d' % piece if piece else ''),
                    sent, [event(data)], seconds=20, deflated=True,
                    cuts='few' if size <= 1 << 20 else 'none')


CASES += [
    *(large('12.11.%d' % i, TEXT, size << 10)
      for i, size in enumerate((64, 256, 1024, 4096, 16384), 1)),
    *(large('12.12.%d' % i, BINARY, 1 << 20, piece)
      for i, piece in enumerate((16, 64, 256, 1024, 4096), 1)),
]
