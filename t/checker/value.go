package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/rand"
	"strconv"
	"strings"
)

// A record names itself twice, in its key and in its value, so that neither
// can be exchanged:
//
//	id    = RUN:PARTITION:SEQUENCE:KIND
//	key   = id:CRC           of the id and the whole value
//	value = id:LENGTH:CRC:FILL   of the fill; in an object for kind j
//
// Null and empty values (kinds n and e) have the key alone.
const (
	kindText   = 't' // UTF-8 with all that JSON has to escape
	kindBinary = 'b' // not UTF-8
	kindJSON   = 'j' // an object, to be embedded as it is
	kindEmpty  = 'e'
	kindNull   = 'n'
	kindLarge  = 'L' // beyond max_record: a gap of its own
)

type ident struct {
	partition int
	seq       int
	kind      byte
}

func (id ident) text(run string) string {
	return fmt.Sprintf("%s:%d:%d:%c", run, id.partition, id.seq, id.kind)
}

func sum(parts ...[]byte) uint32 {
	var c uint32

	for _, p := range parts {
		c = crc32.Update(c, crc32.IEEETable, p)
	}

	return c
}

// makeRecord returns the key, the value (nil: null) and the key's CRC.
func makeRecord(run string, id ident, size int, rng *rand.Rand) ([]byte,
	[]byte, uint32) {

	var value []byte

	name := []byte(id.text(run))

	switch id.kind {
	case kindNull:

	case kindEmpty:
		value = []byte{}

	default:
		fill := makeFill(id.kind, size, rng)
		head := fmt.Sprintf("%s:%d:%08x:", name, len(fill), sum(fill))

		if id.kind == kindJSON {
			value = append(value, `{"v": "`...)
		}

		value = append(value, head...)
		value = append(value, fill...)

		if id.kind == kindJSON {
			value = append(value, `" }`...)
		}
	}

	crc := sum(name, value)

	return []byte(fmt.Sprintf("%s:%08x", name, crc)), value, crc
}

var alphabet = []string{"a", "b", "Z", "0", "9", " ", "\"", "\\", "/", "\n",
	"\t", "\x00", "\x1f", "\x7f", "\u00e9", "\u20ac", "\U0001f600", "<", "&"}

func makeFill(kind byte, size int, rng *rand.Rand) []byte {
	if kind == kindBinary {
		fill := make([]byte, size+1)
		rng.Read(fill)
		fill[0] = 0xff // never in UTF-8

		return fill
	}

	fill := make([]byte, 0, size+4)

	// long ones are plain, or their frames would not fit into a ring
	if kind == kindText && size <= 20000 {
		for len(fill) < size {
			fill = append(fill, alphabet[rng.Intn(len(alphabet))]...)
		}

		return fill
	}

	for len(fill) < size {
		r := rng.Int63()

		for i := 0; i < 10; i++ {
			fill = append(fill, byte('a'+r%26))
			r /= 26
		}
	}

	return fill[:size]
}

// parseKey reads a key that makeRecord made.
func parseKey(run string, key []byte) (id ident, name string, crc uint32,
	err error) {

	s := string(key)
	i := strings.LastIndexByte(s, ':')

	if i < 0 || len(s)-i != 9 {
		return id, "", 0, fmt.Errorf("no key of ours: %.60q", s)
	}

	c, err := hex.DecodeString(s[i+1:])
	if err != nil {
		return id, "", 0, fmt.Errorf("no key of ours: %.60q", s)
	}

	crc = uint32(c[0])<<24 | uint32(c[1])<<16 | uint32(c[2])<<8 | uint32(c[3])
	name = s[:i]
	id, err = parseIdent(run, name)

	return id, name, crc, err
}

func parseIdent(run, name string) (id ident, err error) {
	f := strings.Split(name, ":")

	if len(f) != 4 || f[0] != run || len(f[3]) != 1 {
		return id, fmt.Errorf("not of this run: %.60q", name)
	}

	id.kind = f[3][0]

	if id.partition, err = strconv.Atoi(f[1]); err != nil {
		return id, fmt.Errorf("no partition: %.60q", name)
	}

	if id.seq, err = strconv.Atoi(f[2]); err != nil || id.seq < 0 {
		return id, fmt.Errorf("no sequence: %.60q", name)
	}

	return id, nil
}

// checkRecord returns who the record is, or why it is not what was sent.
func checkRecord(run string, key, value []byte, null bool) (ident, uint32,
	error) {

	id, name, crc, err := parseKey(run, key)
	if err != nil {
		return id, 0, err
	}

	if null != (id.kind == kindNull) ||
		!null && (len(value) == 0) != (id.kind == kindEmpty) {
		return id, 0, fmt.Errorf("%s: null %v, %d bytes", name, null,
			len(value))
	}

	if sum([]byte(name), value) != crc {
		return id, 0, fmt.Errorf("%s: CRC of the key: %.60q", name, value)
	}

	if len(value) > 0 {
		if err := checkValue(name, id.kind, value); err != nil {
			return id, 0, err
		}
	}

	return id, crc, nil
}

func checkValue(name string, kind byte, value []byte) error {
	if kind == kindJSON {
		if !bytes.HasPrefix(value, []byte(`{"v": "`)) ||
			!bytes.HasSuffix(value, []byte(`" }`)) {
			return fmt.Errorf("%s: no object: %.60q", name, value)
		}

		value = value[7 : len(value)-3]
	}

	if !bytes.HasPrefix(value, []byte(name+":")) {
		return fmt.Errorf("%s: another's value: %.60q", name, value)
	}

	f := bytes.SplitN(value[len(name)+1:], []byte(":"), 3)

	if len(f) != 3 {
		return fmt.Errorf("%s: broken value: %.60q", name, value)
	}

	n, err := strconv.Atoi(string(f[0]))

	if err != nil || n != len(f[2]) ||
		string(f[1]) != fmt.Sprintf("%08x", sum(f[2])) {
		return fmt.Errorf("%s: length or CRC: %.60q", name, value)
	}

	return nil
}
