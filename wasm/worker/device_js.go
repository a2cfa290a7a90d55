package worker

import (
	"encoding/json"

	"github.com/hack-pad/safejs"

	"litefront/kernels/measure"
	"litefront/searchcore/trial"
	"litefront/wasm/worker/internal/browser"
)

// maxUserAgent bounds what is read of a user agent, in characters.
const maxUserAgent = 1024

// describe says what executes candidates here, and decides what of it they use.
// Where the page is not isolated from others, the timer is coarse, for fear of what
// it could reveal: the features say so, and samples last longer.
func (e *engine) describe(simd bool) (trial.Device, error) {
	navigator, err := safejs.Global().Get("navigator")
	if err != nil {
		return trial.Device{}, err
	}
	userAgent, err := getString(navigator, "userAgent")
	if err != nil {
		return trial.Device{}, err
	}
	d := browser.Describe(userAgent[:min(len(userAgent), maxUserAgent)], hints(navigator))
	if cores, err := navigator.Get("hardwareConcurrency"); err == nil {
		d.Cores, _ = cores.Int() // 0 where the browser does not tell
	}
	if simd {
		d.Features = append(d.Features, "simd128")
	}
	if e.features.RelaxedSIMD {
		d.Features = append(d.Features, "relaxed-simd")
	}
	if e.features.RelaxedDot = browser.RelaxedDot(e.features, d); e.features.RelaxedDot {
		d.Features = append(d.Features, "relaxed-dot")
	}
	isolated, err := safejs.Global().Get("crossOriginIsolated")
	if err != nil {
		return trial.Device{}, err
	}
	if ok, err := isolated.Truthy(); ok && err == nil {
		d.Features = append(d.Features, "isolated")
	} else {
		d.Features = append(d.Features, measure.NotIsolated)
	}
	d.TimerStepNs = browser.TimerStep(e.Now)
	return d, nil
}

// hints are the browser's client hints; none where it has none.
func hints(navigator safejs.Value) (h browser.Hints) {
	data, err := navigator.Get("userAgentData")
	if err != nil || data.Type() != safejs.TypeObject {
		return h
	}
	promise, err := data.Call("getHighEntropyValues", []any{"architecture", "bitness", "model"})
	if err != nil {
		return h
	}
	values, err := await(promise)
	if err != nil {
		return h
	}
	object, err := safejs.Global().Get("JSON")
	if err != nil {
		return h
	}
	text, err := object.Call("stringify", values)
	if err != nil {
		return h
	}
	s, err := text.String()
	if err != nil {
		return h
	}
	if json.Unmarshal([]byte(s), &h) != nil {
		return browser.Hints{}
	}
	return h
}

func getString(object safejs.Value, property string) (string, error) {
	v, err := object.Get(property)
	if err != nil {
		return "", err
	}
	return v.String()
}
