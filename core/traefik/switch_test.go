package traefik

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// openSwitch opens a switch in a folder of its own.
func openSwitch(t testing.TB) (s *Switch, dynamic string) {
	t.Helper()
	root := t.TempDir()
	s, err := OpenSwitch(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, filepath.Join(root, "traefik", "dynamic")
}

var web = core.SwitchTarget{Service: "web", Alias: "web-0011aabb", Port: 3000}

func TestSwitch(t *testing.T) {
	coretest.TestSwitch(t, func(t testing.TB) core.Switch { s, _ := openSwitch(t); return s })
}

func TestASwitchFileSaysThatItIsDerivedAndWhatTraefikReads(t *testing.T) {
	s, dynamic := openSwitch(t)
	defer syscall.Umask(syscall.Umask(0o077))
	if err := s.Point(t.Context(), web); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dynamic, "web.yml"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "http:\n  services:\n    \"web\":\n      loadBalancer:\n        servers:\n          - url: \"http://web-0011aabb:3000\"\n"
	if !strings.HasPrefix(string(text), "# Derived: ") || !strings.HasSuffix(string(text), "\n"+want) {
		t.Errorf("%s", text)
	}
	if info, err := os.Stat(filepath.Join(dynamic, "web.yml")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("Traefik's user must be able to read it: %v, %v", info.Mode(), err)
	}
}

func TestAFileThatIsNotOursIsReadByNobodyAndWrittenByNobody(t *testing.T) {
	foreign := map[string]func(path string) error{
		"written by hand": func(p string) error { return os.WriteFile(p, []byte("http: {}\n"), 0o600) },
		"endless":         func(p string) error { return os.WriteFile(p, []byte(mark+strings.Repeat("#\n", maxFile)), 0o600) },
		"a folder":        func(p string) error { return os.Mkdir(p, 0o700) },
		"a link":          func(p string) error { return os.Symlink("/etc/passwd", p) },
		"a pipe":          func(p string) error { return syscall.Mkfifo(p, 0o600) },
	}
	for name, make := range foreign {
		t.Run(name, func(t *testing.T) {
			s, dynamic := openSwitch(t)
			if err := make(filepath.Join(dynamic, "web.yml")); err != nil {
				t.Fatal(err)
			}
			_, read := s.Target(t.Context(), "web")
			for _, err := range []error{read, s.Point(t.Context(), web), s.Remove(t.Context(), "web")} {
				if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), dynamic+"/web.yml") || !strings.Contains(core.MessageOf(err), "Move it away") {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func TestADamagedFileOfOursIsNamedAndReplaced(t *testing.T) {
	whole := string(render(web))
	for name, text := range map[string]string{
		"cut":             whole[:len(whole)-12],
		"another service": strings.Replace(whole, `"web"`, `"api"`, 1),
		"two servers":     whole + "          - url: \"http://other:80\"\n",
		"another scheme":  strings.Replace(whole, "http://", "https://", 1),
		"a template":      strings.Replace(whole, "web-0011aabb", "{{ env `X` }}", 1),
		"no port":         strings.Replace(whole, ":3000", "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			s, dynamic := openSwitch(t)
			if err := os.WriteFile(filepath.Join(dynamic, "web.yml"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Target(t.Context(), "web"); core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), "damaged") {
				t.Errorf("%v", err)
			}
			if err := s.Point(t.Context(), web); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Target(t.Context(), "web"); err != nil || got != web {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestAnEmptyFileIsReplacedAndAnotherCommentIsRead(t *testing.T) {
	s, dynamic := openSwitch(t)
	path := filepath.Join(dynamic, "web.yml")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Point(t.Context(), web); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(mark+", says an older version.\n"+body(web)), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Target(t.Context(), "web"); err != nil || got != web {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatAnEarlierProcessLeftAsideGoesAndNothingElse(t *testing.T) {
	root := t.TempDir()
	aside, keep := filepath.Join(root, "traefik", fresh+"0123"), filepath.Join(root, "traefik", "acme.json")
	if err := os.MkdirAll(filepath.Dir(aside), 0o755); err != nil {
		t.Fatal(err)
	}
	others := aside + "4567" // which the other control plane is about to rename
	for _, path := range []string{aside, keep, others} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * tidyAge)
	if err := os.Chtimes(aside, long, long); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSwitch(root)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(aside); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", aside, err)
	}
	for _, path := range []string{keep, others} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if err := os.Remove(others); err != nil {
		t.Fatal(err)
	}
	if err := s.Point(t.Context(), web); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(filepath.Join(root, "traefik"))
	if err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestReadersNeverSeeHalfAFileWhileManyWrite(t *testing.T) {
	s, _ := openSwitch(t)
	if err := s.Point(t.Context(), web); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for range 25 {
				target := web
				target.Port += n
				if err := s.Point(t.Context(), target); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		if got, err := s.Target(t.Context(), "web"); err != nil || got.Alias != web.Alias {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	wg.Wait()
}

func TestWhatAllRoutesShareIsRenderedAndAnOldVersionReplaced(t *testing.T) {
	root := t.TempDir()
	dynamic := filepath.Join(root, "traefik", "dynamic")
	if err := os.MkdirAll(dynamic, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dynamic, "_tls.yml"), []byte("tls: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSwitch(root)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, says := range map[string]string{"_tls.yml": "VersionTLS12", "_middlewares.yml": "secure-headers", "_dashboard.yml": "basicAuth", "_ssh.yml": "HostSNI"} {
		if text, err := os.ReadFile(filepath.Join(dynamic, name)); err != nil || !strings.Contains(string(text), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFolderThatCannotBeWrittenSaysWhere(t *testing.T) {
	s, dynamic := openSwitch(t)
	if err := os.RemoveAll(filepath.Dir(dynamic)); err != nil {
		t.Fatal(err)
	}
	err := s.Point(t.Context(), web)
	if core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(core.MessageOf(err), dynamic) {
		t.Errorf("%v", err)
	}
}
