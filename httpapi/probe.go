package httpapi

import (
	"encoding/json"
	"net/http"
)

// handleHealthz says that the process answers; it looks at nothing else.
func (s *Server) handleHealthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	s.write(w, []byte("ok\n"))
}

// handleReadyz says whether the doors are open and the journal takes records: 200 or 503, and why.
func (s *Server) handleReadyz(w http.ResponseWriter, _ *http.Request) {
	health := s.opt.Health()
	status := http.StatusOK
	if !health.Ready {
		status = http.StatusServiceUnavailable
	}
	s.writeJSON(w, status, struct {
		Ready    bool     `json:"ready"`
		Problems []string `json:"problems"`
	}{health.Ready, append([]string{}, health.Problems...)})
}

// writeJSON is the one way to answer with JSON.
func (s *Server) writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		s.opt.Log.Error("answer not encodable", "err", err)
		http.Error(w, "Internal error.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	s.write(w, append(raw, '\n'))
}

// write sends a body. A reader that has gone is no fault of ours and is noted at debug level only.
func (s *Server) write(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		s.opt.Log.Debug("answer not delivered", "err", err)
	}
}
