package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// plan is how a client behaves on one connection.
type plan struct {
	c     *client
	from  time.Time
	timer *time.Timer
	pings *time.Ticker
	done  chan struct{}
	read  int // bytes
	next  time.Time
}

func (c *client) between(low, high int) time.Duration {
	return time.Duration(low+c.rng.Intn(high-low)) * time.Millisecond
}

func (c *client) plan() *plan {
	p := &plan{c: c, from: time.Now(), done: make(chan struct{})}

	switch c.kind {
	case resume, fresh:
		p.timer = time.AfterFunc(c.between(c.h.ping/6, c.h.ping*4), func() {
			c.leave(false)
		})

	case reset:
		p.timer = time.AfterFunc(c.between(c.h.ping/10, c.h.ping*3), func() {
			c.leave(true)
		})

	case stopGo:
		p.next = p.from.Add(c.between(200, 4000))

	case halfOpen:
		p.next = p.from.Add(c.between(c.h.ping/2, c.h.ping*5))

	}

	switch c.kind {
	case slow, latest, tooSlow, stopGo:
		// a ping that it must answer stands in the queue for long
		p.pings = time.NewTicker(500 * time.Millisecond)

		go func(conn *websocket.Conn) {
			for {
				select {
				case <-p.done:
					return
				case <-p.pings.C:
					_ = conn.WriteControl(websocket.PongMessage, nil,
						time.Now().Add(time.Second))
				}
			}
		}(c.conn)
	}

	return p
}

func (p *plan) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}

	if p.pings != nil {
		p.pings.Stop()
	}

	close(p.done)
}

// pause is called before each read.
func (c *client) pause(p *plan) {
	if c.h.calm() {
		return
	}

	switch c.kind {
	case slow, latest, tooSlow:
		ahead := time.Duration(p.read)*time.Second/
			time.Duration(c.rate) - time.Since(p.from)

		if ahead > 0 {
			c.h.sleep(ahead)
		}

	case stopGo:
		if time.Now().After(p.next) {
			c.h.sleep(c.between(100, c.h.ping*2))
			p.next = time.Now().Add(c.between(200, 4000))
		}

	case halfOpen:
		if c.asleep || time.Now().Before(p.next) {
			return
		}

		c.asleep = true
		time.Sleep(time.Duration(c.h.ping+c.h.pong+1500) * time.Millisecond)
		c.woke = c.h.t.now()
	}
}

// leave ends the connection, by a Close or by RST.
func (c *client) leave(rst bool) {
	c.mu.Lock()
	conn, tcp := c.conn, c.tcp

	if conn != nil {
		c.leaving = true
	}

	c.mu.Unlock()

	if conn == nil {
		return
	}

	if rst {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
		return
	}

	_ = conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""),
		time.Now().Add(5*time.Second))
}

// ended judges how a connection ended, and waits until the next one.
func (c *client) ended(code int, reason string) {
	h := c.h

	c.mu.Lock()
	leaving := c.leaving
	c.conn, c.tcp = nil, nil
	c.mu.Unlock()

	h.log(c, "closed %d %q", code, reason)

	now := h.t.now()
	ok := false

	switch code {
	case 1000:
		ok = leaving

	case 1006:
		// its own RST; that of a killed worker; that of a server that gave
		// up on one that took nothing
		ok = leaving && c.kind == reset || h.mayCut(now) || c.asleep ||
			c.kind == tooSlow || h.wasThere(c)

	case 1012:
		ok = h.mayRestart(now) || h.wasThere(c)

	case 1013:
		ok = h.mayOverload(now)

	case 4408:
		ok = c.kind == tooSlow

	case 1011:
		ok = c.asleep
	}

	if !(leaving && code == 1006 && c.kind == reset) {
		h.r.close(code)
	}

	if !ok && code == 1006 && h.mayRestart(now) {
		// half a second is all that a worker that ends waits for a client;
		// counted apart, and judged at the end
		h.r.giveUp(fmt.Sprintf("%s: code %d, %q, %d ms old", c.name(), code,
			reason, now-c.since))
		ok = true
	}

	if !ok {
		h.r.add("bad_close", "%s: code %d, %q, %d ms old", c.name(), code,
			reason, now-c.since)
	}

	c.checkAsleep()

	if code == 1012 || code == 4408 || code == 1001 {
		c.checkReason(code, reason)
	}

	atomic.AddInt64(&h.r.sessions, 1)
	c.rest(code, leaving)
}

// checkAsleep: one that was half open is not kept
func (c *client) checkAsleep() {
	now := c.h.t.now()

	if c.asleep && now-c.woke > 4000 {
		c.h.r.add("no_close", "%s: half open for %d ms, and kept for %d more",
			c.name(), c.h.ping+c.h.pong+1500, now-c.woke)
	}
}

// checkReason: a Close that asks to come back says where
func (c *client) checkReason(code int, reason string) {
	if !c.begun {
		return
	}

	if reason == "" {
		if own := c.cursor(); len(own) > 0 && len(own) < 110 {
			c.h.r.add("bad_close", "%s: code %d without the cursor %s",
				c.name(), code, own)
		}

		return
	}

	at, err := parseCursor(reason)

	if err != nil || len(at) != len(c.parts) {
		c.h.r.add("bad_close", "%s: code %d, reason %q", c.name(), code,
			reason)
		return
	}

	for _, p := range c.parts {
		v := c.views[p]
		next := v.position()

		if at[p] == next {
			continue
		}

		// what lies between may yet be written
		go func(p int, at int64, name string) {
			time.Sleep(2 * time.Second)

			if !v.same(at, next) {
				c.h.r.add("bad_close", "%s: code %d, reason %q, at %d in %d",
					name, code, reason, next, p)
			}
		}(p, at[p], c.name())
	}
}

// rest: until it comes back
func (c *client) rest(code int, leaving bool) {
	h := c.h

	switch {
	case code == 1012:
		// back at once; what it waits for is late by that, too
		if c.kind == fresh {
			c.willing = h.t.now()

		} else if c.prompt() {
			c.backAt = h.t.now()
		}

		return

	case !h.calm() && leaving && c.kind == resume && c.rng.Intn(3) > 0:
		h.sleep(c.between(1, h.ping*5/3))

	case leaving && c.kind == resume && c.rng.Intn(2) == 0:
		// at once: the other worker may not be that far

	case !h.calm() && leaving && c.kind == reset && c.rng.Intn(3) == 0:
		h.sleep(c.between(1, h.ping))

	default:
		time.Sleep(c.between(1, 200))
	}

	c.backAt = 0
	c.willing = h.t.now()
}
