//go:build race || own || !linux

// arena_heap.go: segments on the Go heap, one allocation each, where the race detector sees them.

package buffer

// arena is the memory of one pool.
type arena struct {
	blocks [][]byte
}

func newArena(segments, stride int) (*arena, error) {
	a := &arena{blocks: make([][]byte, segments)}
	for i := range a.blocks {
		a.blocks[i] = make([]byte, stride)
		spoil(a.blocks[i]) // reading what nobody wrote shows, too
	}
	return a, nil
}

// block is the memory of segment i, stride bytes.
func (a *arena) block(i int) []byte { return a.blocks[i] }

func (a *arena) free() error {
	a.blocks = nil
	return nil
}
