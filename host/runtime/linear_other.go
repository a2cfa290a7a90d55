//go:build !linux

package runtime

// linearMemory is a module's memory, which Go's garbage collector frees.
type linearMemory struct{ memory []byte }

func newLinearMemory(size int64) (*linearMemory, error) {
	return &linearMemory{make([]byte, size)}, nil
}

// unmap forgets the memory, whose modules are closed.
func (m *linearMemory) unmap() { m.memory = nil }
