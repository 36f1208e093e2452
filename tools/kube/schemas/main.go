// Command schemas writes the JSON schemas that kubeconform checks the manifests of deploy/kubernetes against, made
// from Kubernetes's own Go types. So nothing has to be fetched, and a field that is not there is found.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemas FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

// kinds are what the manifests may hold, by the name that kubeconform looks them up under.
func kinds() map[string]any {
	return map[string]any{
		"cronjob-batch-v1":            batchv1.CronJob{},
		"job-batch-v1":                batchv1.Job{},
		"configmap-v1":                corev1.ConfigMap{},
		"secret-v1":                   corev1.Secret{},
		"serviceaccount-v1":           corev1.ServiceAccount{},
		"namespace-v1":                corev1.Namespace{},
		"networkpolicy-networking-v1": networkingv1.NetworkPolicy{},
	}
}

func write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, kind := range kinds() {
		s := schemaOf(reflect.TypeOf(kind))
		s["$schema"] = "http://json-schema.org/draft-07/schema#"
		s["required"] = []string{"apiVersion", "kind", "metadata"}
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

type object = map[string]any

// words are the values that types of text may have, of those that the manifests use.
func words() map[reflect.Type][]string {
	found := map[reflect.Type][]string{}
	add := func(values ...any) {
		for _, v := range values {
			t := reflect.TypeOf(v)
			found[t] = append(found[t], reflect.ValueOf(v).String())
		}
	}
	add(corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	add(corev1.PullAlways, corev1.PullNever, corev1.PullIfNotPresent)
	add(corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown)
	add(corev1.SeccompProfileTypeUnconfined, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeLocalhost)
	add(batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)
	add(batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)
	add(batchv1.TerminatingOrFailed, batchv1.Failed)
	add(batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)
	add(batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionFailIndex, batchv1.PodFailurePolicyActionIgnore,
		batchv1.PodFailurePolicyActionCount)
	add(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)
	return found
}

// special are types that write themselves as something else than their fields.
func special() map[reflect.Type]object {
	return map[reflect.Type]object{
		reflect.TypeFor[resource.Quantity]():  {"type": []string{"string", "number"}, "pattern": `^[0-9.]+([eE][0-9]+|m|k|[KMGTPE]i?)?$`},
		reflect.TypeFor[intstr.IntOrString](): {"type": []string{"string", "integer"}},
		reflect.TypeFor[metav1.Time]():        {"type": []string{"string", "null"}},
		reflect.TypeFor[metav1.MicroTime]():   {"type": []string{"string", "null"}},
		reflect.TypeFor[metav1.FieldsV1]():    {"type": "object"},
		reflect.TypeFor[[]byte]():             {"type": "string", "pattern": "^[A-Za-z0-9+/]*=*$"},
	}
}

func schemaOf(t reflect.Type) object {
	if s, ok := special()[t]; ok {
		return maps.Clone(s)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int32, reflect.Int64, reflect.Int:
		return object{"type": "integer"}
	case reflect.String:
		if allowed, ok := words()[t]; ok {
			return object{"type": "string", "enum": allowed}
		}
		return object{"type": "string"}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		return structSchema(t)
	default:
		panic("a field of a type that no manifest has: " + t.String())
	}
}

// structSchema refuses what is no field, and asks for every field that its type always writes.
func structSchema(t reflect.Type) object {
	properties, required := object{}, []string{}
	for field := range slices.Values(reflect.VisibleFields(t)) {
		if len(field.Index) > 1 || !field.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if strings.Contains(options, "inline") || field.Anonymous && name == "" {
			inner := schemaOf(field.Type)
			maps.Copy(properties, inner["properties"].(object))
			required = append(required, inner["required"].([]string)...)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		properties[name] = schemaOf(field.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") && field.Type.Kind() != reflect.Pointer {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}
