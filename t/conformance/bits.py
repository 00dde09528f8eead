"""RFC 1951 by hand: blocks that zlib's own compressor never makes.

A token is a literal (bytes of one or more) or a copy (length, distance).
"""

import zlib

from ws import TAIL, utf8

_LENGTHS = [(3 + i, 0, 257 + i) for i in range(8)]
_DISTANCES = [(1 + i, 0, i) for i in range(4)]

for _e in range(1, 6):
    for _i in range(4):
        _LENGTHS.append((3 + (4 + _i << _e), _e, 261 + 4 * _e + _i))

_LENGTHS[-1] = (227, 5, 284)
_LENGTHS.append((258, 0, 285))

for _e in range(1, 14):
    for _i in range(2):
        _DISTANCES.append((1 + (2 + _i << _e), _e, 2 + 2 * _e + _i))

_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def _find(table, value):
    """returns: symbol, extra bits, their number"""
    if value == 258 and table is _LENGTHS:
        return 285, 0, 0
    base, extra, symbol = [t for t in table if t[0] <= value][-1]
    return symbol, value - base, extra


def _canonical(lengths):
    """returns: symbol -> (code, bits), RFC 1951, 3.2.2"""
    codes, code, last = {}, 0, 0
    for bits, symbol in sorted((n, s) for s, n in lengths.items() if n):
        code <<= bits - last
        codes[symbol] = (code, bits)
        code, last = code + 1, bits
    return codes


def _complete(symbols):
    """returns: symbol -> bits of a code without gaps"""
    symbols = sorted(symbols)
    n = len(symbols)
    bits = max((n - 1).bit_length(), 1)
    short = 0 if n == 1 else (1 << bits) - n
    return {s: bits - (i < short) for i, s in enumerate(symbols)}


_FIXED = _canonical({s: 8 if s < 144 else 9 if s < 256 else 7
                     if s < 280 else 8 for s in range(288)})
_FIXED_DISTANCE = _canonical({s: 5 for s in range(30)})


class Stream:
    """Blocks one behind the other; whole() gives a message's bytes."""

    def __init__(self):
        self.acc = 0
        self.have = 0

    def put(self, value, n):
        self.acc |= value << self.have
        self.have += n
        return self

    def _code(self, code, n):
        for i in range(n - 1, -1, -1):
            self.put(code >> i & 1, 1)

    def align(self):
        self.have = -(-self.have // 8) * 8
        return self

    def head(self, kind, final=0):
        return self.put(final, 1).put(kind, 2)

    def stored(self, data=b'', final=0, check=None):
        """check: the complement of the length, if it is to be wrong"""
        data = utf8(data)
        n = len(data)
        self.head(0, final).align()
        self.put(n, 16).put(n ^ 0xffff if check is None else check, 16)
        return self.put(int.from_bytes(data, 'little'), 8 * n)

    def fixed(self, *tokens, final=0, end=True):
        self.head(1, final)
        return self._tokens(tokens, _FIXED, _FIXED_DISTANCE, end)

    def dynamic(self, *tokens, final=0, end=True):
        literals, distances = {256}, {0}
        for token in tokens:
            if isinstance(token, tuple):
                literals.add(_find(_LENGTHS, token[0])[0])
                distances.add(_find(_DISTANCES, token[1])[0])
            else:
                literals.update(utf8(token))
        literal, distance = _complete(literals), _complete(distances)
        hlit, hdist = max(literal) + 1, max(distance) + 1
        lengths = [literal.get(i, 0) for i in range(hlit)]
        lengths += [distance.get(i, 0) for i in range(hdist)]
        meta = _complete(set(lengths) | {0, 1})
        codes = _canonical(meta)
        self.head(2, final)
        self.put(hlit - 257, 5).put(hdist - 1, 5).put(19 - 4, 4)
        for symbol in _ORDER:
            self.put(meta.get(symbol, 0), 3)
        for n in lengths:
            self._code(*codes[n])
        return self._tokens(tokens, _canonical(literal),
                            _canonical(distance), end)

    def _tokens(self, tokens, literal, distance, end):
        for token in tokens:
            if not isinstance(token, tuple):
                for byte in utf8(token):
                    self._code(*literal[byte])
                continue
            symbol, value, extra = _find(_LENGTHS, token[0])
            self._code(*literal[symbol])
            self.put(value, extra)
            symbol, value, extra = _find(_DISTANCES, token[1])
            self._code(*distance[symbol])
            self.put(value, extra)
        if end:
            self._code(*literal[256])
        return self

    def raw(self):
        return self.acc.to_bytes((self.have + 7) // 8, 'little')

    def whole(self):
        """As a message: an empty stored block, less its tail."""
        return self.head(0).raw()


def deflate(data, level=6, bits=15, strategy=zlib.Z_DEFAULT_STRATEGY,
            every=None):
    """As zlib compresses a message; every: flushed after so many bytes."""
    data = utf8(data)
    z = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy)
    out = b''
    if every is not None:
        for i in range(0, len(data), every):
            out += z.compress(data[i:i + every]) + z.flush(zlib.Z_SYNC_FLUSH)
    else:
        out = z.compress(data) + z.flush(zlib.Z_SYNC_FLUSH)
    return out[:-4] if out.endswith(TAIL) else out
