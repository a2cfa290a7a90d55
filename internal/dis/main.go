package main

import (
	"litefront/host/runtime"
	"litefront/kernels"
	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"os"
)

func main() {
	m := wasmasm.NewModule()
	m.Memory(1, 1)
	l := ops.New(m)
	l.Linear()
	b, _ := m.Bytes()
	os.RemoveAll("/tmp/dis/cache")
	os.MkdirAll("/tmp/dis/cache", 0o755)
	e, err := runtime.NewEngine("/tmp/dis/cache")
	if err != nil {
		panic(err)
	}
	if _, err := e.Prepare(&kernels.Module{Bytes: b, Fixed: true}); err != nil {
		panic(err)
	}
}
