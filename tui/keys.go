package tui

import "charm.land/bubbles/v2/key"

// bind makes a binding; show is how the keys are written in the footer and in the help.
func bind(show, what string, on ...string) key.Binding {
	return key.NewBinding(key.WithKeys(on...), key.WithHelp(show, what))
}

// keys is the one key table: footer and help are drawn from it. It is never written.
var keys = struct {
	// Everywhere.
	command, palette, filter, help, messages, back, quit, end, refresh, copy, mouse               key.Binding
	home, logs, terminal, infra, jobs, audit, access, docs, diagnose, settings                    key.Binding
	deployments, instances, alerts                                                                key.Binding
	up, down, top, bottom, pageUp, pageDown, open, next, prev, pane, paneBack                     key.Binding
	svcLogs, svcShell, svcDescribe, svcRestart                                                    key.Binding
	svcDeploy, svcRollback, svcBuilds, svcChanges, svcEnv, svcRoute                               key.Binding
	start, stop, recreate, remove, removeAll, goRemove, keepIt, recordings                        key.Binding
	follow, wrapLines, times, invert, minLevel, span, merge, context, search, left, right, expand key.Binding
	pause, faster, slower, again                                                                  key.Binding
	goDeploy, ref, sameImage, noCache, emptyEnv, goBack, build, buildFresh, output, cancelBuild   key.Binding
	cancelDeploy, lastDeploy, files, change, add, drop, paste, reveal, undo, testAlert            key.Binding
	cancel, prune, person, addKey, role, revoke, edit, verify, filters, live, searchDocs          key.Binding
	yes, no, choose, switchTo, complete                                                           key.Binding
}{
	command:  bind(":", "command", ":"),
	palette:  bind("ctrl+p", "palette", "ctrl+p"),
	filter:   bind("/", "filter", "/"),
	help:     bind("?", "help", "?"),
	messages: bind("m", "messages", "m"),
	back:     bind("esc", "back", "esc"),
	quit:     bind("q", "back or quit", "q"),
	end:      bind("ctrl+c", "quit", "ctrl+c"),
	refresh:  bind("ctrl+r", "refresh", "ctrl+r"),
	copy:     bind("c", "copy", "c"),
	mouse:    bind("M", "mouse on or off", "M"),

	home:     bind("1", "Home", "1"),
	logs:     bind("2", "Logs", "2"),
	terminal: bind("3", "Terminal", "3"),
	infra:    bind("4", "Infrastructure", "4"),
	jobs:     bind("5", "Jobs", "5"),
	audit:    bind("6", "Audit", "6"),
	access:   bind("7", "Access", "7"),
	diagnose: bind("8", "Diagnose", "8"),
	settings: bind("9", "Settings", "9"),
	docs:     bind("0", "Docs", "0"),

	deployments: bind("H", "Deployments", "H"),
	instances:   bind("I", "Instances", "I"),
	alerts:      bind("!", "Alerts", "!"),

	up:       bind("k", "up", "k", "up"),
	down:     bind("j", "down", "j", "down"),
	top:      bind("g", "first", "g", "home"),
	bottom:   bind("G", "last", "G", "end"),
	pageUp:   bind("pgup", "page up", "pgup", "ctrl+b", "ctrl+u"),
	pageDown: bind("pgdn", "page down", "pgdown", "ctrl+f", "ctrl+d"),
	open:     bind("enter", "open", "enter"),
	next:     bind("n", "next match", "n"),
	prev:     bind("N", "previous match", "N"),
	pane:     bind("tab", "next pane", "tab"),
	paneBack: bind("shift+tab", "previous pane", "shift+tab"),

	svcLogs:     bind("l", "logs", "l"),
	svcShell:    bind("s", "shell", "s"),
	svcDescribe: bind("d", "describe", "d"),
	svcRestart:  bind("r", "restart", "r"),
	svcDeploy:   bind("D", "deploy", "D"),
	svcRollback: bind("R", "rollback", "R"),
	svcBuilds:   bind("B", "builds", "B"),
	svcChanges:  bind("C", "changes", "C"),
	svcEnv:      bind("v", "env", "v"),
	svcRoute:    bind("o", "routing", "o"),

	start:      bind("S", "start", "S"),
	stop:       bind("X", "stop", "X"),
	recreate:   bind("F", "force a new container", "F"),
	remove:     bind("ctrl+x", "remove", "ctrl+x"),
	removeAll:  bind("ctrl+k", "remove service", "ctrl+k"),
	goRemove:   bind("enter", "remove it", "enter"),
	keepIt:     bind("space", "keep or remove its container", "space"),
	recordings: bind("T", "recordings", "T"),

	goDeploy:     bind("enter", "deploy this", "enter"),
	ref:          bind("e", "other commit", "e"),
	sameImage:    bind("i", "same image", "i"),
	noCache:      bind("f", "no cache", "f"),
	emptyEnv:     bind("z", "allow empty env", "z"),
	goBack:       bind("enter", "roll back to it", "enter"),
	build:        bind("a", "build now", "a"),
	buildFresh:   bind("A", "without cache", "A"),
	output:       bind("enter", "build output", "enter"),
	cancelBuild:  bind("x", "cancel build", "x"),
	cancelDeploy: bind("x", "cancel deployment", "x"),
	lastDeploy:   bind("enter", "last deployment", "enter"),
	files:        bind("enter", "files", "enter"),
	change:       bind("e", "change", "e", "enter"),
	add:          bind("a", "add", "a"),
	drop:         bind("x", "remove", "x"),
	paste:        bind("p", "paste a .env", "p"),
	reveal:       bind("space", "reveal", "space"),
	undo:         bind("u", "undo to it", "u", "enter"),
	testAlert:    bind("t", "send a test", "t"),

	follow:    bind("space", "follow or pause", "space"),
	wrapLines: bind("w", "wrap", "w"),
	times:     bind("t", "times", "t"),
	invert:    bind("i", "invert", "i"),
	minLevel:  bind("L", "level", "L"),
	span:      bind("T", "time span", "T"),
	merge:     bind("a", "add a service", "a"),
	context:   bind("x", "all lines or matches", "x"),
	search:    bind("S", "search everything", "S"),
	left:      bind("left", "scroll left", "left"),
	right:     bind("right", "scroll right", "right"),
	expand:    bind("enter", "expand", "enter"),

	pause:  bind("space", "pause or play", "space"),
	faster: bind("+", "faster", "+", "="),
	slower: bind("-", "slower", "-"),
	again:  bind("a", "from the start", "a"),

	cancel:     bind("x", "cancel the job", "x"),
	prune:      bind("P", "prune disk", "P"),
	person:     bind("a", "add a person", "a"),
	addKey:     bind("A", "add a key", "A"),
	role:       bind("o", "role", "o"),
	revoke:     bind("x", "remove, revoke or end", "x"),
	edit:       bind("e", "change", "e", "enter"),
	verify:     bind("v", "verify the chain", "v"),
	filters:    bind("f", "filters", "f"),
	live:       bind("space", "live or paused", "space"),
	searchDocs: bind("S", "search the handbook", "S"),

	yes:      bind("y", "do it", "y", "Y"),
	no:       bind("n", "cancel", "n", "N", "esc", "q"),
	choose:   bind("enter", "choose", "enter"),
	switchTo: bind("←→", "switch", "tab", "shift+tab", "left", "right"),
	complete: bind("tab", "complete", "tab"),
}

// everywhere are the keys that the frame takes before a screen sees them.
func everywhere() []key.Binding {
	return append([]key.Binding{
		keys.help, keys.command, keys.palette, keys.filter, keys.messages, keys.refresh, keys.copy, keys.mouse,
		keys.back, keys.quit, keys.end,
	}, places()...)
}

// places are the keys that lead to a screen.
func places() []key.Binding {
	return []key.Binding{
		keys.home, keys.logs, keys.deployments, keys.instances, keys.alerts, keys.terminal, keys.infra, keys.jobs, keys.audit, keys.access,
		keys.diagnose, keys.settings, keys.docs,
	}
}

// onService are the keys that the frame takes on any screen where a service is selected.
func onService() []key.Binding {
	return []key.Binding{
		keys.svcLogs, keys.svcShell, keys.svcDescribe, keys.svcRestart, keys.svcDeploy, keys.svcRollback, keys.svcChanges,
		keys.svcBuilds, keys.svcEnv, keys.svcRoute,
	}
}

// moving are the keys of every list.
func moving() []key.Binding {
	return []key.Binding{keys.down, keys.up, keys.top, keys.bottom, keys.pageDown, keys.pageUp, keys.next, keys.prev}
}
