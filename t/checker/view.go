package main

// A view is what one client has to see of one partition: all that is visible
// from an offset on, in order, each once.  It goes on over reconnects that
// send the cursor.  Protected by the partition's mutex.
type view struct {
	c      *client
	part   *part
	next   int64 // the offset wanted next; -1: not started
	at     int   // the first sequence that is not accounted for
	missed map[int]bool
	last   int64 // ms, when a record came; the client's own
}

const missedMax = 10000

func (v *view) lost(r *report, p *part, seq int) {
	a := p.at(seq)

	r.add("lost", "%s: partition %d, sequence %d, offset %d, kind %c",
		v.c.name(), p.number, seq, a.offset, a.kind)

	if v.missed == nil {
		v.missed = map[int]bool{}
	}

	if len(v.missed) < missedMax {
		v.missed[seq] = true
	}
}

// begin: a client without a cursor is told where its stream starts.
func (v *view) begin(offset int64) {
	v.part.mu.Lock()
	defer v.part.mu.Unlock()

	v.next = offset
	v.at = v.part.n
	v.missed = nil

	for v.at > 0 {
		if o := v.part.at(v.at - 1).offset; o >= 0 && o < offset {
			break
		}

		v.at--
	}
}

// pass accounts for the records before seq that lie at next or above, and
// below the offset limit.
func (v *view) pass(r *report, seq int, limit int64) {
	p := v.part

	for ; v.at < seq; v.at++ {
		a := p.at(v.at)

		if a.state == stateFailed || a.offset >= 0 && a.offset < v.next {
			continue
		}

		if a.offset < 0 {
			p.doubts = append(p.doubts, skipped{v, v.at, v.next, limit - 1})
			continue
		}

		if a.offset >= limit {
			break
		}

		v.lost(r, p, v.at)
	}
}

// record is called for each record that came.
// returns: since when it waited, in ms, 0: unknown
func (v *view) record(r *report, id ident, m *message, crc uint32) uint32 {
	p := v.part

	p.mu.Lock()
	defer p.mu.Unlock()

	if id.seq >= p.n || p.at(id.seq).crc != crc ||
		p.at(id.seq).kind != id.kind || p.at(id.seq).ts != m.timestamp {
		r.add("phantom", "%s: partition %d, sequence %d, offset %d, "+
			"timestamp %d was never sent so", v.c.name(), p.number, id.seq,
			m.offset, m.timestamp)
		return 0
	}

	a := p.at(id.seq)

	if a.state == stateFailed || a.kind == kindLarge ||
		a.offset >= 0 && a.offset != m.offset {
		r.add("phantom", "%s: partition %d, sequence %d came at offset %d, "+
			"is at %d, kind %c", v.c.name(), p.number, id.seq, m.offset,
			a.offset, a.kind)
		return 0
	}

	if a.offset < 0 {
		a.offset = m.offset
		p.settle(r, id.seq)
	}

	if id.seq < v.at || m.offset < v.next {
		if v.missed[id.seq] {
			delete(v.missed, id.seq)
			r.add("reordered", "%s: partition %d, sequence %d behind %d",
				v.c.name(), p.number, id.seq, v.at-1)

		} else {
			r.add("doubled", "%s: partition %d, sequence %d, offset %d; "+
				"%d was wanted", v.c.name(), p.number, id.seq, m.offset,
				v.next)
		}

		return 0
	}

	v.pass(r, id.seq, m.offset)
	v.at = id.seq + 1
	v.next = m.offset + 1

	return a.acked
}

// gap: records from..to are announced as lost.  Whether that is true is found
// out later; see gap.go.
func (v *view) gap(r *report, m *message) (announced, bool) {
	p := v.part

	p.mu.Lock()
	defer p.mu.Unlock()

	if m.from < v.next || m.to < m.from {
		r.add("false_gap", "%s: partition %d, gap %d to %d, wanted was %d",
			v.c.name(), p.number, m.from, m.to, v.next)

		if m.to < v.next {
			return announced{}, false
		}
	}

	g := announced{c: v.c, p: p, first: v.at, from: m.from, to: m.to,
		reason: m.reason}

	known := v.at

	for known < p.n && p.at(known).offset >= 0 {
		known++
	}

	for q := known; q < p.n; q++ {
		p.doubts = append(p.doubts, skipped{v, q, v.next, m.from - 1})
	}

	v.pass(r, known, m.from)
	v.next = m.to + 1

	for v.at < known && p.at(v.at).offset <= m.to {
		v.at++
	}

	return g, true
}

// same tells whether two offsets are the same place: nothing visible lies
// between them.
func (v *view) same(a, b int64) bool {
	v.part.mu.Lock()
	defer v.part.mu.Unlock()

	if a > b {
		a, b = b, a
	}

	if a == b {
		return true
	}

	n, _ := v.part.visible(0, a, b-1)

	return n == 0
}

func (v *view) position() int64 {
	v.part.mu.Lock()
	defer v.part.mu.Unlock()

	return v.next
}

// unseen is how many records it still has to get.
func (v *view) unseen() (n int) {
	v.part.mu.Lock()
	defer v.part.mu.Unlock()

	if v.next < 0 {
		return 1
	}

	for q := v.at; q < v.part.n; q++ {
		if v.part.at(q).offset >= v.next {
			n++
		}
	}

	return n
}
