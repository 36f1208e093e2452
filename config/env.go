package config

import (
	"maps"
	"slices"
	"strings"
)

const (
	envPrefix     = "DULY_"
	envTestPrefix = "DULY_TEST_"
)

// ofWrapper reports whether a variable is read by the scripts that start duly (deploy/bin/duly-vm, deploy/cron/duly-cron),
// whose environment file is the program's too.
func ofWrapper(name string) bool {
	switch name {
	case "DULY_TRIES", "DULY_WAIT", "DULY_LOCK", "DULY_POWEROFF", "DULY_KEEP_UP", "DULY_LOGS", "DULY_LOCKS", "DULY_PATIENCE":
		return true
	}
	return false
}

// readEnv takes in DULY_… variables. viper would only look up keys that it has heard of, so that a gateway
// could not be made, nor a slip be found, by the environment alone.
func (l *loader) readEnv(env []string) {
	vars := map[string]string{}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && !strings.HasPrefix(name, envTestPrefix) && !ofWrapper(name) && value != "" {
			vars[name] = value
		}
	}
	names := slices.Sorted(maps.Keys(vars))
	known := l.namesWith(names)
	for _, name := range names {
		keys := l.keysOf(name, known)
		switch len(keys) {
		case 0:
			l.problem(name, unknownText(nearest(name, l.variables(known)), "every variable is in docs/configuration.md"))
		case 1:
			l.set(keys[0], vars[name], name, l.merge)
		default:
			l.problem(name, "can mean "+strings.Join(keys, " and ")+": set it in the file")
		}
	}
}

// namesWith is the names met so far and those that a variable names in one way only.
func (l *loader) namesWith(variables []string) names {
	known := l.names.clone()
	for _, name := range variables {
		if keys := l.namedKeys(name); len(keys) == 1 {
			section, own, _ := nameIn(keys[0])
			known[section][own] = true
		}
	}
	return known
}

// keysOf is the key that a variable sets. Where the name of a gateway or a policy can end in two places it is the name that
// is known, or the shorter one if none is; more than one key if several are known.
func (l *loader) keysOf(name string, known names) []string {
	for key := range l.schema.byName {
		if !strings.Contains(key, anyName) && variable(key) == name {
			return []string{key}
		}
	}
	keys := l.namedKeys(name)
	if len(keys) < 2 {
		return keys
	}
	ofKnown := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		section, own, _ := nameIn(key)
		return !known[section][own]
	})
	if len(ofKnown) == 0 {
		return keys[:1]
	}
	return ofKnown
}

// namedKeys is every key that the variable of a gateway or a policy can be read as, shortest name first.
func (l *loader) namedKeys(name string) []string {
	var keys []string
	for _, section := range namedSections() {
		rest, ok := strings.CutPrefix(name, variable(section))
		if !ok {
			continue
		}
		for key := range l.schema.byName {
			field, ok := strings.CutPrefix(key, section+anyName+".")
			if !ok {
				continue
			}
			own, ok := strings.CutSuffix(rest, "_"+strings.TrimPrefix(variable(field), envPrefix))
			own = strings.ReplaceAll(own, "_", "-")
			if ok && own == strings.ToUpper(own) && validName(strings.ToLower(own)) {
				keys = append(keys, section+strings.ToLower(own)+"."+field)
			}
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		_, first, _ := nameIn(a)
		_, second, _ := nameIn(b)
		return len(first) - len(second)
	})
	return keys
}

// variables are all variables that can be set, given the names.
func (l *loader) variables(known names) []string {
	var names []string
	for _, key := range l.schema.names(known) {
		if !l.schema.section(key) {
			names = append(names, variable(key))
		}
	}
	return names
}
