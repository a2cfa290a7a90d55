package store

import (
	"strings"
	"testing"

	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

var gpuMessage = search.Message{GPU: &trial.Device{Name: "here", CPU: "some GPU", Engine: "WebGPU", Features: []string{"webgpu", measure.SoftwareAdapter}}}

// The GPU can be chosen once the worker has told of one, and brings its own precisions.
func TestTarget(t *testing.T) {
	s := ready(t)
	s.SetField(FieldTarget, search.TargetGPU)
	if got := s.Invalid[FieldTarget]; !strings.Contains(got, "offers no GPU") {
		t.Errorf("without a GPU: %q", got)
	}
	if _, ok := s.Start(); ok {
		t.Error("a search starts on a GPU that there is not")
	}
	tell(t, s, gpuMessage)
	if got := s.Invalid[FieldTarget]; got != "" {
		t.Errorf("with a GPU: %q", got)
	}
	s.SetField(FieldPrecision, "f16")
	if s.Invalid[FieldPrecision] != "" {
		t.Errorf("f16 on a GPU: %q", s.Invalid[FieldPrecision])
	}
	s.SetField(FieldPrecision, "int8")
	if got := s.Invalid[FieldPrecision]; !strings.Contains(got, `one of ["f32" "f16"]`) {
		t.Errorf("int8 on a GPU: %q", got)
	}
	s.SetField(FieldPrecision, "f16")
	if link := s.Link(); !strings.Contains(link, "target=gpu") {
		t.Errorf("the link %q forgets the target", link)
	}
	if c, ok := s.Start(); !ok || c.Target != search.TargetGPU || c.Request.Setup.Workload.Precision != trial.F16 {
		t.Errorf("start sends %+v", c)
	}
}

// Back on WebAssembly a precision that only GPUs have gives way.
func TestTargetKeepsAPrecision(t *testing.T) {
	s := ready(t)
	tell(t, s, gpuMessage)
	s.SetField(FieldTarget, search.TargetGPU)
	s.SetField(FieldPrecision, "f16")
	s.SetField(FieldTarget, search.TargetCPU)
	if s.Form.Precision != "f32" || s.Invalid[FieldPrecision] != "" {
		t.Errorf("precision is %q, wrong %q", s.Form.Precision, s.Invalid[FieldPrecision])
	}
	s.SetField(FieldTarget, "npu")
	if got := s.Invalid[FieldTarget]; !strings.Contains(got, `"cpu" or "gpu"`) {
		t.Errorf("an unknown target: %q", got)
	}
}
