package tui

import (
	"context"
	"iter"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// buildLog follows the output of one build.
type buildLog struct {
	scope
	ticker
	build core.Build
	feed  *feed[core.BuildLine]
	out   output
	ended bool
	err   error
}

// newBuildLog follows a build.
func newBuildLog(b core.Build) func(scope) Screen {
	return func(s scope) Screen { return &buildLog{scope: s, build: b, out: newOutput()} }
}

// Title is the breadcrumb.
func (b *buildLog) Title() string { return "build " + shortID(b.build.ID) }

// Service is the one that is built.
func (b *buildLog) Service() string { return b.build.Service }

// Copy is the output that is held.
func (b *buildLog) Copy() string { return strings.Join(b.out.lines, "\n") }

// Deploys is this build, when it has an image.
func (b *buildLog) Deploys() core.DeployIn {
	return core.DeployIn{ServiceIn: core.ServiceIn{Service: b.build.Service}, Build: deployable(b.build)}
}

// Filter is what is sought.
func (b *buildLog) Filter() string { return b.out.pattern }

// SetFilter seeks a pattern in the output.
func (b *buildLog) SetFilter(text string) tea.Cmd {
	if err := b.out.seek(text); err != nil {
		b.say(noticeWarn, "That is not a regular expression: "+err.Error())
	}
	return nil
}

// SlowFilter says that the pattern is applied when it is complete.
func (b *buildLog) SlowFilter() {}

// Back ends the search first.
func (b *buildLog) Back() (tea.Cmd, bool) {
	if b.out.pattern == "" {
		return nil, false
	}
	return b.SetFilter(""), true
}

// Keys are those of this screen.
func (b *buildLog) Keys() []key.Binding {
	return []key.Binding{keys.follow, keys.next, keys.prev, keys.cancelBuild, keys.svcDeploy}
}

// Init reads the output from its begin and follows it.
func (b *buildLog) Init() tea.Cmd {
	if b.feed != nil {
		b.feed.stop()
	}
	pattern := b.out.pattern
	b.out, b.ended, b.err = newOutput(), false, nil
	b.SetFilter(pattern)
	b.feed = follow(b.scope, func(ctx context.Context) iter.Seq2[core.BuildLine, error] {
		return b.src.buildLog.open(ctx, core.BuildLogIn{Build: b.build.ID})
	})
	return tea.Batch(b.feed.next(), b.look())
}

// look asks how far the build has come.
func (b *buildLog) look() tea.Cmd {
	return ask(b.scope, b.src.builds, core.BuildsIn{Service: b.build.Service})
}

// Update takes an answer or a key in.
func (b *buildLog) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.BuildLine]:
		return b.take(msg)
	case result[[]core.Build]:
		return b.takeState(msg)
	case tickMsg:
		if b.due(msg) {
			return b.look()
		}
	case tea.KeyPressMsg:
		return b.press(msg)
	}
	return nil
}

func (b *buildLog) take(m batch[core.BuildLine]) tea.Cmd {
	if m.from != b.feed {
		return nil
	}
	for _, line := range m.items {
		b.out.add(line.Text)
	}
	if m.done {
		b.ended, b.err = true, m.err
		return b.look()
	}
	return b.feed.next()
}

// takeState keeps the last state that is known when the next one cannot be had.
func (b *buildLog) takeState(r result[[]core.Build]) tea.Cmd {
	for _, one := range r.val {
		if one.ID == b.build.ID {
			b.build = one
		}
	}
	if b.build.State == core.BuildRunning {
		return b.again(b.id, time.Second)
	}
	return nil
}

func (b *buildLog) press(msg tea.KeyPressMsg) tea.Cmd {
	step := 0
	switch {
	case key.Matches(msg, keys.cancelBuild):
		return b.cancelBuild(b.build)
	case key.Matches(msg, keys.next):
		step = 1
	case key.Matches(msg, keys.prev):
		step = -1
	default:
		b.out.move(msg)
		return nil
	}
	switch {
	case b.out.re == nil:
		b.say(noticeInfo, "There is no pattern yet: / sets one.")
	case !b.out.jump(step):
		b.say(noticeInfo, "No further match in this output.")
	}
	return nil
}

// View draws the screen.
func (b *buildLog) View(w, h int) string {
	l := b.st.build(b.build.State)
	lines := []string{cut(" "+l.style.draw(l.glyph+" "+l.word)+"  "+b.st.accent.draw(commitWord(b.build.Commit))+" "+b.st.text.draw(safe(b.build.Commit.Subject)), w), b.facts(w)}
	if b.build.Message != "" {
		lines = append(lines, cut(" "+l.style.draw(safe(b.build.Message)), w))
	}
	if b.err != nil {
		lines = append(lines, b.st.bad.draw(cut(" ✗ "+safe(core.MessageOf(b.err))+" ctrl+r reads the output again.", w)))
	}
	lines = append(lines, cut(" "+b.out.motion(b.st, b.ended), w), "")
	room := max(h-len(lines), 1)
	if len(b.out.lines) == 0 {
		text := "Waiting for the first line …"
		if b.ended {
			text = "This build wrote nothing."
		}
		return joinLines(append(lines, b.st.dim.draw(cut(" "+text, w))), h)
	}
	return joinLines(append(lines, b.out.draw(b.st, w, room)...), h)
}

// facts are what is known of the build besides its state.
func (b *buildLog) facts(w int) string {
	one := b.build
	parts := []string{"by " + safe(one.By.Name) + " " + ago(b.now(), one.Started), "took " + lasted(b.now(), one.Started, one.Took, one.State == core.BuildRunning)}
	if one.Ref != "" {
		parts = append(parts, "ref "+safe(one.Ref))
	}
	if one.Image != "" {
		parts = append(parts, "image "+imageWord(one.Image)+" "+sizeWord(one.Size))
	}
	if one.Gone {
		parts = append(parts, "no longer on the engine")
	}
	return b.st.dim.draw(cut(" "+strings.Join(parts, " · "), w))
}
