// keys.go: which key comes next.

package workloads

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// The distributions of keys.
const (
	Zipf       = "zipf"       // key k comes in proportion to 1/(k+1)^skew
	Uniform    = "uniform"    // all keys come equally often
	Sequential = "sequential" // 0, 1, 2, ..., and again
)

// Keys draws keys from 0 up to a count. It belongs to one goroutine. The same seed draws the same
// keys; drawing allocates nothing and takes the same few nanoseconds however skewed they are.
type Keys struct {
	random rand.PCG
	count  uint64
	next   uint64 // Sequential
	draw   []draw // Zipf
	mode   keysMode
}

type keysMode uint8

const (
	zipfKeys keysMode = iota
	uniformKeys
	sequentialKeys
)

// draw is one of count equally probable cases of Vose's alias method: it stands for its own key below the
// limit, a fraction of 2^32, and for another key above.
type draw struct{ limit, other uint32 }

// NewKeys makes a generator. count must be from 1 to 2^22, skew is that of Zipf.
func NewKeys(distribution string, count int, skew float64, seed uint64) (*Keys, error) {
	if count < 1 || count > keyCountMax {
		return nil, fmt.Errorf("workloads: %d keys, between 1 and %d are possible", count, keyCountMax)
	}
	k := &Keys{count: uint64(count)}
	k.random.Seed(seed, 0x6b657973)
	switch distribution {
	case Zipf:
		k.draw = aliases(count, skew)
	case Uniform:
		k.mode = uniformKeys
	case Sequential:
		k.mode = sequentialKeys
	default:
		return nil, fmt.Errorf("workloads: no distribution of keys is called %q", distribution)
	}
	return k, nil
}

// Next is the next key.
func (k *Keys) Next() uint64 {
	switch k.mode {
	case sequentialKeys:
		key := k.next
		if k.next++; k.next == k.count {
			k.next = 0
		}
		return key
	case uniformKeys:
		key, _ := bits.Mul64(k.random.Uint64(), k.count)
		return key
	}
	r := k.random.Uint64()
	key := (r >> 32) * k.count >> 32
	if d := k.draw[key]; uint32(r) >= d.limit {
		return uint64(d.other)
	}
	return key
}

// aliases divides the probabilities of all keys into equal cases: a key that has less than
// its share gets the rest from one that has more.
func aliases(count int, skew float64) []draw {
	weights, sum := make([]float64, count), 0.0
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -skew)
		sum += weights[i]
	}
	draws := make([]draw, count)
	var poor, rich []uint32
	for i := range weights {
		weights[i] *= float64(count) / sum
		if weights[i] < 1 {
			poor = append(poor, uint32(i))
		} else {
			rich = append(rich, uint32(i))
		}
	}
	for len(poor) > 0 && len(rich) > 0 {
		p, r := poor[len(poor)-1], rich[len(rich)-1]
		poor = poor[:len(poor)-1]
		draws[p] = draw{limit: uint32(weights[p] * (1 << 32)), other: r}
		weights[r] -= 1 - weights[p]
		if weights[r] < 1 {
			rich = rich[:len(rich)-1]
			poor = append(poor, r)
		}
	}
	for _, i := range append(poor, rich...) { // rounding apart, exactly their share
		draws[i] = draw{limit: math.MaxUint32, other: i}
	}
	return draws
}
