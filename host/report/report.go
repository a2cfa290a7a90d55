// Package report turns a study into what people read: the frontier as a table
// for a terminal ([Table]), a folder of CSV, JSON and a plot ([WriteDir]), and
// for other questions to the same trials the frontier under a cut ([Front]) and
// the comparison of studies ([Compare]). It only reads studies, and the
// same study always gives the same bytes.
//
// Everywhere the decoder parameters are called a proxy, and a measured objective
// comes with its 95 % confidence interval, so that nobody takes a tie for a
// difference. What the study's strategy predicts, and nobody measured, is marked as
// predicted and comes with its 95 % prediction interval.
package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"litefront/searchcore/objective"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Cut is another look at a study than the one it was searched with.
type Cut = results.Cut

// view is a study as all reports look at it.
type view struct{ *results.View }

func newView(s *study.Study, c Cut) (view, error) {
	v, err := results.New(s, c)
	return view{v}, err
}

type (
	point   = results.Point
	reading = results.Reading
)

// label names an objective without its unit.
func label(o objective.Objective) string {
	name := strings.ReplaceAll(o.Name, "_", " ")
	switch o.Unit {
	case "ms":
		return strings.TrimSuffix(name, " ms")
	case "MiB":
		return strings.TrimSuffix(name, " mb") + " memory"
	}
	return name
}

// devices says in a few words what measured the study. Latencies of different
// devices do not compare, so it says when there were several.
func (v view) devices() string {
	var names []string
	for _, p := range v.Points {
		if p.Status == study.Measured {
			if name := deviceName(p.Measurement.Device); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	switch n := len(names) - 1; n {
	case -1:
		return "nothing measured yet"
	case 0:
		return names[0]
	default:
		return fmt.Sprintf("%s and %d more", names[0], n)
	}
}

func deviceName(d trial.Device) string {
	name := printable(d.Name)
	if name == "" {
		name = "unnamed device"
	}
	var details []string
	for _, text := range []string{d.CPU, d.Engine} {
		if text = printable(text); text != "" {
			details = append(details, text)
		}
	}
	if len(details) == 0 {
		return name
	}
	return name + " (" + strings.Join(details, ", ") + ")"
}

// maxText bounds texts from outside, in characters.
const maxText = 60

// printable returns text from outside as terminals and XML can take it: no
// control characters, valid UTF-8, and short.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return clip(strings.TrimSpace(text), maxText)
}

// clip shortens text to n characters.
func clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
