package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/codematrx/matrx-ship/core"
)

// A line is: CRC-32C of the JSON as 8 hex digits, a space, the JSON, a newline. The JSON ends with the hash:
//
//	{"seq":1,...,"at":"..."}          the record
//	{"seq":1,...,"at":"...","h":"…"}  the JSON, where h = sha256(hash before ‖ record) in hex
const (
	crcLen    = 8
	hashKey   = `,"h":"`
	hashEnd   = `"}`
	hashLen   = 2 * sha256.Size
	lineExtra = 512                                                                                           // bytes a line has besides the parts that a record brings
	maxLine   = core.MaxRecordBody + 6*(core.MaxRecordName+core.MaxRecordKey+core.MaxRecordActor) + lineExtra // JSON may need 6 bytes for one
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// wire is the JSON of a line.
type wire struct {
	Seq   uint64          `json:"seq"`
	More  int             `json:"more,omitempty"` // records of the same append that follow; a crash leaves all of them or none
	ID    string          `json:"id"`
	Epoch uint64          `json:"epoch"`
	Table string          `json:"tbl"`
	Key   string          `json:"key"`
	Ver   int64           `json:"ver"`
	Op    string          `json:"op"`
	Body  json.RawMessage `json:"body"`
	Actor string          `json:"actor"`
	At    time.Time       `json:"at"`
	Prev  *string         `json:"prev,omitempty"` // hash before it, in the first record of a segment alone
	Hash  string          `json:"h"`
}

// middle is the part of wire that is known before the record has its place in the chain.
type middle struct {
	Table string          `json:"tbl"`
	Key   string          `json:"key"`
	Ver   int64           `json:"ver"`
	Op    string          `json:"op"`
	Body  json.RawMessage `json:"body"`
	Actor string          `json:"actor"`
}

// draft is a record on its way into the journal.
type draft struct {
	rec    core.Record
	id     string
	middle []byte // the fields of middle, without the braces
}

// newDraft checks a record and encodes what can be encoded before its place is known.
func newDraft(rec core.Record) (draft, error) {
	if err := rec.Validate(); err != nil {
		return draft{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return draft{}, fmt.Errorf("make the id of a record: %w", err)
	}
	rec.Actor = strings.ToValidUTF8(rec.Actor, "\uFFFD")
	var body, mid bytes.Buffer
	if len(rec.Body) == 0 {
		rec.Body = json.RawMessage("null")
	}
	if err := json.Compact(&body, rec.Body); err != nil {
		return draft{}, core.Errorf(core.CodeInvalid, "The body of %s %s is not JSON: %w", rec.Table, rec.Key, err)
	}
	rec.Body = body.Bytes()
	enc := json.NewEncoder(&mid)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(middle{rec.Table, rec.Key, rec.Ver, rec.Op, rec.Body, rec.Actor}); err != nil {
		return draft{}, fmt.Errorf("encode %s %s: %w", rec.Table, rec.Key, err)
	}
	m := bytes.TrimSuffix(mid.Bytes(), []byte("}\n"))
	return draft{rec: rec, id: id.String(), middle: m[1:]}, nil
}

// chain is a place in the hash chain: after the record seq.
type chain struct {
	seq  uint64
	hash string // "" before the first record
	more int    // records that must follow before an append is whole
	sum  hash.Hash
}

// newChain is the place before the record first, whose predecessor has the given hash.
func newChain(first uint64, hash string) chain {
	return chain{seq: first - 1, hash: hash, sum: sha256.New()}
}

// link gives the hash of a record that follows.
func (c *chain) link(record ...[]byte) []byte {
	c.sum.Reset()
	_, _ = io.WriteString(c.sum, c.hash) // a hash.Hash never fails
	for _, part := range record {
		_, _ = c.sum.Write(part)
	}
	var raw [sha256.Size]byte
	return hex.AppendEncode(nil, c.sum.Sum(raw[:0]))
}

// stamp is what an append gives all its records.
type stamp struct {
	epoch uint64
	at    time.Time
}

// add appends the line of the next record to buf, moves the chain behind it and gives the entry.
func (c *chain) add(buf []byte, d draft, s stamp, more int, firstOfSegment bool) ([]byte, core.Entry) {
	start := len(buf)
	buf = append(buf, "00000000 "...)
	buf = strconv.AppendUint(append(buf, `{"seq":`...), c.seq+1, 10)
	if more > 0 {
		buf = strconv.AppendInt(append(buf, `,"more":`...), int64(more), 10)
	}
	buf = append(append(append(buf, `,"id":"`...), d.id...), `","epoch":`...)
	buf = append(strconv.AppendUint(buf, s.epoch, 10), ',')
	buf = append(append(buf, d.middle...), `,"at":"`...)
	buf = append(s.at.AppendFormat(buf, time.RFC3339Nano), '"')
	if firstOfSegment {
		buf = append(append(append(buf, `,"prev":"`...), c.hash...), '"')
	}
	buf = append(buf, '}')
	text := start + crcLen + 1
	h := string(c.link(buf[text:]))
	buf = append(append(append(buf[:len(buf)-1], hashKey...), h...), hashEnd...)
	var sum [4]byte
	hex.Encode(buf[start:start+crcLen], appendCRC(sum[:0], buf[text:]))
	c.seq, c.hash, c.more = c.seq+1, h, more
	return append(buf, '\n'), core.Entry{Record: d.rec, Seq: c.seq, ID: d.id, Epoch: s.epoch, At: s.at, Hash: h}
}

// check tells why the line, without its newline, cannot be the next one; else it moves the chain behind it and gives the JSON.
func (c *chain) check(line []byte) (text []byte, why string) {
	if len(line) < crcLen+1+hashLen+len(hashKey)+len(hashEnd) || line[crcLen] != ' ' {
		return nil, "it is not a line of a journal"
	}
	text = line[crcLen+1:]
	var sum [4]byte
	if want := hex.AppendEncode(make([]byte, 0, crcLen), appendCRC(sum[:0], text)); !bytes.Equal(want, line[:crcLen]) {
		return nil, "its checksum does not match"
	}
	cut := len(text) - len(hashKey) - hashLen - len(hashEnd)
	seq, more, ok := parseStart(text)
	if !ok || string(text[cut:cut+len(hashKey)]) != hashKey || string(text[len(text)-len(hashEnd):]) != hashEnd {
		return nil, "it is not a record of this format"
	}
	if seq != c.seq+1 {
		return nil, fmt.Sprintf("it has sequence number %d where %d is due", seq, c.seq+1)
	}
	if c.more > 0 && more != c.more-1 {
		return nil, "it is not the next part of its append"
	}
	h := c.link(text[:cut], []byte("}"))
	if !bytes.Equal(h, text[cut+len(hashKey):len(text)-len(hashEnd)]) {
		return nil, "its hash does not follow from the record before it"
	}
	c.seq, c.hash, c.more = seq, string(h), more
	return text, ""
}

// parseStart reads seq and more, which come first so that a chain can be walked without decoding JSON.
func parseStart(text []byte) (seq uint64, more int, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte(`{"seq":`))
	if !ok {
		return 0, 0, false
	}
	n := bytes.IndexByte(rest, ',')
	if n < 0 {
		return 0, 0, false
	}
	seq, err := strconv.ParseUint(string(rest[:n]), 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if rest, ok = bytes.CutPrefix(rest[n:], []byte(`,"more":`)); !ok {
		return seq, 0, true
	}
	if n = bytes.IndexByte(rest, ','); n < 0 {
		return 0, 0, false
	}
	more, err = strconv.Atoi(string(rest[:n]))
	return seq, more, err == nil && more > 0
}

// appendCRC appends the four bytes of the checksum.
func appendCRC(dst, text []byte) []byte {
	s := crc32.Checksum(text, castagnoli)
	return append(dst, byte(s>>24), byte(s>>16), byte(s>>8), byte(s))
}

// decode makes an entry of the JSON of a checked line.
func decode(text []byte) (core.Entry, error) {
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return core.Entry{}, fmt.Errorf("decode record: %w", err)
	}
	rec := core.Record{Table: w.Table, Key: w.Key, Ver: w.Ver, Op: w.Op, Body: w.Body, Actor: w.Actor}
	return core.Entry{Record: rec, Seq: w.Seq, ID: w.ID, Epoch: w.Epoch, At: w.At.UTC(), Hash: w.Hash}, nil
}
