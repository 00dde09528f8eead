package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// status looks at the server's status page: which records it holds.
type status struct {
	h    *hub
	url  string
	http *http.Client
	mu   sync.Mutex
	seen []look
	want chan struct{}
}

type look struct {
	at     int64 // ms, when it was asked for
	oldest map[int]int64
}

func freshHTTP() *http.Client {
	return &http.Client{Timeout: 10 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true}}
}

func newStatus(h *hub, url string) *status {
	return &status{h: h, url: url, http: freshHTTP(),
		want: make(chan struct{}, 1)}
}

// soon has the next look done at once.
func (s *status) soon() {
	select {
	case s.want <- struct{}{}:
	default:
	}
}

func (s *status) run() {
	for !s.h.judged() {
		if l, err := s.look(); err == nil {
			s.mu.Lock()
			s.seen = append(s.seen, l)

			if len(s.seen) > 4000 {
				s.seen = append([]look(nil), s.seen[2000:]...)
			}

			s.mu.Unlock()
		}

		time.Sleep(50 * time.Millisecond)

		select {
		case <-s.want:
		case <-time.After(time.Second):
		case <-s.h.ended:
		}
	}
}

func (s *status) look() (look, error) {
	l := look{at: s.h.t.now(), oldest: map[int]int64{}}

	r, err := s.http.Get(s.url)
	if err != nil {
		return l, err
	}

	defer r.Body.Close()

	var page struct {
		Clusters []struct {
			Topics []struct {
				Partitions []struct {
					Partition int
					Oldest    *int64
				}
			}
		}
	}

	if err := json.NewDecoder(r.Body).Decode(&page); err != nil {
		return l, err
	}

	for _, c := range page.Clusters {
		for _, t := range c.Topics {
			for _, p := range t.Partitions {
				if p.Oldest != nil {
					l.oldest[p.Partition] = *p.Oldest
				}
			}
		}
	}

	return l, nil
}

// oldestSince is what was held when it was first looked at after that time;
// -1: nobody looked.
func (s *status) oldestSince(partition int, at int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()

	for _, l := range s.seen {
		if old, ok := l.oldest[partition]; ok && l.at >= at {
			return old
		}
	}

	return -1
}

// oldestBefore is the last that was seen before that time.
func (s *status) oldestBefore(partition int, at int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()

	for i := len(s.seen) - 1; i >= 0; i-- {
		if old, ok := s.seen[i].oldest[partition]; ok && s.seen[i].at < at {
			return old
		}
	}

	return -1
}

// neighbour asks for a file of the same nginx, each time on a connection of
// its own.
type neighbour struct {
	h       *hub
	url     string
	asked   int
	excused int
	time    histogram
}

const neighbourText = "static\n"

func (n *neighbour) run() {
	client := freshHTTP()

	client.Transport.(*http.Transport).DialContext =
		(&net.Dialer{Timeout: 5 * time.Second}).DialContext

	for !n.h.judged() {
		from := n.h.t.now()
		why := n.ask(client)

		n.asked++
		n.time.add(n.h.t.now() - from)

		switch {
		case why == "":

		case n.h.mayCut(from):
			// it was at a worker that was killed
			n.excused++

		default:
			n.h.r.add("neighbours", "%s", why)
		}

		time.Sleep(20 * time.Millisecond)
	}
}

func (n *neighbour) ask(client *http.Client) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	q, err := http.NewRequestWithContext(ctx, "GET", n.url, nil)
	if err != nil {
		return err.Error()
	}

	r, err := client.Do(q)
	if err != nil {
		return err.Error()
	}

	defer r.Body.Close()

	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}

	if r.StatusCode != 200 || string(b) != neighbourText {
		return fmt.Sprintf("status %d, %.40q", r.StatusCode, b)
	}

	return ""
}
