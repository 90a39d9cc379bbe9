package core

import (
	"maps"
	"slices"
)

// checkBuildArgs refuses arguments of a build that look like secrets: they stay readable in the image's history.
func checkBuildArgs(args map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if why := whySecret(name, args[name]); why != "" {
			return Errorf(CodeInvalid, "The build argument %s %s. Build arguments stay readable in the image's history: put it into the env, which the container gets when it starts (env.set), and read it there. What is meant for everybody to see may have PUBLIC in its name.", shortText(name), why)
		}
	}
	return nil
}
