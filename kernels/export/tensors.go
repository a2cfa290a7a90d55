package export

import "litefront/searchcore/arch"

// stored is a tensor of a safetensors file: parts of [Weights], which Hugging
// Face's classes keep in other shapes.
type stored struct {
	name  string
	shape []int
	// parts are the tensors it is made of, equally large and one after the other.
	// conv1D says that it is the transpose of that: in-major, as in transformers'
	// Conv1D.
	parts  []string
	conv1D bool
	// copies are names under which a file may hold it again: of the output layer,
	// which is the embedding.
	copies []string
}

func (s stored) size() int {
	n := 1
	for _, d := range s.shape {
		n *= d
	}
	return n
}

// join makes the stored tensor from its parts.
func (s stored) join(w Source) ([]float32, error) {
	size := s.size() / len(s.parts)
	for _, part := range s.parts {
		if err := checkLen(w, part, size); err != nil {
			return nil, err
		}
	}
	joined := make([]float32, s.size())
	for i, part := range s.parts {
		if err := w.Read(joined[i*size:(i+1)*size], part, 0); err != nil {
			return nil, err
		}
	}
	if s.conv1D {
		joined = transpose(joined, s.shape[1], s.shape[0])
	}
	return joined, nil
}

// Where transformers' classes keep what the model without its output layer has at
// its top, and what the adaptive softmax has.
const (
	prefix  = "transformer."
	softmax = "crit."
)

// tensorList lists the tensors of an architecture's file, in their order there.
type tensorList []stored

// storedTensors lists the tensors of a's file: those of transformers'
// GPT2LMHeadModel or TransfoXLLMHeadModel, each layer in its own size. Output
// layers are embeddings and not stored again.
func storedTensors(a arch.Architecture) (tensorList, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	a = a.Canonical()
	var l tensorList
	switch a.Backbone {
	case arch.GPT2:
		l.gpt2(a)
	case arch.TransformerXL:
		l.transformerXL(a)
	}
	return l, nil
}

// add adds a tensor of the given shape, made of its parts.
func (l *tensorList) add(name string, shape []int, parts ...string) *stored {
	*l = append(*l, stored{name: name, shape: shape, parts: parts})
	return &(*l)[len(*l)-1]
}

// norm adds gain and bias of a layer norm.
func (l *tensorList) norm(name, of string, d int) {
	l.add(name+".weight", []int{d}, of+".weight")
	l.add(name+".bias", []int{d}, of+".bias")
}

func suffixed(names []string, suffix string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = name + suffix
	}
	return out
}
