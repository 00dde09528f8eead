package main

import (
	"fmt"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// A server that keeps the promises, by itself and without Kafka, but for one
// thing that it does wrong now and then.  The checker has to see it, and has
// to see nothing where nothing is wrong ("none").

// mutations: what is done wrong, and what the checker has to call it
var mutations = map[string]string{
	"none":          "",
	"drop":          "lost",
	"double":        "doubled",
	"swap":          "reordered",
	"flip":          "corrupt",
	"rekey":         "corrupt",
	"revalue":       "corrupt",
	"replace":       "phantom",
	"offset":        "phantom",
	"timestamp":     "phantom",
	"foreign":       "corrupt",
	"null-empty":    "corrupt",
	"members":       "corrupt",
	"binary":        "protocol",
	"large-silent":  "lost",
	"gap-false":     "false_gap",
	"gap-hole":      "false_gap",
	"gap-silent":    "lost",
	"gap-short":     "lost",
	"gap-long":      "false_gap",
	"gap-reason":    "false_gap",
	"gap-twice":     "false_gap",
	"resume-after":  "lost",
	"resume-before": "doubled",
	"resume-told":   "bad_start",
	"resume-latest": "lost",
	"resume-reset":  "bad_start",
	"start-early":   "bad_start",
	"start-short":   "bad_start",
	"start-late":    "bad_start",
	"start-missing": "bad_start",
	"code":          "bad_close",
	"reason":        "bad_close",
	"cut":           "bad_close",
	"stay":          "no_close",
	"ping-forever":  "no_close",
	"stall":         "stalls",
	"end":           "unseen",
	"refuse":        "refused",
	"neighbour":     "neighbours",
}

const fakeLag = 2 * time.Second

type fakeRec struct {
	offset     int64
	ts         int64
	key, value []byte
	at         time.Time
}

type fakePart struct {
	recs []fakeRec
	end  int64
	held int // records
}

// tail is the index of the oldest record held.
func (p *fakePart) tail() int {
	if len(p.recs) > p.held {
		return len(p.recs) - p.held
	}

	return 0
}

// find is the index of the first record at or behind an offset.
func (p *fakePart) find(offset int64) int {
	return sort.Search(len(p.recs), func(i int) bool {
		return p.recs[i].offset >= offset
	})
}

// from is the offset of an index, as a start event tells it.
func (p *fakePart) from(i int) int64 {
	if i < len(p.recs) {
		return p.recs[i].offset
	}

	return p.end
}

type fake struct {
	h        *hub
	mutation string
	max      int
	addr     string
	acks     chan func()
	turns    int64
	mu       sync.Mutex
	more     *sync.Cond
	parts    []*fakePart
	conns    map[*fakeConn]bool
}

func newFake(h *hub, mutation string, max, held int) *fake {
	if _, ok := mutations[mutation]; !ok {
		check(fmt.Errorf("no mutation %q", mutation))
	}

	f := &fake{h: h, mutation: mutation, max: max,
		acks: make(chan func(), 100000), conns: map[*fakeConn]bool{}}

	f.more = sync.NewCond(&f.mu)

	for range h.t.parts {
		f.parts = append(f.parts, &fakePart{held: held})
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)

	f.addr = l.Addr().String()
	h.reloaded = f.reload
	h.killed = f.kill

	mux := http.NewServeMux()
	mux.HandleFunc("/kafka_ws_status", f.status)
	mux.HandleFunc("/file.txt", f.file)
	mux.HandleFunc("/", f.stream)

	go func() {
		check((&http.Server{Handler: mux}).Serve(l))
	}()

	go func() {
		for ack := range f.acks {
			time.Sleep(100 * time.Microsecond)
			ack()
		}
	}()

	// what stands still has to be looked at, too
	go func() {
		for {
			time.Sleep(20 * time.Millisecond)
			f.more.Broadcast()
		}
	}()

	return f
}

func (f *fake) addresses() (string, string, string) {
	return "ws://" + f.addr, "http://" + f.addr + "/kafka_ws_status",
		"http://" + f.addr + "/file.txt"
}

// turn: is it time to do this wrong?
func (f *fake) turn(mutation string, every int64) bool {
	return f.mutation == mutation &&
		atomic.AddInt64(&f.turns, 1)%every == 0
}

func (f *fake) send(partition int, key, value []byte, ts int64,
	done func(int64, error)) {

	f.mu.Lock()

	p := f.parts[partition]
	p.recs = append(p.recs, fakeRec{offset: p.end, ts: ts, key: key,
		value: value, at: time.Now()})

	offset := p.end
	p.end++

	// the marks of a transaction
	if len(p.recs)%17 == 0 {
		p.end += 2
	}

	f.mu.Unlock()
	f.more.Broadcast()
	f.acks <- func() { done(offset, nil) }
}

func (f *fake) waiting() int { return len(f.acks) }

func (f *fake) flush(time.Duration) {
	for len(f.acks) > 0 {
		time.Sleep(time.Millisecond)
	}

	time.Sleep(10 * time.Millisecond)
}

func (f *fake) status(w http.ResponseWriter, q *http.Request) {
	var parts []string

	f.mu.Lock()

	for i, p := range f.parts {
		parts = append(parts, fmt.Sprintf(`{"partition":%d,"oldest":%d}`, i,
			p.from(p.tail())))
	}

	f.mu.Unlock()

	fmt.Fprintf(w, `{"clusters":[{"topics":[{"partitions":[%s]}]}]}`,
		strings.Join(parts, ","))
}

func (f *fake) file(w http.ResponseWriter, q *http.Request) {
	if f.turn("neighbour", 20) {
		w.WriteHeader(500)
	}

	fmt.Fprint(w, neighbourText)
}

// reload: whoever is there is told to come back.
func (f *fake) reload() {
	f.mu.Lock()
	defer f.mu.Unlock()

	for c := range f.conns {
		if f.turn("stay", 2) {
			continue
		}

		c.restart = true

		go func(c *fakeConn) {
			time.Sleep(2 * time.Second)
			c.ws.Close()
		}(c)
	}

	f.more.Broadcast()
}

// kill: the connections of one of two workers
func (f *fake) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()

	n := 0

	for c := range f.conns {
		if n++; n%2 == 0 {
			_ = c.tcp.SetLinger(0)
			c.ws.Close()
		}
	}
}

func (f *fake) stream(w http.ResponseWriter, q *http.Request) {
	if f.turn("refuse", 30) {
		http.Error(w, "no", 503)
		return
	}

	up := websocket.Upgrader{EnableCompression: true, WriteBufferSize: 1024,
		Subprotocols: []string{"kafka.json.v1"}}

	ws, err := up.Upgrade(w, q, nil)
	if err != nil {
		return
	}

	c := &fakeConn{f: f, ws: ws, at: map[int]int{}, next: map[int]int64{},
		since: time.Now()}

	c.tcp = ws.UnderlyingConn().(*net.TCPConn)
	_ = c.tcp.SetWriteBuffer(16384)
	ws.EnableWriteCompression(true)

	path := strings.Split(q.URL.Path, "/")
	c.place = path[1]

	for _, s := range strings.Split(path[2], ",") {
		var p int
		_, err := fmt.Sscan(s, &p)
		check(err)
		c.parts = append(c.parts, p)
	}

	defer ws.Close()

	if !c.begin(q.URL.Query().Get("cursor"), q.URL.Query().Get("from")) {
		return
	}

	f.mu.Lock()
	f.conns[c] = true
	f.mu.Unlock()

	go c.read()

	c.write()

	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()

	// the client's half
	for i := 0; i < 100 && !c.isGone(); i++ {
		time.Sleep(10 * time.Millisecond)
	}
}
