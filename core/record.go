package core

import (
	"encoding/json"
	"unicode/utf8"
)

// Limits of one Record. They keep one line of the journal readable with a bounded buffer.
const (
	MaxRecordBody  = 1 << 20 // bytes
	MaxRecordName  = 64      // bytes of a table's name
	MaxRecordKey   = 512     // bytes
	MaxRecordActor = 512     // bytes
)

// Validate says with CodeInvalid what about the record cannot be journalled.
func (r Record) Validate() error {
	row := r.Op == RecordPut || r.Op == RecordDelete
	switch {
	case !row && r.Op != RecordNote:
		return Errorf(CodeInvalid, "A record's op is put, del or note, not %q.", r.Op)
	case r.Table == "" || len(r.Table) > MaxRecordName || !utf8.ValidString(r.Table):
		return Errorf(CodeInvalid, "A record needs a table name of 1 to %d bytes.", MaxRecordName)
	case row && r.Key == "":
		return Errorf(CodeInvalid, "A record of table %s with op %s needs a key.", r.Table, r.Op)
	case len(r.Key) > MaxRecordKey || !utf8.ValidString(r.Key):
		return Errorf(CodeInvalid, "A record's key is text of at most %d bytes; this one of table %s is not.", MaxRecordKey, r.Table)
	case len(r.Actor) > MaxRecordActor:
		return Errorf(CodeInvalid, "A record's actor has at most %d bytes; this one of table %s has %d.", MaxRecordActor, r.Table, len(r.Actor))
	case r.Ver < 0:
		return Errorf(CodeInvalid, "A record's version is not negative; %s %s has %d.", r.Table, r.Key, r.Ver)
	case len(r.Body) > MaxRecordBody:
		return Errorf(CodeInvalid, "A record has at most %d bytes; %s %s has %d.", MaxRecordBody, r.Table, r.Key, len(r.Body))
	case len(r.Body) > 0 && (!utf8.Valid(r.Body) || !json.Valid(r.Body)):
		return Errorf(CodeInvalid, "The body of %s %s is not JSON.", r.Table, r.Key)
	}
	return nil
}
