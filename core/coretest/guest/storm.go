package main

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// storm starts n processes that do nothing but stay, as one that forks without end would; here there is an end. It says how
// many it got, and stays too. Only raw calls are made: where no process may be started, the runtime gets no thread either.
func storm(n int) int {
	runtime.LockOSThread()
	got := 0
	for range n {
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			continue
		}
		if pid == 0 {
			stay()
		}
		got++
	}
	line := fmt.Appendf(nil, "storm of %d got %d\n", n, got)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&line[0])), uintptr(len(line))); errno != 0 {
		return 1
	}
	stay()
	return 0
}

// stay waits for ever.
func stay() {
	for {
		_, _, _ = syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0) // a signal that ends it, ends it
	}
}
