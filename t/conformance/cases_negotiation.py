"""13 which offers of permessage-deflate are taken, and how: RFC 7692, 7.1."""

from bits import deflate
from case import DEFLATE, ECHO, C, Case, T
from cases_deflate import AGREED, NOISE, OFFER
from cases_framing import filled
from ws import BINARY, TEXT, frame

SERVER, CLIENT = 'server_max_window_bits', 'client_max_window_bits'
SERVER_NO, CLIENT_NO = ('server_no_context_takeover',
                        'client_no_context_takeover')
HELLO = frame(TEXT, deflate('Hello'), rsv=4)


def with_(**more):
    return {**AGREED, **more}


# parameters of a single offer; what is agreed
TAKEN = [
    ('', AGREED),
    (SERVER_NO, AGREED),
    (CLIENT_NO, AGREED),
    (SERVER_NO + '; ' + CLIENT_NO, AGREED),
    (CLIENT_NO + '; ' + SERVER_NO, AGREED),
    (CLIENT, AGREED),
    *((CLIENT + '=%d' % n, AGREED) for n in range(8, 16)),
    *((SERVER + '=%d' % n, with_(server_max_window_bits=str(n)))
      for n in range(9, 16)),
    (SERVER + '="12"', with_(server_max_window_bits='12')),
    (CLIENT + '="12"', AGREED),
    (SERVER + '=10; ' + CLIENT, with_(server_max_window_bits='10')),
    (CLIENT + '=9; ' + SERVER + '=11', with_(server_max_window_bits='11')),
    ('; '.join((SERVER_NO, CLIENT_NO, SERVER + '=15', CLIENT + '=15')),
     with_(server_max_window_bits='15')),
    (CLIENT + ' ;\t' + SERVER_NO, AGREED),
]

DECLINED = [
    'unknown', 'unknown=1', 'mode=fast', CLIENT + '; unknown',
    'unknown; ' + SERVER_NO,
    SERVER_NO + '=1', SERVER_NO + '=0', CLIENT_NO + '=true',
    SERVER_NO + '="1"', CLIENT_NO + '=10',
    SERVER, SERVER + '=8',
    *('%s=%s' % (name, value) for name in (SERVER, CLIENT)
      for value in ('0', '1', '7', '16', '17', '99', '100', '010', '08',
                    '015', '+10', '-10', '1e1', '10.0', '0xa', 'ten',
                    '12a', '4294967305', '18446744073709551625', '"16"',
                    '"08"')),
    *('%s; %s' % (p, p) for p in (SERVER_NO, CLIENT_NO, CLIENT,
                                  SERVER + '=10', CLIENT + '=10')),
    SERVER + '=10; ' + SERVER + '=11', CLIENT + '; ' + CLIENT + '=10',
    SERVER_NO + '; ' + CLIENT + '; ' + SERVER_NO,
]

# headers of several offers; what is agreed
SEVERAL = [
    ([OFFER + ', ' + OFFER], AGREED),
    ([OFFER, OFFER], AGREED),
    (['x-unknown, ' + OFFER], AGREED),
    (['x-unknown', OFFER], AGREED),
    ([OFFER, 'x-unknown'], AGREED),
    (['x-unknown; a=1; b="c", ' + OFFER], AGREED),
    (['permessage-bzip2, ' + OFFER], AGREED),
    ([OFFER + '; unknown, ' + OFFER], AGREED),
    ([OFFER + '; unknown', OFFER + '; ' + CLIENT], AGREED),
    ([OFFER + '; ' + SERVER + '=8, ' + OFFER + '; ' + SERVER + '=9'],
     with_(server_max_window_bits='9')),
    ([OFFER + '; ' + SERVER + '=10, ' + OFFER],
     with_(server_max_window_bits='10')),
    ([OFFER + ', ' + OFFER + '; ' + SERVER + '=10'], AGREED),
    ([OFFER + '; ' + SERVER + '=16, ' + OFFER + '; mode=fast, ' + OFFER
      + '; ' + CLIENT_NO], AGREED),
    ([OFFER + '; unknown, ' + OFFER + '; ' + SERVER + '=7'], None),
    (['x-unknown, permessage-bzip2'], None),
    (['x-webkit-deflate-frame'], None),
    (['permessage-deflate2'], None),
    (['permessage-deflat'], None),
    (['x-permessage-deflate'], None),
    (['deflate'], None),
    ([OFFER + ',' + OFFER + '; ' + SERVER + '=9,'], AGREED),
    ([OFFER + '  ;  ' + SERVER + '=12'], with_(server_max_window_bits='12')),
]


def bits_of(agreed):
    return int((agreed or {}).get(SERVER, 15))


def offered(params):
    return OFFER + ('; ' + params if params else '')


def case(number, purpose, offer, agreed, at=DEFLATE):
    """A compressed text is echoed, or refused where nothing was agreed."""
    return Case(number, '7692 7.1', purpose, HELLO,
                [T('Hello')] if agreed else [C(1002)], at=at, offer=offer,
                agreed=agreed, bits=bits_of(agreed), cuts='few')


def far(bits):
    """What repeats itself just out of a window's reach, and within it."""
    size = (1 << bits) + 50
    if bits == 15:
        size = 32000
    return NOISE[:size] * 2 + filled(300) * 2


CASES = [
    *(case('13.1.%d' % i, 'taken: %s' % (params or 'no parameters'),
           (offered(params),), agreed)
      for i, (params, agreed) in enumerate(TAKEN, 1)),
    *(case('13.2.%d' % i, 'declined: %s' % params, (offered(params),), None)
      for i, params in enumerate(DECLINED, 1)),
    *(case('13.3.%d' % i, '%s: %s' % ('taken' if agreed else 'declined',
                                      ' | '.join(offers)), offers, agreed)
      for i, (offers, agreed) in enumerate(SEVERAL, 1)),

    # the server's window
    *(Case('13.4.%d' % (bits - 8), '7692 7.1.2.1', 'window of %d bits is '
           'kept to' % bits, frame(BINARY, far(bits)),
           [('binary', far(bits))], at=DEFLATE,
           offer=(offered(SERVER + '=%d' % bits),),
           agreed=with_(server_max_window_bits=str(bits)), bits=bits,
           cuts='few', seconds=5) for bits in range(9, 16)),
    *(Case('13.5.%d' % (bits - 8), '7692 7.1.2.1', 'texts through a window '
           'of %d bits' % bits, frame(TEXT, filled(5000)) * 3,
           [T(filled(5000))] * 3, at=DEFLATE, deflated=True,
           offer=(offered(SERVER + '=%d' % bits),),
           agreed=with_(server_max_window_bits=str(bits)), bits=bits,
           cuts='few', seconds=5) for bits in range(9, 16)),
    *(Case('13.6.%d' % (bits - 8), '7692 7.1.2.2', 'what the client says '
           'of its window of %d bits binds nobody' % bits,
           frame(BINARY, deflate(NOISE[:32000] * 2), rsv=4),
           [('binary', NOISE[:32000] * 2)], at=DEFLATE,
           offer=(offered(CLIENT + '=%d' % bits),), agreed=AGREED,
           cuts='few') for bits in (9, 12, 15)),

    # where it is off
    *(case('13.7.%d' % i, 'off: %s' % (params or 'no parameters'),
           (offered(params),), None, at=ECHO)
      for i, (params, _) in enumerate(TAKEN[:6] + TAKEN[-4:], 1)),
    Case('13.7.20', '7692 5', 'off, and a text', frame(TEXT, filled(3000)),
         [T(filled(3000))], at=ECHO, offer=(OFFER,), deflated=False),
]
