package core

// TrimLogsIn says how much of the logs to keep; zero fields keep their setting.
type TrimLogsIn struct {
	LogBounds
}

// LogField is one field of a JSON log line taken apart for reading.
type LogField struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// The operations on logs.
var (
	ReadLogs   = Watch[LogQuery, LogLine]{"log.read", "Print collected lines", RoleViewer, false, readLogs}
	FollowLogs = Watch[LogQuery, LogLine]{"log.follow", "Follow lines as they are written", RoleViewer, false, followLogs}
	SearchLogs = Watch[LogQuery, LogHit]{"log.search", "Search backwards through everything collected", RoleViewer, false, searchLogs}
	ListLogs   = Op[struct{}, []LogService]{"log.services", "List services that have logs", Read, RoleViewer, false, false, listLogs}
	TrimLogs   = Op[TrimLogsIn, LogTrimmed]{"log.trim", "Remove the oldest collected logs", Change, RoleOperator, true, true, trimLogs}
)
