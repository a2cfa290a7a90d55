package objective

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Constraint bounds an objective from above or from below, whichever way it is
// optimised. Make one with [ParseConstraint].
type Constraint struct {
	Objective Objective
	op        string // "<=" or ">="
	bound     float64
}

// maxConstraintLen bounds the text of a constraint, in bytes.
const maxConstraintLen = 100

// ParseConstraint reads a constraint such as "decode_ms<=20" or
// "decoder_params >= 5e6": an objective, <= or >=, and a finite number in the
// objective's unit, with or without spaces between them.
func ParseConstraint(text string) (Constraint, error) {
	fail := func(format string, args ...any) (Constraint, error) {
		return Constraint{}, fmt.Errorf("constraint %.40q: %s", text, fmt.Sprintf(format, args...))
	}
	if len(text) > maxConstraintLen {
		return fail("%d bytes long; at most %d are allowed", len(text), maxConstraintLen)
	}
	i := strings.IndexAny(text, "<>=")
	if i < 0 || !strings.HasPrefix(text[i:], "<=") && !strings.HasPrefix(text[i:], ">=") {
		return fail("must have the form objective<=number or objective>=number")
	}
	name, op, number := strings.TrimSpace(text[:i]), text[i:i+2], strings.TrimSpace(text[i+2:])
	o, err := Parse(name)
	if err != nil {
		return fail("%v", err)
	}
	bound, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(bound) || math.IsInf(bound, 0) {
		return fail("bound %q must be a finite number", number)
	}
	return Constraint{o, op, bound}, nil
}

// Satisfied reports whether value, in the objective's unit, keeps the bound. NaN
// never does. Constraints on static objectives can be checked before measuring.
func (c Constraint) Satisfied(value float64) bool {
	if c.op == "<=" {
		return value <= c.bound
	}
	return value >= c.bound
}

// String returns the constraint as [ParseConstraint] reads it.
func (c Constraint) String() string {
	return c.Objective.Name + c.op + strconv.FormatFloat(c.bound, 'g', -1, 64)
}
