package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// The hub is what the clients of a run share.
type hub struct {
	t       *truth
	r       *report
	url     string // of the streams
	stall   int64  // ms, bound
	older   int64  // offsets before the end that are read back from Kafka
	ping    int    // ms, of the server
	pong    int
	clients []*client
	status  *status
	near    *neighbour
	wait    sync.WaitGroup
	events  *os.File

	quiet    chan struct{} // closed: all clients read on, and stay
	overCh   chan struct{} // closed: nobody comes back any more
	ended    chan struct{} // closed: nobody is there any more
	gapsDone chan struct{}

	mu       sync.Mutex
	gaps     []announced
	excuses  int
	excused  int64 // ms, when the last excuse ended
	served   int64 // ms, when an upgrade was first answered by 101
	cut      window
	restart  window
	open     int
	change   int64  // ms, when processes were last replaced
	reloaded func() // of the fake server
	killed   func()
}

// window is a time in which something may happen, in ms.
type window struct{ from, to int64 }

func (w window) has(at int64) bool { return at >= w.from && at <= w.to }

func newHub(t *truth, r *report) *hub {
	return &hub{t: t, r: r, quiet: make(chan struct{}),
		overCh: make(chan struct{}), ended: make(chan struct{}),
		gapsDone: make(chan struct{})}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (h *hub) calm() bool { return isClosed(h.quiet) }
func (h *hub) over() bool { return isClosed(h.overCh) }

func (h *hub) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.quiet:
	}
}

// log keeps events, closes and the like, not records.
func (h *hub) log(c *client, format string, args ...interface{}) {
	if h.events == nil {
		return
	}

	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}

	fmt.Fprintf(h.events, "%.3f %d.%d %s %s\n",
		time.Since(h.t.start).Seconds(), c.id, c.number, c.kind, format)
}

func (h *hub) opened(c *client, deflated bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.served == 0 {
		h.served = h.t.now()
	}

	if c.number > 1 && c.kind != fresh {
		h.r.resumes++

	} else {
		h.r.starts++
	}

	if deflated {
		h.r.deflated++
	}

	if deflated != c.deflate {
		h.r.add("protocol", "%s: permessage-deflate %v, offered %v",
			c.name(), deflated, c.deflate)
	}

	if c.number == 1 {
		h.open++

		if h.open == len(h.clients) {
			fmt.Printf("ready %d\n", h.open)
		}
	}
}

// begin and end of a time in which records may be late
func (h *hub) excuse(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if on {
		h.excuses++
		return
	}

	h.excuses--
	h.excused = h.t.now()
}

// late: how long a record was on its way to one who wanted it
func (h *hub) late(acked, willing, now int64) (int64, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.excuses > 0 {
		return 0, false
	}

	if acked < willing {
		acked = willing
	}

	if acked < h.excused {
		acked = h.excused
	}

	if now < acked {
		return 0, true
	}

	return now - acked, true
}

// mayOverload: nothing older could be read while there were no brokers
func (h *hub) mayOverload(now int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.excuses > 0 || h.excused > 0 && now-h.excused < fillMax
}

// settledBefore: what was acknowledged before this is published, if the
// brokers were there for the consumer, too
func (h *hub) settledBefore(at int64) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.excuses > 0 || h.excused+2000 > at {
		return 0
	}

	return at - 2000
}

func (h *hub) setCut(ms int64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	now := h.t.now()

	if h.cut.to < now {
		h.cut.from = now
	}

	h.cut.to = now + ms
	h.change = now
}

// mayCut: a worker was killed around that time
func (h *hub) mayCut(at int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.cut.has(at) || h.cut.has(h.t.now())
}

func (h *hub) setRestart(ms int64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	now := h.t.now()

	if h.restart.to < now {
		h.restart.from = now
	}

	h.restart.to = now + ms
	h.change = now
}

func (h *hub) mayRestart(at int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.restart.has(at)
}

// wasThere: one who reads late may find out late that a reload, or a worker's
// death, ended its connection, and then without the Close
func (h *hub) wasThere(c *client) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return c.mayLag() && (c.since <= h.change || h.restart.has(h.t.now()))
}

// mayRefuse: only at first, or where a worker was killed
func (h *hub) mayRefuse(res *http.Response, at int64) bool {
	h.mu.Lock()
	served := h.served
	h.mu.Unlock()

	// one worker may know of the topic a little before another
	if res != nil {
		return res.StatusCode == 503 && (served == 0 || at < served+1000)
	}

	return h.mayCut(at)
}

// restarted: who was there before the reload has been told to go
func (h *hub) restarted(from int64) {
	for _, c := range h.clients {
		c.mu.Lock()

		if c.conn != nil && c.since < from && c.prompt() && !c.leaving {
			h.r.add("no_close", "%s: is there since %d ms, reload was at %d",
				c.name(), c.since, from)
		}

		c.mu.Unlock()
	}
}

func (h *hub) addGap(g announced) {
	h.mu.Lock()
	h.gaps = append(h.gaps, g)
	h.mu.Unlock()

	h.status.soon()
}

// holes: what offsets may be between the last records, or behind them
const holes = 10

// checkStart: where a client without a cursor may be put
func (h *hub) checkStart(c *client, p *part, offset int64) {
	p.mu.Lock()
	end, n, newer, early := p.end, 0, 0, 0

	for q := p.n - 1; q >= 0; q-- {
		o := p.at(q).offset

		if o < 0 {
			n++
			continue
		}

		if o >= end {
			// somebody has it, though Kafka did not say so yet
			end = o + 1
		}

		if o < offset {
			break
		}

		newer++

		if a := p.at(q).acked; a > 0 && int64(a) < h.settledBefore(c.dialled) {
			early++
		}
	}
	p.mu.Unlock()

	// what is not acknowledged yet may be there already
	if offset < 0 || offset > end+int64(n)+holes {
		h.r.add("bad_start", "%s: partition %d starts at %d, its end is %d",
			c.name(), p.number, offset, end)
	}

	var tail int

	switch _, err := fmt.Sscanf(c.asked, "tail=%d", &tail); {
	case c.asked == "earliest":
		h.lateStart(c, p, offset)

	case err == nil:
		if newer+n < tail {
			h.lateStart(c, p, offset)
		}

	case early > 0:
		h.r.add("bad_start", "%s: partition %d starts at %d, %d records "+
			"before its end of two seconds ago", c.name(), p.number, offset,
			early)
	}
}

// lateStart: less than was asked for is right only if no more was held.
func (h *hub) lateStart(c *client, p *part, offset int64) {
	h.status.soon()

	go func(number int, name, asked string, at int64) {
		time.Sleep(1500 * time.Millisecond)

		old := h.status.oldestSince(number, at)

		if old >= 0 && offset > old {
			h.r.add("bad_start", "%s: partition %d starts at %d, asked was "+
				"%s, held from %d", name, number, offset, asked, old)
		}
	}(p.number, c.name(), c.asked, h.t.now())
}

// drain waits until everybody has everything.
// returns: how many records are missing
func (h *hub) drain(d time.Duration) int {
	deadline := time.Now().Add(d)

	for {
		missing := 0

		for _, c := range h.clients {
			for _, v := range c.views {
				missing += v.unseen()
			}
		}

		if missing == 0 || time.Now().After(deadline) {
			return missing
		}

		time.Sleep(50 * time.Millisecond)
	}
}

// tellUnseen says who lacks what.
func (h *hub) tellUnseen() {
	for _, c := range h.clients {
		for _, v := range c.views {
			if n := v.unseen(); n > 0 {
				h.r.add("unseen", "%s: partition %d: %d records from offset "+
					"%d on", c.name(), v.part.number, n, v.position())
			}
		}
	}
}

func (h *hub) leaveAll() {
	close(h.overCh)

	for _, c := range h.clients {
		c.leave(false)
	}

	all := make(chan struct{})

	go func() {
		h.wait.Wait()
		close(all)
	}()

	select {
	case <-all:
	case <-time.After(10 * time.Second):
		for _, c := range h.clients {
			c.leave(true)
		}

		h.r.add("no_close", "clients do not get the end of their streams")
	}

	close(h.ended)
	<-h.gapsDone
}
