// rules_test.go: every rule of the exchange that is meant to be tested has a test that names it.

package ci

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rules are the rules of Flink's network stack that a re-implementation is to be tested for, by the numbers under which our tests know them.
var rules = map[string]string{
	"R1.1": "a second free of a segment is found",
	"R1.2": "recycling to the global pool never takes the lock of resizing",
	"R1.3": "redistribution of the global pool: vectors",
	"R1.4": "a local pool fetches one segment ahead",
	"R1.5": "overdraft and availability",
	"R1.6": "sizing of gates",
	"R1.7": "buffer sizes that a consumer asked for",
	"R1.8": "debloating: when a size is announced",
	"R1.9": "debloating: the average of sizes",
	"R2.1": "which add notifies",
	"R2.2": "a finished buffer that nobody looked at does not notify",
	"R2.3": "which flush notifies",
	"R2.4": "the backlog is what can be had",
	"R2.5": "a blocked subpartition is silent until resumed",
	"R2.6": "any fragmentation of the bytes gives the same messages",
	"R2.7": "how often a request is repeated",
	"R3.1": "floating and exclusive buffers: vectors",
	"R3.2": "channels blocked and resumed: vectors",
	"R4.1": "records that span buffers of any size",
	"R8.1": "barriers block, overtake and lose nothing",
}

// testName matches a test function, its body's subtests excepted; ruleName a rule, as in R2.3 or R2_3.
var (
	testName = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	ruleName = regexp.MustCompile(`R(\d)[._](\d)`)
)

func TestEveryRuleHasATest(t *testing.T) {
	tests := map[string][]string{}
	err := filepath.WalkDir("../core", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, r := range rulesOf(string(text)) {
			tests[r.rule] = append(tests[r.rule], strings.TrimPrefix(filepath.ToSlash(path), "../")+" "+r.test)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rule, what := range rules {
		if len(tests[rule]) == 0 {
			t.Errorf("%s (%s) has no test that names it", rule, what)
		}
	}
	var list []string
	for rule := range tests {
		if rules[rule] == "" {
			t.Errorf("%s is named by %v, and is no rule", rule, tests[rule])
		}
		slices.Sort(tests[rule])
		list = append(list, fmt.Sprintf("%s  %s\n      %s", rule, rules[rule], strings.Join(slices.Compact(tests[rule]), "\n      ")))
	}
	slices.Sort(list)
	t.Logf("\n%s", strings.Join(list, "\n"))
}

type ruleTest struct{ rule, test string }

// rulesOf finds which tests of a file name which rules: in the comment above a test, in its name, or in its body.
func rulesOf(text string) (found []ruleTest) {
	starts := testName.FindAllStringSubmatchIndex(text, -1)
	for i, at := range starts {
		from, to := commentAbove(text, at[0]), len(text)
		if i+1 < len(starts) {
			to = commentAbove(text, starts[i+1][0])
		}
		for _, m := range ruleName.FindAllStringSubmatch(text[from:to], -1) {
			found = append(found, ruleTest{rule: "R" + m[1] + "." + m[2], test: text[at[2]:at[3]]})
		}
	}
	return found
}

// commentAbove is where the comment that ends just before at begins.
func commentAbove(text string, at int) int {
	for at > 0 {
		line := strings.LastIndexByte(text[:at-1], '\n') + 1
		if !strings.HasPrefix(text[line:at], "//") {
			return at
		}
		at = line
	}
	return at
}
