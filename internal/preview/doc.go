// Package preview forecasts what a run of each job would do: the job's own rules over readers that only look. It writes nothing, takes no
// lock and calls no gateway.
package preview
