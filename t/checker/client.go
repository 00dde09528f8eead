package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// What a client is like.  All of them check each record; they differ in how
// they read and how they leave.
const (
	fast     = "fast"      // reads at once, leaves never
	slow     = "slow"      // at a bounded rate: the ring overruns it
	latest   = "latest"    // the same, where a slow client skips to the end
	tooSlow  = "too_slow"  // the same, where a slow client is closed
	stopGo   = "stop_go"   // stops reading for a while, again and again
	resume   = "resume"    // leaves by a Close, comes back with its cursor
	fresh    = "fresh"     // the same, without
	reset    = "reset"     // leaves by RST, comes back with its cursor
	halfOpen = "half_open" // answers nothing until it is given up on
)

var personalities = []struct {
	kind string
	of   int // 20
}{
	{fast, 7}, {slow, 2}, {latest, 1}, {tooSlow, 1}, {stopGo, 2},
	{resume, 3}, {fresh, 1}, {reset, 2}, {halfOpen, 1},
}

type client struct {
	h       *hub
	id      int
	kind    string
	deflate bool
	parts   []int
	views   map[int]*view
	rng     *rand.Rand
	rate    int // bytes per second of a slow one

	mu      sync.Mutex
	conn    *websocket.Conn
	tcp     *net.TCPConn
	number  int   // connections so far
	since   int64 // ms, when this one was opened
	leaving bool  // it ends this one by itself

	willing int64 // ms, since when it wants records without a break
	asleep  bool  // has been half open on this connection
	woke    int64
	started map[int]bool // partitions of this connection
	away    map[int]bool // for too long, says the start event
	filling map[int]bool // older records come first
	begun   bool         // the first message was there
	asked   string       // cursor or start of this connection
	buf     bytes.Buffer
	dialled int64
	backAt  int64 // when the one before was closed with 1012
}

func newClient(h *hub, id int, kind string, rng *rand.Rand) *client {
	c := &client{h: h, id: id, kind: kind, rng: rng,
		deflate: rng.Intn(5) == 0, rate: 2000 + rng.Intn(6000),
		views: map[int]*view{}}

	n := len(h.t.parts)
	want := 1

	switch k := rng.Intn(20); {
	case k == 0:
		want = n
	case k < 4 && n > 1:
		want = 2
	}

	first := rng.Intn(n)

	for i := 0; i < want; i++ {
		p := (first + i) % n
		c.parts = append(c.parts, p)
		c.views[p] = &view{c: c, part: h.t.parts[p], next: -1}
	}

	return c
}

func (c *client) name() string {
	return fmt.Sprintf("client %d (%s), connection %d", c.id, c.kind, c.number)
}

// mayLag: its place may be overrun
func (c *client) mayLag() bool {
	switch c.kind {
	case slow, latest, tooSlow, stopGo, halfOpen:
		return true
	}

	return false
}

// prompt: each record is to come in time
func (c *client) prompt() bool {
	return !c.mayLag()
}

func (c *client) cursor() string {
	var at []string

	for _, p := range c.parts {
		next := c.views[p].position()
		if next < 0 {
			return ""
		}

		at = append(at, fmt.Sprintf("%d:%d", p, next))
	}

	return strings.Join(at, ",")
}

// address: where, and from where on
func (c *client) address() string {
	var list []string

	for _, p := range c.parts {
		list = append(list, strconv.Itoa(p))
	}

	place := map[string]string{latest: "latest", tooSlow: "close"}[c.kind]
	if place == "" {
		place = "skip"
	}

	u := c.h.url + "/" + place + "/" + strings.Join(list, ",")

	if c.asked = c.cursor(); c.asked != "" && c.kind != fresh {
		cursor := c.asked

		if c.rng.Intn(4) == 0 {
			cursor = url.QueryEscape(cursor)
		}

		return u + "?cursor=" + cursor
	}

	c.asked = []string{"", "latest", "earliest", "tail=" +
		strconv.Itoa(1+c.rng.Intn(300))}[c.rng.Intn(4)]

	return u + "?from=" + c.asked
}

func (c *client) run() {
	defer c.h.wait.Done()

	c.willing = c.h.t.now()

	for !c.h.over() {
		if !c.open() {
			time.Sleep(time.Duration(100+c.rng.Intn(200)) * time.Millisecond)
			continue
		}

		code, reason := c.session()

		if c.h.over() && c.left() {
			c.checkAsleep()
			break
		}

		c.ended(code, reason)
	}
}

func (c *client) left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.leaving
}

func (c *client) open() bool {
	var tcp *net.TCPConn

	d := websocket.Dialer{
		HandshakeTimeout:  20 * time.Second,
		EnableCompression: c.deflate,
		ReadBufferSize:    4096,
		WriteBufferSize:   512,
		NetDial: func(network, addr string) (net.Conn, error) {
			conn, err := c.dialer().Dial(network, addr)
			if err == nil {
				tcp = conn.(*net.TCPConn)
			}

			return conn, err
		},
	}

	c.dialled = c.h.t.now()

	conn, res, err := d.Dial(c.address(),
		http.Header{"Sec-WebSocket-Protocol": {"kafka.json.v1"}})

	if err != nil {
		c.refused(res, err)
		return false
	}

	if conn.Subprotocol() != "kafka.json.v1" {
		c.h.r.add("protocol", "%s: subprotocol %q", c.name(),
			conn.Subprotocol())
	}

	c.mu.Lock()
	c.conn, c.tcp = conn, tcp
	c.number++
	c.since = c.h.t.now()
	c.leaving = false
	c.mu.Unlock()

	c.asleep = false
	c.begun = false
	c.started = map[int]bool{}
	c.away = map[int]bool{}
	c.filling = map[int]bool{}

	c.h.opened(c, strings.Contains(res.Header.Get("Sec-WebSocket-Extensions"),
		"permessage-deflate"))

	return true
}

// dialer: a slow client's socket takes little.  With the loopback's segments
// of 64 KB a small window would stall for good, so those are as on Ethernet.
func (c *client) dialer() *net.Dialer {
	d := &net.Dialer{Timeout: 10 * time.Second}

	if !c.small() {
		return d
	}

	d.Control = func(network, address string, raw syscall.RawConn) error {
		var err error

		ctl := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET,
				syscall.SO_RCVBUF, 16384)

			if err == nil {
				err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP,
					syscall.TCP_MAXSEG, 1400)
			}
		})

		if ctl != nil {
			return ctl
		}

		return err
	}

	return d
}

func (c *client) small() bool {
	return c.kind == slow || c.kind == latest || c.kind == tooSlow
}

func (c *client) refused(res *http.Response, err error) {
	what := err.Error()

	if res != nil {
		what = res.Status
	}

	if !c.h.mayRefuse(res, c.dialled) {
		c.h.r.add("refused", "%s: %s: %s", c.name(), c.asked, what)
	}

	// nothing of what it waits for is late by that
	if c.h.mayRefuse(res, c.dialled) {
		c.willing = c.h.t.now()
	}
}

// session reads until the connection ends.
// returns: the code of the Close, 1006 without one; its reason
func (c *client) session() (int, string) {
	conn := c.conn
	plan := c.plan()

	defer plan.stop()
	defer conn.Close()

	for {
		c.pause(plan)

		kind, r, err := conn.NextReader()

		if err == nil {
			c.buf.Reset()
			_, err = c.buf.ReadFrom(r)
		}

		if err != nil {
			var e *websocket.CloseError

			if errors.As(err, &e) {
				return e.Code, e.Text
			}

			if !errors.Is(err, net.ErrClosed) && !isReset(err) {
				c.h.r.add("protocol", "%s: %s", c.name(), err)
			}

			return websocket.CloseAbnormalClosure, err.Error()
		}

		b := c.buf.Bytes()

		if kind != websocket.TextMessage || !utf8.Valid(b) {
			c.h.r.add("protocol", "%s: message of type %d: %.60q", c.name(),
				kind, b)
			continue
		}

		plan.read += len(b)
		c.take(b)
	}
}

func isReset(err error) bool {
	var e net.Error

	s := err.Error()

	return strings.Contains(s, "connection reset") ||
		strings.Contains(s, "broken pipe") ||
		strings.Contains(s, "EOF") ||
		errors.As(err, &e) && e.Timeout()
}

func (c *client) take(b []byte) {
	m, err := parseMessage(b)

	if err != nil {
		c.h.r.add("corrupt", "%s: %s: %.120q", c.name(), err, b)
		return
	}

	if !c.begun && m.event != "start" {
		c.h.r.add("bad_start", "%s: first came %.80q", c.name(), b)
	}

	c.begun = true

	switch m.event {
	case "start":
		c.h.log(c, string(b))
		c.start(&m)
		return

	case "idle":
		atomic.AddInt64(&c.h.r.idles, 1)
		return
	}

	v := c.views[m.partition]

	if v == nil || !c.started[m.partition] {
		c.h.r.add("corrupt", "%s: partition %d is not its own: %.60q",
			c.name(), m.partition, b)
		return
	}

	if m.event == "gap" {
		c.h.log(c, string(b))
		c.h.r.gap(m.reason)

		if g, ok := v.gap(c.h.r, &m); ok {
			g.at = c.h.t.now()
			g.latest = c.kind == latest
			g.resumed = c.away[m.partition]
			delete(c.away, m.partition)
			c.h.addGap(g)
		}

		return
	}

	c.record(v, &m)
	atomic.AddInt64(&c.h.r.bytes, int64(len(b)))
}

// fillMax: how long older records may take, in ms; a Close with 1013 comes then
const fillMax = 11000

func (c *client) record(v *view, m *message) {
	id, crc, err := checkRecord(c.h.t.run, m.key, m.value, m.null)

	if err == nil && id.partition != m.partition {
		err = fmt.Errorf("a record of partition %d in %d", id.partition,
			m.partition)
	}

	if err != nil {
		c.h.r.add("corrupt", "%s: partition %d, offset %d: %s", c.name(),
			m.partition, m.offset, err)
		return
	}

	acked := v.record(c.h.r, id, m, crc)

	atomic.AddInt64(&c.h.r.records, 1)

	if acked == 0 || !c.prompt() {
		return
	}

	now := c.h.t.now()

	if c.backAt > 0 {
		c.h.r.back.add(now - c.backAt)
		c.backAt = 0
	}

	last := v.last
	v.last = now

	late, ok := c.h.late(int64(acked), c.willing, now)
	if !ok {
		return
	}

	if live := int64(acked) > c.willing && int64(acked) > c.since; live {
		c.h.r.latency.add(late)
		c.filling[m.partition] = false
	}

	// one who reads a backlog is not stalled
	if late > now-last {
		late = now - last
	}

	if c.filling[m.partition] {
		c.h.r.filled.add(late)

		if late > fillMax {
			c.h.r.add("stalls", "%s: partition %d, offset %d was read back "+
				"after %d ms", c.name(), m.partition, m.offset, late)
		}

		return
	}

	if late > c.h.stall/4 {
		c.h.log(c, "partition %d, offset %d: late by %d ms", m.partition,
			m.offset, late)
	}

	c.h.r.stall.add(late)

	if late > c.h.stall {
		c.h.r.add("stalls", "%s: partition %d, offset %d, sequence %d: %d ms",
			c.name(), m.partition, m.offset, id.seq, late)
	}
}

// start: each partition begins where it has to
func (c *client) start(m *message) {
	for _, s := range m.partitions {
		v := c.views[s.Partition]

		if v == nil || c.started[s.Partition] {
			c.h.r.add("bad_start", "%s: partition %d", c.name(), s.Partition)
			continue
		}

		c.started[s.Partition] = true

		if next := v.position(); next >= 0 && c.kind != fresh {
			c.resumed(v, next, s)
			continue
		}

		older := c.asked == "earliest" || strings.HasPrefix(c.asked, "tail=")

		switch {
		case s.State == "backfilled" && older:
			c.filling[s.Partition] = true

		case s.State != "start":
			c.h.r.add("bad_start", "%s: from %q, state %q", c.name(), c.asked,
				s.State)
		}

		c.h.checkStart(c, v.part, s.Offset)
		v.begin(s.Offset)
	}

	if !c.begun || len(c.started) != len(c.parts) {
		c.h.r.add("bad_start", "%s: %d of %d partitions", c.name(),
			len(c.started), len(c.parts))
	}
}

func (c *client) resumed(v *view, next int64, s startPart) {
	switch {
	case s.State == "gap" && s.Offset >= next:
		// the gap event that follows is judged
		c.away[s.Partition] = true

	case (s.State == "resumed" || s.State == "backfilled") &&
		s.Offset == next:

		c.filling[s.Partition] = s.State == "backfilled"

	default:
		c.h.r.add("bad_start", "%s: partition %d, cursor %d, but %q at %d",
			c.name(), s.Partition, next, s.State, s.Offset)

		if s.Offset < next {
			v.begin(s.Offset)
		}
	}
}
