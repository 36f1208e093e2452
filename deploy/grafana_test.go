package deploy_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// importable is what Grafana reads of a dashboard file when a person imports it by hand.
type importable struct {
	UID    string `json:"uid"`
	ID     any    `json:"id"`
	Inputs []struct {
		Name, Label, Type, PluginID string
	} `json:"__inputs"`
	Requires []struct{ Type, ID string } `json:"__requires"`
	Panels   []struct {
		Title, Type string
		Datasource  map[string]string
		Targets     []struct {
			Datasource map[string]string
		}
	}
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
			Current    struct{ Value string }
		}
	}
}

var inputNames = regexp.MustCompile(`\$\{(DS_[A-Z_]+)\}`)

// Each dashboard can be imported by hand: Grafana asks for a data source of each kind, puts its uid in the place of the input's
// name, and every panel then has one. What is required is what is used.
func TestDashboardsAreImportedByHand(t *testing.T) {
	for _, file := range []string{dashboardFile, logDashboard} {
		t.Run(file, func(t *testing.T) {
			text, kinds, required := read(t, file), map[string]string{}, map[string]bool{}
			var before importable
			require.NoError(t, json.Unmarshal([]byte(text), &before))
			require.NotEmpty(t, before.UID)
			require.Nil(t, before.ID, "the id of a database is nobody else's")
			require.NotEmpty(t, before.Inputs)
			for _, in := range before.Inputs {
				require.Equal(t, "datasource", in.Type)
				require.NotEmpty(t, in.Label)
				require.Contains(t, text, "${"+in.Name+"}", "what is asked for is used")
				kinds["uid-of-"+in.Name] = in.PluginID
			}
			var after importable
			require.NoError(t, json.Unmarshal([]byte(inputNames.ReplaceAllString(text, "uid-of-$1")), &after))
			variables := map[string]string{}
			for _, v := range after.Templating.List {
				if v.Type == "datasource" {
					require.Equal(t, v.Query, kinds[v.Current.Value], v.Name)
					variables["${"+v.Name+"}"] = v.Current.Value
				}
			}
			for _, in := range before.Requires {
				required[in.Type+" "+in.ID] = true
			}
			require.True(t, required["grafana grafana"])
			used := map[string]bool{"grafana grafana": true}
			source := func(title string, s map[string]string) {
				require.Equal(t, s["type"], kinds[variables[s["uid"]]], title)
				used["datasource "+s["type"]] = true
			}
			for _, p := range after.Panels {
				if p.Type == "row" {
					continue
				}
				used["panel "+p.Type] = true
				source(p.Title, p.Datasource)
				for _, target := range p.Targets {
					source(p.Title, target.Datasource)
				}
			}
			require.Equal(t, used, required)
			require.False(t, strings.Contains(text, "http://") || strings.Contains(text, "https://"), "no address of ours")
		})
	}
}
