package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// message is what a frame says: a record, or an event.
type message struct {
	event      string
	partition  int
	offset     int64
	timestamp  int64
	key        []byte
	value      []byte
	null       bool
	partitions []startPart
	from, to   int64
	reason     string
}

type startPart struct {
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	State     string `json:"state"`
}

var errFrame = errors.New("not as documented")

// parseMessage demands the members in their order, without white space.
func parseMessage(b []byte) (m message, err error) {
	if bytes.HasPrefix(b, []byte(`{"event":`)) {
		return parseEvent(b)
	}

	var n int64

	if n, b, err = number(b, `{"partition":`); err != nil {
		return m, err
	}

	m.partition = int(n)

	if m.offset, b, err = number(b, `,"offset":`); err != nil {
		return m, err
	}

	if m.timestamp, b, err = number(b, `,"timestamp":`); err != nil {
		return m, err
	}

	if !bytes.HasPrefix(b, []byte(`,"key":"`)) {
		return m, errFrame
	}

	var key string

	if key, b, err = quoted(b[7:]); err != nil {
		return m, err
	}

	m.key = []byte(key)

	if !bytes.HasPrefix(b, []byte(`,"value":`)) || b[len(b)-1] != '}' {
		return m, errFrame
	}

	return m, m.parseValue(b[9 : len(b)-1])
}

func (m *message) parseValue(b []byte) error {
	switch {
	case len(b) == 0:
		return errFrame

	case b[0] == '{':
		m.value = b
		return nil

	case string(b) == "null":
		m.null = true
		return nil

	case b[0] != '"':
		return errFrame
	}

	s, b, err := quoted(b)
	if err != nil {
		return err
	}

	switch string(b) {
	case "":
		m.value = []byte(s)
		return nil

	case `,"encoding":"base64"`:
		m.value, err = base64.StdEncoding.DecodeString(s)
		return err
	}

	return errFrame
}

func number(b []byte, name string) (int64, []byte, error) {
	if !bytes.HasPrefix(b, []byte(name)) {
		return 0, nil, errFrame
	}

	b = b[len(name):]
	i := 0

	for i < len(b) && (b[i] >= '0' && b[i] <= '9' || b[i] == '-') {
		i++
	}

	n, err := strconv.ParseInt(string(b[:i]), 10, 64)

	return n, b[i:], err
}

// quoted reads a JSON string at the beginning of b.
func quoted(b []byte) (string, []byte, error) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++

		case '"':
			if bytes.IndexByte(b[1:i], '\\') < 0 {
				return string(b[1:i]), b[i+1:], nil
			}

			var s string
			err := json.Unmarshal(b[:i+1], &s)

			return s, b[i+1:], err
		}
	}

	return "", nil, errFrame
}

func parseEvent(b []byte) (m message, err error) {
	var e struct {
		Event      string
		Partition  int
		Partitions []startPart
		From, To   *int64
		Reason     string
	}

	if err = json.Unmarshal(b, &e); err != nil {
		return m, err
	}

	m.event = e.Event
	m.partition = e.Partition
	m.partitions = e.Partitions
	m.reason = e.Reason

	switch e.Event {
	case "start":
		if len(e.Partitions) == 0 {
			return m, errFrame
		}

	case "gap":
		if e.From == nil || e.To == nil {
			return m, errFrame
		}

		m.from, m.to = *e.From, *e.To

	case "idle":

	default:
		return m, fmt.Errorf("event %.30q", e.Event)
	}

	return m, nil
}

// parseCursor reads "0:42,3:18".
func parseCursor(s string) (map[int]int64, error) {
	at := map[int]int64{}

	for _, pair := range strings.Split(s, ",") {
		f := strings.Split(pair, ":")

		if len(f) != 2 {
			return nil, errFrame
		}

		p, err := strconv.Atoi(f[0])
		if err != nil {
			return nil, err
		}

		if at[p], err = strconv.ParseInt(f[1], 10, 64); err != nil {
			return nil, err
		}
	}

	return at, nil
}
