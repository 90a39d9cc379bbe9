package core

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// buildTag is the name of a build's image: matrx/SERVICE:BUILD. It follows from the build alone, so that it is found again
// after a crash. Names of images have small letters and single separators only.
func buildTag(service, build string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(strings.ToLower(service), func(r rune) bool { return r == '.' || r == '_' || r == '-' }) {
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(part)
	}
	return "matrx/" + b.String() + ":" + shortBuild(build)
}

// shortBuild is a build's id as people write it: the end of it, because ids begin with their time.
func shortBuild(id string) string { return id[max(0, len(id)-12):] }

// imageLabels say on an image where it comes from. com.matrx.service is not among them: a container takes its image's labels over, so
// that a step of a build, or one that somebody tries by hand, would pass for the service itself.
func imageLabels(b Build, at time.Time) map[string]string {
	return map[string]string{
		labelBuiltFor: b.Service, labelCommit: b.Commit.SHA, labelBuild: b.ID, labelBuilt: at.UTC().Format(time.RFC3339),
	}
}

// checkImage refuses an image that this server cannot run, or that would speak to Traefik or to us over the head of the
// service's definition.
func checkImage(d ImageDetail) error {
	if d.Architecture != "" && d.Architecture != runtime.GOARCH {
		return Errorf(CodeInvalid, "The image is for %s, and this server is %s. Build it for linux/%s, from a base image of that kind.", shortText(d.Architecture), runtime.GOARCH, runtime.GOARCH)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Labels)) {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "traefik.") || lower == "traefik" {
			return Errorf(CodeInvalid, "The image has the label %s. Routes come from the service's definition alone: take the LABEL out of the Dockerfile or its base image.", shortText(name))
		}
		if lower == labelHelper || lower == labelProject {
			return Errorf(CodeInvalid, "The image has the label %s, which only a control plane sets. Take it out of the Dockerfile or its base image.", shortText(name))
		}
	}
	return nil
}
