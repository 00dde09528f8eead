"""permessage-deflate for sloppy.py, RFC 7692: as it must be, and wrong."""

import zlib

from ws import TAIL

MISTAKES = {
    'unasked': ('13.7', 'the extension is answered where it is off'),
    'parameter': ('13.1', 'the answer has a parameter that was not offered'),
    'no-answer': ('13.1', 'the offer is not taken'),
    'unknown': ('13.2', 'unknown parameters are taken'),
    'duplicate': ('13.2', 'a parameter may come twice'),
    'window-range': ('13.2', 'window bits of any number are taken'),
    'window-zero': ('13.2', 'window bits may have a leading zero'),
    'window-ignored': ('13.4', 'the agreed window is not kept to'),
    'takeover': ('12.1', 'the context of our messages is kept'),
    'takeover-client': ('12.6', 'the context of the client is kept'),
    'tail': ('12.1', 'the tail is not cut off'),
    'rsv1-cont': ('12.5', 'RSV1 on a continuation is ignored'),
    'rsv1-control': ('12.5', 'RSV1 on a control frame is ignored'),
    'rsv1-plain': ('12.5', 'RSV1 is ignored where nothing is agreed'),
    'inflated': ('12.7', 'what a message inflates to has no limit'),
    'inflated-utf8': ('12.8', 'UTF-8 is not checked after inflation'),
    'inflate-code': ('12.6', 'data that does not inflate is closed with 1002'),
    'truncated': ('12.13', 'a message may end within a block'),
    'final': ('12.3', 'data behind a last block is lost'),
    'plain': ('12.1', 'answers are never compressed'),
    'first-offer': ('13.3', 'only the first offer is looked at'),
}

PARAMETERS = ('server_no_context_takeover', 'client_no_context_takeover',
              'server_max_window_bits', 'client_max_window_bits')


class Bad(Exception):
    pass


def negotiate(offers, bad):
    """offers: values of the headers; returns: a Deflate, or None"""
    for offer in ','.join(offers).split(','):
        name, *params = [p.strip() for p in offer.split(';')]
        answer = take(params, bad) if name == 'permessage-deflate' else None
        if answer is not None and bad != 'no-answer':
            return Deflate(answer, bad)
        if bad == 'first-offer':
            return None
    return None


def take(params, bad):
    """returns: the window bits of the server (0: not said), or None"""
    seen, bits = set(), 0
    for p in params:
        name, eq, value = (s.strip() for s in p.partition('='))
        value = value.strip('"')
        if name not in PARAMETERS:
            if bad == 'unknown':
                continue
            return None
        if name in seen and bad != 'duplicate':
            return None
        seen.add(name)
        if name.endswith('takeover'):
            if eq:
                return None
            continue
        if not eq and name == 'client_max_window_bits':
            continue
        if value.startswith('0') and bad == 'window-zero':
            value = value.lstrip('0')
        least = 9 if name.startswith('server') else 8
        if not value.isdigit() or str(int(value)) != value \
                or not least <= int(value) <= 15:
            if bad != 'window-range':
                return None
            value = '15'
        if name.startswith('server'):
            bits = int(value)
    return bits


class Deflate:
    def __init__(self, bits, bad):
        self.bad = bad
        self.bits = bits or 15
        self.inflater = self.deflater = None
        self.answer = '; '.join(('permessage-deflate',) + PARAMETERS[:2])
        if bits:
            self.answer += '; server_max_window_bits=%d' % bits
        if bad == 'parameter':
            self.answer += '; client_max_window_bits=15'

    def begin(self, limit):
        self.limit = limit
        self.size = 0
        if self.inflater is None or self.bad != 'takeover-client':
            self.inflater = zlib.decompressobj(-15)

    def inflate(self, data, last):
        out = b''
        if last:
            data += TAIL
        try:
            while data:
                room = 0 if self.bad == 'inflated' \
                    else self.limit - self.size + 1
                out += self.inflater.decompress(data, room)
                self.size += len(out)
                if self.inflater.unconsumed_tail:
                    raise Bad(1009)
                data = self.inflater.unused_data
                if self.inflater.eof:
                    self.inflater = zlib.decompressobj(-15)
                    if self.bad == 'final':
                        data = b''
        except zlib.error:
            raise Bad(1002 if self.bad == 'inflate-code' else 1007) from None
        if last and self.bad not in ('truncated', 'takeover-client', 'final') \
                and not self.at_boundary():
            raise Bad(1007)
        return out

    def at_boundary(self):
        try:
            self.inflater.decompress(b'\x03\x00')
        except zlib.error:
            return False
        return self.inflater.eof

    def deflate(self, data):
        """returns: None if it is sent as it is"""
        if self.bad == 'plain':
            return None
        if self.deflater is None or self.bad != 'takeover':
            bits = 15 if self.bad == 'window-ignored' else self.bits
            self.deflater = zlib.compressobj(6, zlib.DEFLATED, -bits)
        out = self.deflater.compress(data)
        out += self.deflater.flush(zlib.Z_SYNC_FLUSH)
        return out if self.bad == 'tail' else out[:-len(TAIL)]
