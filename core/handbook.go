package core

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The bounds of the handbook.
const (
	maxDocHits    = 200
	maxDocLine    = 200 // characters of a hit
	maxSearchText = 200 // bytes
)

// pages reads the handbook in its order: that of the leading number in the file names (010-home.md is "home").
func (c *Core) pages() ([]Doc, error) {
	files, err := fs.Glob(c.docs, "*.md") // in order of name
	if err != nil {
		return nil, fmt.Errorf("list the handbook: %w", err)
	}
	var docs []Doc
	for _, file := range files {
		raw, err := fs.ReadFile(c.docs, file)
		if err != nil {
			return nil, fmt.Errorf("read the handbook: %w", err)
		}
		name := docName(file)
		if slices.ContainsFunc(docs, func(d Doc) bool { return d.Name == name }) {
			continue
		}
		docs = append(docs, Doc{Name: name, Title: docTitle(string(raw), name), Text: string(raw)})
	}
	return docs, nil
}

// docName is a page's name: the file's without its number and ending.
func docName(file string) string {
	name := strings.TrimSuffix(path.Base(file), ".md")
	return cmp.Or(strings.TrimLeft(strings.TrimLeft(name, "0123456789"), "-_"), name)
}

// docTitle is the first heading.
func docTitle(text, name string) string {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(line, "#"); ok {
			return strings.TrimSpace(strings.TrimLeft(title, "#"))
		}
	}
	return name
}

// listDocs lists without the text.
func listDocs(_ context.Context, c *Core, _ struct{}) ([]Doc, error) {
	docs, err := c.pages()
	for i := range docs {
		docs[i].Text = ""
	}
	return docs, err
}

func showDoc(_ context.Context, c *Core, in DocIn) (Doc, error) {
	docs, err := c.pages()
	if err != nil {
		return Doc{}, err
	}
	var names []string
	for _, doc := range docs {
		if doc.Name == in.Name {
			return doc, nil
		}
		names = append(names, doc.Name)
	}
	return Doc{}, Errorf(CodeNotFound, "There is no page %q; the pages are: %s.", SafeText(in.Name), strings.Join(names, ", "))
}

// Validate refuses a search for nothing.
func (in SearchDocsIn) Validate() error {
	if text := strings.TrimSpace(in.Text); text == "" || len(text) > maxSearchText {
		return Errorf(CodeInvalid, "What to look for? Give 1 to %d characters.", maxSearchText)
	}
	return nil
}

// searchDocs looks for text in any case, line by line, and gives at most 200 hits.
func searchDocs(_ context.Context, c *Core, in SearchDocsIn) ([]DocHit, error) {
	docs, err := c.pages()
	want, hits := strings.ToLower(strings.TrimSpace(in.Text)), []DocHit{}
	for _, doc := range docs {
		number := 0
		for line := range strings.Lines(doc.Text) {
			number++
			if len(hits) < maxDocHits && strings.Contains(strings.ToLower(line), want) {
				hits = append(hits, DocHit{doc.Name, doc.Title, number, cutHit(line)})
			}
		}
	}
	return hits, err
}

// cutHit bounds the line of a hit.
func cutHit(line string) string {
	runes := []rune(strings.TrimSpace(line))
	if len(runes) > maxDocLine {
		return string(runes[:maxDocLine]) + "…"
	}
	return string(runes)
}
