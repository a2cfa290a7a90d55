package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vugu/vugu"

	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/objective"
	"litefront/searchcore/space/survey"
	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// Setup is the form of a search and, once one is under way, what was chosen.
type Setup struct {
	Store *store.Store
	Page  Page
}

// open reports whether the form is shown, rather than what was chosen.
func (c *Setup) open() bool {
	p := c.Store.Phase()
	return p == store.Idle || p == store.Loading
}

// settled reports whether the form belongs to a kept study, which only lets its
// budget and its constraints change.
func (c *Setup) settled() bool { return c.Store.Study != nil }

func (c *Setup) set(field string, event vugu.DOMEvent) {
	guard(c.Store, func() { c.Store.SetField(field, event.PropString("target", "value")) })
}

func (c *Setup) choose(objective string, event vugu.DOMEvent) {
	guard(c.Store, func() { c.Store.SetObjective(objective, event.PropBool("target", "checked")) })
}

// submit is the Enter key in a field.
func (c *Setup) submit(event vugu.DOMEvent) {
	guard(c.Store, func() {
		event.PreventDefault()
		start(c.Store, c.Page)
	})
}

// start starts or continues the search.
func start(s *store.Store, p Page) {
	if command, ok := s.Start(); ok {
		p.Send(command)
	}
}

func (c *Setup) chosen(objective string) bool {
	return slices.Contains(c.Store.Form.Objectives, objective)
}

// invalid is the value of aria-invalid, or nil for none.
func (c *Setup) invalid(field string) any {
	if c.Store.Invalid[field] == "" {
		return nil
	}
	return "true"
}

// own reports whether the space is one that is written, not a preset.
func (c *Setup) own() bool { return c.Store.Form.Preset == store.OwnSpace }

// showMistake leads to the line that is wrong.
func (c *Setup) showMistake() {
	guard(c.Store, func() {
		start, end := store.LineSpan(c.Store.Form.Space, c.Store.MistakeLine())
		c.Page.Mark("space", start, end)
	})
}

func (c *Setup) mistakeLabel() string { return fmt.Sprintf("Show line %d", c.Store.MistakeLine()) }

func (c *Setup) surveyLines() []survey.Line {
	lines, _ := c.Store.SpaceSurvey()
	return lines
}

func (c *Setup) surveyNotes() []string {
	_, notes := c.Store.SpaceSurvey()
	return notes
}

var strategyHelp = map[string]string{
	"exact":     "Measures a dozen candidates that tell most, fits a model of this device, and measures the frontier that is exact under it.",
	"lts":       "Evolution as in LiteTransformerSearch: mutation and crossover of the frontier's members.",
	"lts-block": "The same evolution, which also changes runs of layers together.",
	"archai":    "The smaller evolution of the authors' later rewrite.",
	"random":    "Uniform samples of the space, as a baseline.",
}

var precisionHelp = map[string]string{
	string(trial.F32): "Weights as they are trained.",
	string(trial.I8):  "Weights in a quarter of the memory, each row with a scale of its own.",
	string(trial.F16): "Weights in half of the memory; what is computed with them stays in single precision.",
}

// targetHelp says what the chosen target is.
func (c *Setup) targetHelp() string {
	gpu := c.Store.GPU
	switch {
	case gpu == nil || c.Store.Form.Target != search.TargetGPU:
		return "The processor, by WebAssembly."
	case slices.Contains(gpu.Features, measure.SoftwareAdapter):
		return "“" + gpu.CPU + "”, a software adapter: it computes on the processor, and its times tell nothing of GPUs."
	}
	return "“" + gpu.CPU + "”."
}

// row is a line of the summary.
type row struct{ name, value string }

func (c *Setup) summary() []row {
	f := c.Store.Form
	var names []string
	for _, name := range f.Objectives {
		if o, err := objective.Parse(name); err == nil {
			names = append(names, label(o))
		}
	}
	context := "64 tokens more"
	if f.Context != "" {
		context = f.Context + " tokens"
	}
	return []row{
		{"search space", c.Store.SpaceName()},
		{"prompt", f.Prompt + " tokens"},
		{"context", context},
		{"precision", f.Precision},
		{"threads", f.Threads},
		{"objectives", strings.Join(names, ", ")},
		{"constraints", cmp.Or(f.Constraints, "none")},
		{"budget", f.Budget},
		{"strategy", f.Strategy},
		{"seed", f.Seed},
	}
}
