package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
	"litefront/wasm/edge/abi"
)

// maxGuestPages bounds a guest's memory, in pages of 64 KiB: 2 GiB.
const maxGuestPages = 2 << 30 >> 16

// RunGuest is q.Run with the search core in a sandbox: wasm is the edge guest
// (package wasm/edge), which gets no file, no network, no environment and no
// program of target but through the calls that package abi describes. Its
// compiled code is kept in cacheDir, unless that is empty. Everything is called
// on the caller's goroutine, in the order in which q.Run calls it, and the same
// events reach j and watch. The modules that target gets are without their
// memory plan, which stays in the guest.
//
// Nothing that the guest says is trusted. An event is kept and announced only if
// the study can contain it, so that j can be replayed whatever the guest wrote.
// Calls are checked against the guest's memory and the limits of package abi, and
// what it prepares may together have the memory that the study's MemoryLimit
// allows a candidate, and the sentinels'. A guest that breaks the contract is
// ended, with an error of one line; what is in j by then stays.
//
// When ctx is done the guest is told so by its next call of prepare or run, and
// ended if it goes on all the same. A guest that computes for ever and calls
// nothing is not ended, no more than a native core that does: to check for it in
// every loop makes the core take four times as long. Such a program is to be
// killed; everything it announced is on the disk.
//
// The study is what was recorded, also when the search failed; it is nil if
// nothing was.
func RunGuest(ctx context.Context, wasm []byte, cacheDir string, q search.Request, target measure.Target, j study.Journal, watch func(trial.Event)) (*study.Study, trial.Done, error) {
	features := target.Features()
	features.Threads = 1 // prepare takes no more than a module
	input, err := json.Marshal(abi.Input{Device: target.Device(), Features: features, Request: q})
	if err == nil && len(input) > abi.MaxInput {
		err = fmt.Errorf("its input has %d bytes, more than the limit of %d", len(input), abi.MaxInput)
	}
	if err != nil {
		return nil, trial.Done{}, fmt.Errorf("guest: %w", err)
	}
	lines, err := newGuestLines(q, j, watch)
	if err != nil {
		return nil, trial.Done{}, err // as the native core says it
	}
	setup := q.Setup
	if lines.study != nil { // it goes on under the recorded setup
		setup = lines.study.Started().Setup
	}
	if n := setup.Workload.Threads; n > 1 {
		return lines.study, trial.Done{}, fmt.Errorf("workload: threads %d need the native core: a guest's modules run on one", n)
	}
	calls := newGuestCalls(ctx, target, setup.MemoryLimit)
	defer calls.close()
	err = runGuest(wasm, cacheDir, input, calls, lines)
	var done trial.Done
	if lines.done != nil {
		done = *lines.done
	}
	return lines.study, done, err
}

// runGuest runs a guest to its end, and says why if that was not a good one.
func runGuest(wasm []byte, cacheDir string, input []byte, calls *guestCalls, lines *guestLines) error {
	ctx := context.Background() // the guest hears of the search's context by its calls
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(maxGuestPages)
	if cacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(cacheDir)
		if err != nil {
			return fmt.Errorf("guest: compilation cache: %w", err)
		}
		defer cache.Close(ctx)
		config = config.WithCompilationCache(cache)
	}
	rt := wazero.NewRuntimeWithConfig(ctx, config)
	defer rt.Close(ctx)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return fmt.Errorf("guest: %w", err)
	}
	if err := calls.instantiate(ctx, rt); err != nil {
		return fmt.Errorf("guest: %w", err)
	}
	compiled, err := rt.CompileModule(ctx, wasm)
	if err != nil {
		return fmt.Errorf("guest: %s", firstLine(err.Error()))
	}
	// Without these clocks a guest's time would be a fake that steps at each look.
	said := &words{}
	_, err = rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().
		WithStdin(bytes.NewReader(input)).WithStdout(lines).WithStderr(said).
		WithSysNanotime().WithSysWalltime().WithSysNanosleep())

	var exit *sys.ExitError
	switch {
	case calls.fault != nil:
		return calls.fault
	case lines.fault != nil:
		return lines.fault
	case errors.As(err, &exit) && exit.ExitCode() == 1 && said.first() != "": // the search failed
		return errors.New(strings.TrimPrefix(said.first(), ": "))
	case errors.As(err, &exit):
		return fmt.Errorf("guest: it crashed with exit code %d%s", exit.ExitCode(), said.first())
	case err != nil:
		return fmt.Errorf("guest: %s", firstLine(err.Error()))
	}
	return lines.end()
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
