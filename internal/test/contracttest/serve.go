package contracttest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Serve starts a server on this host that answers with h, and holds every answer against a document of the folder docs. The client keeps
// no connections, and follows no redirect. Both are closed when t ends, after what t cleans up that was started since.
func Serve(t *testing.T, document string, h http.Handler) (url string, client *http.Client) {
	t.Helper()
	contract, err := Load(document)
	require.NoError(t, err)
	server := httptest.NewServer(contract.HoldAnswers(t, h))
	t.Cleanup(server.Close)
	client = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	return server.URL, client
}
