package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	protocol3   = 196608  // version 3.0 of the Postgres protocol
	maxPostgres = 8 << 10 // bytes of an answer
)

// The SQLSTATEs with which a server says that it does not take connections, although it speaks.
var notServing = map[string]string{
	"57P03": "is starting up or in recovery",
	"57P01": "is shutting down",
	"57P02": "is restarting after a crash",
	"53300": "has no free connection",
	"53400": "has no free connection",
}

// postgres passes when the server answers a start-up packet with a request to authenticate, or with a refusal of the
// user: either way a backend was started and speaks the protocol, which is what pg_isready proves as well. Nothing
// about the data is proven. The user is one that exists nearly everywhere, so that the server has nothing to complain
// about in its log, and the connection ends before a password is asked for twice.
func (p *Prober) postgres(ctx context.Context, address string) (string, error) {
	conn, err := p.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return failed("Postgres: " + words(err))
	}
	defer func() { _ = conn.Close() }() // nothing is written after the answer, so nothing can be lost
	if err := deadline(ctx, conn); err != nil {
		return failed("Postgres: " + words(err))
	}
	if _, err := conn.Write(startup()); err != nil {
		return failed("Postgres: " + words(err))
	}
	kind, body, err := message(conn)
	switch {
	case err != nil && !errors.Is(err, errNotPostgres):
		return failed("Postgres: " + words(err))
	case err == nil && kind == 'R' && len(body) >= 4:
		if binary.BigEndian.Uint32(body) == 0 {
			_, _ = conn.Write([]byte{'X', 0, 0, 0, 4}) // let in without a password: leave politely, the answer is known
		}
		return "Postgres accepts connections", nil
	case err == nil && kind == 'E':
		return refusal(body)
	default:
		return failed(fmt.Sprintf("not Postgres: its answer starts with %q", kind))
	}
}

// startup is the first packet of a session.
func startup() []byte {
	var b bytes.Buffer
	b.Write(make([]byte, 4))
	b.Write(binary.BigEndian.AppendUint32(nil, protocol3))
	for _, s := range []string{"user", "postgres", "database", "postgres", "application_name", "matrx-ship-health", ""} {
		b.WriteString(s)
		b.WriteByte(0)
	}
	packet := b.Bytes()
	binary.BigEndian.PutUint32(packet, uint32(len(packet)))
	return packet
}

// errNotPostgres says that an answer is not of the protocol.
var errNotPostgres = errors.New("not the Postgres protocol")

// message reads one message of the server.
func message(r io.Reader) (kind byte, body []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, fmt.Errorf("it hung up without an answer: %w", err)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > maxPostgres {
		return head[0], nil, errNotPostgres
	}
	body = make([]byte, size-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, fmt.Errorf("it hung up within its answer: %w", err)
	}
	return head[0], body, nil
}

// refusal judges an error of the server.
func refusal(body []byte) (string, error) {
	code := field(body, 'C')
	if code == "" {
		return failed("not Postgres: an error without a code")
	}
	if why, ok := notServing[code]; ok {
		return failed("Postgres " + why + " (" + code + ")")
	}
	return "Postgres answers (refuses the probe's user: " + bounded(code) + ")", nil
}

// field finds one field of an error message.
func field(body []byte, kind byte) string {
	for part := range bytes.SplitSeq(body, []byte{0}) {
		if len(part) > 1 && part[0] == kind {
			return string(part[1:])
		}
	}
	return ""
}
