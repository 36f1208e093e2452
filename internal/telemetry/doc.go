// Package telemetry tells machines that watch how a command goes: metrics, traces and a dead-man's switch. None of them changes the run.
package telemetry
