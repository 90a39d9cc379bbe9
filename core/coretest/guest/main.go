// Command guest is the program inside the containers of tests: small, static, and able to misbehave in the ways that
// matter. It is the whole content of the test image.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/codematrx/matrx-ship/core/docker/reap"
	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: guest MODE [ARG...]")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1], os.Args[2:]))
}

// run does what the mode says.
func run(mode string, args []string) int {
	switch mode {
	case "sleep":
		return untilTold()
	case "say":
		say(args)
		return untilTold()
	case "swarm":
		return swarm(number(args))
	case "storm":
		return storm(number(args))
	case "fill":
		return fill(number(args))
	case "print":
		fmt.Println(strings.Join(args, " "))
		return 0
	case "long":
		fmt.Println(strings.Repeat("x", number(args)))
		return untilTold()
	case "exit":
		return number(args)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		time.Sleep(time.Hour)
		return 0
	case "flap":
		fmt.Println("flap", time.Now().UnixNano())
		time.Sleep(300 * time.Millisecond)
		return 1
	case "spew":
		if code := spew(args); code != 0 {
			return code
		}
		return untilTold()
	case "pour":
		return spew(args)
	case "binary":
		return binary(number(args))
	case "huge":
		return huge(number(args))
	case "http":
		return serve(args)
	case "app":
		return app(args)
	case "burn":
		return burn()
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return code(err)
	case "size":
		return size()
	case "spawn":
		return spawn()
	case "reap":
		return reap.Main(args)
	}
	fmt.Fprintln(os.Stderr, "unknown mode", mode)
	return 2
}

// swarm takes n MiB and starts another of its kind, which does the same.
func swarm(n int) int {
	block := bytes.Repeat([]byte{'x'}, n<<20)
	next := exec.Command("/guest", "swarm", strconv.Itoa(n))
	if err := next.Run(); err != nil {
		return 1
	}
	runtime.KeepAlive(block)
	return 0
}

// fill writes n MiB a second into a file, to the end of the disk.
func fill(n int) int {
	f, err := os.Create("/filler")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer f.Close()
	tick := time.NewTicker(time.Second / time.Duration(n))
	defer tick.Stop()
	block := bytes.Repeat([]byte{'x'}, 1<<20)
	for range tick.C {
		if _, err := f.Write(block); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}

// untilTold waits for SIGTERM or SIGINT, and ends politely.
func untilTold() int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	<-told
	return 0
}

// say prints one line for each argument, on stderr after the prefix "2:".
func say(lines []string) {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "2:"); ok {
			fmt.Fprintln(os.Stderr, rest)
			continue
		}
		fmt.Println(line)
	}
}

// spew writes lines as fast as it can, as many as the first argument says, 0 for ever.
func spew(args []string) int {
	w := bufio.NewWriterSize(os.Stdout, 64<<10)
	last := number(args)
	for i := 1; last == 0 || i <= last; i++ {
		if _, err := fmt.Fprintf(w, "%d 2026-11-21T10:00:00Z level=info msg=\"request served\" path=/api/v1/things status=200 took=12ms\n", i); err != nil {
			return 1
		}
	}
	return code(w.Flush())
}

// binary writes n bytes of every value, without regard for lines.
func binary(n int) int {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	_, err := os.Stdout.Write(b)
	return code(err)
}

// huge writes n MiB without a newline.
func huge(n int) int {
	block := bytes.Repeat([]byte{'x'}, 1<<20)
	for range n {
		if _, err := os.Stdout.Write(block); err != nil {
			return 1
		}
	}
	return 0
}

// burn uses a core until it is told to end.
func burn() int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	for n := uint64(0); ; n++ {
		if n%(1<<20) == 0 && len(told) > 0 {
			return 0
		}
	}
}

// serve answers HTTP on the port of the first argument.
func serve(args []string) int {
	srv := &http.Server{Addr: ":" + strconv.Itoa(number(args)), ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })}
	return code(srv.ListenAndServe())
}

// size prints the terminal's size at once and whenever it changes.
func size() int {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for {
		ws, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		if err != nil {
			return code(err)
		}
		fmt.Println(ws.Col, ws.Row)
		<-changed
	}
}

// spawn starts what a shell may leave behind: a child that ignores the hang-up, and one that has forgotten its
// environment in a session of its own. Then it waits.
func spawn() int {
	for _, child := range []*exec.Cmd{
		{Path: "/proc/self/exe", Args: []string{"guest", "stubborn"}},
		{Path: "/proc/self/exe", Args: []string{"guest", "stubborn"}, Env: []string{"FORGOT=1"}, SysProcAttr: &syscall.SysProcAttr{Setsid: true}},
	} {
		if err := child.Start(); err != nil {
			return code(err)
		}
	}
	fmt.Println("spawned")
	return untilTold()
}

func number(args []string) int {
	if len(args) == 0 {
		return 0
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return n
}

func code(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
