// Program checker proves, or disproves, what a stream promises: it sends
// records to Kafka, has many clients of all kinds read them from nginx, and
// compares by value what each of them got with what was sent.  It has nothing
// in common with the module but what its users know.
//
//	checker --brokers=HOST:PORT --topic=NAME --url=ws://HOST:PORT
//	    --status=URL --neighbour=URL [--partitions=N] [--clients=N] [--rate=N]
//	    [--seed=N] [--only=KIND,...] [--stall=MS] [--ping=MS --pong=MS]
//	    [--max-record=BYTES] [--backfill=N] [--events=FILE]
//
// It prints "ready N" once all N clients were connected, then obeys lines on
// stdin, and answers each but the last with "OK":
//
//	excuse on|off	records may be late now: brokers or the helper do not run
//	cut MS		a worker is killed: connections may end by a reset so long
//	reload		nginx is told to: 1012 may come
//	reloaded	its old workers are gone
//	faults		how many there were so far: "OK N"
//	finish SECONDS	no more records; everybody reads to the end, in that time
//
// The end of stdin, or TERM, is "finish 30".  It ends with one line of JSON:
// what was counted; its exit code is 0 if all faults in it are 0.
//
// With --fake=MUTATION there is neither Kafka nor nginx but a server of its
// own, which does that one thing wrong (see fake.go); "none" does nothing
// wrong.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	brokers, topic, url, status, neighbour, only, events, fake string

	partitions, clients, rate, stall, ping, pong, max, held, older int
	seed                                                           int64
}

func main() {
	var o options

	flag.StringVar(&o.brokers, "brokers", "", "host:port,...")
	flag.StringVar(&o.topic, "topic", "", "the topic, of this run alone")
	flag.StringVar(&o.url, "url", "", "of the streams")
	flag.StringVar(&o.status, "status", "", "of the status page")
	flag.StringVar(&o.neighbour, "neighbour", "", "of a static file")
	flag.StringVar(&o.only, "only", "", "kinds of clients")
	flag.StringVar(&o.events, "events", "", "a file for events and closes")
	flag.StringVar(&o.fake, "fake", "", "a mutation")
	flag.IntVar(&o.partitions, "partitions", 8, "of the topic")
	flag.IntVar(&o.clients, "clients", 200, "how many")
	flag.IntVar(&o.rate, "rate", 500, "records per second")
	flag.IntVar(&o.stall, "stall", 1000, "ms that a record may take")
	flag.IntVar(&o.ping, "ping", 3000, "ms, kafka_ws_ping")
	flag.IntVar(&o.pong, "pong", 2000, "ms, its timeout")
	flag.IntVar(&o.held, "held", 400, "records that the fake server holds")
	flag.IntVar(&o.older, "backfill", 90000, "offsets that are read back")
	flag.IntVar(&o.max, "max-record", 200000, "bytes")
	flag.Int64Var(&o.seed, "seed", 1, "of all that is random")
	list := flag.Bool("mutations", false, "list them")
	flag.Parse()

	if *list {
		for name, fault := range mutations {
			fmt.Println(name, fault)
		}

		return
	}

	os.Exit(run(&o))
}

func run(o *options) int {
	name := strconv.FormatInt(o.seed&0xffffff, 36) + "x" +
		strconv.FormatInt(time.Now().UnixNano()&0xffffff, 36)
	t := newTruth(name, o.partitions)
	r := newReport(t)
	h := newHub(t, r)
	rng := rand.New(rand.NewSource(o.seed))

	h.stall, h.ping, h.pong = int64(o.stall), o.ping, o.pong
	h.older = int64(o.older)

	if o.events != "" {
		f, err := os.Create(o.events)
		check(err)
		h.events = f
	}

	var w wire

	if o.fake != "" {
		f := newFake(h, o.fake, o.max, o.held)
		o.url, o.status, o.neighbour = f.addresses()
		w = f
		h.older = 0

	} else {
		k, err := newKafka(o.brokers, o.topic)
		check(err)
		w = k
	}

	h.url = o.url
	h.status = newStatus(h, o.status)
	h.near = &neighbour{h: h, url: o.neighbour}

	p := &producer{h: h, w: w, rate: o.rate, max: o.max,
		rng: rand.New(rand.NewSource(rng.Int63())), stop: make(chan struct{})}

	for i := 0; i < o.clients; i++ {
		kind := pickKind(o.only, i, rng)
		h.clients = append(h.clients, newClient(h, i, kind,
			rand.New(rand.NewSource(rng.Int63()))))
		r.kinds[kind]++
	}

	go h.status.run()
	go h.near.run()
	go h.judgeGaps()

	p.wait.Add(1)

	go p.run()

	for _, c := range h.clients {
		h.wait.Add(1)

		go c.run()

		time.Sleep(2 * time.Millisecond)
	}

	seconds := h.obey()

	close(p.stop)
	p.wait.Wait()
	w.flush(time.Duration(seconds) * time.Second)

	return h.finish(seconds)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// pickKind: all kinds are there in their proportions, also of a few clients
func pickKind(only string, i int, rng *rand.Rand) string {
	if only != "" {
		kinds := strings.Split(only, ",")
		return kinds[i%len(kinds)]
	}

	// 7 has no factor in common with 20
	n := i * 7 % 20

	for _, k := range personalities {
		if n -= k.of; n < 0 {
			return k.kind
		}
	}

	return fast
}

// obey returns the seconds of "finish".
func (h *hub) obey() int {
	lines := make(chan string)
	stop := make(chan os.Signal, 1)

	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)

	go func() {
		in := bufio.NewScanner(os.Stdin)

		for in.Scan() {
			lines <- in.Text()
		}

		close(lines)
	}()

	var reload int64

	for {
		var line string
		var ok bool

		select {
		case line, ok = <-lines:
			if !ok {
				return 30
			}

		case <-stop:
			return 30
		}

		f := strings.Fields(line + " 0")
		n, _ := strconv.Atoi(f[1])

		switch f[0] {
		case "excuse":
			h.excuse(f[1] == "on")

		case "cut":
			h.setCut(int64(n))

			if h.killed != nil {
				h.killed()
			}

		case "reload":
			reload = h.t.now()
			h.setRestart(60000)

			if h.reloaded != nil {
				h.reloaded()
			}

		case "reloaded":
			h.setRestart(3000)

			go func(from int64) {
				time.Sleep(1500 * time.Millisecond)
				h.restarted(from)
			}(reload)

		case "faults":
			fmt.Printf("OK %d\n", h.r.total())
			continue

		case "finish":
			return n

		default:
			fmt.Printf("ERR what is %q?\n", line)
			continue
		}

		fmt.Println("OK")
	}
}

// finish lets everybody read to the end, and tells what was seen.
func (h *hub) finish(seconds int) int {
	close(h.quiet)

	missing := h.drain(time.Duration(seconds) * time.Second)

	// what comes twice would come now
	time.Sleep(500 * time.Millisecond)

	if missing > 0 {
		h.tellUnseen()
	}

	h.leaveAll()
	h.r.judgeGivenUp()

	sent, acked, unknown, failed := h.t.totals()
	out := h.r.json()

	out["sent"] = sent
	out["acked"] = acked
	out["unknown"] = unknown
	out["failed"] = failed
	out["asked"] = h.near.asked
	out["asked_cut"] = h.near.excused
	out["neighbour_ms"] = h.near.time.json()
	out["seconds"] = h.t.now() / 1000
	out["faults"] = h.r.total()

	// nothing seen is nothing shown
	if acked == 0 || h.near.asked == 0 || h.r.records == 0 {
		fmt.Fprintln(os.Stderr, "nothing was checked")
		out["faults"] = h.r.total() + 1
	}

	check(json.NewEncoder(os.Stdout).Encode(out))

	if out["faults"] != 0 {
		return 1
	}

	return 0
}
