package main

import (
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// What is counted as a fault of the server.  Each must be 0.
var faults = []string{
	"lost",       // acknowledged, wanted, neither seen nor announced
	"doubled",    // seen twice by a client that did not ask for it again
	"reordered",  // seen behind a later one
	"corrupt",    // damaged, or another's key, value or partition
	"phantom",    // never sent, or not so, or not at this offset
	"false_gap",  // announced as lost, and was not
	"bad_start",  // not where the cursor says, or where a start has to be
	"stalls",     // on its way for longer than the bound
	"bad_close",  // a connection ended as it must not
	"no_close",   // or did not end as it had to
	"refused",    // an upgrade was refused
	"protocol",   // against RFC 6455 or the documented messages
	"unseen",     // not there at the end
	"neighbours", // failed requests for the static site
}

const textsMax = 60

type report struct {
	t      *truth
	mu     sync.Mutex
	counts map[string]int
	texts  int
	given  []string // up, by workers that ended
	closes map[int]int
	gaps   map[string]int
	kinds  map[string]int

	records  int64 // deliveries that were verified, by value
	bytes    int64
	sessions int64
	starts   int64
	resumes  int64
	idles    int64
	deflated int64

	latency histogram
	stall   histogram
	filled  histogram
	back    histogram
}

func newReport(t *truth) *report {
	return &report{t: t, counts: map[string]int{}, closes: map[int]int{},
		gaps: map[string]int{}, kinds: map[string]int{}}
}

// add counts a fault; the first ones are told in words.
func (r *report) add(what, format string, args ...interface{}) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.counts[what]++

	if r.counts[what] <= 10 && r.texts < textsMax {
		r.texts++
		fmt.Fprintf(os.Stderr, "%8.3f %s: %s\n",
			time.Since(r.t.start).Seconds(), what,
			fmt.Sprintf(format, args...))
	}
}

func (r *report) giveUp(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.given = append(r.given, text)
}

// judgeGivenUp: on a machine that has too much to do, a client may be late to
// take its Close; more than one in a hundred is none of that.
func (r *report) judgeGivenUp() {
	r.mu.Lock()
	given, told := r.given, r.closes[1012]
	r.mu.Unlock()

	if len(given)*100 <= told {
		return
	}

	for _, text := range given {
		r.add("bad_close", "%s", text)
	}
}

func (r *report) close(code int) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.closes[code]++
}

func (r *report) gap(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.gaps[reason]++
}

func (r *report) total() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()

	for _, name := range faults {
		n += r.counts[name]
	}

	return n
}

func (r *report) json() map[string]interface{} {
	r.mu.Lock()
	defer r.mu.Unlock()

	out := map[string]interface{}{}

	for _, name := range faults {
		out[name] = r.counts[name]
	}

	out["records"] = atomic.LoadInt64(&r.records)
	out["bytes"] = atomic.LoadInt64(&r.bytes)
	out["sessions"] = r.sessions
	out["resumes"] = r.resumes
	out["starts"] = r.starts
	out["idles"] = r.idles
	out["deflated"] = r.deflated
	out["closes"] = r.closes
	out["given_up"] = len(r.given)
	out["gaps"] = r.gaps
	out["clients"] = r.kinds
	out["latency_ms"] = r.latency.json()
	out["stall_ms"] = r.stall.json()
	out["filled_ms"] = r.filled.json()
	out["back_ms"] = r.back.json()

	return out
}

// histogram of ms, exact up to a second, then in steps of a hundredth
type histogram struct {
	mu  sync.Mutex
	n   map[int64]int64
	sum int64
	max int64
}

func (h *histogram) add(ms int64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.n == nil {
		h.n = map[int64]int64{}
	}

	if ms > h.max {
		h.max = ms
	}

	if ms > 1000 {
		ms -= ms % 10
	}

	h.n[ms]++
	h.sum++
}

func (h *histogram) json() map[string]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()

	return map[string]int64{"n": h.sum, "p50": h.percentile(0.5),
		"p99": h.percentile(0.99), "p999": h.percentile(0.999),
		"max": h.max}
}

func (h *histogram) percentile(f float64) int64 {
	var keys []int64

	for ms := range h.n {
		keys = append(keys, ms)
	}

	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })

	want := int64(f * float64(h.sum))

	for _, ms := range keys {
		if want -= h.n[ms]; want <= 0 {
			return ms
		}
	}

	return 0
}
