package page

import (
	"encoding/json"

	"github.com/hack-pad/safejs"

	"litefront/ui/store"
)

// keepOffline has the browser keep the page for use without its server, and offers a
// newer build once it is there. The store hears whether the page is kept.
func (p *page) keepOffline() error {
	offline, err := safejs.Global().Get("litefrontOffline")
	if err != nil {
		return err
	}
	found, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		p.change(p.store.OfferBuild)
		return nil
	})
	if err != nil {
		return err
	}
	kept, err := offline.Call("keep", found)
	if err != nil {
		return err
	}
	return then(kept, func(kept string) { p.change(func() { p.store.KeepPage(kept == "true") }) }, func(string) {})
}

// TakeBuild reloads the page with the newer build, unless other tabs run this one.
func (p *page) TakeBuild() {
	p.store.TakeBuild()
	failed := p.store.RefuseBuild
	offline, err := safejs.Global().Get("litefrontOffline")
	if err != nil {
		failed(err.Error())
		return
	}
	taken, err := offline.Call("take")
	if err == nil {
		err = then(taken, func(refusal string) {
			if refusal != "" {
				p.change(func() { failed(refusal) })
			}
		}, func(reason string) { p.change(func() { failed(reason) }) })
	}
	if err != nil {
		failed(err.Error())
	}
}

// surroundings asks the browser what the worker does not tell.
func surroundings() (found store.Surroundings, err error) {
	text, err := safejs.Global().Call("litefrontSurroundings")
	if err != nil {
		return found, err
	}
	told, err := text.String()
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal([]byte(told), &found)
}
