// main_test.go: what the tests of this package share: a pool that must get everything back, and panics with words.

package buffer

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newPool is a pool of segments of 64 bytes. At the end of the test it is destroyed, and every segment has to be home.
func newPool(t testing.TB, segments int) *NetworkBufferPool {
	t.Helper()
	return newPoolWith(t, PoolOptions{Segments: segments, SegmentSize: 64})
}

func newPoolWith(t testing.TB, o PoolOptions) *NetworkBufferPool {
	t.Helper()
	p, err := NewNetworkBufferPool(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Free(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newLocal(t testing.TB, p *NetworkBufferPool, o LocalOptions) *LocalBufferPool {
	t.Helper()
	l, err := p.CreateLocal(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// request is n buffers for a channel, all of which must be there.
func request(t testing.TB, l *LocalBufferPool, channel, n int) []Buffer {
	t.Helper()
	var all []Buffer
	for i := range n {
		b, err := l.Request(channel)
		if err != nil || b.IsZero() {
			t.Fatalf("request %d of %d: %v, %v; %v", i+1, n, b, err, l)
		}
		all = append(all, b)
	}
	return all
}

// requestNone checks that there is none.
func requestNone(t testing.TB, l *LocalBufferPool, channel int) {
	t.Helper()
	if b, err := l.Request(channel); err != nil || !b.IsZero() {
		t.Fatalf("requested %v, %v, want none; %v", b, err, l)
	}
}

func recycle(buffers ...Buffer) {
	for _, b := range buffers {
		b.Recycle()
	}
}

// sizes are the sizes of pools, in order.
func sizes(pools ...*LocalBufferPool) string {
	var all []string
	for _, l := range pools {
		all = append(all, fmt.Sprint(l.Size()))
	}
	return strings.Join(all, " ")
}

// panics checks that f panics and says so in certain words.
func panics(t testing.TB, words string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if what := fmt.Sprint(recover()); !strings.Contains(what, words) {
			t.Errorf("panic %q, want one with %q", what, words)
		}
	}()
	f()
}
