package export

import (
	"encoding/json"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// description tells a host how to run a module: what kernels.Module documents,
// with this module's numbers. Offsets and sizes are in bytes.
type description struct {
	Format   int               `json:"format"` // version of this description
	Arch     arch.Architecture `json:"arch"`
	Workload trial.Workload    `json:"workload"`
	SHA256   string            `json:"sha256"` // of the module
	Memory   graph.Memory      `json:"memory"`
	Exports  []function        `json:"exports"`
	Tokens   vector            `json:"tokens"`
	Logits   vector            `json:"logits"`
	Weights  weights           `json:"weights"`
}

// function is an exported function; its parameters are i32, it has no result.
type function struct {
	Name   string   `json:"name"`
	Params []string `json:"params"`
	Does   string   `json:"does"`
}

// vector is a run of numbers in linear memory.
type vector struct {
	Offset int64  `json:"offset"`
	Count  int    `json:"count"`
	Type   string `json:"type"`
}

// weights are a file and the tensors that it brings into memory.
type weights struct {
	File    string   `json:"file"`
	Offset  int64    `json:"offset"` // in memory, where the file's bytes belong
	Bytes   int64    `json:"bytes"`
	Layout  string   `json:"layout"` // where entry (row, col) of a tensor lies
	Tensors []weight `json:"tensors"`
}

type weight struct {
	Name   string `json:"name"`
	Type   string `json:"type"`   // f32 or i8
	Offset int64  `json:"offset"` // in memory
	Bytes  int64  `json:"bytes"`
	Rows   axis   `json:"rows"`
	Cols   axis   `json:"cols"`
	Packed bool   `json:"packed"`
	Scales int64  `json:"scales,omitempty"` // offset in memory of an i8 tensor's scales
}

// axis is a graph.Axis.
type axis struct {
	Len    int `json:"len"`
	Group  int `json:"group"`
	Stride int `json:"stride"`
}

var functions = []function{
	{"init", []string{"seed"}, "fills the weights from a seed, and calls ready; not needed once the file's are in memory"},
	{"ready", []string{}, "computes what follows from the weights alone; call it once they are in memory"},
	{"prefill", []string{"n"}, "runs the first n tokens, 1 to prompt_len; leaves the logits of the last"},
	{"decode", []string{"pos"}, "runs the token at position pos, 0 to context - 1, after those before it; leaves its logits"},
	{"prefill_loop", []string{"n", "reps"}, "prefill, reps times"},
	{"decode_loop", []string{"pos", "reps"}, "decode, reps times"},
}

const layout = "f32, little-endian. With r = floor(row / rows.group) * rows.stride + row mod rows.group, " +
	"c the same of col and cols, and ld = cols.len / cols.group * cols.stride, entry (row, col) lies at " +
	"offset + 4 * (r * ld + c), or if packed at " +
	"offset + 4 * (floor(r / 5) * 5 * ld + floor(c / 4) * 20 + r mod 5 * 4 + c mod 4). " +
	"Those of type i8, all packed: with ld rounded up to a multiple of 16, the integer at " +
	"offset + floor(r / 5) * 5 * ld + floor(c / 16) * 80 + r mod 5 * 16 + c mod 16, times the f32 at scales + 4 * r. " +
	"Everything between is zero."

// Describe returns JSON that tells a host all it needs to run m, the module of
// g: its exports, where tokens and logits lie, and where each weight tensor lies
// and how. File is the name of the file that holds the image of [Place].
func Describe(g *graph.Graph, m *kernels.Module, file string) ([]byte, error) {
	offset, end := weightRegion(g)
	d := description{
		Format:   1,
		Arch:     g.Arch,
		Workload: g.Workload,
		SHA256:   m.SHA256,
		Memory:   g.Memory,
		Exports:  functions,
		Tokens:   vector{g.Tokens.Offset, g.Tokens.Cols.Len, "i32"},
		Logits:   vector{g.Logits.Offset, g.Logits.Cols.Len, "f32"},
		Weights:  weights{File: file, Offset: offset, Bytes: end - offset, Layout: layout},
	}
	for _, t := range weightTensors(g) {
		w := weight{t.Name, "f32", t.Offset, t.Bytes(), axis(t.Rows), axis(t.Cols), t.Packed, 0}
		if t.Format == graph.I8 {
			w.Type, w.Scales = "i8", t.Scales.Offset
		}
		d.Weights.Tensors = append(d.Weights.Tensors, w)
	}
	data, err := json.MarshalIndent(d, "", "  ")
	return append(data, '\n'), err
}
