package runtime

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"litefront/kernels"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// team is what an instance with several threads has beside itself: the memory that
// they share, and an instance over it for each further thread.
type team struct {
	engine  *Engine
	memory  api.Module
	workers []api.Module
	threads []atomic.Int64 // their threads' numbers, once they run
	running sync.WaitGroup
	failed  chan error // why a thread ended before it was stopped
}

// instantiateTeam compiles m, and instantiates and starts it once for each thread.
func (e *Engine) instantiateTeam(m *kernels.Module) (*Instance, error) {
	if cores := runtime.NumCPU(); m.Threads > cores {
		return nil, fmt.Errorf("threads %d exceed the %d cores of this machine", m.Threads, cores)
	}
	ctx := context.Background()
	compiled, err := e.threads.CompileModule(ctx, m.Bytes)
	if err != nil {
		return nil, err
	}
	linear, err := newLinearMemory(m.Memory.TotalBytes)
	if err != nil {
		return nil, errors.Join(err, compiled.Close(ctx))
	}
	t := &team{engine: e, failed: make(chan error, m.Threads)}
	module, err := t.start(ctx, e.threads, compiled, m, linear)
	if err != nil {
		err = errors.Join(err, t.close(ctx), compiled.Close(ctx))
		linear.unmap()
		return nil, err
	}
	e.teams[t] = true
	return &Instance{compiled, module, linear, t}, nil
}

// start instantiates the memory and all threads, and has all but the first work.
func (t *team) start(ctx context.Context, rt wazero.Runtime, compiled wazero.CompiledModule, m *kernels.Module, linear *linearMemory) (first api.Module, err error) {
	provider := wasmasm.NewModule()
	provider.SharedMemory(uint32(m.Memory.TotalBytes / graph.PageBytes))
	code, err := provider.Bytes()
	if err != nil {
		return nil, err
	}
	if t.memory, err = rt.InstantiateWithConfig(withMemory(ctx, linear), code, anonymous); err != nil {
		return nil, err
	}
	ctx = experimental.WithImportResolver(ctx, func(name string) api.Module {
		if name == kernels.MemoryModule {
			return t.memory
		}
		return nil
	})
	if first, err = rt.InstantiateModule(ctx, compiled, anonymous); err != nil {
		return nil, err
	}
	for _, name := range []string{"work", "meet", "rest", "stop"} {
		if first.ExportedFunction(name) == nil {
			return nil, errors.Join(fmt.Errorf("the module for %d threads does not export %q", m.Threads, name), first.Close(ctx))
		}
	}
	for len(t.workers) < m.Threads-1 {
		worker, err := rt.InstantiateModule(ctx, compiled, anonymous)
		if err != nil {
			return nil, errors.Join(err, first.Close(ctx))
		}
		t.workers = append(t.workers, worker)
	}
	t.threads = make([]atomic.Int64, len(t.workers))
	for i, worker := range t.workers {
		t.running.Go(func() { t.work(worker, i+1) })
	}
	return first, nil
}

// work is what thread number does until it is stopped. If it fails, so do the
// others, who would wait for it for ever.
func (t *team) work(worker api.Module, number int) {
	runtime.LockOSThread() // and ends with it: nobody else is to have a thread that was moved
	t.threads[number-1].Store(int64(threadID()))
	if _, err := worker.ExportedFunction("work").Call(context.Background(), uint64(number)); err != nil {
		t.failed <- fmt.Errorf("thread %d: %w", number, err)
		_ = stop(worker) // it fails only where the program is lost anyway
	}
}

// maxMoves bounds how often threads are moved before a run.
const maxMoves = 3

// meet returns once all threads are awake, each on a processor of its own where the
// system tells and lets it. Systems wake a thread up where it slept or where they were
// told to, often beside one that waits for it; there both have half a processor each
// until the system's next look, milliseconds later. The caller's goroutine is locked to
// its thread.
func (i *Instance) meet() error {
	for range maxMoves {
		if _, err := i.Call("meet"); err != nil {
			return err
		}
		threads := []int{threadID()}
		for n := range i.team.threads {
			threads = append(threads, int(i.team.threads[n].Load()))
		}
		if !apart(threads) {
			break
		}
	}
	_, err := i.Call("meet") // to look at them takes its time
	return err
}

// stop ends the threads that share a memory with module.
func stop(module api.Module) error {
	_, err := module.ExportedFunction("stop").Call(context.Background())
	return err
}

// fault says why a call of the first thread failed with err. Without it the
// others are of no use.
func (t *team) fault(err error) error {
	select {
	case err = <-t.failed:
		t.failed <- err // for the next call
	default:
	}
	return errors.Join(err, stop(t.workers[0]))
}

// close ends all threads but the first, and frees them and the memory.
func (t *team) close(ctx context.Context) (err error) {
	delete(t.engine.teams, t)
	if len(t.workers) > 0 {
		err = stop(t.workers[0])
	}
	t.running.Wait()
	for _, worker := range t.workers {
		err = errors.Join(err, worker.Close(ctx))
	}
	t.workers = nil // closed again, after the engine, it has nothing to stop
	if t.memory != nil {
		err = errors.Join(err, t.memory.Close(ctx))
	}
	return err
}
