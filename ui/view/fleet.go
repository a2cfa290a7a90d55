package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"litefront/kernels/jobs"
	"litefront/ui/store"
)

// Fleet shows the devices that measure for the host of this page, and what they have
// found.
type Fleet struct {
	Store *store.Store
	Page  Page
}

// state is what the host told last; empty if the page has no such host.
func (c *Fleet) state() jobs.Fleet {
	if f := c.Store.Fleet.State; f != nil {
		return *f
	}
	return jobs.Fleet{}
}

func (c *Fleet) title() string { return "Fleet of the study “" + c.state().Study + "”" }

// problem says that what is shown is old.
func (c *Fleet) problem() string {
	if p := c.Store.Fleet.Problem; p != "" {
		return "The host does not answer, so this is what it told last: " + p
	}
	return ""
}

// note counts what is not shown, or says what an empty fleet needs.
func (c *Fleet) note() string {
	f := c.state()
	var more []string
	for _, list := range []struct {
		all, most int
		name      string
	}{{len(f.Classes), store.MaxClasses, "classes"}, {len(f.Devices), store.MaxDevices, "devices"}, {len(f.Dead), store.MaxDead, "jobs that nobody answered"}} {
		if list.all > list.most {
			more = append(more, fmt.Sprintf("%d more %s", list.all-list.most, list.name))
		}
	}
	switch {
	case len(more) > 0:
		return "Not shown: " + strings.Join(more, ", ") + "."
	case len(f.Devices) == 0:
		return "No device has joined yet."
	}
	return ""
}

// table is one of classes or of devices.
type table struct {
	id, label string
	columns   []string
	rows      []tableRow
}

// tableRow is a row of a table. That of a class has no standing, and can be opened.
type tableRow struct {
	id, standing string
	cells        []string
}

func (c *Fleet) tables() []table {
	f := c.state()
	classes := table{id: "classes", label: "Classes of devices", columns: []string{"class", "measured", "failed", "under way", "left", "study"}}
	for _, s := range f.Classes[:min(len(f.Classes), store.MaxClasses)] {
		classes.rows = append(classes.rows, tableRow{id: s.Class, cells: []string{
			s.Class, strconv.Itoa(s.Measured), strconv.Itoa(s.Failed), strconv.Itoa(s.Outstanding), left(s),
		}})
	}
	devices := table{id: "devices", label: "Devices", columns: []string{"device", "class", "state", "job", "done", "failed", "slowdown", "to know"}}
	for _, d := range f.Devices[:min(len(f.Devices), store.MaxDevices)] {
		devices.rows = append(devices.rows, tableRow{id: d.Device, standing: dash(d.State), cells: []string{
			d.Name + " " + shortID(d.Device), d.Class, d.State, shortID(d.Job), strconv.Itoa(d.Done), strconv.Itoa(d.Failed), slowdown(d.Slowdown), trouble(d),
		}})
	}
	return []table{classes, devices}
}

// dead are the jobs that nobody answered.
func (c *Fleet) dead() (lines []string) {
	list := c.state().Dead
	for _, j := range list[:min(len(list), store.MaxDead)] {
		lines = append(lines, fmt.Sprintf("Nobody answered candidate %d, %s, of %s: %s", j.Number, shortID(j.Arch), j.Class, j.Reason))
	}
	return lines
}

// left is how long a class takes yet, or why it has ended.
func left(s jobs.ClassState) string {
	switch {
	case s.Done != "":
		return "ended: " + s.Done
	case s.LeftMs > 0:
		return time.Duration(s.LeftMs * float64(time.Millisecond)).Round(time.Second).String()
	}
	return "–"
}

func openLabel(s *store.Store, class string) string {
	if s.Fleet.Opening == class {
		return "Opening…"
	}
	return "Open"
}

// trouble is what is to be known of a device beside its numbers.
func trouble(d jobs.DeviceState) string {
	var list []string
	if d.Reason != "" {
		list = append(list, "Quarantined: "+d.Reason+".")
	}
	if d.Note != "" {
		list = append(list, d.Note)
	}
	if d.Error != "" {
		list = append(list, "Last error: "+d.Error)
	}
	return dash(strings.Join(list, " "))
}

func slowdown(v float64) string {
	if v <= 0 {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', 2, 64) + "×"
}

// shortID is as much of an ID as people compare.
func shortID(id string) string { return dash(id[:min(len(id), 8)]) }

func (c *Fleet) inviteLabel() string {
	if c.Store.Fleet.Inviting {
		return "One moment…"
	}
	return "Invite a device"
}

// invitation is the one that is shown; empty if there is none.
func (c *Fleet) invitation() jobs.Invitation {
	if i := c.Store.Fleet.Invitation; i != nil {
		return *i
	}
	return jobs.Invitation{}
}

func (c *Fleet) validity() string {
	until := time.UnixMilli(c.invitation().ExpiresMs).Format("15:04")
	return "It admits one device, once, until " + until + ". Scan it with the device's camera, or open the address there. Whoever has it can join."
}

// codeBox is the view box of the QR code, a unit to a module.
func (c *Fleet) codeBox() string { return fmt.Sprintf("0 0 %d %[1]d", c.invitation().CodeSize) }
