// suite.go: suites of cases: YAML files, embedded or the user's own.

package workloads

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed suites/*.yaml
var suiteFiles embed.FS

// DefaultSuite is the suite that is run when none is named.
const DefaultSuite = "quick"

// suiteMaxBytes bounds a suite file, suiteMaxCases what it may hold.
const (
	suiteMaxBytes = 1 << 20
	suiteMaxCases = 1000
)

// Suite is a named list of cases.
type Suite struct {
	Name  string // of the file, without its ending
	Title string
	Cases []Case
}

// SuiteError says what is wrong with a suite, and where.
type SuiteError struct {
	File string
	Line int    // from 1; 0: the file as a whole
	Key  string // "" where no key is to blame
	Err  error
}

func (e *SuiteError) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key != "" {
		place += ": " + e.Key
	}
	return place + ": " + e.Err.Error()
}

func (e *SuiteError) Unwrap() error { return e.Err }

// Suites names the embedded suites.
func Suites() []string {
	files, err := fs.Glob(suiteFiles, "suites/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".yaml")
	}
	return files
}

// LoadSuite reads a suite: an embedded one by its name, or else a file. Traces that a file names are
// found relative to it. What is wrong is a *SuiteError.
func LoadSuite(nameOrPath string) (*Suite, error) {
	if text, err := suiteFiles.ReadFile("suites/" + nameOrPath + ".yaml"); err == nil {
		return parseSuite(nameOrPath+".yaml", text)
	}
	f, err := os.Open(nameOrPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &SuiteError{File: nameOrPath, Err: fmt.Errorf("no suite has this name, and no file: embedded are %s", strings.Join(Suites(), ", "))}
	}
	if err != nil {
		return nil, &SuiteError{File: nameOrPath, Err: err}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, suiteMaxBytes+1))
	if err == nil && len(text) > suiteMaxBytes {
		err = fmt.Errorf("longer than %d KiB", suiteMaxBytes>>10)
	}
	if err != nil {
		return nil, &SuiteError{File: nameOrPath, Err: err}
	}
	return parseSuite(nameOrPath, text)
}

// entry is one key of a mapping with its value.
type entry struct {
	line  int
	value ast.Node
}

// parseSuite reads the text of a suite. It walks the syntax tree itself: so each error knows its line and its key.
func parseSuite(file string, text []byte) (*Suite, error) {
	s := suiteParser{file: file}
	root, err := s.root(text)
	if err != nil {
		return nil, err
	}
	top, err := s.mapping(root, []string{"title", "defaults", "cases"})
	if err != nil {
		return nil, err
	}
	suite := &Suite{Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))}
	if e, ok := top["title"]; ok {
		if suite.Title, err = s.scalar("title", e); err != nil {
			return nil, err
		}
	}
	var defaults map[string]entry
	if e, ok := top["defaults"]; ok {
		if defaults, err = s.mapping(e.value, settingNames()); err != nil {
			return nil, err
		}
	}
	cases, ok := top["cases"].value.(*ast.SequenceNode)
	if !ok || len(cases.Values) == 0 || len(cases.Values) > suiteMaxCases {
		return nil, s.failed(top["cases"].line, "cases", fmt.Errorf("there must be a list of 1 to %d cases", suiteMaxCases))
	}
	for _, node := range cases.Values {
		c, line, err := s.parseCase(node, defaults)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(suite.Cases, func(o Case) bool { return o.Name == c.Name }) {
			return nil, s.failed(line, "name", fmt.Errorf("two cases are called %q", c.Name))
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite, nil
}

// suiteParser reads one file.
type suiteParser struct{ file string }

func (s suiteParser) failed(line int, key string, err error) error {
	return &SuiteError{File: s.file, Line: line, Key: key, Err: err}
}

// root is the top of the file's one document.
func (s suiteParser) root(text []byte) (ast.Node, error) {
	file, err := parser.ParseBytes(text, 0)
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		line := 0
		if t := syntax.GetToken(); t != nil {
			line = t.Position.Line
		}
		return nil, s.failed(line, "", errors.New(syntax.GetMessage()))
	}
	if err != nil {
		return nil, s.failed(0, "", err)
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d != nil && d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) != 1 {
		return nil, s.failed(0, "", fmt.Errorf("%d documents, a suite is one", len(bodies)))
	}
	return bodies[0], nil
}

// mapping reads a mapping of which all keys are allowed.
func (s suiteParser) mapping(node ast.Node, allowed []string) (map[string]entry, error) {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		return nil, s.failed(lineOf(node), "", fmt.Errorf("a mapping of keys to values was expected, one of %s", strings.Join(allowed, ", ")))
	}
	entries := map[string]entry{}
	for _, v := range m.Values {
		key, line := v.Key.GetToken().Value, lineOf(v.Key)
		if !slices.Contains(allowed, key) {
			err := fmt.Errorf("%w; known are %s", errUnknownKey, strings.Join(allowed, ", "))
			return nil, s.failed(line, key, err)
		}
		if _, twice := entries[key]; twice {
			return nil, s.failed(line, key, errors.New("twice"))
		}
		entries[key] = entry{line: line, value: v.Value}
	}
	return entries, nil
}

// scalar is the text of a plain value.
func (s suiteParser) scalar(key string, e entry) (string, error) {
	switch v := e.value.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, nil
	}
	return "", s.failed(e.line, key, errors.New("a single value was expected"))
}

var caseName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// parseCase reads one case over the suite's defaults.
func (s suiteParser) parseCase(node ast.Node, defaults map[string]entry) (c Case, line int, err error) {
	entries, err := s.mapping(node, append([]string{"name"}, settingNames()...))
	if err != nil {
		return c, 0, err
	}
	name, ok := entries["name"]
	if !ok {
		return c, 0, s.failed(lineOf(node), "name", errors.New("a case needs one"))
	}
	text, err := s.scalar("name", name)
	if err != nil {
		return c, 0, err
	}
	if !caseName.MatchString(text) {
		return c, 0, s.failed(name.line, "name", fmt.Errorf("%q: up to 64 lower-case letters, digits and . _ - are possible", text))
	}
	c = NewCase(text)
	for _, from := range []map[string]entry{defaults, entries} {
		for _, key := range settingNames() {
			e, ok := from[key]
			if !ok {
				continue
			}
			text, err := s.scalar(key, e)
			if err != nil {
				return c, 0, err
			}
			if err := c.Set(key, text); err != nil {
				return c, 0, s.failed(e.line, key, errors.Unwrap(err))
			}
		}
	}
	s.resolve(&c)
	if _, err := c.Plan(); err != nil {
		line := name.line
		var wrong *KeyError
		if !errors.As(err, &wrong) {
			return c, 0, s.failed(line, "", err)
		}
		for _, from := range []map[string]entry{defaults, entries} {
			if e, ok := from[wrong.Key]; ok {
				line = e.line
			}
		}
		return c, 0, s.failed(line, wrong.Key, wrong.Err)
	}
	return c, name.line, nil
}

// resolve makes the path of a trace one that is good for workers too, wherever they are started.
func (s suiteParser) resolve(c *Case) {
	if c.Trace == "" || filepath.IsAbs(c.Trace) || slices.Contains(strings.Split(embeddedTraces(), ", "), c.Trace) {
		return
	}
	if abs, err := filepath.Abs(filepath.Join(filepath.Dir(s.file), c.Trace)); err == nil {
		c.Trace = abs
	}
}

func settingNames() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.Name
	}
	return names
}

func lineOf(node ast.Node) int {
	if node == nil || node.GetToken() == nil {
		return 0
	}
	return node.GetToken().Position.Line
}
