// sizing_test.go: how many segments outputs and inputs need. R1.6.

package buffer

import "testing"

// R1.6: GateBuffersSpecTest, with 2 exclusive buffers per channel and 8 floating ones.
func TestR1_6_InputShare(t *testing.T) {
	const batch, pipelined = RequiredMaxBatch, NoBound
	for _, c := range []struct {
		what                string
		channels, exclusive int
		requiredMax         int
		want                GateShare
		target              int
	}{
		{"C=499 pipelined", 499, 2, pipelined, GateShare{2, Share{1, 8}}, 1006},
		{"C=499 batch", 499, 2, batch, GateShare{2, Share{1, 8}}, 1006},
		{"C=500 pipelined", 500, 2, pipelined, GateShare{2, Share{1, 8}}, 1008},
		{"C=500 batch", 500, 2, batch, GateShare{1, Share{500, 508}}, 1008},
		{"C=999 pipelined", 999, 2, pipelined, GateShare{2, Share{1, 8}}, 2006},
		{"C=999 batch", 999, 2, batch, GateShare{1, Share{1, 1007}}, 2006},
		{"C=1000 pipelined", 1000, 2, pipelined, GateShare{2, Share{1, 8}}, 2008},
		{"C=1000 batch", 1000, 2, batch, GateShare{0, Share{1000, 2008}}, 2008},
		{"x=0, C=1001 pipelined", 1001, 0, pipelined, GateShare{0, Share{1, 8}}, 8},
		{"x=0, C=1001 batch", 1001, 0, batch, GateShare{0, Share{1, 8}}, 8},
		{"no channels", 0, 2, pipelined, GateShare{2, Share{1, 8}}, 8},
	} {
		t.Run("R1.6/"+c.what, func(t *testing.T) {
			got := InputShare(c.channels, c.exclusive, 8, c.requiredMax)
			if got != c.want || got.Target(c.channels) != c.target {
				t.Errorf("%+v, target %d; want %+v, %d", got, got.Target(c.channels), c.want, c.target)
			}
		})
	}
}

// Whatever the numbers: the gate insists on no more than allowed, at least one floats, and the target does not depend on
// how much of it is exclusive.
func TestInputShareHoldsForAll(t *testing.T) {
	for channels := 1; channels < 40; channels++ {
		for exclusive := range 5 {
			for floating := 1; floating < 10; floating++ {
				for requiredMax := 1; requiredMax < 90; requiredMax++ {
					g := InputShare(channels, exclusive, floating, requiredMax)
					required := g.Floating.Required + channels*g.Exclusive
					if required > requiredMax || g.Floating.Required < 1 || g.Floating.Max < g.Floating.Required ||
						g.Exclusive > exclusive || g.Target(channels) != channels*exclusive+floating {
						t.Fatalf("InputShare(%d, %d, %d, %d) = %+v", channels, exclusive, floating, requiredMax, g)
					}
				}
			}
		}
	}
}

// Section 1.4's table of outputs.
func TestOutputShares(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want Share
	}{
		{"pipelined", OutputShare(10, 2, 8, false), Share{11, NoBound}},
		{"bounded", OutputShare(10, 2, 8, true), Share{11, 28}},
		{"bounded, few buffers per channel", OutputShare(10, 1, 0, true), Share{11, 11}},
		{"bounded, one subpartition", OutputShare(1, 2, 8, true), Share{2, 10}},
		{"sorted", SortedOutputShare(10, 512), Share{512, 512}},
		{"sorted, many subpartitions", SortedOutputShare(1000, 512), Share{512, 4000}},
		{"tiered", TieredOutputShare(10, 200), Share{11, NoBound}},
		{"tiered, few exclusive", TieredOutputShare(1000, 200), Share{200, NoBound}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, c.got, c.want)
		}
	}
}
