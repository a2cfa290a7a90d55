package space

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MaxChoices bounds the number of values of one gene.
const MaxChoices = 512

// Choices are the values that one gene may take.
type Choices []int

// stepped lists the values lo, lo+step, ... up to and including hi.
func stepped(lo, hi, step int) Choices {
	var c Choices
	for v := lo; v <= hi; v += step {
		c = append(c, v)
	}
	return c
}

// validate reports the first thing wrong with the values of the named gene.
func (c Choices) validate(gene string) error {
	if len(c) == 0 {
		return fmt.Errorf("space: %s has no values; give a number, a list or {min, max, step}", gene)
	}
	if len(c) > MaxChoices {
		return fmt.Errorf("space: %s has %d values; at most %d are allowed", gene, len(c), MaxChoices)
	}
	if c[0] < 1 {
		return fmt.Errorf("space: %s has the value %d; allowed are integers from 1", gene, c[0])
	}
	for i := 1; i < len(c); i++ {
		if c[i] <= c[i-1] {
			return fmt.Errorf("space: %s has %d after %d; the values must ascend without repeats", gene, c[i], c[i-1])
		}
	}
	return nil
}

// UnmarshalTOML reads a number, a list of numbers, or a table {min, max, step}
// that stands for min, min+step, ... up to max; step is 1 when absent. Values
// are sorted, repeats dropped.
func (c *Choices) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case []any:
		if len(v) > MaxChoices {
			return fmt.Errorf("%d values; at most %d are allowed", len(v), MaxChoices)
		}
		list := make(Choices, len(v))
		for i, e := range v {
			n, err := choice(e)
			if err != nil {
				return err
			}
			list[i] = n
		}
		slices.Sort(list)
		*c = slices.Compact(list)
		return nil
	case map[string]any:
		return c.unmarshalRange(v)
	default:
		n, err := choice(v)
		if err != nil {
			return err
		}
		*c = Choices{n}
		return nil
	}
}

func (c *Choices) unmarshalRange(table map[string]any) error {
	r := map[string]int{"step": 1}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		switch key {
		case "min", "max", "step":
		default:
			return fmt.Errorf("unknown key %q; allowed are min, max, step", key)
		}
		n, err := choice(table[key])
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		r[key] = n
	}
	lo, hi, step := r["min"], r["max"], r["step"]
	switch {
	case lo == 0 || hi == 0:
		return errors.New("a table needs min and max")
	case lo > hi:
		return fmt.Errorf("min %d exceeds max %d", lo, hi)
	case (hi-lo)/step >= MaxChoices:
		return fmt.Errorf("%d values from min %d, max %d, step %d; at most %d are allowed", (hi-lo)/step+1, lo, hi, step, MaxChoices)
	}
	*c = stepped(lo, hi, step)
	return nil
}

// toml writes c as UnmarshalTOML reads it, in its shortest form.
func (c Choices) toml() string {
	if len(c) == 1 {
		return strconv.Itoa(c[0])
	}
	if len(c) > 2 {
		lo, hi, step := c[0], c[len(c)-1], c[1]-c[0]
		switch {
		case !slices.Equal(c, stepped(lo, hi, step)):
		case step == 1:
			return fmt.Sprintf("{min = %d, max = %d}", lo, hi)
		default:
			return fmt.Sprintf("{min = %d, max = %d, step = %d}", lo, hi, step)
		}
	}
	return strings.ReplaceAll(fmt.Sprint([]int(c)), " ", ", ")
}

// maxChoice bounds every value; each gene has narrower limits of its own, which
// [arch.Architecture.Validate] knows.
const maxChoice = 1 << 24

func choice(v any) (int, error) {
	n, ok := v.(int64)
	if !ok {
		return 0, fmt.Errorf("value %v is not an integer; give a number, a list of numbers or {min, max, step}", v)
	}
	if n < 1 || n > maxChoice {
		return 0, fmt.Errorf("value %d; allowed are integers from 1 to %d", n, maxChoice)
	}
	return int(n), nil
}
