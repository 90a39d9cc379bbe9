package logs

import (
	"fmt"
	"strings"
	"testing"
)

func TestAJSONLineIsExpandedInItsOwnOrder(t *testing.T) {
	fields, ok := ExpandJSON(` {"z":"last \u00e9","a":1.50,"n":null,"t":true,"f":false,"big":12345678901234567890,"o":{"k":[1,{"x":"y"}]},"e":{},"z":"again"} `)
	if !ok {
		t.Fatal("not taken for JSON")
	}
	var got []string
	for _, f := range fields {
		got = append(got, fmt.Sprintf("%d %s=%s", f.Depth, f.Key, f.Value))
	}
	expect(t, got, "0 z=last é", "0 a=1.50", "0 n=null", "0 t=true", "0 f=false", "0 big=12345678901234567890", "0 o=", "1 k=",
		"2 =1", "2 =", "3 x=y", "0 e=", "0 z=again")
}

func TestWhatIsNotOneJSONObjectIsNotExpanded(t *testing.T) {
	for _, text := range []string{"", "{", "}", "{}x", "[1]", `"x"`, `{"a":}`, `{"a":1}{"b":2}`, "plain", `{"a":1`, "{a:1}"} {
		if fields, ok := ExpandJSON(text); ok {
			t.Errorf("ExpandJSON(%q) = %v", text, fields)
		}
	}
}

func TestExpandingIsBounded(t *testing.T) {
	many := "{" + strings.TrimSuffix(strings.Repeat(`"k":1,`, 10_000), ",") + "}"
	fields, ok := ExpandJSON(many)
	if !ok || len(fields) != maxFields || !fields[maxFields-1].More {
		t.Errorf("%d fields", len(fields))
	}
	deep := strings.Repeat(`{"k":`, 500) + "1" + strings.Repeat("}", 500)
	if fields, ok = ExpandJSON(deep); !ok || len(fields) != maxFieldDepth || !fields[len(fields)-1].More {
		t.Errorf("%d fields of a deep object", len(fields))
	}
	if fields, ok = ExpandJSON(`{"k":"` + strings.Repeat("é", 30_000) + `"}`); !ok || len(fields[0].Value) > maxFieldValue || !fields[0].More {
		t.Errorf("a value of %d bytes", len(fields[0].Value))
	}
}
