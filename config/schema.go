package config

import (
	"maps"
	"slices"
	"strings"
)

// maxName is what the tables hold of a name of the operator's own, in characters.
const maxName = 32

// The sections below which names of the operator's own stand.
const (
	gatewaySection = "gateways."
	policySection  = "billing.policies."
)

// namedSections lists them.
func namedSections() []string { return []string{gatewaySection, policySection} }

// schema is the table of keys, ready to be asked.
type schema struct {
	keys []Key
	// byName has every key and every …_file key.
	byName map[string]Key
	// sections are the proper prefixes of all names.
	sections map[string]bool
}

func newSchema() schema {
	s := schema{keys: Keys(), byName: map[string]Key{}, sections: map[string]bool{}}
	for _, k := range s.keys {
		s.byName[k.Name] = k
		if k.Secret {
			s.byName[k.Name+fileSuffix] = Key{Name: k.Name + fileSuffix, parse: text}
		}
		for i, r := range k.Name {
			if r == '.' {
				s.sections[k.Name[:i]] = true
			}
		}
	}
	return s
}

// find returns the key that a dotted name sets.
func (s schema) find(key string) (Key, bool) {
	k, ok := s.byName[general(key)]
	return k, ok
}

// section says whether key holds further keys.
func (s schema) section(key string) bool { return s.sections[general(key)] }

// fileFor is the secret key that a …_file key is for; empty if key is none.
func (s schema) fileFor(key string) string {
	target, ok := strings.CutSuffix(key, fileSuffix)
	if !ok || !s.byName[general(target)].Secret {
		return ""
	}
	return target
}

// general puts <name> for the name of the operator's own in key.
func general(key string) string {
	section, name, ok := nameIn(key)
	if !ok {
		return key
	}
	return section + anyName + strings.TrimPrefix(key, section+name)
}

// nameIn is the name of the operator's own in key, and the section that it stands below.
func nameIn(key string) (section, name string, ok bool) {
	for _, section := range namedSections() {
		if rest, ok := strings.CutPrefix(key, section); ok {
			name, _, _ := strings.Cut(rest, ".")
			return section, name, true
		}
	}
	return "", "", false
}

func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// names are the names of the operator's own, by their sections.
type names map[string]map[string]bool

func newNames() names {
	n := names{}
	for _, section := range namedSections() {
		n[section] = map[string]bool{}
	}
	return n
}

// clone is a copy that can be added to.
func (n names) clone() names {
	out := names{}
	for section, of := range n {
		out[section] = maps.Clone(of)
	}
	return out
}

// put are the names that a key with <name> in it stands for.
func (n names) put(key string) []string {
	if !strings.Contains(key, anyName) {
		return []string{key}
	}
	section, _, _ := nameIn(key)
	var keys []string
	for _, name := range slices.Sorted(maps.Keys(n[section])) {
		keys = append(keys, strings.Replace(key, anyName, name, 1))
	}
	return keys
}
