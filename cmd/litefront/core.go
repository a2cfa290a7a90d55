package main

import (
	"context"
	"fmt"
	"io/fs"

	"litefront/host/runtime"
	"litefront/host/web"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// core runs a search as search.Request.Run does.
type core func(ctx context.Context, q search.Request, target measure.Target, j study.Journal, watch func(trial.Event)) (*study.Study, trial.Done, error)

// newCore returns the core that this program is, or the one that it carries as a
// sandboxed guest. A study does not record which one ran it.
func newCore(name string) (core, error) {
	switch name {
	case "native":
		return func(ctx context.Context, q search.Request, target measure.Target, j study.Journal, watch func(trial.Event)) (*study.Study, trial.Done, error) {
			return q.Run(ctx, target, j, watch)
		}, nil
	case "wasm":
		wasm, err := edgeGuest()
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, q search.Request, target measure.Target, j study.Journal, watch func(trial.Event)) (*study.Study, trial.Done, error) {
			return runtime.RunGuest(ctx, wasm, cacheDir(), q, target, j, watch)
		}, nil
	}
	return nil, fmt.Errorf(`core %q must be "native" or "wasm"`, name)
}

// edgeGuest reads the guest that this program was built with. It is a variable
// so that tests need no artefacts.
var edgeGuest = func() ([]byte, error) {
	dist, err := web.Dist()
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(dist, "edge.wasm")
}
