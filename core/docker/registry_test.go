//go:build integration

package docker

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newRegistry serves one image in the network of a process, to who brings the token that it gives to everybody, and gives its
// name.
func newRegistry(t *testing.T, pid int, root []byte) (image string) {
	t.Helper()
	const layers = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := zip.Write(root)
	check(t, err)
	check(t, zip.Close())
	blobs := map[string][]byte{}
	keep := func(kind string, body []byte) map[string]any {
		digest := digestOf(body)
		blobs[digest] = body
		return map[string]any{"mediaType": kind, "size": len(body), "digest": digest}
	}
	config := fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%q]}}`, runtime.GOARCH, digestOf(root))
	const manifestKind = "application/vnd.docker.distribution.manifest.v2+json"
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestKind,
		"config": keep("application/vnd.docker.container.image.v1+json", config), "layers": []any{keep(layers, packed.Bytes())}})
	check(t, err)
	keep(manifestKind, manifest)
	s := &httptest.Server{Listener: listenIn(t, pid), Config: &http.Server{}}
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		name := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
		switch {
		case req.URL.Path == "/token":
			_, _ = w.Write([]byte(`{"token":"everybody"}`))
		case req.Header.Get("Authorization") != "Bearer everybody":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="registry"`, req.Host))
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(req.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", manifestKind)
			w.Header().Set("Docker-Content-Digest", digestOf(manifest))
			w.Header().Set("Content-Length", strconv.Itoa(len(manifest)))
			_, _ = w.Write(manifest)
		case blobs[name] != nil:
			_, _ = w.Write(blobs[name])
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String() + "/far/guest:1"
}

func digestOf(body []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(body)) }

// listenIn listens at the loopback address of a process's network, which it brings up.
func listenIn(t *testing.T, pid int) net.Listener {
	t.Helper()
	type opened struct {
		net.Listener
		error
	}
	done := make(chan opened)
	go func() { // its thread ends with it, so that nobody else gets one in the wrong network
		runtime.LockOSThread()
		l, err := func() (net.Listener, error) {
			ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
			if err != nil {
				return nil, err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return nil, err
			}
			if err := loopbackUp(); err != nil {
				return nil, err
			}
			return net.Listen("tcp", "127.0.0.1:0")
		}()
		done <- opened{l, err}
	}()
	o := <-done
	check(t, o.error)
	return o.Listener
}

// loopbackUp brings the loopback device of this thread's network up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
