// Package core is the domain of a control plane: the nouns an operator works with, the rules they obey, and the
// operations through which every door (SSH, web, API, MCP, CLI) reaches them. It imports no SDK, no net/http and no
// terminal library: what it needs from outside it states as an interface, which a sub-package implements.
package core
