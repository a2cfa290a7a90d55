package export

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"strings"

	"litefront/searchcore/arch"
)

// Config returns the config.json of a: Hugging Face's where transformers' stock
// class can express a, otherwise the canonical JSON of [arch.Architecture],
// which only the model of [PyTorch] reads; then note says why. [arch.Parse]
// reads either.
//
// TransfoXLLMHeadModel computes the same for the first segment. After it that
// class has a memory that moves on, where the module goes on with the segment.
func Config(a arch.Architecture) (config []byte, note string, err error) {
	if err := a.Validate(); err != nil {
		return nil, "", err
	}
	config, err = a.HuggingFaceConfig()
	if err == nil {
		return config, "", nil
	}
	note = strings.TrimPrefix(err.Error(), "architecture: ")
	compact, err := json.Marshal(a)
	if err != nil {
		return nil, "", err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		return nil, "", err
	}
	indented.WriteByte('\n')
	return indented.Bytes(), note, nil
}

//go:embed model.py
var model []byte

// PyTorch returns model.py: whatever an [arch.Architecture] can describe as a
// PyTorch module that needs nothing but torch. It builds itself from a
// config.json of [Config] and reads and writes model.safetensors, so that what
// was trained with it comes back through [OpenSafetensors].
func PyTorch() []byte { return bytes.Clone(model) }
