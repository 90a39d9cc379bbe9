package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// app is a web app as deployments meet them. The first argument is its port; the others say how it behaves:
//
//	drain      ends what it has begun when it is told to end; without it, it ends at once
//	deaf       does not end when it is told to
//	sick       never gets healthy
//	die=2s     ends by itself, with an error, after so long
//	late=2s    listens only after so long
//	lag=200ms  takes so long for each answer
//
// It answers /healthz, /slow (after a second), /mark with the value of the variable MARK, and anything else at once.
func app(args []string) int {
	port, how := number(args), map[string]string{}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		how[name] = value
	}
	rest(how["late"])
	srv := &http.Server{Addr: ":" + strconv.Itoa(port), ReadHeaderTimeout: 5 * time.Second, Handler: pages(how)}
	failed := make(chan error, 1)
	go func() { failed <- srv.ListenAndServe() }()
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	_, deaf := how["deaf"]
	_, drain := how["drain"]
	end := make(<-chan time.Time)
	if d, err := time.ParseDuration(how["die"]); err == nil {
		end = time.After(d)
	}
	for {
		select {
		case err := <-failed:
			return code(err)
		case <-end:
			fmt.Fprintln(os.Stderr, "app: it dies, as it was told")
			return 3
		case <-told:
			if deaf {
				continue
			}
			if drain {
				return code(srv.Shutdown(context.Background()))
			}
			return 0
		}
	}
}

// pages answers requests.
func pages(how map[string]string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if _, sick := how["sick"]; sick {
			http.Error(w, "sick", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		rest("1s")
		fmt.Fprintln(w, "slow")
	})
	mux.HandleFunc("/mark", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, os.Getenv("MARK")) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest(how["lag"])
		mux.ServeHTTP(w, r)
	})
}

// rest waits for a duration that may be empty.
func rest(d string) {
	if d, err := time.ParseDuration(d); err == nil {
		time.Sleep(d)
	}
}
