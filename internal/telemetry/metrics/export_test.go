package metrics

import "slices"

// Labels are the names of its labels.
func (d Description) Labels() []string { return slices.Clone(d.labels) }
