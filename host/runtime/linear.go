package runtime

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"
)

// withMemory has the module that is instantiated under the context find its memory of
// size bytes in linear.
func withMemory(ctx context.Context, linear *linearMemory) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return linear }))
}

// Reallocate implements experimental.LinearMemory. Memories of emitted modules have one
// size, so that they never move.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.memory)) {
		return nil
	}
	return m.memory[:size]
}

// Free implements experimental.LinearMemory. It leaves the memory to whoever made it:
// of modules that share one, wazero has the first that is closed free it, under the
// feet of the others.
func (m *linearMemory) Free() {}
