package core_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// known is a value that must show nowhere.
const hunter = "hunter2-the-secret"

// envPlane is a Manager that encrypts with keys and runs ship-demo, made with a version of its env.
func envPlane(t testing.TB, version string, keys ...string) *planeRig {
	t.Helper()
	r := newPlane(t, func(r *planeRig) {
		if len(keys) > 0 {
			r.ship.Sealer = coretest.NewSealer(keys...)
		}
		demo := web("ship-demo")
		demo.Labels = map[string]string{"com.matrx.service": "ship-demo", "com.matrx.kind": "ship", "com.matrx.env": version}
		r.engine.Add(demo)
	})
	r.wait(10*time.Second, "ship-demo is known", func() bool { _, ok := r.known("ship-demo"); return ok })
	return r
}

// known finds a service that may not be known yet.
func (r *planeRig) known(name string) (core.Service, bool) {
	status := r.snapshot()
	return status.Service(name)
}

func demoIn() core.ServiceIn { return core.ServiceIn{Service: "ship-demo"} }

// setEnv sets variables of ship-demo, as NAME, VALUE, NAME, VALUE.
func (r *planeRig) setEnv(pairs ...string) core.EnvView {
	r.t.Helper()
	in := core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{}}
	for i := 0; i < len(pairs); i += 2 {
		in.Set[pairs[i]] = core.Secret(pairs[i+1])
	}
	view, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, in)
	if err != nil {
		r.t.Fatal(err)
	}
	return view
}

// reveal gives a version's values.
func (r *planeRig) reveal(version int) map[string]string {
	r.t.Helper()
	got, err := core.RevealEnv.Run(r.as(core.RoleOperator), r.core, core.RevealEnvIn{ServiceIn: demoIn(), Version: version})
	if err != nil {
		r.t.Fatal(err)
	}
	return got.Values
}

func envNames(view core.EnvView) string {
	var list []string
	for _, n := range view.Names {
		mark := ""
		if n.Changed {
			mark = "*"
		}
		list = append(list, n.Name+mark)
	}
	return strings.Join(list, " ")
}

func TestAnEnvIsEditedUndoneAndMarkedWhereAnOlderOneRuns(t *testing.T) {
	r := envPlane(t, "1", "k1")
	if view := r.setEnv("A", "1", "B", "2", "C", "3"); view.Version != 1 || view.Running != 1 || envNames(view) != "A B C" || view.Problem != "" {
		t.Errorf("first: %+v", view)
	}
	view, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, core.SetEnvIn{
		ServiceIn: demoIn(), Set: map[string]core.Secret{"B": "two"}, Remove: []string{"C"}, Paste: "D='4\n5' # x\n", Base: 1,
	})
	if err != nil || view.Version != 2 || envNames(view) != "A B* D*" || view.History[0].Note != "set B, D; removed C" || view.History[0].By != "ann" {
		t.Errorf("second: %+v, %v", view, err)
	}
	if got, want := r.reveal(0), (map[string]string{"A": "1", "B": "two", "D": "4\n5"}); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if view := r.setEnv("A", "1"); view.Version != 2 {
		t.Errorf("the same value again made version %d", view.Version)
	}
	view, err = core.UndoEnv.Run(r.as(core.RoleOperator), r.core, core.UndoEnvIn{ServiceIn: demoIn(), Version: 1})
	if err != nil || view.Version != 3 || envNames(view) != "A B C" || len(view.History) != 3 {
		t.Errorf("undone: %+v, %v", view, err)
	}
	if got, want := r.reveal(3), r.reveal(1); !maps.Equal(got, want) {
		t.Errorf("undone to %q, not %q", got, want)
	}
}

func TestTheContainersLabelTellsWhichVersionRuns(t *testing.T) {
	for label, want := range map[string]struct {
		running int
		names   string
	}{"0": {0, "A*"}, "": {-1, "A"}, "7": {7, "A"}} {
		view := envPlaneWithA(t, label)
		if view.Running != want.running || envNames(view) != want.names {
			t.Errorf("label %q: running %d, %s", label, view.Running, envNames(view))
		}
	}
}

func envPlaneWithA(t *testing.T, label string) core.EnvView {
	return envPlane(t, label, "k1").setEnv("A", "1")
}

func TestARefusedEditChangesNothing(t *testing.T) {
	r := envPlane(t, "", "k1")
	r.setEnv("A", "1")
	set := func(pairs ...string) core.SetEnvIn {
		in := core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{}}
		for i := 0; i < len(pairs); i += 2 {
			in.Set[pairs[i]] = core.Secret(pairs[i+1])
		}
		return in
	}
	many := core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{}}
	for i := range 9 {
		many.Set[fmt.Sprint("V", i)] = core.Secret(strings.Repeat("x", 120<<10))
	}
	paste := func(text string) core.SetEnvIn { return core.SetEnvIn{ServiceIn: demoIn(), Paste: core.Secret(text)} }
	for _, c := range []struct {
		name string
		role core.Role
		in   core.SetEnvIn
		code core.Code
		says string
	}{
		{"by a viewer", core.RoleViewer, set("A", hunter), core.CodeForbidden, "operator"},
		{"nothing", core.RoleOperator, set(), core.CodeInvalid, "Nothing"},
		{"no service", core.RoleOperator, core.SetEnvIn{Set: map[string]core.Secret{"A": hunter}}, core.CodeInvalid, "service"},
		{"nobody's", core.RoleOperator, core.SetEnvIn{ServiceIn: core.ServiceIn{Service: "ship-dmo"}, Set: map[string]core.Secret{"A": hunter}}, core.CodeNotFound, "ship-demo"},
		{"a value where the name belongs", core.RoleOperator, set("postgres://u:"+hunter+"@db", ""), core.CodeInvalid, "not a name"},
		{"a name with a line feed", core.RoleOperator, set("A\n"+hunter, ""), core.CodeInvalid, "not a name"},
		{"a name with NUL", core.RoleOperator, set("A\x00", hunter), core.CodeInvalid, "not a name"},
		{"a long name", core.RoleOperator, set(strings.Repeat("A", 201), hunter), core.CodeInvalid, "200"},
		{"a NUL", core.RoleOperator, set("A", hunter+"\x00"), core.CodeInvalid, "NUL"},
		{"no text", core.RoleOperator, set("A", hunter+"\xff"), core.CodeInvalid, "base64"},
		{"128 KiB with its name", core.RoleOperator, set("A", strings.Repeat("x", 128<<10-2)), core.CodeInvalid, "128 KiB"},
		{"1 MiB in all", core.RoleOperator, many, core.CodeInvalid, "1.0 MiB"},
		{"a bad paste", core.RoleOperator, paste("B=1\n" + hunter), core.CodeInvalid, "Line 2"},
		{"set and pasted", core.RoleOperator, core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{"A": "2"}, Paste: "A=" + hunter}, core.CodeInvalid, "beside"},
		{"set and removed", core.RoleOperator, core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{"A": "2"}, Remove: []string{"A"}}, core.CodeInvalid, "at once"},
		{"remove what is not there", core.RoleOperator, core.SetEnvIn{ServiceIn: demoIn(), Remove: []string{"Z"}}, core.CodeNotFound, "no Z"},
		{"an older base", core.RoleOperator, core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{"A": hunter}, Base: 7}, core.CodeConflict, "version 1 by ann"},
	} {
		_, err := core.SetEnv.Run(r.as(c.role), r.core, c.in)
		if core.CodeOf(err) != c.code || !strings.Contains(core.MessageOf(err), c.says) || strings.Contains(err.Error(), hunter) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if got := r.reveal(0); !maps.Equal(got, map[string]string{"A": "1"}) {
		t.Errorf("it is %q now", got)
	}
	r.setEnv("B", strings.Repeat("x", 128<<10-3)) // the longest that the kernel takes
}

func TestAWrongKeyIsNamedAndTheEnvCanStillBeReplacedWhole(t *testing.T) {
	r := envPlane(t, "", "k1")
	r.setEnv("A", "1", "B", "2")
	key := r.setEnv("A", "1").KeyID
	other := newPlane(t, func(o *planeRig) {
		o.journal, o.engine = r.journal, r.engine
		o.ship.Sealer = coretest.NewSealer("k2")
	})
	other.wait(10*time.Second, "ship-demo is known", func() bool { _, ok := other.known("ship-demo"); return ok })
	view, err := core.ShowEnv.Run(other.as(core.RoleViewer), other.core, demoIn())
	if err != nil || !strings.Contains(view.Problem, key) || envNames(view) != "A B" {
		t.Errorf("shown: %+v, %v", view, err)
	}
	for _, run := range []func() error{
		func() error {
			_, err := core.RevealEnv.Run(other.as(core.RoleOperator), other.core, core.RevealEnvIn{ServiceIn: demoIn()})
			return err
		},
		func() error {
			_, err := core.SetEnv.Run(other.as(core.RoleOperator), other.core, core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{"A": "9"}})
			return err
		},
		func() error {
			_, err := core.UndoEnv.Run(other.as(core.RoleOperator), other.core, core.UndoEnvIn{ServiceIn: demoIn(), Version: 1})
			return err
		},
	} {
		if err := run(); err == nil || core.CodeOf(err) == core.CodeInternal {
			t.Errorf("%v", err)
		}
	}
	if view := other.setEnv("A", "9", "B", "8"); view.Version != 2 || view.Problem != "" {
		t.Errorf("replaced: %+v", view)
	}
}

func TestWithoutAKeyNoEnvIsKept(t *testing.T) {
	for name, r := range map[string]*planeRig{"no sealer": envPlane(t, ""), "no key": sealerWithoutKey(t)} {
		_, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{"A": hunter}})
		if core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(core.MessageOf(err), "MATRX_AGE_IDENTITIES") {
			t.Errorf("%s: %v", name, err)
		}
		if text := r.everything(); strings.Contains(text, hunter) {
			t.Errorf("%s: it was kept in the clear", name)
		}
		if view, err := core.ShowEnv.Run(r.as(core.RoleViewer), r.core, demoIn()); err != nil || view.Version != 0 || view.Problem != "" {
			t.Errorf("%s: %+v, %v", name, view, err)
		}
	}
}

func sealerWithoutKey(t *testing.T) *planeRig {
	r := newPlane(t, func(r *planeRig) {
		r.ship.Sealer = coretest.NewSealer()
		r.engine.Add(web("ship-demo"))
	})
	r.wait(10*time.Second, "ship-demo is known", func() bool { _, ok := r.known("ship-demo"); return ok })
	return r
}

// everything is all that the journal holds, as text.
func (r *planeRig) everything() string {
	r.t.Helper()
	var b strings.Builder
	for e, err := range r.journal.Replay(r.t.Context(), 1) {
		if err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Table, e.Key, e.Actor, e.Body)
	}
	return b.String()
}

// lockedBuffer is a log that several may write.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestASecretShowsNowhereButInItsAuditedReveal(t *testing.T) {
	log := &lockedBuffer{}
	r := &planeRig{
		t: t, engine: coretest.NewDocker(), journal: coretest.NewJournal(), prober: &scriptedProber{}, collect: &collected{},
		logs: &quietLogs{}, proxy: &scriptedProxy{}, root: t.TempDir(), ship: core.ShipParts{Sealer: coretest.NewSealer("k1")},
	}
	r.engine.Add(web("ship-demo"))
	parts := r.parts()
	parts.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := core.Open(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r.core = c
	r.wait(10*time.Second, "ship-demo is known", func() bool { _, ok := r.known("ship-demo"); return ok })
	var shown []string
	add := func(v any, err error) {
		raw, _ := json.Marshal(v) // plain structs
		shown = append(shown, string(raw), fmt.Sprintf("%v %+v %#v %v", v, v, v, err))
	}
	op := r.as(core.RoleOperator)
	in := core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{"A": hunter}, Paste: "B=" + hunter + "\nC=x" + hunter}
	add(in, nil)
	add(core.SetEnv.Run(op, c, in))
	add(core.SetEnv.Run(op, c, core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{"A": hunter + "\x00"}}))
	add(core.SetEnv.Run(op, c, core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{hunter: "x"}, Remove: []string{hunter}}))
	add(core.SetEnv.Run(op, c, core.SetEnvIn{ServiceIn: demoIn(), Paste: "B='" + hunter}))
	add(core.SetEnv.Call(op, c, json.RawMessage(`{"service":"ship-demo","set":{"D":"`+hunter+`"}}`)))
	add(core.SetEnv.Call(op, c, json.RawMessage(`{"service":"ship-demo","set":{"D":"`+hunter+`"},"x":1}`)))
	add(core.ShowEnv.Run(op, c, demoIn()))
	add(core.UndoEnv.Run(op, c, core.UndoEnvIn{ServiceIn: demoIn(), Version: 1}))
	add(core.RevealEnv.Run(op, c, core.RevealEnvIn{ServiceIn: demoIn(), Names: []string{hunter}}))
	add(core.ListAudit.Run(op, c, core.ListAuditIn{}))
	if got := r.reveal(1); got["A"] != hunter || got["C"] != "x"+hunter {
		t.Fatalf("revealed %q", got)
	}
	for what, text := range map[string]string{"journal": r.everything(), "log": log.text(), "answers and errors": strings.Join(shown, "\n")} {
		if i := strings.Index(text, hunter); i >= 0 {
			t.Errorf("%s: ...%s", what, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	if !strings.Contains(r.everything(), `"set":["A","B","C"]`) || !slices.Contains(r.audited(), "env.reveal ship-demo ok") {
		t.Errorf("the audit does not name what was set and revealed: %q", r.audited())
	}
}

// meeting is a Sealer in which two calls wait a while for each other.
type meeting struct {
	core.Sealer
	inside chan struct{}
}

func (m meeting) Seal(plain []byte) ([]byte, string, error) {
	select {
	case m.inside <- struct{}{}:
	case <-m.inside:
	case <-time.After(5 * time.Millisecond):
	}
	return m.Sealer.Seal(plain)
}

func TestTwoEditsAtOnceAreTwoVersions(t *testing.T) {
	r := newPlane(t, func(r *planeRig) {
		r.ship.Sealer = meeting{coretest.NewSealer("k1"), make(chan struct{})}
		r.engine.Add(web("ship-demo"))
	})
	r.wait(10*time.Second, "ship-demo is known", func() bool { _, ok := r.known("ship-demo"); return ok })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			in := core.SetEnvIn{ServiceIn: demoIn(), Set: map[string]core.Secret{fmt.Sprint("V", i): "x"}}
			if _, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, in); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	view, err := core.ShowEnv.Run(r.as(core.RoleViewer), r.core, demoIn())
	if err != nil || view.Version != 8 || len(view.Names) != 8 {
		t.Errorf("%d versions, %d names, %v", view.Version, len(view.Names), err)
	}
}

func TestTheEnvIsWrittenByThePlaneThatLooksAfterTheService(t *testing.T) {
	r := newPlane(t, func(r *planeRig) {
		r.ship.Sealer = coretest.NewSealer("k1")
		for name, kind := range map[string]string{"traefik": "traefik", core.DeployName: "deploy"} {
			d := web(name)
			d.Labels = map[string]string{"com.matrx.service": name, "com.matrx.kind": kind}
			r.engine.Add(d)
		}
	})
	r.become(core.DeployName, core.Healthy, 10*time.Second)
	in := core.SetEnvIn{ServiceIn: core.ServiceIn{Service: "traefik"}, Set: map[string]core.Secret{"A": "1"}}
	_, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, in)
	if core.CodeOf(err) != core.CodeConflict || !strings.Contains(core.MessageOf(err), "ssh -p 2222 deploy.") {
		t.Errorf("%v", err)
	}
	if _, err := core.StopService.Run(r.as(core.RoleOperator), r.core, core.StopServiceIn{ServiceIn: core.ServiceIn{Service: core.DeployName}}); err != nil {
		t.Fatal(err)
	}
	if _, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, in); err != nil {
		t.Errorf("while that plane is down: %v", err)
	}
}
