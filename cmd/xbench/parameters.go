// parameters.go: the parameters of cases as flags, under the names that they have in a suite.

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"xbench/workloads"
)

// parameterSection is where help shows these flags.
const parameterSection = "Parameters, for each selected case instead of the suite's"

// parameters are those that the command line gives, in its order.
type parameters struct {
	given []parameter
}

type parameter struct{ name, value string }

// bindParameters declares a flag for every parameter that a case has.
func bindParameters(flags *pflag.FlagSet) *parameters {
	p := &parameters{}
	for _, s := range workloads.Settings() {
		flags.Var(&parameterFlag{s.Name, p}, s.Name, s.Doc)
		if err := flags.SetAnnotation(s.Name, sectionAnnotation, []string{parameterSection}); err != nil {
			panic(err) // the flag was declared a line above
		}
	}
	return p
}

// applyTo sets c's parameters to those of the command line.
func (p *parameters) applyTo(c *workloads.Case) error {
	for _, g := range p.given {
		if err := c.Set(g.name, g.value); err != nil {
			return err
		}
	}
	return nil
}

// blame names the flag when a parameter that came from one is wrong, and the case when it did not.
func (p *parameters) blame(c *workloads.Case, err error) error {
	var wrong *workloads.KeyError
	if errors.As(err, &wrong) {
		for _, g := range p.given {
			if g.name == wrong.Key {
				return fmt.Errorf("--%s: case %s: %w", g.name, c.Name, wrong.Err)
			}
		}
	}
	return fmt.Errorf("case %s: %w", c.Name, err)
}

// parameterFlag is one parameter as pflag sees it.
type parameterFlag struct {
	name string
	all  *parameters
}

// Set tries the value on a case of its own, so that what can never be right is refused by the flag's name.
func (f *parameterFlag) Set(value string) error {
	c := workloads.NewCase("")
	if err := c.Set(f.name, value); err != nil {
		var wrong *workloads.KeyError
		if errors.As(err, &wrong) {
			return wrong.Err
		}
		return err
	}
	f.all.given = append(f.all.given, parameter{f.name, value})
	return nil
}

func (f *parameterFlag) String() string { return "" } // no default: that is the suite's
func (f *parameterFlag) Type() string   { return "VALUE" }
