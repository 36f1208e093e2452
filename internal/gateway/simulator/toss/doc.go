// Package toss makes the simulator speak Toss Payments: docs/toss-api.yaml.
package toss
