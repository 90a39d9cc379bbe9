package core

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheDifferenceOfTwoDefinitionsIsToldFieldByField(t *testing.T) {
	old := Definition{Service: "web", Memory: 128 << 20, Restart: "unless-stopped", Env: map[string]string{"A": "old-value", "B": "1"},
		Ports: []Port{{Container: 80, Protocol: "tcp"}}, Health: HealthRule{How: ProbeHTTP, Path: "/", Port: 80}, StopGrace: 10 * time.Second,
		Source: &Source{Repo: "https://example.com/a.git", Ref: "main", Args: map[string]string{"X": "1"}}}
	new := old
	new.Memory, new.Env = 256<<20, map[string]string{"A": "new-value", "C": "1"}
	new.Ports = append(slices.Clone(old.Ports), Port{Container: 3000, Protocol: "tcp"}, Port{Address: "127.0.0.1", Host: 53, Container: 53, Protocol: "udp"})
	new.Route = &RouteRule{Domains: []Domain{"app.example.com"}, Port: 80, Network: "proxy", Entrypoints: "websecure"}
	new.Drain, new.Command = 2*time.Second, []string{"run", "a b"}
	source := *old.Source
	source.Ref, source.Args = "next", map[string]string{"X": "2"}
	new.Source = &source
	var got []string
	for _, item := range diffDefinitions(old, new) {
		if item.Kind != ChangeDefinition {
			t.Errorf("kind %s", item.Kind)
		}
		got = append(got, item.What+" | "+item.Need)
	}
	want := []string{
		`command: none to run "a b" | needs deploy`, "variable A changed | needs deploy", "variable B removed | needs deploy", "variable C added | needs deploy",
		"port 3000 added | needs deploy", "port 127.0.0.1:53 to 53/udp added | needs deploy", "memory: 128 MiB to 256 MiB | needs deploy",
		"domain app.example.com added | needs deploy", "port behind the route: none to 80 | needs deploy", "network of the route: none to proxy | needs deploy",
		"entry points: none to websecure | needs deploy", "drain: none to 2s | nothing", "ref: main to next | needs build", "build argument X changed | needs build",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s", strings.Join(got, "\n"))
	}
	if same := diffDefinitions(old, old); len(same) > 0 {
		t.Fatalf("a definition differs from itself: %v", same)
	}
}

// TestEveryFieldOfADefinitionIsCompared keeps a new field from being forgotten.
func TestEveryFieldOfADefinitionIsCompared(t *testing.T) {
	for _, tc := range []struct {
		typ  reflect.Type
		into func(d *Definition) reflect.Value
	}{
		{reflect.TypeFor[Definition](), func(d *Definition) reflect.Value { return reflect.ValueOf(d).Elem() }},
		{reflect.TypeFor[HealthRule](), func(d *Definition) reflect.Value { return reflect.ValueOf(&d.Health).Elem() }},
		{reflect.TypeFor[RouteRule](), func(d *Definition) reflect.Value {
			d.Route = &RouteRule{}
			return reflect.ValueOf(d.Route).Elem()
		}},
		{reflect.TypeFor[Source](), func(d *Definition) reflect.Value {
			d.Source = &Source{}
			return reflect.ValueOf(d.Source).Elem()
		}},
	} {
		for i := range tc.typ.NumField() {
			field := tc.typ.Field(i)
			var old, new Definition
			tc.into(&old)
			if !fill(tc.into(&new).Field(i)) || field.Name == "Service" {
				continue // a part with fields of its own, which come by themselves, or what both are about
			}
			if field.Name == "Reason" || field.Name == "Path" {
				old.Health.How, new.Health.How = ProbeHTTP, ProbeHTTP
			}
			if field.Name == "Reason" {
				old.Health.How, new.Health.How = ProbeSkip, ProbeSkip
			}
			if items := diffDefinitions(old, new); len(items) == 0 {
				t.Errorf("%s.%s is not compared", tc.typ.Name(), field.Name)
			}
		}
	}
}

// fill gives a field a value; it is false for a part with fields of its own.
func fill(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf("v"))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if one := v.Index(0); one.Kind() == reflect.String {
			one.SetString("x")
		}
	default:
		return false
	}
	return true
}
