package logs

// push and pop keep a slice as a heap.
func push[T any](h *[]T, x T, before func(a, b T) bool) {
	*h = append(*h, x)
	for i := len(*h) - 1; i > 0; {
		up := (i - 1) / 2
		if !before((*h)[i], (*h)[up]) {
			return
		}
		(*h)[i], (*h)[up] = (*h)[up], (*h)[i]
		i = up
	}
}

// pop takes the first of a heap that is not empty.
func pop[T any](h *[]T, before func(a, b T) bool) T {
	s := *h
	first, last := s[0], len(s)-1
	s[0] = s[last]
	var zero T
	s[last] = zero
	*h = s[:last]
	fix(s[:last], before)
	return first
}

// fix restores a heap whose first element changed.
func fix[T any](s []T, before func(a, b T) bool) {
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(s); c++ {
			if before(s[c], s[least]) {
				least = c
			}
		}
		if least == i {
			return
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}
