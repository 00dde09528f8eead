"""7 how connections end."""

from case import FIN, SMALL, C, Case, P, T
from cases_framing import filled, loud
from cases_utf8 import BAD, CUT, WORD
from ws import (CLOSE, TEXT, binary, close, cont, fragments, frame, ping,
                pong, text)

LEGAL = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
         1014, 3000, 3001, 3500, 3999, 4000, 4001, 4500, 4998, 4999)

ILLEGAL = (0, 1, 2, 3, 100, 255, 256, 500, 998, 999, 1004, 1005, 1006, 1015,
           1016, 1017, 1100, 1999, 2000, 2001, 2500, 2998, 2999, 5000, 5001,
           6000, 9999, 32767, 32768, 65534, 65535)

REASONS = (1, 2, 3, 63, 100, 121, 122, 123)

# what is behind a Close in the same piece, or comes after ours
BEHIND = [
    ('a text', text('a')), ('a binary', binary(b'\xff')),
    ('a Ping', ping('p')), ('a Pong', pong('p')), ('a Close', close(1001)),
    ('an empty Close', close()), ('a fragment', text('a', fin=0)),
    ('a continuation', cont('a')), ('an illegal opcode', frame(3, 'a')),
    ('reserved bits', text('a', rsv=7)), ('no mask', text('a', masked=0)),
    ('text that is not UTF-8', text(b'\xff')), ('zeros', b'\0' * 20),
    ('half a header', b'\x81'), ('half a frame', text('Hello')[:8]),
    ('hundred texts', text('a') * 100), ('4k', loud(4096)),
    ('64k', loud(65536)),
]

CASES = [
    Case('7.1.1', '5.5.1', 'empty Close', close(), [C(1005)]),
    Case('7.1.2', '5.5.1', 'empty Close behind a text', text('a') + close(),
         [T('a'), C(1005)]),
    Case('7.1.3', '7.1.5', 'Close, and the end of the client',
         close(1000), [C(1000)], fin=True),
    Case('7.1.4', '7.1.5', 'empty Close, and the end of the client',
         close(), [C(1005)], fin=True),
    Case('7.1.5', '7.1.5', 'text, Close, end', text('a') + close(1000),
         [T('a'), C(1000)], fin=True),
    Case('7.1.6', '5.5.1', 'Close with mask of zeros',
         close(1000, mask=b'\0\0\0\0'), [C(1000)]),
    Case('7.1.7', '5.5.1', 'Close behind a message in fragments',
         fragments(TEXT, 'a', 'b') + close(1000), [T('ab'), C(1000)]),

    # codes
    *(Case('7.2.%d' % i, '7.4', 'code %d comes back' % code, close(code),
           [C(code)]) for i, code in enumerate(LEGAL, 1)),
    *(Case('7.3.%d' % i, '7.4', 'code %d and a reason' % code,
           close(code, 'bye'), [C(code)])
      for i, code in enumerate(LEGAL, 1)),
    *(Case('7.4.%d' % i, '7.4', 'code %d' % code, close(code), [C(1002)])
      for i, code in enumerate(ILLEGAL, 1)),
    *(Case('7.5.%d' % i, '7.4', 'code %d and a reason' % code,
           close(code, 'bye'), [C(1002)])
      for i, code in enumerate(ILLEGAL, 1)),

    # bodies
    *(Case('7.6.%d' % i, '5.5.1', 'body of one byte, %#04x' % byte,
           frame(CLOSE, bytes([byte])), [C(1002)])
      for i, byte in enumerate((0, 3, 0x0f, 0xff), 1)),
    *(Case('7.7.%d' % i, '5.5.1', 'reason of %d bytes' % n,
           close(1000, filled(n)), [C(1000)])
      for i, n in enumerate(REASONS, 1)),
    Case('7.7.20', '5.5.1', 'reason of 124 bytes',
         close(1000, filled(124)), [C(1002)]),
    Case('7.7.21', '5.5.1', 'reason of several bytes a character',
         close(1000, WORD * 2 + '퟿\U0010ffff'.encode()), [C(1000)]),
    *(Case('7.8.%d' % i, '5.5.1', 'reason: %s' % name,
           close(1000, bytes.fromhex(bad)), [C(1007)])
      for i, (bad, name) in enumerate(BAD, 1)),
    *(Case('7.9.%d' % i, '5.5.1', 'reason that ends behind %s' % cut,
           close(1000, WORD + bytes.fromhex(cut)), [C(1007)])
      for i, (cut, _) in enumerate(CUT, 1)),
    Case('7.9.30', '5.5.1', 'illegal code and a reason that is not UTF-8',
         close(999, b'\xff'), [C(1002)]),
    Case('7.9.31', '5.5.1', 'a bad last byte in a full reason',
         close(1000, filled(122) + b'\xff'), [C(1007)]),

    # behind the client's Close
    *(Case('7.10.%d' % i, '5.5.1', '%s behind the Close' % name,
           close(1000) + data, [C(1000)])
      for i, (name, data) in enumerate(BEHIND, 1)),
    *(Case('7.11.%d' % i, '5.5.1', '%s behind an empty Close' % name,
           close() + data, [C(1005)])
      for i, (name, data) in enumerate(BEHIND[:9], 1)),
    Case('7.11.20', '5.5.1', 'a megabyte behind the Close',
         close(1000) + binary(loud(1 << 20)), [C(1000)], cuts='few'),
    Case('7.11.21', '5.5.1', 'a Close, a text and the client\'s end',
         close(1000) + text('a'), [C(1000)], fin=True),

    # behind the server's Close
    *(Case('7.12.%d' % i, '7.1.7', '%s behind its Close, and ours' % name,
           text('x', rsv=1), [C(1002)], then=data + close(1002))
      for i, (name, data) in enumerate(BEHIND, 1)),
    *(Case('7.13.%d' % i, '7.1.7', '%s behind its Close, then the end' % name,
           text(b'\xff'), [C(1007)], then=[data, FIN])
      for i, (name, data) in enumerate(BEHIND, 1)),
    Case('7.14.1', '7.1.7', 'the client ends without a Close of its own',
         text('x', rsv=1), [C(1002)], then=[FIN]),
    Case('7.14.2', '7.1.7', 'the client says nothing more',
         text('x', rsv=1), [C(1002)], then=[], seconds=4),
    Case('7.14.3', '7.1.7', 'an illegal Close, and nothing more',
         close(999), [C(1002)], then=[], seconds=4),
    Case('7.14.4', '7.1.7', 'an illegal Close, then a good one',
         close(999), [C(1002)], then=close(1000)),
    Case('7.14.5', '7.1.7', 'too large, and nothing more',
         binary(loud(4097)), [C(1009)], at=SMALL, then=[], seconds=4),
    Case('7.14.6', '7.1.7', 'fault, and the client\'s end with it',
         text('x', rsv=1), [C(1002)], fin=True),
    Case('7.14.7', '7.1.7', 'Ping, fault, and the client\'s end',
         ping('p') + text('x', masked=0), [P('p'), C(1002)], fin=True),
]
