// Package probe asks services whether they serve, over the network, the way their clients would: HTTP, the Postgres
// protocol, or a bare TCP connection. It also looks at certificates and names for Diagnose.
package probe
