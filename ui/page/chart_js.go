package page

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hack-pad/safejs"

	"litefront/ui/view"
)

// chart draws the candidates with the global litefrontChart.
type chart struct {
	library safejs.Value
	handle  safejs.Value
	created bool
	broken  bool
	version int // of the store, when it was last drawn
}

// draw shows the store's points, where they have changed.
func (p *page) drawChart() error {
	c := &p.chart
	if !c.created {
		if err := c.create(p.clicked, p.sketch); err != nil {
			return err
		}
	}
	if c.version == p.store.Version {
		return nil
	}
	c.version = p.store.Version
	points, err := float32Array(p.store.Points())
	if err != nil {
		return err
	}
	_, err = c.library.Call("update", c.handle, p.store.ChartOptions(), points)
	return err
}

// create puts a chart into the page. Its element is not vugu's, which would
// empty it.
func (c *chart) create(clicked func(trial int), sketch func(trial int) any) (err error) {
	if c.library, err = safejs.Global().Get("litefrontChart"); err != nil {
		return err
	}
	holder, err := element("chart")
	if err != nil {
		return err
	}
	document, err := safejs.Global().Get("document")
	if err != nil {
		return err
	}
	canvas, err := document.Call("createElement", "div")
	if err != nil {
		return err
	}
	if err := canvas.Set("className", "chart-canvas"); err != nil {
		return err
	}
	if _, err := holder.Call("appendChild", canvas); err != nil {
		return err
	}
	if c.handle, err = c.library.Call("create", canvas); err != nil {
		return err
	}
	if err := c.on("onClick", func(trial int) any { clicked(trial); return nil }); err != nil {
		return err
	}
	err = c.on("onHover", sketch)
	c.created = err == nil
	return err
}

// on has the chart call f with the number of a trial.
func (c *chart) on(event string, f func(trial int) any) error {
	handler, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		if len(args) == 0 {
			return nil
		}
		trial, err := args[0].Int()
		if err != nil {
			return nil
		}
		return f(trial)
	})
	if err != nil {
		return err
	}
	_, err = c.library.Call(event, c.handle, handler)
	return err
}

func (p *page) clicked(trial int) {
	p.change(func() { p.store.Select(trial) })
}

// sketch is a trial's architecture, as the chart draws it. The chart asks in events of
// the mouse and of timers, never within a call from here: that would wait for itself.
func (p *page) sketch(trial int) (drawing any) {
	p.env.Lock()
	defer p.env.UnlockOnly()
	defer func() {
		if r := recover(); r != nil {
			p.store.Fail(fmt.Sprintf("this page has a bug, reload it: %v", r))
			drawing = nil
		}
	}()
	t := p.store.Trial(trial)
	if t == nil {
		return nil
	}
	d := view.Draw(t.Arch)
	return map[string]any{"box": d.Box, "label": d.Label, "paths": map[string]any{"bars": d.Bars, "ticks": d.Ticks}}
}

// float32Array copies values to JavaScript.
func float32Array(values []float32) (safejs.Value, error) {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	bytesType, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return safejs.Value{}, err
	}
	bytes, err := bytesType.New(len(raw))
	if err != nil {
		return safejs.Value{}, err
	}
	if _, err := safejs.CopyBytesToJS(bytes, raw); err != nil {
		return safejs.Value{}, err
	}
	buffer, err := bytes.Get("buffer")
	if err != nil {
		return safejs.Value{}, err
	}
	floats, err := safejs.Global().Get("Float32Array")
	if err != nil {
		return safejs.Value{}, err
	}
	return floats.New(buffer)
}
