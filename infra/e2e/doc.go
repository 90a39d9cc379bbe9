// Package e2e holds the end to end tests: a whole stack, the real OpenSSH client in a real terminal, the docker command
// changing things behind the control planes' back. `make test` brings the stack up and names it in MATRX_STACK.
package e2e
