package main

import (
	"time"
)

// announced is a gap event to be judged: once Kafka has told where the
// records are, and the server which ones it still holds.
type announced struct {
	c        *client
	p        *part
	first    int // sequence to look from
	from, to int64
	reason   string
	at       int64 // ms
	latest   bool  // the location skips to the newest record
	resumed  bool  // with a start event: it was away too long
}

const gapSettle = 3000 // ms, until all that was under way is acknowledged

// judgeGaps runs until the end.
func (h *hub) judgeGaps() {
	for {
		var wait, due []announced

		ended := h.judged()
		now := h.t.now()

		h.mu.Lock()

		for _, g := range h.gaps {
			if ended || now-g.at > gapSettle && h.excuses == 0 {
				due = append(due, g)

			} else {
				wait = append(wait, g)
			}
		}

		h.gaps = wait
		h.mu.Unlock()

		for i := range due {
			h.judge(&due[i])
		}

		if ended {
			close(h.gapsDone)
			return
		}

		time.Sleep(100 * time.Millisecond)
	}
}

func (h *hub) judged() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

func (h *hub) judge(g *announced) {
	g.p.mu.Lock()
	n, large := g.p.visible(g.first, g.from, g.to)
	end := g.p.end
	g.p.mu.Unlock()

	if n == 0 {
		h.r.add("false_gap", "%s: partition %d, gap %d to %d (%s): no record "+
			"was there", g.c.name(), g.p.number, g.from, g.to, g.reason)
		return
	}

	switch g.reason {
	case "too-large":
		if large != n {
			h.r.add("false_gap", "%s: partition %d, gap %d to %d (%s): %d "+
				"of %d records are too large", g.c.name(), g.p.number,
				g.from, g.to, g.reason, large, n)
		}

	case "lapped":
		// the oldest that was held after the event was made: what is above
		// was there to be sent

		if g.c.kind == fast && !g.resumed {
			h.r.add("false_gap", "%s: partition %d, gap %d to %d (%s): it "+
				"was never that late", g.c.name(), g.p.number, g.from, g.to,
				g.reason)

		} else if g.resumed && h.older > 0 && g.to > end-h.older {
			h.r.add("false_gap", "%s: partition %d, gap %d to %d (%s): to be "+
				"read back, the end is %d", g.c.name(), g.p.number, g.from,
				g.to, g.reason, end)

		} else if old := h.status.oldestSince(g.p.number, g.at); !g.latest &&
			old >= 0 && g.to >= old {
			h.r.add("false_gap", "%s: partition %d, gap %d to %d (%s): %d "+
				"was held", g.c.name(), g.p.number, g.from, g.to, g.reason,
				old)
		}

	default:
		// nothing is deleted in Kafka here, and no log begins anew
		h.r.add("false_gap", "%s: partition %d, gap %d to %d: reason %q",
			g.c.name(), g.p.number, g.from, g.to, g.reason)
	}
}
