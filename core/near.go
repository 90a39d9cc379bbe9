package core

import (
	"sort"
	"strings"
)

// maxNear is how many near matches are named.
const maxNear = 3

// nearNames finds the names that somebody may have meant, the nearest first.
func nearNames(name string, names []string) []string {
	return namesWithin(name, names, max(1, len(name)/4))
}

// namesWithin finds the names that differ in at most so many letters, or hold the name.
func namesWithin(name string, names []string, most int) []string {
	type match struct {
		name string
		far  int
	}
	name = strings.ToLower(name[:min(len(name), maxServiceName)])
	var found []match
	for _, candidate := range names {
		lower := strings.ToLower(candidate)
		far := distance(name, lower)
		switch {
		case name != "" && strings.Contains(lower, name):
			found = append(found, match{candidate, 0})
		case far <= most:
			found = append(found, match{candidate, far})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].far < found[j].far })
	var near []string
	for _, m := range found[:min(len(found), maxNear)] {
		near = append(near, m.name)
	}
	return near
}

// distance counts the letters to insert, drop or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// NearNames finds the keys that somebody may have meant, the nearest first, at most three. Letters that were swapped count
// as two, so it takes more than nearNames.
func NearNames(name string, names []string) []string {
	return namesWithin(name, names, max(1, len(name)/3))
}
