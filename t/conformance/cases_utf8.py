"""6 UTF-8: every class of it, right and wrong, whole and in fragments."""

import codecs

from case import C, Case, P, T
from ws import TEXT, binary, cont, fragments, frame, header, ping, text, xor

GOOD = [
    (0x0000, 'U+0000'), (0x007f, 'U+007F'), (0x0080, 'U+0080'),
    (0x07ff, 'U+07FF'), (0x0800, 'U+0800'), (0x0fff, 'U+0FFF'),
    (0x1000, 'U+1000'), (0xcfff, 'U+CFFF'), (0xd000, 'U+D000'),
    (0xd7ff, 'U+D7FF, before the surrogates'),
    (0xe000, 'U+E000, behind the surrogates'), (0xfdd0, 'U+FDD0'),
    (0xfeff, 'U+FEFF, a byte order mark'), (0xfffd, 'U+FFFD'),
    (0xfffe, 'U+FFFE'), (0xffff, 'U+FFFF'), (0x10000, 'U+10000'),
    (0x1fffe, 'U+1FFFE'), (0x3ffff, 'U+3FFFF'), (0x40000, 'U+40000'),
    (0xfffff, 'U+FFFFF'), (0x100000, 'U+100000'), (0x10fffe, 'U+10FFFE'),
    (0x10ffff, 'U+10FFFF, the last'),
]

# bytes, and what is wrong with them
BAD = [
    ('80', 'lone continuation 80'), ('bf', 'lone continuation BF'),
    ('80bf', 'two continuations'), ('c2a080', 'a continuation too many'),
    ('c328', 'second byte 28'), ('c27f', 'second byte 7F'),
    ('c2c0', 'second byte C0'), ('c2c2a0', 'start within a character'),
    ('dfc0', 'second byte C0 behind DF'), ('e228a1', 'second byte of three'),
    ('e28228', 'third byte of three'), ('e282c0', 'third byte C0'),
    ('ef7f80', 'second byte 7F of three'), ('f0288cbc', 'second of four'),
    ('f09028bc', 'third of four'), ('f0908c28', 'fourth of four'),
    ('f0908cc0', 'fourth byte C0'), ('f390c080', 'third byte C0 of four'),
    ('c080', 'overlong U+0000'), ('c0af', 'overlong slash'),
    ('c1bf', 'overlong U+007F'), ('c1', 'byte C1'), ('c0', 'byte C0'),
    ('e08080', 'overlong U+0000 in three'), ('e080af', 'overlong slash'
                                             ' in three'),
    ('e09fbf', 'overlong U+07FF'), ('f0808080', 'overlong U+0000 in four'),
    ('f08080af', 'overlong slash in four'), ('f08fbfbf', 'overlong U+FFFF'),
    ('eda080', 'surrogate U+D800'), ('edadbf', 'surrogate U+DB7F'),
    ('edae80', 'surrogate U+DB80'), ('edafbf', 'surrogate U+DBFF'),
    ('edb080', 'surrogate U+DC00'), ('edbe80', 'surrogate U+DF80'),
    ('edbfbf', 'surrogate U+DFFF'), ('eda080edb080', 'surrogates in a pair'),
    ('edafbfedbfbf', 'surrogates in a pair, the last'),
    ('f4908080', 'U+110000'), ('f4bfbfbf', 'U+13FFFF'),
    ('f5808080', 'U+140000'), ('f6808080', 'byte F6'), ('f7bfbfbf',
                                                        'U+1FFFFF'),
    ('f888808080', 'five bytes'), ('f8', 'byte F8'), ('fbbfbfbfbf',
                                                      'five bytes, the last'),
    ('fc8480808080', 'six bytes'), ('fdbfbfbfbfbf', 'six bytes, the last'),
    ('fe', 'byte FE'), ('ff', 'byte FF'), ('fefeffff', 'FE and FF'),
    ('c3c3', 'two starts'), ('e1e1', 'two starts of three'),
    ('f1f1', 'two starts of four'), ('2f80', 'continuation behind a slash'),
]

# characters that lack their end
CUT = [('c2', 1), ('df', 1), ('e0', 1), ('e0a0', 2), ('e2', 1), ('e282', 2),
       ('ed', 1), ('ed9f', 2), ('ef', 1), ('efbf', 2), ('f0', 1),
       ('f090', 2), ('f09080', 3), ('f1', 1), ('f180', 2), ('f18080', 3),
       ('f4', 1), ('f48f', 2), ('f48fbf', 3)]

WORD = 'κόσμε'.encode()


def first_bad(data):
    """How many bytes it takes until nothing can make them right."""
    decoder = codecs.getincrementaldecoder('utf-8')()
    for i in range(len(data)):
        try:
            decoder.decode(data[i:i + 1])
        except UnicodeDecodeError:
            return i + 1
    raise ValueError(data.hex())


def open_frame(op, payload, fin=1):
    """A frame that announces 100 bytes more than come."""
    mask = b'\x5a\x01\xfe\x33'
    return (header(op, len(payload) + 100, fin) + mask + xor(payload, mask))


CASES = [
    *(Case('6.1.%d' % i, '8.1', name, text(chr(code)), [T(chr(code))])
      for i, (code, name) in enumerate(GOOD, 1)),
    *(Case('6.2.%d' % i, '8.1', '%s, a byte in each fragment' % name,
           fragments(TEXT, *(bytes([b]) for b in chr(code).encode())),
           [T(chr(code))])
      for i, (code, name) in enumerate(GOOD, 1) if code > 0x7f),
    Case('6.3.1', '8.1', 'a word', text(WORD), [T(WORD)]),
    *(Case('6.3.%d' % (i + 1), '8.1', 'a word in two fragments, cut at %d'
           % i, fragments(TEXT, WORD[:i], WORD[i:]), [T(WORD)])
      for i in range(1, len(WORD))),
    Case('6.3.20', '8.1', 'each boundary in one text',
         text(''.join(chr(c) for c, _ in GOOD)),
         [T(''.join(chr(c) for c, _ in GOOD))]),
    Case('6.3.21', '8.1', 'a character over three fragments, one empty',
         fragments(TEXT, b'\xe2', b'', b'\x82', b'\xac'), [T('€')]),
    Case('6.3.22', '8.1', 'a Ping that is not UTF-8 within a character',
         text(b'\xe2\x82', fin=0) + ping(b'\xff') + cont(b'\xac'),
         [P(b'\xff'), T('€')]),
    Case('6.3.23', '8.1', 'no check of what is binary, between texts',
         text(WORD) + binary(b'\xff\xfe') + text(WORD),
         [T(WORD), ('binary', b'\xff\xfe'), T(WORD)]),
    Case('6.3.24', '8.1', 'text behind a text in fragments',
         fragments(TEXT, WORD[:3], WORD[3:]) + text(WORD),
         [T(WORD), T(WORD)]),

    # wrong, in a whole frame
    *(Case('6.4.%d' % i, '8.1', name, text(bytes.fromhex(bad)), [C(1007)])
      for i, (bad, name) in enumerate(BAD, 1)),
    *(Case('6.5.%d' % i, '8.1', '%s, within a text' % name,
           text(WORD + bytes.fromhex(bad) + WORD), [C(1007)])
      for i, (bad, name) in enumerate(BAD, 1)),

    # wrong, and the rest is never sent
    *(Case('6.6.%d' % i, '8.1', '%s, seen at its first bad byte' % name,
           open_frame(TEXT, b'ab'
                      + bytes.fromhex(bad)[:first_bad(bytes.fromhex(bad))]),
           [C(1007)])
      for i, (bad, name) in enumerate(BAD, 1)),
    *(Case('6.7.%d' % i, '8.1', '%s, in the first of fragments' % name,
           frame(TEXT, bytes.fromhex(bad), fin=0), [C(1007)])
      for i, (bad, name) in enumerate(BAD, 1)),
    *(Case('6.8.%d' % i, '8.1', '%s, seen in the second of fragments' % name,
           text(WORD, fin=0)
           + open_frame(0, bytes.fromhex(bad)[:first_bad(
               bytes.fromhex(bad))], fin=0), [C(1007)])
      for i, (bad, name) in enumerate(BAD, 1)),
    *(Case('6.9.%d' % i, '8.1', '%s, over two of three fragments' % name,
           text('a', fin=0) + cont(bytes.fromhex(bad)[:1], fin=0)
           + open_frame(0, bytes.fromhex(bad)[1:first_bad(
               bytes.fromhex(bad))]), [C(1007)])
      for i, (bad, name) in enumerate(BAD, 1)
      if first_bad(bytes.fromhex(bad)) > 1),

    # the end within a character
    *(Case('6.10.%d' % i, '8.1', 'a text that ends behind %s' % cut,
           text(WORD + bytes.fromhex(cut)), [C(1007)])
      for i, (cut, _) in enumerate(CUT, 1)),
    *(Case('6.11.%d' % i, '8.1', 'fragments that end behind %s' % cut,
           fragments(TEXT, WORD, bytes.fromhex(cut)), [C(1007)])
      for i, (cut, _) in enumerate(CUT, 1)),
    *(Case('6.12.%d' % i, '8.1', '%s, then an empty last fragment' % cut,
           fragments(TEXT, bytes.fromhex(cut), b''), [C(1007)])
      for i, (cut, _) in enumerate(CUT, 1)),
    *(Case('6.13.%d' % i, '8.1', '%s at the end of a fragment, then a start'
           % cut, text(bytes.fromhex(cut), fin=0) + open_frame(0, b'a'),
           [C(1007)]) for i, (cut, _) in enumerate(CUT, 1)),
    *(Case('6.14.%d' % i, '8.1', '%s is waited for' % cut,
           text(bytes.fromhex(cut), fin=0) + ping('p'), [P('p')])
      for i, (cut, _) in enumerate(CUT, 1)),
    Case('6.15.1', '8.1', 'what is left of a text is not of the next',
         text(b'\xc2') + text(b'\xa0'), [C(1007)]),
    Case('6.15.2', '8.1', 'bad in the last byte of a long text',
         text(b'a' * 1000 + b'\xff'), [C(1007)]),
    Case('6.15.3', '8.1', 'bad in the first byte of a long text',
         open_frame(TEXT, b'\xff' + b'a' * 200), [C(1007)]),
    Case('6.15.4', '8.1', 'bad in the last of many fragments',
         fragments(TEXT, *([b'a'] * 50), b'\xed\xa0\x80'), [C(1007)]),
    Case('6.15.5', '8.1', 'texts before it are answered',
         text(WORD) + text(b'\xff'), [T(WORD), C(1007)]),
]
