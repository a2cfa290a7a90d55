package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

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

func (c *Fleet) classes() []jobs.ClassState {
	list := c.state().Classes
	return list[:min(len(list), store.MaxClasses)]
}

func (c *Fleet) devices() []jobs.DeviceState {
	list := c.state().Devices
	return list[:min(len(list), store.MaxDevices)]
}

func (c *Fleet) dead() []jobs.DeadJob {
	list := c.state().Dead
	return list[:min(len(list), store.MaxDead)]
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

// address is that of the invitation; empty if there is none.
func (c *Fleet) address() string {
	if i := c.Store.Fleet.Invitation; i != nil {
		return i.URL
	}
	return ""
}

func (c *Fleet) validity() string {
	i := c.Store.Fleet.Invitation
	if i == nil {
		return ""
	}
	return "It admits one device, once, until " + time.UnixMilli(i.ExpiresMs).Format("15:04") + ". Scan it with the device's camera, or open the address there. Whoever has it can join."
}

// code is a QR code as the path of an SVG, a unit to a module, and its width with the
// quiet zone; empty if text does not fit into one.
func code(text string) (path string, width int) {
	const quietZone = 4 // modules that have to be white around it (ISO/IEC 18004)
	if text == "" {
		return "", 0
	}
	q, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", 0
	}
	var d strings.Builder
	for y := range q.Size {
		for x := 0; x < q.Size; x++ {
			begin := x
			for q.Black(x, y) {
				x++
			}
			if x > begin {
				fmt.Fprintf(&d, "M%d %dh%dv1h-%dz", quietZone+begin, quietZone+y, x-begin, x-begin)
			}
		}
	}
	return d.String(), q.Size + 2*quietZone
}

func (c *Fleet) codePath() string {
	path, _ := code(c.address())
	return path
}

func (c *Fleet) codeBox() string {
	_, width := code(c.address())
	return fmt.Sprintf("0 0 %d %[1]d", width)
}
