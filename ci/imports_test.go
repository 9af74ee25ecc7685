// imports_test.go: the picture of ARCHITECTURE.md, who may import whom, kept true.

// Package ci holds the checks that the project makes of itself, and what turns xbench into a gate for others.
package ci

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the whole architecture as an allow list, for code and not for tests. A package may import what stands at its name, and nothing else
// of ours; a package that is not listed may not exist. Imports go downwards only.
var mayImport = map[string][]string{
	"cmd/xbench":       {"workloads", "harness", "harness/trace", "harness/wait", "results", "core", "core/net", "core/net/frame", "core/serde"},
	"workloads":        {"core", "core/meter", "core/net", "core/net/frame", "core/serde", "harness", "harness/pace", "harness/trace", "harness/wait", "results"},
	"workloads/growth": {"results", "workloads"},
	"harness":          {"harness/pace", "harness/trace", "harness/wait", "results"},

	"workloads/rivals":       {"harness", "results", "workloads/rivals/field"},
	"workloads/rivals/field": {"core", "core/net/frame", "core/serde", "harness", "harness/pace"},

	"harness/pace":  {},
	"harness/trace": {},
	"harness/wait":  {},
	"results":       {},

	"core":               {"core/buffer", "core/meter", "core/net", "core/net/frame", "core/net/gate", "core/net/partition", "core/serde"},
	"core/net":           {"core/buffer", "core/credit", "core/meter", "core/net/frame", "core/net/gate", "core/net/partition"},
	"core/net/gate":      {"core/buffer", "core/credit", "core/meter", "core/net/frame", "core/net/partition"},
	"core/net/partition": {"core/buffer", "core/meter", "core/net/frame"},
	"core/net/frame":     {"core/buffer"},
	"core/buffer":        {"core/meter"},
	"core/credit":        {},
	"core/serde":         {},
	"core/meter":         {},
}

// sources calls visit with every Go file of the project that is not a test, its package's folder first.
func sources(t *testing.T, mode parser.Mode, visit func(folder, path string, set *token.FileSet, f *ast.File)) {
	t.Helper()
	set := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, mode)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(filepath.Dir(rel)), filepath.ToSlash(rel), set, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsGoDownwardsOnly(t *testing.T) {
	seen := map[string]bool{}
	sources(t, parser.ImportsOnly, func(folder, path string, set *token.FileSet, f *ast.File) {
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s: package %s is not in the picture; give it a place in ARCHITECTURE.md and here", path, folder)
			return
		}
		seen[folder] = true
		may := map[string]bool{}
		for _, p := range allowed {
			may["xbench/"+p] = true
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "xbench/") && !may[name] {
				t.Errorf("%s:%d: %s may not import %s", path, set.Position(spec.Pos()).Line, folder, name)
			}
		}
	})
	for folder := range mayImport {
		if !seen[folder] {
			t.Errorf("%s is in the picture but has no code", folder)
		}
	}
}
