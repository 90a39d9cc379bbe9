package core

// rowsOf gives the rows of a table that this plane may see, in order of key.
func rowsOf[T any](c *Core, table string) []T { return all[T](c.state, table) }

// rowOf gives one row of a table that this plane may see.
func rowOf[T any](c *Core, table, key string) (T, bool) {
	v, _, ok := get[T](c.state, table, key)
	return v, ok
}
