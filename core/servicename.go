package core

// ProjectLabel is the label of a container that belongs to one of several stacks on an engine.
const ProjectLabel = labelProject

// ServiceOf is the name of the service that a container is, as its labels, its name or compose say. Locks go by it.
func ServiceOf(c Container) string { return recognise(c).name }
