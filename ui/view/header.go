package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// Header names the page and the device that it measures.
type Header struct {
	Store *store.Store
}

// badge is a property of the device. A missing one says what follows.
type badge struct {
	text    string
	missing bool
}

func (c *Header) device() string {
	if d := c.Store.Device; d != nil {
		return deviceName(*d)
	}
	return "Asking this device what it can do…"
}

// deviceName names a device and what runs on it.
func deviceName(d trial.Device) string {
	if d.Engine == "" {
		return d.Name
	}
	engine, product, _ := strings.Cut(d.Engine, " (")
	if product = strings.TrimSuffix(product, ")"); !strings.Contains(d.Name, product) {
		engine = d.Engine
	}
	return d.Name + " · " + engine
}

func (c *Header) badges() []badge {
	d := c.Store.Device
	if d == nil {
		return nil
	}
	var badges []badge
	if d.Cores > 0 {
		badges = append(badges, badge{text: fmt.Sprintf("%d cores", d.Cores)})
	}
	if d.TimerStepNs > 0 {
		badges = append(badges, badge{text: "timer step " + strconv.FormatFloat(float64(d.TimerStepNs)/1e3, 'f', -1, 64) + " µs"})
	}
	for _, f := range []struct{ name, text, missing string }{
		{"isolated", "isolated", "not isolated: the timer is coarse, so each candidate takes longer"},
		{"simd128", "SIMD", "no SIMD: this browser cannot run the candidates"},
		{"relaxed-simd", "relaxed SIMD", "no relaxed SIMD: candidates use portable instructions, somewhat slower"},
	} {
		if slices.Contains(d.Features, f.name) {
			badges = append(badges, badge{text: f.text})
		} else {
			badges = append(badges, badge{f.missing, true})
		}
	}
	return badges
}
