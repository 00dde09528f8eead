package main

import "time"

type fake struct{}

func newFake(h *hub, mutation string, max int) *fake { return nil }
func (f *fake) addresses() (string, string, string)  { return "", "", "" }
func (f *fake) send(partition int, key, value []byte, ts int64,
	done func(int64, error)) {
}
func (f *fake) waiting() int        { return 0 }
func (f *fake) flush(time.Duration) {}
