package core

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func handbook(pages map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range pages {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestTheHandbookIsListedInTheOrderOfItsNumbersAndShown(t *testing.T) {
	w := newWorld(t)
	w.docs = handbook(map[string]string{
		"020-logs.md": "# Logs\n\nText.", "010-home.md": "intro\n\n## Home screen\n", "about.md": "no heading", "notes.txt": "no page",
		"030-home.md": "# Another\n", "2026.md": "# A year\n",
	})
	c := w.open(t)
	var got []string
	for _, doc := range must2(ListDocs.Run(as(t, RoleViewer), c, struct{}{}))(t) {
		got = append(got, doc.Name+"="+doc.Title)
		if doc.Text != "" {
			t.Fatal("the list carries the text")
		}
	}
	if strings.Join(got, "|") != "home=Home screen|logs=Logs|2026=A year|about=about" {
		t.Fatalf("got %q", got)
	}
	if doc := must2(ShowDoc.Run(as(t, RoleViewer), c, DocIn{"logs"}))(t); !strings.Contains(doc.Text, "Text.") {
		t.Fatalf("got %+v", doc)
	}
	_, err := ShowDoc.Run(as(t, RoleViewer), c, DocIn{"../secrets"})
	wantCode(t, err, CodeNotFound, "home, logs")
}

func TestTheHandbookIsSearchedInAnyCaseByLineAndBounded(t *testing.T) {
	w := newWorld(t)
	w.docs = handbook(map[string]string{
		"010-home.md": "# Home\n\nRestart a Service here.\n" + strings.Repeat("x", 5000) + " restart\n",
		"020-many.md": strings.Repeat("many lines\n", 1000),
	})
	c := w.open(t)
	hits := must2(SearchDocs.Run(as(t, RoleViewer), c, SearchDocsIn{" RESTART "}))(t)
	if len(hits) != 2 || fmt.Sprint(hits[0]) != "{home Home 3 Restart a Service here.}" || len(hits[1].Text) > 300 {
		t.Fatalf("got %+v", hits)
	}
	if hits := must2(SearchDocs.Run(as(t, RoleViewer), c, SearchDocsIn{"many"}))(t); len(hits) != maxDocHits {
		t.Fatalf("%d hits", len(hits))
	}
	if hits := must2(SearchDocs.Run(as(t, RoleViewer), c, SearchDocsIn{"nowhere"}))(t); hits == nil || len(hits) != 0 {
		t.Fatalf("got %+v", hits)
	}
	for _, text := range []string{"", "  ", strings.Repeat("x", 500)} {
		_, err := SearchDocs.Run(as(t, RoleViewer), c, SearchDocsIn{text})
		wantCode(t, err, CodeInvalid)
	}
}
