package core

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestARoleOfAnotherReleaseInTheJournalDoesNotStopTheStartAndMayDoNothing(t *testing.T) {
	w := newWorld(t)
	line, _ := newKeyText(t, "eve@desk")
	key, err := ParseKey(line)
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := key.Fingerprint()
	for _, rec := range []Record{
		{Table: auditTable, Key: "a", Op: RecordNote, Body: json.RawMessage(`{"phase":"intent","op":"service.restart","risk":"change","actor":{"name":"eve","role":"auditor"}}`)},
		{Table: jobsTable, Key: "j", Op: RecordPut, Ver: 1, Body: json.RawMessage(`{"id":"j","kind":"disk.prune","state":"done","by":{"name":"eve","role":"auditor"}}`)},
		{Table: peopleTable, Key: "eve", Op: RecordPut, Ver: 1, Body: json.RawMessage(`{"name":"eve","role":"auditor","source":"store"}`)},
		{Table: keysTable, Key: fingerprint, Op: RecordPut, Ver: 1, Body: must2(json.Marshal(Key{Fingerprint: fingerprint, Person: "eve", Line: line}))(t)},
	} {
		must2(w.journal.Append(t.Context(), rec))(t)
	}
	c := w.open(t)
	if _, _, ok := c.FindKey(fingerprint); ok {
		t.Error("the key of a person with an unknown role works")
	}
	list := must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t)
	if !strings.Contains(strings.Join(list.Warnings, " "), `The person "eve" was skipped`) {
		t.Errorf("warnings %q", list.Warnings)
	}
	if got := auditOf(t, c, "service.restart"); len(got) != 1 || got[0] != "eve  interrupted" {
		t.Errorf("the audit shows %q", got)
	}
	if job := must2(ShowJob.Run(as(t, RoleViewer), c, JobIn{"j"}))(t); job.By.Role != RoleNone {
		t.Errorf("the job is by %+v", job.By)
	}
}

func TestARoleThatIsNoneIsRefusedAtEveryDoor(t *testing.T) {
	c := newWorld(t).open(t)
	line, _ := newKeyText(t, "eve@desk")
	key := string(must2(json.Marshal(line))(t))
	for _, role := range []string{`"root"`, `""`, `"none"`, `"Admin"`} {
		_, err := AddPerson.Call(as(t, RoleAdmin), c, json.RawMessage(`{"name":"eve","role":`+role+`,"key":`+key+`}`))
		wantCode(t, err, CodeInvalid, "viewer, operator and admin")
		_, err = SetRole.Call(as(t, RoleAdmin), c, json.RawMessage(`{"name":"eve","role":`+role+`}`))
		wantCode(t, err, CodeInvalid, "viewer, operator and admin")
	}
	if _, err := ParseRole("root"); CodeOf(err) != CodeInvalid {
		t.Errorf("ParseRole: %v", err)
	}
}
