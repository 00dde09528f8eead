"""Many connections at once, step by step, in one thread.

A step sends one piece on every connection that has one left.  Before the
next step a Ping on a connection of its own has come back: the server reads
in the order in which things came in, so each piece was a read of its own.
"""

import select
import socket
import ssl
import time

from case import FIN
from ws import Fault, Reader, accept, close, new_key, ping, request

READ = 262144
SHORT = 96                          # bytes of what came, in a report


def now():
    return time.monotonic()


class Link:
    """One connection, with or without TLS, and how it ended."""

    def __init__(self, loop, target, plan=None):
        self.loop = loop
        self.plan = plan
        self.out = bytearray()
        self.kept = b''
        self.got = bytearray()      # the start of what came, for a report
        self.head = b''
        self.answer = None          # the headers of the 101
        self.reader = None
        self.fault = None
        self.end = None             # fin or rst
        self.reset = False
        self.silent = False
        self.notified = False       # TLS: close_notify came first
        self.on_data = None
        self.tls = None
        self.target = target
        self.sock = socket.socket()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect((loop.host, target.port))
        self.sock.setblocking(False)
        loop.add(self)
        if target.tls:
            self.inp, self.raw = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = target.wrap(self.inp, self.raw)
            self.shaken = False
            self._handshake()

    def _handshake(self):
        try:
            self.tls.do_handshake()
            self.shaken = True
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def ready(self):
        """Whether the first byte may be sent."""
        return self.tls is None or self.shaken or self.end is not None

    def send(self, data):
        self.out += self.kept
        self.kept = b''
        if self.out:
            self.flush()
        if self.end is not None or self.silent or not data:
            return
        if self.tls:
            # each piece one record, as far as it fits
            self.tls.write(data)
        else:
            self.out += data
        self.flush()

    def send_split(self, data):
        """Half of a TLS record; the rest goes out with the next send."""
        self.tls.write(data)
        self.out += self.raw.read()
        self.kept = bytes(self.out[len(self.out) // 2:])
        del self.out[len(self.out) // 2:]
        self.flush()

    def finish(self):
        """Our side ends; what was sent before goes out first."""
        if self.end is not None:
            return
        if self.tls:
            self.notify()
        self.flush()
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def notify(self):
        """Our close_notify, behind which nothing is sent."""
        self.silent = True
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass

    def flush(self):
        if self.tls:
            self.out += self.raw.read()
        while self.out and self.end is None:
            try:
                n = self.sock.send(memoryview(self.out)[:READ])
            except BlockingIOError:
                break
            except OSError as e:
                # this takes the error away, and recv() would see an end;
                # EPIPE says that a FIN was first
                self.reset |= isinstance(e, ConnectionResetError)
                self.out.clear()
                break
            del self.out[:n]
        self.loop.want(self, bool(self.out))

    def readable(self):
        while self.end is None:
            try:
                data = self.sock.recv(READ)
            except BlockingIOError:
                return
            except OSError:
                self.ended('rst')
                return
            if self.tls:
                self._decrypt(data)
            elif data:
                self._came(data)
            if not data:
                self.ended('fin')
            elif len(data) < READ:
                return

    def _decrypt(self, data):
        if data:
            self.inp.write(data)
        else:
            self.inp.write_eof()
        try:
            if not self.shaken:
                self._handshake()
                if not self.shaken:
                    return
            while not self.notified:
                plain = self.tls.read(READ)
                if not plain:
                    self.notified = True
                    break
                self._came(plain)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.notified = True
        except ssl.SSLEOFError:
            pass
        except ssl.SSLError as e:
            self.fault = self.fault or 'TLS: %s' % e.reason
        if self.notified and self.on_data:
            self.notify()
        if self.raw.pending:
            self.flush()

    def _came(self, data):
        if self.fault:
            return
        if self.answer is None:
            self.head += data
            at = self.head.find(b'\r\n\r\n')
            if at < 0:
                return
            data = self.head[at + 4:]
            self.head = self.head[:at]
            self.answer = parse_answer(self.head)
            if self.tls:
                self.target.keep(self.tls)
            bits = None
            if 'permessage-deflate' in ';'.join(
                    self.answer.get('sec-websocket-extensions', [])):
                bits = (self.plan and self.plan.case.bits) or 15
            self.reader = Reader(bits)
        if len(self.got) < SHORT:
            self.got += data[:SHORT]
        try:
            self.reader.feed(data)
        except Fault as e:
            self.fault = str(e)
        if self.on_data:
            self.on_data()

    def ended(self, how):
        self.end = 'rst' if self.reset else how
        self.ended_at = now()
        self.loop.remove(self)
        self.sock.close()
        if self.on_data:
            self.on_data()


def parse_answer(head):
    """returns: names in lower case -> values; '' -> the status line"""
    lines = head.decode('latin-1').split('\r\n')
    out = {'': [lines[0]]}
    for line in lines[1:]:
        name, _, value = line.partition(':')
        out.setdefault(name.strip().lower(), []).append(value.strip())
    return out


class Target:
    """A port; with TLS, of each version in turn.

    Sessions are resumed: else most of the time would go into key exchange.
    """

    def __init__(self, name, port, tls=False):
        self.name = name
        self.port = port
        self.tls = [context(v) for v in (
            ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)] if tls else []
        self.sessions = {}

    def wrap(self, inp, raw):
        self.tls.append(self.tls.pop(0))
        return self.tls[0].wrap_bio(inp, raw, server_hostname='localhost',
                                    session=self.sessions.get(self.tls[0]))

    def keep(self, tls):
        if tls.context not in self.sessions and tls.session.has_ticket:
            self.sessions[tls.context] = tls.session


def context(version):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.minimum_version = tls.maximum_version = version
    return tls


class Loop:
    def __init__(self, host='127.0.0.1'):
        self.host = host
        self.epoll = select.epoll()
        self.links = {}
        self.opened = 0

    def add(self, link):
        self.opened += 1
        link.wanted = False
        link.fd = link.sock.fileno()
        self.links[link.fd] = link
        self.epoll.register(link.fd, select.EPOLLIN)

    def remove(self, link):
        if self.links.pop(link.fd, None):
            self.epoll.unregister(link.fd)

    def want(self, link, writable):
        if link.wanted != writable and link.fd in self.links:
            link.wanted = writable
            self.epoll.modify(link.fd, select.EPOLLIN
                              | (select.EPOLLOUT if writable else 0))

    def turn(self, seconds):
        """returns: the links of which something came"""
        touched = []
        for fd, mask in self.epoll.poll(max(seconds, 0)):
            link = self.links.get(fd)
            if link is None:
                continue
            if mask & select.EPOLLOUT:
                link.flush()
            if mask & ~select.EPOLLOUT:
                link.readable()
            touched.append(link)
        return touched

    def until(self, links, test, deadline):
        """Waits until the test holds for each, or the time is up."""
        left = {link for link in links if not test(link)}
        while left and now() < deadline:
            for link in self.turn(deadline - now()):
                if link in left and test(link):
                    left.discard(link)
        return not left


class Plan:
    """One variant of a case, on its way."""

    def __init__(self, case, name, glued, pieces, query='', split=False):
        self.case = case
        self.split = split and len(case.send) > 0
        self.path = case.at + query
        self.key = new_key()
        self.name = name
        self.glued = glued
        self.pieces = pieces
        self.ours = case.expect and case.expect[-1][0] == 'close'
        self.closing = False        # our own Close of 1000 is out
        self.answered = False       # our answer to their Close is out
        self.rest = list(pieces)

    def start(self, link):
        self.link = link
        data = request(self.path, self.case.offer, self.key)
        if self.glued:
            data += self.rest.pop(0)
        link.send(data)

    def step(self):
        """Sends a piece; returns: whether there are more."""
        if self.split:
            self.split = False
            self.link.send_split(self.rest[0])
            self.rest[0] = b''
            return True
        if self.rest:
            self.link.send(self.rest.pop(0))
        return bool(self.rest)

    def sent(self):
        """All pieces are out: from now on it answers what comes."""
        if self.case.fin:
            self.link.finish()
        self.sent_at = now()
        self.link.on_data = self.react
        self.react()
        if self.link.notified:
            self.link.notify()
            self.link.flush()

    def react(self):
        link, reader = self.link, self.link.reader
        if reader is None or link.end or link.fault:
            return
        if reader.closed:
            if not (self.answered or self.closing or self.case.fin
                    or self.case.closes):
                self.answered = True
                self.answer()
        elif (not self.ours and not self.closing and not self.case.fin
                and len(reader.events) >= len(self.case.expect)):
            self.closing = True
            link.send(close(1000))

    def answer(self):
        """What the client has to say to a Close."""
        if self.case.then is None:
            self.link.send(close(1000))
            return
        for data in self.case.then:
            if data is FIN:
                self.link.finish()
            else:
                self.link.send(data)

    def over(self, link):
        return link.end is not None or link.fault is not None

    def verdict(self):
        """returns: None, or what is wrong"""
        link, case = self.link, self.case
        if link.fault:
            return link.fault
        if link.answer is None:
            return 'no answer to the upgrade'
        wrong = self.wrong_answer()
        if wrong:
            return wrong
        want = case.expect + ([('close', 1000)] if self.closing else [])
        got = link.reader.events
        if got != want:
            return 'expected %s, got %s' % (show(want), show(got))
        if case.deflated is not None \
                and any(d != case.deflated for d in link.reader.deflated):
            return 'compressed: %s' % link.reader.deflated
        if link.reader.buf:
            return 'half a frame at the end'
        if link.end is None:
            return 'the connection does not end'
        if link.ended_at - self.sent_at > case.seconds:
            return 'takes %.1f s' % (link.ended_at - self.sent_at)
        if link.end != 'fin':
            return 'the connection ends by a reset'
        if link.tls and not link.notified:
            return 'TLS ends without close_notify'
        return None

    def wrong_answer(self):
        answer, case = self.link.answer, self.case
        if not answer[''][0].startswith('HTTP/1.1 101 '):
            return 'upgrade: %s' % answer[''][0]
        if answer.get('sec-websocket-accept') != [accept(self.key).decode()]:
            return 'wrong Sec-WebSocket-Accept'
        got = answer.get('sec-websocket-extensions')
        want = case.agreed
        if got is None or want is None:
            return None if got is want else 'extensions: %s' % got
        if len(got) != 1 or parse_extension(got[0]) != want:
            return 'extensions: %s, not %s' % (got, want)
        return None


def parse_extension(value):
    """returns: parameters of permessage-deflate, or None if it is wrong"""
    name, *params = [p.strip() for p in value.split(';')]
    out = {}
    for p in params:
        key, eq, number = p.partition('=')
        if key in out:
            return None
        out[key] = number if eq else True
    return out if name == 'permessage-deflate' else None


def show(events):
    out = []
    for kind, value in events:
        if kind == 'close':
            out.append('close %d' % value)
        elif len(value) > 24:
            out.append('%s of %d (%s...)'
                       % (kind, len(value), value[:16].hex()))
        else:
            out.append('%s %s' % (kind, value.hex() or "''"))
    return ', '.join(out) or 'nothing'


class Stuck(Exception):
    """The server does not even answer a Ping."""


class Runner:
    """Runs plans by the hundred."""

    def __init__(self, loop, gate, patience=10):
        self.loop = loop
        self.patience = patience
        self.gate = Link(loop, gate)
        loop.until([self.gate], lambda g: g.ready(), now() + patience)
        self.gate.send(request('/echo'))
        self.count = 0
        if not loop.until([self.gate], lambda g: g.answer, now() + patience):
            raise Stuck('no answer to an upgrade')

    def barrier(self):
        self.count += 1
        mark = ('pong', b'%d' % self.count)
        self.gate.send(ping(mark[1], mask=b'\x01\x02\x03\x04'))
        if not self.loop.until([self.gate],
                               lambda g: g.reader.events[-1:] == [mark],
                               now() + self.patience):
            raise Stuck('no answer to a Ping')
        self.gate.reader.events.clear()

    def run(self, target, plans):
        """returns: what is wrong with each, None if nothing is"""
        loop = self.loop
        links = [Link(loop, target, plan) for plan in plans]
        until = now() + self.patience
        loop.until(links, lambda k: k.ready(), until)
        for link in links:
            link.plan.start(link)
        loop.until(links, lambda k: k.answer or k.end or k.fault, until)
        waiting = [link for link in links if link.answer]
        while waiting:
            # the last piece of each: from here on it may answer
            more = []
            for link in waiting:
                if link.plan.step():
                    more.append(link)
                else:
                    link.plan.sent()
            if more:
                loop.until(more, lambda k: not k.out or k.end,
                           now() + max(k.plan.case.seconds for k in more))
                self.barrier()
            waiting = more
        seconds = max(plan.case.seconds for plan in plans)
        loop.until(links, lambda k: k.plan.over(k), now() + seconds)
        out = [plan.verdict() for plan in plans]
        for link in links:
            if link.end is None:
                loop.remove(link)
                link.sock.close()
        return out
