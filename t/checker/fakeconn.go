package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// fakeConn is a client of the fake server.
type fakeConn struct {
	f       *fake
	ws      *websocket.Conn
	tcp     *net.TCPConn
	place   string
	parts   []int
	at      map[int]int   // index of the record to come
	next    map[int]int64 // its offset, at least
	kept    []byte        // a frame that comes late
	restart bool
	gone    bool
	since   time.Time
	turn    int
}

func (c *fakeConn) isGone() bool {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()

	return c.gone
}

// read answers, and finds out when nobody is there any more.
func (c *fakeConn) read() {
	limit := time.Duration(c.f.h.ping+c.f.h.pong) * time.Millisecond

	// whatever comes is an answer
	alive := func() {
		if c.f.mutation != "ping-forever" {
			_ = c.ws.SetReadDeadline(time.Now().Add(limit))
		}
	}

	alive()
	c.ws.SetPongHandler(func(string) error { alive(); return nil })

	go func() {
		for !c.isGone() {
			time.Sleep(time.Duration(c.f.h.ping) * time.Millisecond)
			_ = c.ws.WriteControl(websocket.PingMessage, nil,
				time.Now().Add(time.Second))
		}
	}()

	_, _, err := c.ws.ReadMessage()

	if e, ok := err.(net.Error); ok && e.Timeout() {
		c.close(1011, "ping timeout")
		c.ws.Close()
	}

	c.f.mu.Lock()
	c.gone = true
	c.f.mu.Unlock()
	c.f.more.Broadcast()
}

func (c *fakeConn) close(code int, reason string) {
	_ = c.ws.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(code, reason),
		time.Now().Add(5*time.Second))
}

func (c *fakeConn) say(format string, args ...interface{}) bool {
	return c.ws.WriteMessage(websocket.TextMessage,
		[]byte(fmt.Sprintf(format, args...))) == nil
}

// begin finds the places, and tells them.
func (c *fakeConn) begin(cursor, from string) bool {
	var told, gaps []string

	f := c.f
	f.mu.Lock()

	wanted, _ := parseCursor(cursor)

	for _, n := range c.parts {
		p := f.parts[n]
		tail := p.tail()
		state := "start"
		at := len(p.recs)
		short := 0

		if f.turn("start-short", 2) {
			short = 20
		}

		if o, ok := wanted[n]; ok {
			at = p.find(o)
			state = "resumed"

			if f.turn("gap-long", 1) && at < tail {
				tail += 20
			}

			if at < tail {
				gaps = append(gaps, gapEvent(n, o, p.from(tail)-1, "lapped"))
				at = tail
				state = "gap"

				if f.turn("gap-twice", 1) {
					gaps = append(gaps, gaps[len(gaps)-1])
				}
			}

		} else if from == "earliest" {
			at = tail + short

		} else if _, err := fmt.Sscanf(from, "tail=%d", &at); err == nil {
			at = len(p.recs) - at + short

			if at < tail {
				at = tail
			}

			if at < 0 {
				at = 0
			}

		} else if f.turn("start-early", 2) {
			at = tail
		}

		c.at[n] = at
		c.next[n] = p.from(at)

		if state == "resumed" {
			c.next[n] = wanted[n]
			state = c.resumeWrong(p, n)
		}

		tell := c.next[n]

		if state != "start" && f.turn("resume-told", 5) ||
			state == "start" && f.turn("start-late", 5) {
			tell += 30
		}

		told = append(told, fmt.Sprintf(
			`{"partition":%d,"offset":%d,"state":"%s"}`, n, tell, state))
	}

	f.mu.Unlock()

	if !f.turn("start-missing", 5) &&
		!c.say(`{"event":"start","partitions":[%s]}`,
			strings.Join(told, ",")) {
		return false
	}

	for _, g := range gaps {
		if !f.turn("gap-silent", 1) && !c.say("%s", g) {
			return false
		}
	}

	return true
}

// resumeWrong does what must not be done with a cursor.
func (c *fakeConn) resumeWrong(p *fakePart, n int) string {
	switch {
	case c.f.turn("resume-after", 3) && c.at[n] < len(p.recs):
		c.at[n]++

	case c.f.turn("resume-before", 3) && c.at[n] > p.tail():
		c.at[n]--

	case c.f.turn("resume-latest", 3):
		c.at[n] = len(p.recs)

	case c.f.turn("resume-reset", 3):
		c.at[n] = len(p.recs)
		c.next[n] = p.end

		return "reset"
	}

	return "resumed"
}

func gapEvent(n int, from, to int64, reason string) string {
	return fmt.Sprintf(`{"event":"gap","partition":%d,"from":%d,"to":%d,`+
		`"reason":"%s"}`, n, from, to, reason)
}

func (c *fakeConn) cursor() string {
	var at []string

	for _, n := range c.parts {
		next := c.next[n]

		if c.f.turn("reason", 3) {
			next += 40
		}

		at = append(at, fmt.Sprintf("%d:%d", n, next))
	}

	return strings.Join(at, ",")
}

// write sends what there is, until the end.
func (c *fakeConn) write() {
	f := c.f

	for {
		f.mu.Lock()

		var frame []byte

		for !c.gone && !c.restart {
			if frame = c.pick(); frame != nil {
				break
			}

			f.more.Wait()
		}

		gone, restart := c.gone, c.restart
		f.mu.Unlock()

		switch {
		case gone:
			return

		case restart && f.turn("cut", 3):
			_ = c.tcp.SetLinger(0)
			return

		case restart && f.turn("code", 3):
			c.close(1008, "")
			return

		case restart:
			c.close(1012, c.cursor())
			return

		case len(frame) == 0:
			c.close(4408, c.cursor())
			return
		}

		kind := websocket.TextMessage

		if f.turn("binary", 500) {
			kind = websocket.BinaryMessage
		}

		if c.ws.WriteMessage(kind, frame) != nil {
			return
		}

		if c.kept != nil && c.ws.WriteMessage(kind, c.kept) != nil {
			return
		}

		c.kept = nil
	}
}

// pick is the next frame, nil: none, empty: the client is too slow.  The lock
// is held.
func (c *fakeConn) pick() []byte {
	c.turn++

	for i := range c.parts {
		n := c.parts[(c.turn+i)%len(c.parts)]
		p := c.f.parts[n]

		if c.f.mutation == "stall" && time.Now().Unix()%4 < 2 ||
			c.f.mutation == "end" && len(p.recs) > 100 && n == 0 {
			continue
		}

		if c.at[n] < p.tail() || c.place == "latest" && c.late(p, n) {
			return c.lapped(p, n)
		}

		if c.place == "close" && c.late(p, n) {
			return []byte{}
		}

		if c.at[n] < len(p.recs) {
			return c.frame(p, n)
		}
	}

	return nil
}

func (c *fakeConn) late(p *fakePart, n int) bool {
	return c.at[n] < len(p.recs) && time.Since(p.recs[c.at[n]].at) > fakeLag &&
		time.Since(c.since) > fakeLag
}

func (c *fakeConn) lapped(p *fakePart, n int) []byte {
	f := c.f
	from := c.next[n]
	to := p.tail()

	if c.place == "close" {
		return []byte{}
	}

	if c.place == "latest" {
		to = len(p.recs)
	}

	c.since = time.Now()
	c.at[n] = to
	c.next[n] = p.from(to)

	last := c.next[n] - 1
	reason := "lapped"

	switch {
	case f.turn("gap-silent", 1):
		return c.pick()

	case f.turn("gap-short", 1) && to > 3:
		last = p.recs[to-3].offset

	case f.turn("gap-reason", 1):
		reason = "retention"

	case f.turn("gap-twice", 1):
		c.kept = []byte(gapEvent(n, from, last, reason))
	}

	return []byte(gapEvent(n, from, last, reason))
}

// frame is that of the next record.
func (c *fakeConn) frame(p *fakePart, n int) []byte {
	f := c.f
	i := c.at[n]
	r := p.recs[i]

	if !c.late(p, n) {
		c.since = time.Now()
	}

	c.at[n]++
	c.next[n] = r.offset + 1

	if len(r.key)+len(r.value) > f.max {
		if f.turn("large-silent", 1) {
			return c.pick()
		}

		return []byte(gapEvent(n, r.offset, r.offset, "too-large"))
	}

	if i > 0 {
		if b := c.wrong(p, n, i); b != nil {
			return b
		}
	}

	return record(n, &r)
}

// wrong sends another frame instead of the right one, nil: the right one.
func (c *fakeConn) wrong(p *fakePart, n, i int) []byte {
	f := c.f
	r := p.recs[i]
	before := p.recs[i-1]
	small := len(r.value) < 1000 && len(before.value) < 1000

	switch {
	case f.turn("drop", 300):
		return c.pick()

	case f.turn("double", 300):
		c.kept = record(n, &r)

	case i+1 < len(p.recs) && len(p.recs[i+1].value) < 1000 &&
		f.turn("swap", 30):
		c.kept = record(n, &r)
		c.at[n]++
		c.next[n] = p.recs[i+1].offset + 1

		return record(n, &p.recs[i+1])

	case f.turn("flip", 300):
		b := record(n, &r)
		b[len(b)/2] ^= 1

		return b

	case f.turn("rekey", 300):
		r.key = before.key
		return record(n, &r)

	case f.turn("revalue", 300):
		r.value = before.value
		return record(n, &r)

	case small && f.turn("replace", 300):
		r.value, r.key, r.ts = before.value, before.key, before.ts
		return record(n, &r)

	case f.turn("offset", 300):
		r.offset++
		return record(n, &r)

	case f.turn("timestamp", 300):
		r.ts++
		return record(n, &r)

	case f.turn("foreign", 300):
		c.kept = record(n, &r)
		other := (n + 1) % len(f.parts)

		if q := f.parts[other]; len(q.recs) > 0 {
			return record(n, &q.recs[len(q.recs)-1])
		}

	case f.mutation == "null-empty" && r.value == nil:
		r.value = []byte{}
		return record(n, &r)

	case f.turn("members", 300):
		b := string(record(n, &r))
		return []byte(strings.Replace(b, `,"key"`, `, "key"`, 1))

	case i+2 < len(p.recs) && f.turn("gap-false", 30):
		c.at[n] += 2
		c.next[n] = p.recs[i+2].offset + 1

		return []byte(gapEvent(n, r.offset, c.next[n]-1, "lapped"))

	case f.mutation == "gap-hole" && before.offset+1 < r.offset:
		c.kept = record(n, &r)
		return []byte(gapEvent(n, before.offset+1, r.offset-1, "lapped"))
	}

	return nil
}

func record(n int, r *fakeRec) []byte {
	var value []byte

	key, _ := json.Marshal(string(r.key))

	switch {
	case r.value == nil:
		value = []byte("null")

	case len(r.value) > 0 && r.value[0] == '{':
		value = r.value

	case utf8.Valid(r.value):
		value, _ = json.Marshal(string(r.value))

	default:
		value = []byte(`"` + base64.StdEncoding.EncodeToString(r.value) +
			`","encoding":"base64"`)
	}

	return []byte(fmt.Sprintf(
		`{"partition":%d,"offset":%d,"timestamp":%d,"key":%s,"value":%s}`,
		n, r.offset, r.ts, key, value))
}
