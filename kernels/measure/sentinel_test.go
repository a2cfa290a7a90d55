package measure

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestBaseline(t *testing.T) {
	const usual = 8.0
	rng := rand.New(rand.NewPCG(7, 7))
	var b baseline
	learn := func(n int, factor float64) {
		for range n {
			// Disturbances only ever slow down.
			b.learn(usual * factor * (1 + 0.03*math.Abs(rng.NormFloat64())))
		}
	}
	between := func(when string, low, high float64) {
		t.Helper()
		if b.level < low*usual || b.level > high*usual {
			t.Errorf("%s: level %.3f of the undisturbed, want %v to %v", when, b.level/usual, low, high)
		}
	}

	learn(learnedAfter-1, 1)
	if b.known() {
		t.Error("known before there are enough readings")
	}
	learn(1, 1)
	if !b.known() {
		t.Fatal("unknown after enough readings")
	}
	between("first", 1, 1.03)
	b.learn(0.5 * usual)
	between("after one absurd reading", 0.99, 1.03)
	learn(5000, 1)
	between("after a long time", 0.99, 1.02)
	learn(500, 1.4)
	between("after a long slow block", 0.99, 1.02)
	learn(learnedAfter, 0.7)
	between("after the device became faster", 0.69, 0.75)
}
