package runtime

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/kernels"
	"litefront/searchcore/graph"
)

// Instance is a module in this process, with its memory open: for whoever brings
// weights and tokens and reads logits. What is only timed is a measure.Program.
type Instance struct {
	compiled wazero.CompiledModule
	module   api.Module
	linear   *linearMemory
	team     *team // nil: one thread
}

// Instantiate compiles and instantiates m.
func (e *Engine) Instantiate(m *kernels.Module) (*Instance, error) {
	if m.Threads > 1 {
		return e.instantiateTeam(m)
	}
	rt := e.runtime
	if m.Fixed {
		rt = e.fixed
	}
	ctx := context.Background()
	compiled, err := rt.CompileModule(ctx, m.Bytes)
	if err != nil && m.Fixed { // a cache that cannot be written is no reason to fail
		rt = e.runtime
		compiled, err = rt.CompileModule(ctx, m.Bytes)
	}
	if err != nil {
		return nil, err
	}
	i := &Instance{compiled: compiled}
	if err := i.start(ctx, rt); err != nil {
		return nil, errors.Join(err, compiled.Close(ctx))
	}
	return i, nil
}

// start gives the module its memory, which it exports.
func (i *Instance) start(ctx context.Context, rt wazero.Runtime) error {
	memory := i.compiled.ExportedMemories()["memory"]
	if memory == nil {
		return errors.New(`the module exports no "memory"`)
	}
	pages, ok := memory.Max()
	if !ok {
		return errors.New("the module's memory has no maximum")
	}
	var err error
	if i.linear, err = newLinearMemory(int64(pages) * graph.PageBytes); err != nil {
		return err
	}
	i.module, err = rt.InstantiateModule(withMemory(ctx, i.linear), i.compiled, anonymous)
	if err != nil {
		i.linear.unmap()
	}
	return err
}

// anonymous is how all modules are instantiated: any number of times.
var anonymous = wazero.NewModuleConfig().WithName("")

// Call calls an export, which returns nothing, and returns how long that took in
// nanoseconds of the engine's clock.
func (i *Instance) Call(export string, args ...uint32) (elapsedNs int64, err error) {
	f := i.module.ExportedFunction(export)
	if f == nil {
		return 0, fmt.Errorf("the module does not export %q", export)
	}
	if params := len(f.Definition().ParamTypes()); params != len(args) {
		return 0, fmt.Errorf("%q takes %d arguments, not %d", export, params, len(args))
	}
	stack := make([]uint64, len(args))
	for j, arg := range args {
		stack[j] = uint64(arg)
	}
	start := now()
	err = f.CallWithStack(context.Background(), stack)
	elapsedNs = now() - start
	if err != nil && i.team != nil {
		err = i.team.fault(err)
	}
	return elapsedNs, err
}

// Memory is the linear memory itself, not a copy. It stays the same while the
// instance is open, since modules never grow theirs, and is gone when it is closed.
func (i *Instance) Memory() []byte {
	memory := i.module.Memory()
	view, _ := memory.Read(0, memory.Size())
	return view
}

// ReadAt implements io.ReaderAt for the linear memory.
func (i *Instance) ReadAt(p []byte, at int64) (int, error) {
	memory, err := i.piece(at, len(p))
	return copy(p, memory), err
}

// WriteAt implements io.WriterAt for the linear memory.
func (i *Instance) WriteAt(p []byte, at int64) (int, error) {
	memory, err := i.piece(at, len(p))
	return copy(memory, p), err
}

// piece is n bytes of the linear memory.
func (i *Instance) piece(at int64, n int) ([]byte, error) {
	memory := i.Memory()
	if at < 0 || at > int64(len(memory))-int64(n) {
		return nil, fmt.Errorf("%d bytes at %d lie outside of a memory of %d", n, at, len(memory))
	}
	return memory[at:][:n], nil
}

// Ready calls the export ready, which must follow weights that were written.
func (i *Instance) Ready() error {
	_, err := i.Call("ready")
	return err
}

// Close frees the instance.
func (i *Instance) Close() error {
	ctx := context.Background()
	err := i.module.Close(ctx)
	if i.team != nil {
		err = errors.Join(err, i.team.close(ctx))
	}
	i.linear.unmap()
	return errors.Join(err, i.compiled.Close(ctx))
}
