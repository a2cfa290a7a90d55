package arch

import "fmt"

// maxConfig bounds the text that Parse reads, in bytes.
const maxConfig = 1 << 20

// Parse reads an architecture from a configuration file of up to 1 MiB: the form
// of archai's gallery, which [Architecture.MarshalJSON] writes too and which has
// an "arch_type", or a Hugging Face config.json whose "model_type" is "gpt2". In
// either, a key that is not known, or a value that would change the computation
// into one no Architecture describes, is an error of one line that names it. The
// result is canonical and valid.
func Parse(data []byte) (Architecture, error) {
	if len(data) > maxConfig {
		return Architecture{}, fmt.Errorf("architecture: configuration of %d bytes must be at most %d", len(data), maxConfig)
	}
	o, err := parseObject(data)
	if err != nil {
		return Architecture{}, err
	}
	switch {
	case o.has(keyBackbone):
		return fromArchai(o)
	case o.has(hfModelType):
		return fromHuggingFace(o)
	}
	return Architecture{}, fmt.Errorf("architecture: %s is missing, must be given (or %s in a Hugging Face config.json)", keyBackbone, hfModelType)
}
