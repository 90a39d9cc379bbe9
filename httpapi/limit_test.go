package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// dialDoor opens a bare connection to the door, which no test waits on for ever.
func dialDoor(t *testing.T, base string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(8 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// short are limits that a test can wait for.
func short() limits {
	l := defaultLimits()
	l.header, l.read, l.write = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	return l
}

func TestARequestWhoseBodyNeverComesIsClosed(t *testing.T) {
	base, _ := limitedDoor(t, fine(), short())
	c := dialDoor(t, base)
	fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is held")
	}
}

func TestAClientThatDoesNotTakeItsAnswerIsClosed(t *testing.T) {
	base, _ := limitedDoor(t, fine(), short())
	c := dialDoor(t, base)
	if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	request := strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 100)
	for { // ask and never read, until what the door cannot send is too much for it
		if _, err := io.WriteString(c, request); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection is held")
		} else if err != nil {
			return
		}
	}
}

func TestALivePageOutlivesTheDeadlinesOfARequest(t *testing.T) {
	base, swap := limitedDoor(t, fine(), short())
	c := dialDoor(t, base)
	fmt.Fprint(c, "GET /status/events HTTP/1.1\r\nHost: x\r\n\r\n")
	lines := bufio.NewScanner(c)
	waitLine(t, lines, "Everything serves")
	<-time.After(time.Second) // several times the deadlines
	worse := fine()
	worse.Critical = 1
	swap(worse)
	waitLine(t, lines, "Something does not serve")
}

func TestConnectionsAreBoundedAndAPlaceThatGetsFreeIsTaken(t *testing.T) {
	l := defaultLimits()
	l.connections = 3
	base, _ := limitedDoor(t, fine(), l)
	var held []net.Conn
	for range l.connections {
		c := dialDoor(t, base)
		ask(t, c)
		held = append(held, c)
	}
	late := dialDoor(t, base)
	fmt.Fprint(late, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	answered := make(chan error, 1)
	go func() { answered <- readAnswer(late) }()
	select {
	case err := <-answered:
		t.Fatalf("one connection too many is served: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := held[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatalf("after a place got free: %v", err)
	}
}

// ask makes sure that a connection is accepted.
func ask(t *testing.T, c net.Conn) {
	t.Helper()
	fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := readAnswer(c); err != nil {
		t.Fatal(err)
	}
}

func readAnswer(c net.Conn) error {
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}
