package docker

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// sub is a text or a message as a field.
func sub(number uint64, body string) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, number<<3|2), uint64(len(body)))) + body
}

// num is a number as a field.
func num(number, value uint64) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, number<<3), value))
}

const aTime = "\x08\x01"

func planned(id, name string) string { return sub(1, id) + sub(3, name) }
func wrote(id, text string) string   { return sub(3, sub(1, id)+num(3, 1)+sub(4, text)) }

// toldOf gives what is said of messages, one after the other.
func toldOf(t *testing.T, messages ...string) (lines []string, s *buildSteps) {
	t.Helper()
	s = newBuildSteps(func(line string) { lines = append(lines, line) })
	for _, m := range messages {
		if err := s.take([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	s.end()
	return lines, s
}

func TestStepsThatRunBesideEachOtherAreToldApart(t *testing.T) {
	a, b := planned("a", "[one 1/2] RUN make\n\tall"), planned("b", "[two 1/1] RUN test")
	lines, _ := toldOf(t,
		sub(1, a)+sub(1, b), // planned only: nothing is said
		sub(1, a+sub(5, aTime)), wrote("a", "first\nhal"), wrote("a", "f\n"),
		sub(1, b+sub(5, aTime)), wrote("b", "b1\n"), wrote("a", "more"), wrote("b", "b2\n"), wrote("nobody", "x\n"),
		sub(1, a+sub(5, aTime)+sub(6, aTime)), sub(1, planned("c", "[one 2/2] COPY . .")+num(4, 1)+sub(5, aTime)+sub(6, aTime)),
		sub(2, sub(1, "exporting layers")+sub(2, "d"))+sub(2, sub(1, "exporting layers")+sub(2, "d")+num(4, 7)), sub(4, sub(1, "a")+sub(3, "say it\notherwise")),
	)
	want := []string{"[one 1/2] RUN make all", "first", "half", "[two 1/1] RUN test", "b1", "b2", "[one 1/2] RUN make all", "more",
		"cached: [one 2/2] COPY . .", "exporting layers", "warning: say it otherwise"}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q", lines)
	}
}

func TestAFailedBuildNamesTheStep(t *testing.T) {
	_, s := toldOf(t, sub(1, planned("a", "[2/3] RUN x")+sub(7, "rpc: context canceled")), sub(1, planned("b", "[3/3] RUN y")+sub(7, "exit code: 3")))
	err := s.explain(core.Errorf(core.CodeInvalid, "Cannot build the image: exit code: 3"))
	if core.CodeOf(err) != core.CodeInvalid || core.MessageOf(err) != "Cannot build the image: [3/3] RUN y: exit code: 3" {
		t.Errorf("got %v", err)
	}
	_, s = toldOf(t, sub(1, planned("a", "resolve image config for docker.io/docker/dockerfile:1")+sub(7, "no such host")))
	if err = s.explain(core.Errorf(core.CodeInvalid, "Cannot build the image: no such host")); !strings.Contains(core.MessageOf(err), "# syntax=") || core.CodeOf(outward(err)) != core.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestAMessageOfBuildKitThatIsDamagedIsAnError(t *testing.T) {
	whole := sub(1, planned("a", "[1/1] RUN x")+sub(5, aTime)) + wrote("a", "text")
	for n := range len(whole) {
		s := newBuildSteps(func(string) {})
		if err := s.take([]byte(whole[:n])); err == nil && n > 0 && n != len(whole)-len(wrote("a", "text")) {
			t.Errorf("cut at %d of %d: no error", n, len(whole))
		}
	}
	for _, bad := range []string{"\x0b", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x0d\x01", "\x09\x01"} {
		if err := newBuildSteps(func(string) {}).take([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	if _, _, err := progress(t, `{"id":"moby.buildkit.trace","aux":"!"}`); core.CodeOf(err) != core.CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestAnEngineThatInventsStepsFillsNoMemory(t *testing.T) {
	lines := 0
	s := newBuildSteps(func(string) { lines++ })
	for i := range 5 * maxSteps {
		id := string(binary.AppendUvarint(nil, uint64(i)))
		if err := s.take([]byte(sub(1, planned(id, "step")+sub(5, aTime)) + wrote(id, "x") + sub(2, sub(1, id)))); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.names) > maxSteps || len(s.text) > maxSteps || len(s.shown) > 4*maxSteps || lines == 0 {
		t.Errorf("%d names, %d outputs, %d shown", len(s.names), len(s.text), len(s.shown))
	}
}
