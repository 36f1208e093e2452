package contract_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every sentence is one of the contract.
func TestSentencesAreTheContracts(t *testing.T) {
	file, err := os.ReadFile("../../../docs/payments-api.yaml")
	require.NoError(t, err)
	contract := strings.Join(strings.Fields(string(file)), " ")
	source, err := os.ReadFile("contract.go")
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(string(source)) {
		if _, quoted, ok := strings.Cut(line, " Sentence = "); ok {
			var sentence string
			require.NoError(t, json.Unmarshal([]byte(strings.TrimSpace(quoted)), &sentence))
			require.Contains(t, contract, sentence)
			n++
		}
	}
	require.Equal(t, 24, n)
}
