package space

import "math/big"

// Size counts the architectures of s, the bounds on the decoder parameters left
// aside: for each d_model, the number of its div_vals times the sum over all
// depths n of (layers that fit)ⁿ, or of the layers that fit when they are
// shared. It is 0 when s is not valid.
func (s Space) Size() *big.Int {
	ws, err := s.widths()
	if err != nil {
		return new(big.Int)
	}
	size := new(big.Int)
	for _, w := range ws {
		layers := big.NewInt(int64(len(w.dInner) * len(w.nHead)))
		divVals := big.NewInt(int64(len(w.divVal)))
		for _, n := range s.NLayer {
			count := new(big.Int).Exp(layers, big.NewInt(int64(s.layerGenes(n))), nil)
			size.Add(size, count.Mul(count, divVals))
		}
	}
	return size
}
