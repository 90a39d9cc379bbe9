package core

// Doc is one page of the embedded handbook.
type Doc struct {
	Name  string `json:"name"` // "logs"
	Title string `json:"title"`
	Text  string `json:"text,omitempty"` // Markdown
}

// DocIn names a page.
type DocIn struct {
	Name string `json:"name"`
}

// SearchDocsIn says what to look for.
type SearchDocsIn struct {
	Text string `json:"text"`
}

// DocHit is a place in the handbook.
type DocHit struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Line  int    `json:"line"`
	Text  string `json:"text"`
}

// The operations on the handbook.
var (
	ListDocs   = Op[struct{}, []Doc]{"doc.list", "List the handbook's pages", Read, RoleViewer, false, false, listDocs}
	ShowDoc    = Op[DocIn, Doc]{"doc.show", "Show a page of the handbook", Read, RoleViewer, false, false, showDoc}
	SearchDocs = Op[SearchDocsIn, []DocHit]{"doc.search", "Search the handbook", Read, RoleViewer, false, false, searchDocs}
)
