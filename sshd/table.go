package sshd

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/codematrx/matrx-ship/core"
)

// table prints rows in columns as wide as their widest cell. Every cell is made safe here, so that no command forgets.
type table struct {
	head []string
	rows [][]string
}

// add appends a row; it has as many cells as the head.
func (t *table) add(cells ...string) {
	for i, cell := range cells {
		cells[i] = core.SafeText(strings.ReplaceAll(cell, "\n", " "))
	}
	t.rows = append(t.rows, cells)
}

// print writes head and rows; without rows it says so.
func (t *table) print(w io.Writer, empty string) {
	if len(t.rows) == 0 {
		fmt.Fprintln(w, empty)
		return
	}
	width := make([]int, len(t.head))
	all := append([][]string{t.head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], ansi.StringWidth(cell))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-ansi.StringWidth(cell)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
