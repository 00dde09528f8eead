// Package feed is what every client here is told, what it counts and what it
// prints.
//
//	CLIENT URL COUNT CA DEFLATE SUBPROTOCOL
//
// CA is a file of certificates or "-", DEFLATE is "on" or "off": whether to
// offer permessage-deflate.  The client takes COUNT records, closes with 1000
// and prints one line of JSON.
package feed

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"log"
	"os"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
)

// Feed is the state of one client.
type Feed struct {
	URL      string
	Protocol string
	Deflate  bool
	TLS      *tls.Config
	count    int
	records  int
	digests  map[int]hash.Hash
	cursor   map[int]int64
}

// Report is what the library says about the connection and its end.
type Report struct {
	Library    string            `json:"library"`
	Protocol   string            `json:"protocol"`
	Extensions string            `json:"extensions"`
	Code       int               `json:"code"`
	Clean      bool              `json:"clean"`
	Records    int               `json:"records"`
	Digests    map[string]string `json:"digests"`
	Cursor     string            `json:"cursor"`
}

type message struct {
	Event      string
	Partitions []struct {
		Partition int
		Offset    int64
	}
	Partition int
	Offset    int64
	Key       *string
	Value     *string
}

// New reads the arguments.
func New() *Feed {
	if len(os.Args) != 6 {
		log.Fatal("usage: CLIENT URL COUNT CA DEFLATE SUBPROTOCOL")
	}

	count, err := strconv.Atoi(os.Args[2])
	Check(err)

	f := &Feed{
		URL:      os.Args[1],
		Protocol: os.Args[5],
		Deflate:  os.Args[4] == "on",
		count:    count,
		digests:  map[int]hash.Hash{},
		cursor:   map[int]int64{},
	}

	if os.Args[3] != "-" {
		pem, err := os.ReadFile(os.Args[3])
		Check(err)

		f.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
		f.TLS.RootCAs.AppendCertsFromPEM(pem)
	}

	return f
}

// Take takes a message; it returns true once all records are there.
func (f *Feed) Take(text bool, data []byte) bool {
	if f.Protocol == "kafka.json.v1" {
		f.takeJSON(data)

	} else {
		if text != (f.Protocol == "kafka.text.v1") {
			log.Fatalf("text %v of %s", text, f.Protocol)
		}

		f.add(0, fmt.Sprintf("%d:%s\n", len(data), data))
	}

	return f.records >= f.count
}

func (f *Feed) takeJSON(data []byte) {
	var m message

	Check(json.Unmarshal(data, &m))

	if m.Event != "" {
		for _, p := range m.Partitions {
			f.cursor[p.Partition] = p.Offset
		}

		return
	}

	if m.Key == nil || m.Value == nil {
		log.Fatalf("no key or no value: %.100s", data)
	}

	f.add(m.Partition, fmt.Sprintf("%d:%s:%s\n", m.Offset, *m.Key, *m.Value))
	f.cursor[m.Partition] = m.Offset + 1
}

func (f *Feed) add(partition int, data string) {
	if f.digests[partition] == nil {
		f.digests[partition] = sha256.New()
	}

	f.digests[partition].Write([]byte(data))
	f.records++
}

// Print prints the line; module is the library's path.
func (f *Feed) Print(module string, r Report) {
	var cursor []string

	r.Library = module
	r.Records = f.records
	r.Digests = map[string]string{}

	for p, digest := range f.digests {
		r.Digests[strconv.Itoa(p)] = hex.EncodeToString(digest.Sum(nil))
	}

	for p, offset := range f.cursor {
		cursor = append(cursor, fmt.Sprintf("%d:%d", p, offset))
	}

	sort.Strings(cursor)
	r.Cursor = strings.Join(cursor, ",")

	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == module {
				r.Library += " " + m.Version
			}
		}
	}

	Check(json.NewEncoder(os.Stdout).Encode(r))
}

// Check ends the program on an error.
func Check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
