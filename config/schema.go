package config

import (
	"strings"
)

// maxGatewayName is what the tables hold of a gateway's name, in characters.
const maxGatewayName = 32

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

// general puts <name> for the gateway's name in key.
func general(key string) string {
	name, ok := gatewayOf(key)
	if !ok {
		return key
	}
	return "gateways." + anyGateway + strings.TrimPrefix(key, "gateways."+name)
}

// gatewayOf is the gateway's name in key.
func gatewayOf(key string) (string, bool) {
	rest, ok := strings.CutPrefix(key, "gateways.")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, ".")
	return name, true
}

func gatewayName(name string) bool {
	if name == "" || len(name) > maxGatewayName {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
