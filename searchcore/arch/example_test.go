package arch_test

import (
	"fmt"

	"litefront/searchcore/arch"
)

// Read a configuration of archai's gallery; a Hugging Face config.json of GPT-2
// is read the same way.
func ExampleParse() {
	a, err := arch.Parse([]byte(`{
		"arch_type": "gpt2", "n_layer": 4, "d_model": 320, "d_inner": 576, "n_head": 2,
		"vocab_size": 50257, "max_sequence_length": 1024
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a)
	fmt.Println(a.DecoderParams(), "decoder parameters")
	fmt.Println(a.ID())
	// Output:
	// gpt2 L4 d320 D576 h2
	// 3127424 decoder parameters
	// 763e1e9d11d444f39fc13fea0f7584bd
}
