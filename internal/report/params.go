package report

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// ParseParams lists the parameters of a run from their JSON object; nil if there are none, or if it cannot be read.
func ParseParams(params []byte) []Param {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(params, &fields); err != nil {
		return nil
	}
	var out []Param
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var value string
		if err := json.Unmarshal(fields[name], &value); err != nil {
			value = strings.Trim(string(fields[name]), "[]")
			value = strings.NewReplacer(`"`, "", ",", ", ").Replace(value)
		}
		out = append(out, Param{strings.ReplaceAll(name, "_", " "), value})
	}
	return out
}
