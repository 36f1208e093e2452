package gateway

// Held is how many places are taken.
func (b *Bound) Held() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}
