package docs

import (
	"fmt"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

//go:generate go test -run ^TestReference -update .

// Operations is the table of every operation, its risk, the least role, and the doors it has, in Markdown.
func Operations(ops []core.AnyOp) string {
	var b strings.Builder
	b.WriteString("# Operations\n\nGenerated from the list in `core/ops.go` by `make docs`; a test keeps it so. Every door runs the same operation through the\n" +
		"same steps: durable audit intent, permission, validation, confirmation, action, audit outcome.\n\n" +
		"*Risk*: read asks nothing, change asks once, destroy asks a person for the target's name. *Relief*: still works when the journal's\ndisk is full. " +
		"Every operation is `ssh ... op NAME JSON`; screens and commands use the same ones.\n\n" +
		"| operation | what it does | risk | least role | audited | relief | answers |\n|---|---|---|---|---|---|---|\n")
	for _, op := range ops {
		info := op.Info()
		answers := "once"
		if info.Streams {
			answers = "as a stream"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", info.Name, info.Summary, info.Risk, info.Role, yes(info.Audited), yes(info.Relief), answers)
	}
	return b.String()
}

// Configuration is the table of every environment variable, in Markdown.
func Configuration(vars []core.Variable) string {
	var b strings.Builder
	b.WriteString("# Configuration\n\nA control plane is configured by environment variables only. This table is generated from `core/config.go` by `make docs`.\n" +
		"Where *file* says yes, `NAME_FILE` may name a file that holds the value instead.\n\n" +
		"| variable | default | file | what it is |\n|---|---|---|---|\n")
	for _, v := range vars {
		value := "-"
		if v.Default != "" {
			value = "`" + v.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, value, yes(v.File), v.Doc)
	}
	return b.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
