// style_test.go: habits of this code base that a machine can see: named goroutines, handed-in time, files that say what they are.

package ci

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goroutines is every place in core that starts one, with its role, its owner and its end. A goroutine that is not listed fails the test.
var goroutines = map[string]string{
	"core/flusher.go":         "output flusher: owned by the exchange, ends when no writer has a buffer timeout",
	"core/net/server.go":      "accept loop, and one run per connection: owned by the server, end with Close",
	"core/net/server_conn.go": "a connection's sender: owned by its run, ends with the connection",
	"core/net/client.go":      "one run per connection: owned by the client, ends with the connection",
	"core/net/client_conn.go": "a connection's sender: owned by its run, ends with the connection",
}

func TestGoroutinesOfTheCoreAreListed(t *testing.T) {
	seen := map[string]bool{}
	sources(t, parser.SkipObjectResolution, func(folder, path string, set *token.FileSet, f *ast.File) {
		if !strings.HasPrefix(folder, "core") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if !startsGoroutine(n) {
				return true
			}
			seen[path] = true
			if goroutines[path] == "" {
				t.Errorf("%s:%d: a goroutine without an entry in the list", path, set.Position(n.Pos()).Line)
			}
			return true
		})
	})
	for path := range goroutines {
		if !seen[path] {
			t.Errorf("%s is listed but starts no goroutine", path)
		}
	}
}

// startsGoroutine sees a go statement, and a call of a method Go with a function: that of a WaitGroup.
func startsGoroutine(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "Go" && len(n.Args) == 1
	}
	return false
}

// TestOnlyTheClockLooksAtTheClock: time is handed to the core; it never asks for it.
func TestOnlyTheClockLooksAtTheClock(t *testing.T) {
	sources(t, parser.SkipObjectResolution, func(folder, path string, set *token.FileSet, f *ast.File) {
		if !strings.HasPrefix(folder, "core") || path == "core/meter/clock.go" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && (s.Sel.Name == "Now" || s.Sel.Name == "Since" || s.Sel.Name == "Until") {
				t.Errorf("%s:%d: time.%s: use the clock that was handed in", path, set.Position(n.Pos()).Line, s.Sel.Name)
			}
			return true
		})
	})
}

// TestFilesSayWhatTheyAre: the first line of a file names it and says what lives there.
func TestFilesSayWhatTheyAre(t *testing.T) {
	sources(t, parser.PackageClauseOnly, func(_, path string, _ *token.FileSet, _ *ast.File) {
		text, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if strings.HasPrefix(first, "//go:build ") {
			_, rest, _ := strings.Cut(string(text), "\n\n")
			first, _, _ = strings.Cut(rest, "\n")
		}
		if want := "// " + filepath.Base(path) + ": "; !strings.HasPrefix(first, want) {
			t.Errorf("%s begins with %q, want %q and what lives there", path, first, want)
		}
	})
}

// TestNamesWithoutDrawers: a file is a noun of the field, not a drawer.
func TestNamesWithoutDrawers(t *testing.T) {
	drawers := []string{"util", "helper", "misc", "common", "manager"}
	sources(t, parser.PackageClauseOnly, func(folder, path string, _ *token.FileSet, _ *ast.File) {
		for _, word := range drawers {
			if strings.Contains(strings.ToLower(path), word) {
				t.Errorf("%s: %q says nothing; name it after what it holds", path, word)
			}
		}
	})
}
