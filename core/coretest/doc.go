// Package coretest holds stateful fakes of what core asks of the outside, and the contract suites that the fakes and the
// real things must both pass. A fake that cannot pass its suite is deleted.
package coretest
