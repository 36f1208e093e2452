package plan

import (
	"math"
	"math/rand/v2"
	"time"
)

// Purposes keep the draws of one request independent of each other.
const (
	ForFault   = 'f'
	ForLatency = 'l'
	ForOutcome = 'o'
	ForUnclear = 'u'
)

// Stream is the randomness for one purpose of the n-th request about a subject.
func Stream(seed uint64, purpose byte, subject string, n uint32) *rand.Rand {
	return rand.New(rand.NewPCG(scramble(seed^Hash(purpose, subject)), scramble(uint64(n)+1))) //nolint:gosec // repeatable on purpose
}

// Hash is FNV-1a, which is the same in every process.
func Hash(purpose byte, s string) uint64 {
	h := (uint64(14695981039346656037) ^ uint64(purpose)) * 1099511628211
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// scramble is the finalizer of SplitMix64: neighbouring numbers become unrelated ones.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// pick returns the place in shares, each times scale, into which u in [0,1) falls, or -1.
func pick(shares []float64, scale, u float64) int {
	for i, share := range shares {
		share *= scale
		if u < share {
			return i
		}
		u -= share
	}
	return -1
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// Draw is the latency of the n-th request about a subject.
func (l Latency) Draw(seed uint64, subject string, n uint32) time.Duration {
	if l.Median <= 0 {
		return l.Fixed
	}
	if l.P99 <= l.Median {
		return l.Fixed + l.Median
	}
	sigma := math.Log(float64(l.P99)/float64(l.Median)) / z99
	z := Stream(seed, ForLatency, subject, n).NormFloat64()
	return l.Fixed + time.Duration(float64(l.Median)*math.Exp(sigma*z))
}
