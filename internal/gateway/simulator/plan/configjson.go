package plan

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/go-viper/mapstructure/v2"
)

// UnmarshalJSON reads what is given into c and leaves the rest as it was, so that a file and a patch are read
// alike. Unknown names are errors; durations are strings such as "150ms".
func (c *Config) UnmarshalJSON(text []byte) error {
	var raw map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return err
	}
	changed := c.Clone()
	m, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook: mapstructure.StringToTimeDurationHookFunc(), ErrorUnused: true, TagName: "json", Result: &changed,
	})
	if err != nil {
		return err
	}
	if err := m.Decode(raw); err != nil {
		return err
	}
	*c = changed
	return nil
}

// MarshalJSON writes c as UnmarshalJSON reads it.
func (c Config) MarshalJSON() ([]byte, error) {
	var raw map[string]any
	m, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{TagName: "json", Result: &raw})
	if err != nil {
		return nil, err
	}
	if err := m.Decode(c); err != nil {
		return nil, err
	}
	outages := make([]any, len(c.Outages))
	for i, w := range c.Outages {
		outages[i] = map[string]any{"after": w.After, "for": w.For}
	}
	raw["outages"] = outages
	return json.Marshal(readable(raw))
}

// readable writes durations as text, all the way down.
func readable(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return v.String()
	case map[string]any:
		for name := range v {
			v[name] = readable(v[name])
		}
		return v
	case []any:
		for i := range v {
			v[i] = readable(v[i])
		}
		return v
	default:
		return v
	}
}
