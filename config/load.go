package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// DefaultFile is read from the working directory if no other file is named and it is there.
const DefaultFile = "duly.yaml"

// maxSecret is in bytes, and more than any credential has.
const maxSecret = 64 << 10

// Options is where a configuration comes from.
type Options struct {
	// File is the configuration file, which must exist. Empty: DefaultFile in the working directory, if it
	// is there.
	File string
	// NoFile: read no file, not even the default one.
	NoFile bool
	// Env is the environment, as os.Environ gives it. Variables that begin with DULY_TEST_ and empty ones
	// are passed over.
	Env []string
	// Flags is what the command line set, by dotted key: strings as they would stand in the file, or values.
	// A key with <name> in it is set for every gateway.
	Flags map[string]any
}

// Load reads the configuration and checks it. Every mistake is in the error, which is a Problems. A
// database and gateways need not be there: see Require.
func Load(o Options) (*Config, error) {
	l := newLoader()
	l.read(o)
	l.typeDefaults()
	l.policyDefaults()
	c := l.decode()
	l.complete(c, o.Env)
	l.check(c)
	if err := l.problems.orNil(); err != nil {
		return nil, err
	}
	return c, nil
}

// SecretFiles are the files that secrets are read from, by the keys that stand in them or name them.
func SecretFiles(o Options) map[string]string {
	l := newLoader()
	l.read(o)
	maps.Copy(l.inFile, l.files)
	return l.inFile
}

// read reads every layer.
func (l *loader) read(o Options) {
	if !o.NoFile {
		l.readFile(o.File)
	}
	l.readEnv(o.Env)
	l.readFlags(o.Flags)
	l.readSecretFiles()
}

// loader gathers settings, layer by layer, and what is wrong with them.
type loader struct {
	schema   schema
	problems Problems
	// layers holds defaults, the values of file and environment, and of flags above them.
	layers *viper.Viper
	// names are those met so far.
	names names
	// sources says where each key was last set.
	sources map[string]string
	// files are the paths given by …_file keys, by those keys.
	files map[string]string
	// inFile is the configuration file that secrets stand in, by their keys.
	inFile map[string]string
	// bad are keys whose value could not be read: checks that rest on them say nothing of use.
	bad map[string]bool
}

func newLoader() *loader {
	l := &loader{
		schema:  newSchema(),
		layers:  viper.New(),
		names:   newNames(),
		sources: map[string]string{},
		files:   map[string]string{},
		inFile:  map[string]string{},
		bad:     map[string]bool{},
	}
	for _, k := range l.schema.keys {
		if !strings.Contains(k.Name, anyName) {
			l.setDefault(k, k.Name)
		}
	}
	return l
}

func (l *loader) setDefault(k Key, key string) {
	if k.Default == "" {
		return
	}
	value, err := k.parse(k.Default)
	if err != nil {
		l.problem(key, err.Error())
		return
	}
	l.layers.SetDefault(key, value)
}

// addName takes the name of a gateway or a policy in, with its defaults, or says that it is none.
func (l *loader) addName(section, name, source string) bool {
	if l.names[section][name] {
		return true
	}
	if !validName(name) {
		what := map[string]string{gatewaySection: "gateway", policySection: "policy"}[section]
		l.sources[section+name] = source
		l.problem(section+name, fmt.Sprintf("a %s's name is at most %d small letters, digits and dashes", what, maxName))
		return false
	}
	l.names[section][name] = true
	for _, k := range l.schema.keys {
		if field, ok := strings.CutPrefix(k.Name, section+anyName); ok {
			l.setDefault(k, section+name+field)
		}
	}
	return true
}

// set takes one value in. put is how its layer stores it.
func (l *loader) set(key, value, source string, put func(string, any)) {
	l.sources[key] = source
	k, ok := l.schema.find(key)
	if !ok {
		l.problem(key, l.schema.unknown(key, l.names))
		return
	}
	if section, name, ok := nameIn(key); ok && !l.addName(section, name, source) {
		return
	}
	if l.schema.fileFor(key) != "" {
		l.files[key] = value
		return
	}
	parsed, err := k.parse(value)
	if err != nil {
		l.bad[key] = true
		l.problem(key, err.Error())
		return
	}
	put(key, parsed)
}

// merge stores a value of file or environment: the later wins.
func (l *loader) merge(key string, value any) {
	parts := strings.Split(key, ".")
	for _, part := range slices.Backward(parts) {
		value = map[string]any{part: value}
	}
	// The map is of strings all the way down, for which viper has no error.
	if err := l.layers.MergeConfigMap(value.(map[string]any)); err != nil { //nolint:errcheck // it was made a map above
		l.problem(key, err.Error())
	}
}

func (l *loader) readFlags(flags map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		if flags[key] == nil {
			continue
		}
		for _, k := range l.names.put(key) {
			l.set(k, flagText(flags[key]), "a flag", l.layers.Set)
		}
	}
}

// flagText writes a value as it would stand in the file.
func flagText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case Secret:
		return v.Reveal()
	case []int:
		return strings.ReplaceAll(fmt.Sprint(v), " ", ",")
	default:
		return fmt.Sprint(v)
	}
}

// readSecretFiles reads what …_file keys name.
func (l *loader) readSecretFiles() {
	for _, key := range slices.Sorted(maps.Keys(l.files)) {
		target := l.schema.fileFor(key)
		if l.layers.GetString(target) != "" || l.bad[target] {
			l.problem(target, "given beside "+key+": keep one of the two")
			continue
		}
		secret, err := readSecret(l.files[key])
		if err != nil {
			l.bad[target] = true
			l.problem(key, err.Error())
			continue
		}
		l.set(target, secret, "the file of "+key, l.layers.Set)
	}
}

// readSecret is the text of a file without the newline that editors put at its end.
func readSecret(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("cannot read %q: %w", path, plain(err))
	}
	defer f.Close() //nolint:errcheck // nothing was written
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("cannot read %q: %w", path, plain(err))
	}
	secret := strings.TrimRight(string(content), "\r\n")
	if secret == "" || len(content) > maxSecret {
		return "", fmt.Errorf("%q holds no secret: it has to have some text, of %d bytes at most", path, maxSecret)
	}
	return secret, nil
}

// plain is err without the path that it repeats.
func plain(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

func (l *loader) decode() *Config {
	var c Config
	if err := l.layers.UnmarshalExact(&c); err != nil {
		l.problem("configuration", err.Error())
	}
	c.Business.location, _ = time.LoadLocation(c.Business.Timezone)
	return &c
}

// problem notes what is wrong with key, and where it was set.
func (l *loader) problem(key, text string) {
	line := key + ": " + text
	if source := l.sources[key]; source != "" {
		line += " (" + source + ")"
	}
	l.problems = append(l.problems, line)
}
