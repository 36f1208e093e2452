package record

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Memory is read within the stretch alone.
func TestResidentsWithinAStretch(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	r := &Residents{list: []resident{{at(1), 90}, {at(2), 50}, {at(3), 60}, {at(4), 80}}}
	require.InDelta(t, 60, r.Within(Stretch{From: at(2), To: at(3)}), 0)
}
