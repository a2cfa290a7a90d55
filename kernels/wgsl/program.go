// Package wgsl compiles a graph into a GPU program: WGSL compute shaders, the buffers
// that they need, and for each run the list of dispatches. The same program runs in a
// browser (WebGPU) and natively (wgpu); what runs it is no part of this package, which
// is plain Go.
//
// A program is a JSON text, which a kernels.Module holds in place of WebAssembly: its
// hash names what ran, and whoever runs it needs no graph.
package wgsl

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"litefront/kernels"
	"litefront/searchcore/graph"
)

// Program is what a GPU is to run. Every pipeline's entry point is main, and all but
// those that fill have the bindings 0 to 5 of group 0: parameters of the dispatch, at a
// dynamic offset, and of the run (uniforms); a buffer of matrices, the vectors
// (read-only storage); the state (storage); the tokens (read-only storage). Pipelines
// that fill have the two uniforms and the buffer that they fill (storage).
type Program struct {
	V        int     `json:"v"`        // Version
	Matrices []int64 `json:"matrices"` // bytes of each buffer of matrices
	Vectors  int64   `json:"vectors"`  // bytes of the buffer of biases, gains and positions
	State    int64   `json:"state"`    // bytes of the buffer of caches and activations
	Tokens   int64   `json:"tokens"`   // bytes of the buffer of tokens, int32
	// Params are those of all dispatches: [ParamStride]/4 words each.
	Params    []uint32   `json:"params"`
	Pipelines []Pipeline `json:"pipelines"`
	// Lists are what runs have to dispatch: "init", "ready", "prefill" and "decode", or
	// "loop", and for a profile those of its groups.
	Lists map[string][]Dispatch `json:"lists"`
	// ReadyRows is how many rows "ready" has.
	ReadyRows uint32 `json:"ready_rows"`
	// Logits is where in the state the last row's logits are, in bytes, and LogitsBytes
	// how many bytes they have.
	Logits      int64 `json:"logits"`
	LogitsBytes int64 `json:"logits_bytes"`
}

// Pipeline is a compute pipeline.
type Pipeline struct {
	Source string `json:"source"` // WGSL
	Fill   bool   `json:"fill,omitempty"`
}

// Dispatch starts workgroups of a pipeline: X by Y by Z of them, or, where Rows is not
// 0, one in the second dimension for every Rows rows of the run, the last one begun,
// and Y more.
type Dispatch struct {
	Pipeline int    `json:"p"`
	Matrix   int    `json:"m"` // which buffer of matrices is bound; len(Matrices): the vectors, to be filled
	Params   int    `json:"o"` // index of its parameters
	X        uint32 `json:"x"`
	Y        uint32 `json:"y"`
	Z        uint32 `json:"z"`
	Rows     uint32 `json:"r,omitempty"`
}

// Groups is how many workgroups d has in each dimension in a run of so many rows.
func (d Dispatch) Groups(rows uint32) (x, y, z uint32) {
	if d.Rows == 0 {
		return d.X, d.Y, d.Z
	}
	return d.X, (rows+d.Rows-1)/d.Rows + d.Y, d.Z
}

// Loop is what a loop export that the measuring protocol calls runs: which list, at
// which position, for how many rows.
func Loop(export string, arg uint32) (list string, pos, rows uint32) {
	list = strings.TrimSuffix(export, "_loop")
	if strings.HasSuffix(list, "prefill") {
		return list, 0, arg
	}
	return list, arg, 1
}

const (
	// Version is that of the encoding.
	Version = 1
	// ParamStride is the distance of dispatches' parameters in bytes: what every
	// adapter allows for dynamic offsets.
	ParamStride = 256
	// ParamBytes is how many of these a dispatch reads.
	ParamBytes = 64
	// RunBytes is the size of a run's parameters: position, rows, seed and a spare word.
	RunBytes = 16
	// TimeBytes is the size of the buffers that timestamps pass through.
	TimeBytes = 16

	paramWords = ParamBytes / 4
	// Limits on what is decoded, far above what any graph gives.
	maxPipelines  = 4096
	maxDispatches = 1 << 18
	maxEncoded    = 64 << 20
	maxBuffers    = 1024
)

// Memory is what the program's buffers take on the GPU, to the byte: those of tensors,
// and as IOBytes those by which it is told what to do and read.
func (p *Program) Memory() (m graph.Memory) {
	for _, b := range p.Matrices {
		m.WeightBytes += b
	}
	m.WeightBytes += p.Vectors
	m.ArenaBytes = p.State
	m.IOBytes = p.Tokens + p.ParamsBytes() + RunBytes + p.LogitsBytes + 2*TimeBytes
	m.TotalBytes = m.WeightBytes + m.ArenaBytes + m.IOBytes
	return m
}

// ParamsBytes is the size of the buffer of parameters.
func (p *Program) ParamsBytes() int64 {
	return int64(len(p.Params)/paramWords) * ParamStride
}

// ParamsBuffer is the content of the buffer of parameters, as words.
func (p *Program) ParamsBuffer() []uint32 {
	words := make([]uint32, p.ParamsBytes()/4)
	for i := range len(p.Params) / paramWords {
		copy(words[i*ParamStride/4:], p.Params[i*paramWords:][:paramWords])
	}
	return words
}

// module encodes p.
func (p *Program) module() (*kernels.Module, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	return &kernels.Module{Bytes: b.Bytes(), SHA256: hex.EncodeToString(sum[:]), Memory: p.Memory()}, nil
}

// Decode reads the program that a module holds and checks that nothing in it points
// outside of it. An error is one line.
func Decode(text []byte) (*Program, error) {
	if len(text) > maxEncoded {
		return nil, fmt.Errorf("gpu program: %d bytes exceed the limit of %d", len(text), maxEncoded)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	p := new(Program)
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("gpu program: %w", err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("gpu program: %w", err)
	}
	return p, nil
}

func (p *Program) check() error {
	if p.V != Version {
		return fmt.Errorf("version %d must be %d", p.V, Version)
	}
	if len(p.Matrices) == 0 || len(p.Matrices) > maxBuffers {
		return fmt.Errorf("%d buffers of matrices must be 1 to %d", len(p.Matrices), maxBuffers)
	}
	for _, b := range append(slices.Clone(p.Matrices), p.Vectors, p.State, p.Tokens) {
		if b < 16 || b%16 != 0 || b > graph.MaxBytes {
			return fmt.Errorf("buffer of %d bytes must be whole vectors of 16 bytes, up to %d", b, int64(graph.MaxBytes))
		}
	}
	if p.Logits < 0 || p.LogitsBytes < 4 || p.Logits%4 != 0 || p.LogitsBytes%4 != 0 || p.Logits > p.State-p.LogitsBytes {
		return fmt.Errorf("logits of %d bytes at %d lie outside of the state's %d", p.LogitsBytes, p.Logits, p.State)
	}
	if len(p.Params)%paramWords != 0 || len(p.Params) > maxDispatches*paramWords {
		return fmt.Errorf("%d words of parameters must be a multiple of %d, up to %d", len(p.Params), paramWords, maxDispatches*paramWords)
	}
	if len(p.Pipelines) == 0 || len(p.Pipelines) > maxPipelines {
		return fmt.Errorf("%d pipelines must be 1 to %d", len(p.Pipelines), maxPipelines)
	}
	n := 0
	for name, list := range p.Lists {
		n += len(list)
		for i, d := range list {
			if err := p.checkDispatch(d); err != nil {
				return fmt.Errorf("list %.20q: dispatch %d: %w", name, i, err)
			}
		}
	}
	if n > maxDispatches {
		return fmt.Errorf("%d dispatches exceed the limit of %d", n, maxDispatches)
	}
	return nil
}

func (p *Program) checkDispatch(d Dispatch) error {
	if d.Pipeline < 0 || d.Pipeline >= len(p.Pipelines) {
		return fmt.Errorf("pipeline %d must be 0 to %d", d.Pipeline, len(p.Pipelines)-1)
	}
	most := len(p.Matrices) - 1
	if p.Pipelines[d.Pipeline].Fill {
		most++
	}
	switch {
	case d.Matrix < 0 || d.Matrix > most:
		return fmt.Errorf("buffer %d must be 0 to %d", d.Matrix, most)
	case d.Params < 0 || d.Params >= len(p.Params)/paramWords:
		return fmt.Errorf("parameters %d must be 0 to %d", d.Params, len(p.Params)/paramWords-1)
	case d.X == 0 || d.Z == 0 || d.Y == 0 && d.Rows == 0:
		return errors.New("no workgroups")
	}
	return nil
}
