package results

import "testing"

// 130/143, then 1, 5, 6, 3, 4, 0.
func TestExitPrecedence(t *testing.T) {
	order := []ExitCode{130, 143, 2, 1, 5, 6, 3, 4, 0}
	for i, wins := range order {
		for _, loses := range order[i:] {
			if got := WorstExit(loses, wins); got != wins {
				t.Errorf("%d and %d: %d", loses, wins, got)
			}
			if got := WorstExit(wins, loses); got != wins {
				t.Errorf("%d and %d: %d", wins, loses, got)
			}
		}
	}
	for _, c := range []struct {
		codes []ExitCode
		want  ExitCode
	}{
		{nil, 0},
		{[]ExitCode{0, 4, 3}, 3},
		{[]ExitCode{3, 6, 5, 1, 130}, 130},
		{[]ExitCode{3, 6, 5}, 5},
		{[]ExitCode{77}, 1},
	} {
		if got := WorstExit(c.codes...); got != c.want {
			t.Errorf("%v: %d, want %d", c.codes, got, c.want)
		}
	}
}

func TestTheWorseOutcomeWins(t *testing.T) {
	order := []Outcome{Interrupted, Failed, Invalid, Pass}
	for i, wins := range order {
		for _, loses := range order[i:] {
			if wins.Worse(loses) != wins || loses.Worse(wins) != wins {
				t.Errorf("%s and %s", wins, loses)
			}
		}
	}
	if got := Outcome("").Worse(Pass); got != Pass {
		t.Errorf("nothing yet, and a pass: %s", got)
	}
}
