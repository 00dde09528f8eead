package main

import (
	"sync"
	"time"
)

// The truth is what the producer sent and what Kafka said of it.

const chunk = 1 << 14

type state uint8

const (
	stateSent   state = iota // nothing is known of it yet: it may appear
	stateAcked               // has an offset, must be seen
	stateFailed              // is not in the log
)

type rec struct {
	offset int64 // -1: unknown
	ts     int64
	crc    uint32
	acked  uint32 // ms since the start, or 0
	state  state
	kind   byte
}

// skipped is a record that a client has passed by while nobody knew whether
// it is in the log.
type skipped struct {
	v   *view
	seq int
	min int64 // it is lost if its offset is one of these
	max int64
}

type part struct {
	mu     sync.Mutex
	number int
	chunks [][]rec
	n      int
	end    int64 // behind the last acknowledged
	doubts []skipped
}

type truth struct {
	start time.Time
	run   string
	parts []*part
}

func newTruth(run string, n int) *truth {
	t := &truth{start: time.Now(), run: run}

	for i := 0; i < n; i++ {
		t.parts = append(t.parts, &part{number: i})
	}

	return t
}

// now is monotonic, in ms, and never 0.
func (t *truth) now() int64 {
	return time.Since(t.start).Milliseconds() + 1
}

func (p *part) at(seq int) *rec {
	return &p.chunks[seq/chunk][seq%chunk]
}

// next is the sequence of the record to send.
func (p *part) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.n
}

// sent stands before the record can reach anybody.
func (p *part) sent(kind byte, crc uint32, ts int64) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.n%chunk == 0 {
		p.chunks = append(p.chunks, make([]rec, chunk))
	}

	p.n++
	*p.at(p.n - 1) = rec{offset: -1, ts: ts, crc: crc, kind: kind}
}

// acked: Kafka says where the record is.  Somebody may have seen it before.
func (p *part) acked(r *report, seq int, offset, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()

	a := p.at(seq)

	if a.offset >= 0 && a.offset != offset {
		r.add("phantom", "partition %d, sequence %d: seen at offset %d, "+
			"acknowledged at %d", p.number, seq, a.offset, offset)
	}

	a.offset = offset
	a.acked = uint32(now)
	a.state = stateAcked

	if offset >= p.end {
		p.end = offset + 1
	}

	p.settle(r, seq)
}

// settle is called once the offset of a record is known.
func (p *part) settle(r *report, seq int) {
	kept := p.doubts[:0]

	for _, d := range p.doubts {
		if d.seq != seq {
			kept = append(kept, d)

		} else if o := p.at(seq).offset; o >= d.min && o <= d.max {
			d.v.lost(r, p, seq)
		}
	}

	p.doubts = kept
}

// visible tells whether records that must be seen have offsets from..to.
// first: where to look from.
func (p *part) visible(first int, from, to int64) (n, large int) {
	for q := first; q < p.n; q++ {
		a := p.at(q)

		if a.offset < from {
			continue
		}

		if a.offset > to {
			break
		}

		n++

		if a.kind == kindLarge {
			large++
		}
	}

	return n, large
}

// totals of all partitions, once nothing is sent any more
func (t *truth) totals() (sent, acked, unknown, failed int) {
	for _, p := range t.parts {
		p.mu.Lock()

		for q := 0; q < p.n; q++ {
			switch p.at(q).state {
			case stateAcked:
				acked++
			case stateFailed:
				failed++
			default:
				unknown++
			}
		}

		sent += p.n
		p.mu.Unlock()
	}

	return
}
