package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"duly/config"
	"duly/internal/batch"
)

type node = map[string]any

// documents are the documents of a file of YAML.
func documents(t *testing.T, name string) []node {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	var found []node
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var d node
		if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
			return found
		} else {
			require.NoError(t, err)
		}
		found = append(found, d)
	}
}

// at follows keys and, for lists of one, their only element.
func at(t *testing.T, from any, path ...string) any {
	t.Helper()
	for _, key := range path {
		if list, ok := from.([]any); ok {
			require.Len(t, list, 1, key)
			from = list[0]
		}
		in, ok := from.(node)
		require.True(t, ok, "%s of %v", key, from)
		require.Contains(t, in, key)
		from = in[key]
	}
	return from
}

func field(of any, key string) (value any, there bool) {
	in, _ := of.(node)
	value, there = in[key]
	return value, there
}

// jobs are the specifications of the Jobs, by file.
func jobs(t *testing.T) map[string]any {
	t.Helper()
	return map[string]any{
		"cronjob.yaml": at(t, documents(t, "kubernetes/cronjob.yaml")[0], "spec", "jobTemplate", "spec"),
		"workers.yaml": at(t, documents(t, "kubernetes/workers.yaml")[0], "spec"),
	}
}

// Every exit code has a rule of its own, and the rules say the same as the wrapper of a VM: what is unfinished is
// run again, the rest is not.
func TestPodFailurePolicies(t *testing.T) {
	for file, job := range jobs(t) {
		end := "FailJob"
		if file == "workers.yaml" {
			end = "FailIndex"
		}
		actions := map[int]string{}
		rules, _ := at(t, job, "podFailurePolicy", "rules").([]any)
		for _, rule := range rules {
			action, _ := at(t, rule, "action").(string)
			exit, there := field(rule, "onExitCodes")
			if !there {
				require.Equal(t, "Ignore", action)
				continue
			}
			require.Equal(t, "In", at(t, exit, "operator"))
			require.Equal(t, at(t, job, "template", "spec", "containers", "name"), at(t, exit, "containerName"))
			values, _ := at(t, exit, "values").([]any)
			var codes []int
			for _, v := range values {
				code, _ := v.(int)
				codes = append(codes, code)
				require.NotContains(t, actions, code)
				actions[code] = action
			}
			require.True(t, slices.IsSorted(codes), "the API server asks for sorted values")
			require.NotContains(t, codes, batch.ExitDone, "the API server refuses 0")
		}
		require.Equal(t, map[int]string{
			batch.ExitFailed: end, batch.ExitUsage: end, batch.ExitReview: end, batch.ExitNotRun: end,
			batch.ExitUnfinished: "Count", 129: "Ignore", 130: "Ignore", 143: "Ignore",
		}, actions, file)
		require.Equal(t, "Never", at(t, job, "template", "spec", "restartPolicy"), "a policy needs it")
		require.Equal(t, "Failed", at(t, job, "podReplacementPolicy"), "two pods of one Job must not overlap")
	}
}

func TestPodsHaveNoRights(t *testing.T) {
	for file, job := range jobs(t) {
		pod := at(t, job, "template", "spec")
		require.Equal(t, 45, at(t, pod, "terminationGracePeriodSeconds"), file)
		require.Equal(t, true, at(t, pod, "securityContext", "runAsNonRoot"))
		require.Equal(t, false, at(t, pod, "automountServiceAccountToken"))
		require.Equal(t, true, at(t, pod, "containers", "securityContext", "readOnlyRootFilesystem"))
		require.Equal(t, false, at(t, pod, "containers", "securityContext", "allowPrivilegeEscalation"))
		require.Equal(t, []any{"ALL"}, at(t, pod, "containers", "securityContext", "capabilities", "drop"))
		require.NotNil(t, at(t, pod, "containers", "resources", "limits", "memory"))
	}
	cron, workers := at(t, jobs(t)["cronjob.yaml"], "template"), at(t, jobs(t)["workers.yaml"], "template")
	require.Contains(t, at(t, cron, "spec", "containers", "args"), "nightly")
	require.Equal(t, strings.Replace(fmt.Sprint(workers), "[run billing ", "[run nightly ", 1), fmt.Sprint(cron), "they differ in the job alone")
	nightly := at(t, documents(t, "kubernetes/cronjob.yaml")[0], "spec")
	require.Equal(t, "Forbid", at(t, nightly, "concurrencyPolicy"))
	require.Equal(t, "Indexed", at(t, jobs(t)["workers.yaml"], "completionMode"))
}

// The configuration of the example is one that duly takes, and its secrets are those of the Secret.
func TestTheConfigurationOfThePods(t *testing.T) {
	found := documents(t, "kubernetes/config.yaml")
	text, _ := at(t, found[0], "data", "duly.yaml").(string)
	folder := t.TempDir()
	secrets, _ := at(t, found[1], "stringData").(node)
	for name, value := range secrets {
		secret, _ := value.(string)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(secret), 0o600))
	}
	const path = "/run/secrets/duly"
	require.Contains(t, fmt.Sprint(at(t, jobs(t)["cronjob.yaml"], "template", "spec", "containers", "volumeMounts")), "mountPath:"+path+" name:secrets")
	file := filepath.Join(folder, "duly.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, path, folder)), 0o600))
	c, err := config.Load(config.Options{File: file})
	require.NoError(t, err)
	require.NoError(t, c.Require(true, true))
	require.Equal(t, secrets["dsn"], c.Database.DSN.Reveal())
	require.Equal(t, at(t, documents(t, "kubernetes/cronjob.yaml")[0], "spec", "timeZone"), c.Business.Timezone)
	require.Less(t, c.Run.Drain.Seconds(), 45.0)
}
