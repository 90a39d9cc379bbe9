package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// listen serves every connection with serve until the test ends and gives the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// silent takes a connection and says nothing.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// soon is a context that ends early, so that hung targets cost little time.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestAnHTTPProbePassesOnlyOnSuccess(t *testing.T) {
	redirected := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		case "/redirect":
			http.Redirect(w, r, "/target", http.StatusFound)
		case "/target":
			redirected = true
		case "/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		case "/stuck":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/mute":
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	cases := []struct {
		address, path, detail string
		ok                    bool
	}{
		{address, "/healthz", "HTTP 200 from /healthz", true},
		{address, "/redirect", "HTTP 302 from /redirect (a redirect is not followed)", false},
		{address, "/broken", "HTTP 503 from /broken", false},
		{address, "/headers", "HTTP /headers", false},
		{address, "/stuck", "HTTP 200 from /stuck, then no answer in time", false},
		{address, "/mute", "HTTP /mute: no answer in time", false},
		{closedPort(t), "/healthz", "HTTP /healthz: connection refused", false},
		{listen(t, silent), "/healthz", "HTTP /healthz: no answer in time", false},
		{listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\x1b[2J\r\n") }), "/healthz", "HTTP /healthz: ", false},
	}
	for _, tc := range cases {
		detail, err := New().Probe(soon(t), core.ProbeTarget{How: core.ProbeHTTP, Address: tc.address, Path: tc.path})
		if !strings.HasPrefix(detail, tc.detail) || (err == nil) != tc.ok || strings.Contains(detail, "\x1b") {
			t.Errorf("%s: %q, %v", tc.path, detail, err)
		}
	}
	if redirected {
		t.Error("a redirect was followed")
	}
}

// pgServer answers a start-up packet, which it checks, with raw bytes.
func pgServer(t *testing.T, answer []byte) string {
	return listen(t, func(conn net.Conn) {
		head := make([]byte, 8)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(head)-8)
		if _, err := io.ReadFull(conn, rest); err != nil || binary.BigEndian.Uint32(head[4:]) != protocol3 || !strings.HasSuffix(string(rest), "\x00\x00") {
			_, _ = conn.Write([]byte("?"))
			return
		}
		_, _ = conn.Write(answer)
		_, _ = io.Copy(io.Discard, conn)
	})
}

// pgMessage is one message of the protocol.
func pgMessage(kind byte, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
}

func TestAPostgresProbePassesWhenABackendAnswers(t *testing.T) {
	refuse := func(code string) []byte {
		return pgMessage('E', "SFATAL\x00VFATAL\x00C"+code+"\x00Mno \x1b[31mway\x00\x00")
	}
	cases := []struct {
		name, address, detail string
		ok                    bool
	}{
		{"asks for a password", pgServer(t, pgMessage('R', "\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00")), "Postgres accepts connections", true},
		{"lets in", pgServer(t, pgMessage('R', "\x00\x00\x00\x00")), "Postgres accepts connections", true},
		{"does not know the user", pgServer(t, refuse("28000")), "Postgres answers (refuses the probe's user: 28000)", true},
		{"starts up", pgServer(t, refuse("57P03")), "Postgres is starting up or in recovery (57P03)", false},
		{"full", pgServer(t, refuse("53300")), "Postgres has no free connection (53300)", false},
		{"another protocol", listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n") }), "not Postgres: its answer starts with 'S'", false},
		{"a giant message", pgServer(t, []byte{'R', 0x7f, 0xff, 0xff, 0xff}), "not Postgres: its answer starts with 'R'", false},
		{"too short", pgServer(t, pgMessage('R', "\x00")), "not Postgres: ", false},
		{"hangs up", listen(t, func(net.Conn) {}), "Postgres: ", false},
		{"hangs", listen(t, silent), "Postgres: no answer in time", false},
		{"refused", closedPort(t), "Postgres: connection refused", false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			detail, err := New().Probe(soon(t), core.ProbeTarget{How: core.ProbePostgres, Address: tc.address})
			if !strings.HasPrefix(detail, tc.detail) || (err == nil) != tc.ok {
				t.Errorf("%q, %v", detail, err)
			}
		})
	}
}

func TestATCPProbePassesWhenSomebodyListens(t *testing.T) {
	if detail, err := New().Probe(soon(t), core.ProbeTarget{How: core.ProbeTCP, Address: listen(t, silent)}); err != nil || !strings.HasPrefix(detail, "accepts connections on port ") {
		t.Errorf("%q, %v", detail, err)
	}
	if detail, err := New().Probe(soon(t), core.ProbeTarget{How: core.ProbeTCP, Address: closedPort(t)}); err == nil || !strings.HasSuffix(detail, "connection refused") {
		t.Errorf("%q, %v", detail, err)
	}
	if _, err := New().Probe(soon(t), core.ProbeTarget{How: "guess"}); err == nil {
		t.Error("an unknown way to probe passes")
	}
}

// selfSigned makes a certificate for a name.
func selfSigned(t *testing.T, name string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

func TestACertificateIsDescribedAsAClientSeesIt(t *testing.T) {
	day := 24 * time.Hour
	good, old := selfSigned(t, "app.example.com", time.Now().Add(day)), selfSigned(t, "app.example.com", time.Now().Add(-day))
	roots := x509.NewCertPool()
	for _, c := range []tls.Certificate{good, old} {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(leaf)
	}
	serve := func(c tls.Certificate) string {
		return listen(t, func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{c}}).Handshake()
		})
	}
	cases := []struct {
		name     string
		cert     tls.Certificate
		ask      string
		roots    *x509.CertPool
		trusted  bool
		covers   bool
		problem  string
		ownCheck bool
	}{
		{"trusted", good, "app.example.com", roots, true, true, "", true},
		{"self-signed", good, "app.example.com", x509.NewCertPool(), false, true, "its issuer", true},
		{"of another name", good, "other.example.com", roots, false, false, "another name", true},
		{"expired", old, "app.example.com", roots, false, true, "expired", true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			p := New()
			p.tls = &tls.Config{RootCAs: tc.roots}
			got, err := p.Certificate(t.Context(), serve(tc.cert), tc.ask)
			if err != nil {
				t.Fatal(err)
			}
			if got.Trusted != tc.trusted || got.Covers != tc.covers || !strings.Contains(got.Problem, tc.problem) || got.Own != tc.ownCheck || got.NotAfter.IsZero() {
				t.Errorf("%+v", got)
			}
		})
	}
	if _, err := New().Certificate(soon(t), closedPort(t), "x"); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := New().Certificate(soon(t), listen(t, silent), "x"); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("a silent server: %v", err)
	}
}

func TestANameResolvesOrSaysWhyNot(t *testing.T) {
	if got, err := New().Resolve(t.Context(), "localhost"); err != nil || len(got) == 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := New().Resolve(t.Context(), "nobody.invalid"); core.CodeOf(err) != core.CodeUnavailable || !strings.HasPrefix(err.Error(), "nobody.invalid: ") {
		t.Errorf("%v", err)
	}
}

func BenchmarkHTTPProbe(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") }))
	b.Cleanup(server.Close)
	p, target := New(), core.ProbeTarget{How: core.ProbeHTTP, Address: server.Listener.Addr().String(), Path: "/healthz"}
	for b.Loop() {
		if _, err := p.Probe(b.Context(), target); err != nil {
			b.Fatal(err)
		}
	}
}
