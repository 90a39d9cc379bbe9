package core

// envOf gives the env that a release ran with. Both control planes may have made a version of its number without knowing of each
// other: the one that lost got a number of its own, and is found by its digest. A release that was recorded without a digest has the
// version of its number.
func (c *Core) envOf(rel Release) (map[string]string, EnvVersion, error) {
	v, ok := rowOf[EnvVersion](c, envTable, envKey(rel.Service, rel.EnvVersion))
	if rel.EnvVersion <= 0 || rel.EnvMark == "" || ok && envDigest(v) == rel.EnvMark {
		return c.envAt(rel.Service, rel.EnvVersion)
	}
	for _, v := range c.envVersions(rel.Service) {
		if v.Keeps == rel.EnvMark {
			return c.envAt(rel.Service, v.Version)
		}
	}
	if !ok {
		return c.envAt(rel.Service, rel.EnvVersion) // which says that it is not here
	}
	return nil, EnvVersion{}, Errorf(CodeNotFound, "The env of that release of %s was version %d, and that number is another version now: both control planes had made one. The one it ran with is not known here (yet); env %s lists what there is.",
		rel.Service, rel.EnvVersion, rel.Service)
}

// markOf is what a release keeps of its env besides the number.
func markOf(v EnvVersion) string {
	if v.Version == 0 {
		return ""
	}
	return envDigest(v)
}
