"""A case: what is sent, what has to come back, and in which pieces."""

import os
import random

from ws import closes, utf8

# limits of time are longer for a server that is slow by itself
PACE = float(os.environ.get('TEST_TIME_FACTOR') or 1)

# a case of so many bytes is cut at every place, of so many sent one by one
CUT_ALL, BYTE_BY_BYTE = 300, 40
HEADER_CUTS, RANDOM_CUTS = 15, 10


def T(data=b''):
    """A text message comes back."""
    return 'text', utf8(data)


def B(data=b''):
    """A binary message comes back."""
    return 'binary', utf8(data)


def P(data=b''):
    """A Pong comes back."""
    return 'pong', utf8(data)


def C(code):
    """A Close comes back; 1005: an empty one."""
    return 'close', code


ECHO, SMALL, DEFLATE, TIGHT = '/echo', '/small', '/deflate', '/tight'

FIN = object()                      # in then: the client's end


class Case:
    """One line of a table.

    number:   class, family, case
    section:  of RFC 6455, or of RFC 7692 if it says so
    purpose:  what the case shows
    send:     bytes of the client; what is a list goes out in these pieces
    expect:   events in their order; without a Close among them the client
              closes with 1000 behind the last one, and gets 1000 back
    at:       the location
    offer:    extension headers of the client
    agreed:   the server's answer to them: a dictionary, or None
    bits:     window bits of the server's messages, if deflate is agreed
    then:     sent after the server's Close, instead of a Close: bytes, or
              a list of bytes and FIN
    fin:      the client ends its side behind the last byte
    deflated: whether each data message comes back compressed; None: either
    cuts:     all, few or none; by default by its length
    seconds:  within which all of it ends
    """

    def __init__(self, number, section, purpose, send, expect, *, at=ECHO,
                 offer=(), agreed=None, bits=None, then=None, fin=False,
                 deflated=None, cuts=None, seconds=2):
        self.number = number
        self.section = section
        self.purpose = purpose
        self.send = b''.join(send) if isinstance(send, list) else send
        self.expect = list(expect)
        self.closes = closes(self.send) in [v for k, v in self.expect
                                            if k == 'close']
        self.at = at
        self.offer = offer
        self.agreed = agreed
        self.bits = bits
        self.then = [then] if isinstance(then, bytes) else then
        self.fin = fin
        self.deflated = deflated
        self.cuts = cuts
        self.seconds = seconds * PACE

    @property
    def name(self):
        return '%s [%s] %s' % (self.number, self.section, self.purpose)

    @property
    def kind(self):
        return 'deflate' if self.number.split('.')[0] in ('12', '13') \
            else 'core'

    def variants(self, seed, thin=1):
        """yields: name, whether it comes with the request, pieces

        thin: of the cuts at every place only each such one
        """
        data = self.send
        n = len(data)
        yield 'whole', False, [data]
        if n == 0 or self.cuts == 'none':
            return
        yield 'with the request', True, [data]
        rng = random.Random('%d %s' % (seed, self.number))
        if self.cuts == 'few':
            for cut in sorted(rng.sample(range(1, n), min(3, n - 1))):
                yield 'cut at %d' % cut, False, [data[:cut], data[cut:]]
            return
        if n <= CUT_ALL:
            at = range(1 + (rng.randrange(thin) if n > 8 else 0), n,
                       thin if n > 8 else 1)
        else:
            at = sorted({*range(1, HEADER_CUTS),
                         *(rng.randrange(1, n) for _ in range(RANDOM_CUTS))})
        for cut in at:
            yield 'cut at %d' % cut, False, [data[:cut], data[cut:]]
        if n > CUT_ALL:
            for _ in range(3):
                cuts = sorted(rng.sample(range(1, n), 5))
                yield ('cut at %s' % ','.join(map(str, cuts)), False,
                       [data[i:j] for i, j in zip([0] + cuts, cuts + [n])])
        elif 2 < n <= BYTE_BY_BYTE:
            yield ('byte by byte', False,
                   [data[i:i + 1] for i in range(n)])
