// Package view draws the page: vugu components over the state in package store.
// They decide nothing; every click becomes a call of the store, and the command
// that it returns goes to the worker through [Page].
//
// A vugu render matches elements by position, and replaces what it finds there.
// So the components keep the number of siblings fixed, hide what is not wanted
// instead of leaving it out, and leave out only inside wrappers of their own.
package view

//go:generate go tool vugugen -skip-go-mod -skip-main .
//go:generate gofmt -w .

import (
	"fmt"
	"strings"
	"time"

	"github.com/vugu/vugu"

	"litefront/kernels/search"
	"litefront/searchcore/objective"
	"litefront/ui/store"
)

// Page is what the components ask of the page around them.
type Page interface {
	Send(search.Command)       // to the worker
	Restart()                  // replaces a worker that is gone
	ImportFile()               // reads the file chosen in the element "import"
	ChooseWeights()            // takes the file chosen in the element "weights"
	OverlayFile()              // reads the file chosen in the element "overlay"
	SavePlot(extension string) // saves the chart as a file, "png" or "svg"
	TakeBuild()                // reloads the page with the newer build
	Join()                     // begins to measure for the host
	PauseJoin()                // pauses that, or ends the pause
	LeaveJoin()                // ends it
	Invite()                   // asks the host for an invitation
	OpenClass(class string)    // fetches the study of a class of devices
	Focus(id string)           // moves the keyboard's focus to an element
	// Mark selects a part of a text field, in UTF-16 units, and focuses it.
	Mark(id string, start, end int)
}

// Root is the whole page.
type Root struct {
	Store *store.Store
	Page  Page
	Since time.Duration // since the worker last told its progress
}

// skip follows the link past the setup. Its fragment must not become the page's
// address, which holds setups.
func (c *Root) skip(event vugu.DOMEvent) {
	guard(c.Store, func() {
		event.PreventDefault()
		c.Page.Focus("chart")
	})
}

// guard runs an event handler. A panic would end the program, and with it the
// page; so it is shown instead.
func guard(s *store.Store, handler func()) {
	defer func() {
		if r := recover(); r != nil {
			s.Fail(fmt.Sprintf("this page has a bug, reload it: %v", r))
		}
	}()
	handler()
}

// act runs an action of the store and sends what it asks to send.
func act(s *store.Store, p Page, action func() (search.Command, bool)) {
	guard(s, func() {
		if command, ok := action(); ok {
			p.Send(command)
		}
	})
}

// label names an objective for people.
func label(o objective.Objective) string { return store.Label(o) }

// value is "12.3 ms", or a dash for what is not known. A tie is marked where it
// matters, at the proxy for quality.
func value(s *store.Store, t *store.Trial, o objective.Objective) string {
	r, known := s.Read(t, o)
	if !known {
		return "–"
	}
	if t.Tied && o.Name == "decoder_params" {
		return o.Format(r.Value) + " ~"
	}
	return o.Format(r.Value)
}

// interval is "12.2 – 12.5", or empty for what is exact or not known.
func interval(s *store.Store, t *store.Trial, o objective.Objective) string {
	r, known := s.Read(t, o)
	if !known || o.Static() {
		return ""
	}
	number := func(v float64) string { return strings.TrimSuffix(o.Format(v), " "+o.Unit) }
	return number(r.Low) + " – " + number(r.High)
}
