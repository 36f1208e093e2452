package config

import (
	"maps"
	"slices"
	"strings"
)

const (
	envPrefix     = "DULY_"
	envTestPrefix = "DULY_TEST_"
	gatewayPrefix = "DULY_GATEWAYS_"
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
	known := l.gatewaysWith(names)
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

// gatewaysWith is the gateways met so far and those that a variable names in one way only.
func (l *loader) gatewaysWith(variables []string) map[string]bool {
	known := maps.Clone(l.gateways)
	for _, name := range variables {
		if keys := l.gatewayKeys(name); len(keys) == 1 {
			gateway, _ := gatewayOf(keys[0])
			known[gateway] = true
		}
	}
	return known
}

// keysOf is the key that a variable sets. Where a gateway's name can end in two places it is the name that
// is known, or the shorter one if none is; more than one key if several are known.
func (l *loader) keysOf(name string, known map[string]bool) []string {
	for key := range l.schema.byName {
		if !strings.Contains(key, anyGateway) && variable(key) == name {
			return []string{key}
		}
	}
	keys := l.gatewayKeys(name)
	if len(keys) < 2 {
		return keys
	}
	ofKnown := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		gateway, _ := gatewayOf(key)
		return !known[gateway]
	})
	if len(ofKnown) == 0 {
		return keys[:1]
	}
	return ofKnown
}

// gatewayKeys is every key that the name of a gateway's variable can be read as, shortest gateway first.
func (l *loader) gatewayKeys(name string) []string {
	rest, ok := strings.CutPrefix(name, gatewayPrefix)
	if !ok {
		return nil
	}
	var keys []string
	for key := range l.schema.byName {
		field, ok := strings.CutPrefix(key, "gateways."+anyGateway+".")
		if !ok {
			continue
		}
		gateway, ok := strings.CutSuffix(rest, "_"+strings.TrimPrefix(variable(field), envPrefix))
		gateway = strings.ReplaceAll(gateway, "_", "-")
		if ok && gateway == strings.ToUpper(gateway) && gatewayName(strings.ToLower(gateway)) {
			keys = append(keys, "gateways."+strings.ToLower(gateway)+"."+field)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		first, _ := gatewayOf(a)
		second, _ := gatewayOf(b)
		return len(first) - len(second)
	})
	return keys
}

// variables are all variables that can be set, given the gateways.
func (l *loader) variables(gateways map[string]bool) []string {
	var names []string
	for _, key := range l.schema.names(gateways) {
		if !l.schema.section(key) {
			names = append(names, variable(key))
		}
	}
	return names
}
