package worktest

import (
	"bytes"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
)

// Schemas are the schemas of docs/events, by which payloads are held to what receivers were promised.
type Schemas struct {
	dir      string
	compiler *jsonschema.Compiler
}

// NewSchemas reads the schemas. Formats are asserted.
func NewSchemas(t testing.TB) *Schemas {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	require.True(t, ok)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	return &Schemas{dir: filepath.Join(filepath.Dir(here), "..", "..", "..", "docs", "events"), compiler: compiler}
}

// Validate holds a JSON document to the schema of a type of event, or to that of the webhook's body.
func (s *Schemas) Validate(t testing.TB, name string, document []byte) error {
	t.Helper()
	schema, err := s.compiler.Compile(filepath.Join(s.dir, name+".schema.json"))
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err)
	return schema.Validate(value)
}

// Events holds every event of the database to its schema.
func (s *Schemas) Events(t testing.TB, db *testdb.DB) {
	t.Helper()
	var rows []struct {
		Type    string
		Payload []byte
	}
	require.NoError(t, db.SelectContext(t.Context(), &rows, `SELECT type, payload FROM events`))
	for _, r := range rows {
		require.NoError(t, s.Validate(t, r.Type, r.Payload), "%s: %s", r.Type, r.Payload)
	}
}
