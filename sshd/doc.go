// Package sshd is the SSH door: it decides who may come in, keeps one client from disturbing another, and gives every
// session its own context, terminal and end. The layer below the commands and the console lives in these files:
//
//   - server.go, conn.go, startups.go, penalty.go, keepalive.go: the listener and its limits
//   - identity.go, auth.go, authorizedkeys.go, address.go, keyset.go, keyfile.go, authority.go, hostkey.go: keys
//   - session.go, requests.go, registry.go, stream.go, command.go: one "session" channel of a connection
//   - term.go, gate.go, program.go, exec.go, mailbox.go: a terminal, and a Bubble Tea program on it
//
// Everything a client sends before and after login is input to be judged: sizes are clamped, lists are bounded, and
// what nobody uses (forwarding, agent, X11, sftp, scp) is refused.
package sshd
