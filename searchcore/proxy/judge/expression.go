package judge

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/proxy"
)

// Limits on expressions.
const (
	maxText  = 500 // bytes
	maxNodes = 63
)

// statistic is a number that expressions are made of.
type statistic struct {
	name string
	of   func(arch.Architecture) float64
}

// statistics lists what expressions may name.
var statistics = []statistic{
	{"params", func(a arch.Architecture) float64 { return float64(a.DecoderParams()) }},
	{"attention", func(a arch.Architecture) float64 { return float64(a.DecoderParams()) - feedForward(a) }}, // with norms
	{"feedforward", feedForward},
	{"embedding", func(a arch.Architecture) float64 { return float64(a.TotalParams() - a.DecoderParams()) }}, // all but the decoder
	{"depth", func(a arch.Architecture) float64 { return float64(len(a.Layers)) }},
	{"width", func(a arch.Architecture) float64 { return float64(a.DModel) }},
	{"embed", func(a arch.Architecture) float64 { return float64(a.Clusters()[0].Width) }},
	{"inner", mean(func(l arch.Layer) float64 { return float64(l.DInner) })},
	{"heads", mean(func(l arch.Layer) float64 { return float64(l.Heads) })},
}

func feedForward(a arch.Architecture) float64 {
	return mean(func(l arch.Layer) float64 { return float64(2*a.DModel*l.DInner + l.DInner + a.DModel) })(a) * float64(len(a.Layers))
}

func mean(of func(arch.Layer) float64) func(arch.Architecture) float64 {
	return func(a arch.Architecture) float64 {
		sum := 0.0
		for _, l := range a.Layers {
			sum += of(l)
		}
		return sum / float64(len(a.Layers))
	}
}

// columns computes every statistic of every architecture.
func columns(as []arch.Architecture) [][]float64 {
	list := make([][]float64, len(statistics))
	for i, s := range statistics {
		for _, a := range as {
			list[i] = append(list[i], s.of(a))
		}
	}
	return list
}

// operators lists the functions of expressions.
var operators = []struct {
	name  string
	arity int
	apply func(x, y float64) float64
}{
	{"+", 2, func(x, y float64) float64 { return x + y }},
	{"-", 2, func(x, y float64) float64 { return x - y }},
	{"*", 2, func(x, y float64) float64 { return x * y }},
	{"/", 2, func(x, y float64) float64 { return x / y }},
	{"min", 2, math.Min},
	{"max", 2, math.Max},
	{"log", 1, func(x, _ float64) float64 { return math.Log(x) }},
	{"sqrt", 1, func(x, _ float64) float64 { return math.Sqrt(x) }},
}

func operator(name string) int {
	for i, o := range operators {
		if o.name == name {
			return i
		}
	}
	return -1
}

// Expression is a formula over statistics of an architecture: a constant, a
// statistic, or an operator on expressions. It is never changed.
type Expression struct {
	kind     kind
	constant float64
	at       int // in statistics or operators
	args     []*Expression
}

type kind byte

const (
	constant kind = iota
	variable
	operation
)

// ParseExpression reads a formula of numbers, the operators + - * /, the functions
// min(x, y), max(x, y), log(x) and sqrt(x), parentheses, and these statistics of
// an architecture: params (decoder), attention, feedforward and embedding
// (parameters of each), depth, width (d_model), embed (d_embed), inner and heads
// (means over the layers). It is an error if the formula is longer than 500 bytes
// or 63 numbers, statistics and operators.
func ParseExpression(text string) (*Expression, error) {
	fail := func(err error) (*Expression, error) {
		return nil, fmt.Errorf("expression %.60q: %w", text, err)
	}
	if len(text) > maxText {
		return fail(fmt.Errorf("%d bytes long; at most %d are allowed", len(text), maxText))
	}
	p := parser{text}
	e, err := p.sum()
	switch {
	case err != nil:
		return fail(err)
	case p.peek() != 0:
		return fail(fmt.Errorf("%.20q is left over", p.rest))
	case e.size() > maxNodes:
		return fail(fmt.Errorf("%d numbers, statistics and operators; at most %d are allowed", e.size(), maxNodes))
	}
	return e, nil
}

// parser reads by recursive descent; the limit on the text bounds its depth.
type parser struct{ rest string }

// peek returns the next byte that is no space, 0 at the end.
func (p *parser) peek() byte {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *parser) sum() (*Expression, error) { return p.binary("+-", p.product) }

func (p *parser) product() (*Expression, error) { return p.binary("*/", p.unary) }

// binary reads operands of next, joined from left to right.
func (p *parser) binary(ops string, next func() (*Expression, error)) (*Expression, error) {
	left, err := next()
	for err == nil {
		c := p.peek()
		if c == 0 || !strings.ContainsRune(ops, rune(c)) {
			return left, nil
		}
		p.rest = p.rest[1:]
		var right *Expression
		if right, err = next(); err == nil {
			left = &Expression{kind: operation, at: operator(string(c)), args: []*Expression{left, right}}
		}
	}
	return nil, err
}

func (p *parser) unary() (*Expression, error) {
	if p.peek() != '-' {
		return p.primary()
	}
	p.rest = p.rest[1:]
	e, err := p.unary()
	switch {
	case err != nil:
		return nil, err
	case e.kind == constant:
		return &Expression{constant: -e.constant}, nil
	}
	return &Expression{kind: operation, at: operator("-"), args: []*Expression{{}, e}}, nil
}

func (p *parser) primary() (*Expression, error) {
	c := p.peek()
	switch {
	case c == 0:
		return nil, fmt.Errorf("ends where a number, a statistic or a function is needed")
	case c == '(':
		p.rest = p.rest[1:]
		e, err := p.sum()
		if err != nil {
			return nil, err
		}
		return e, p.expect(')')
	case '0' <= c && c <= '9' || c == '.':
		return p.number()
	}
	end := strings.IndexFunc(p.rest, func(c rune) bool { return c < 'a' || c > 'z' })
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	if i := slices.IndexFunc(statistics, func(s statistic) bool { return s.name == name }); i >= 0 {
		p.rest = p.rest[end:]
		return &Expression{kind: variable, at: i}, nil
	}
	if i := operator(name); i >= 0 && name != "" {
		p.rest = p.rest[end:]
		return p.call(i)
	}
	var names []string
	for _, s := range statistics {
		names = append(names, s.name)
	}
	return nil, fmt.Errorf("%.20q is none of %s, min, max, log, sqrt", p.rest, strings.Join(names, ", "))
}

func (p *parser) number() (*Expression, error) {
	end := 0
	for end < len(p.rest) && (strings.IndexByte("0123456789.", p.rest[end]) >= 0 || p.rest[end] == 'e' ||
		strings.IndexByte("+-", p.rest[end]) >= 0 && p.rest[end-1] == 'e') {
		end++
	}
	x, err := strconv.ParseFloat(p.rest[:end], 64)
	if err != nil {
		return nil, fmt.Errorf("%.20q is not a finite number", p.rest[:end])
	}
	p.rest = p.rest[end:]
	return &Expression{constant: x}, nil
}

// call reads the arguments of a function.
func (p *parser) call(at int) (*Expression, error) {
	e := &Expression{kind: operation, at: at}
	separator := byte('(')
	for range operators[at].arity {
		if err := p.expect(separator); err != nil {
			return nil, err
		}
		arg, err := p.sum()
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, arg)
		separator = ','
	}
	return e, p.expect(')')
}

func (p *parser) expect(c byte) error {
	if p.peek() != c {
		return fmt.Errorf("%q is missing before %.20q", c, p.rest)
	}
	p.rest = p.rest[1:]
	return nil
}

// String is what [ParseExpression] reads as the same expression.
func (e *Expression) String() string {
	switch e.kind {
	case constant:
		return strconv.FormatFloat(e.constant, 'g', -1, 64)
	case variable:
		return statistics[e.at].name
	}
	o := operators[e.at]
	if o.name[0] >= 'a' {
		args := make([]string, len(e.args))
		for i, a := range e.args {
			args[i] = a.String()
		}
		return o.name + "(" + strings.Join(args, ", ") + ")"
	}
	return e.args[0].operand() + o.name + e.args[1].operand()
}

// operand puts what is joined by an operator in parentheses, and a sign.
func (e *Expression) operand() string {
	s := e.String()
	if e.kind == operation && operators[e.at].name[0] < 'a' || s[0] == '-' {
		return "(" + s + ")"
	}
	return s
}

// size counts numbers, statistics and operators.
func (e *Expression) size() int {
	n := 1
	for _, a := range e.args {
		n += a.size()
	}
	return n
}

// evaluate computes the expression for all rows of columns.
func (e *Expression) evaluate(columns [][]float64) []float64 {
	switch e.kind {
	case variable:
		return columns[e.at]
	case constant:
		list := make([]float64, len(columns[0]))
		for i := range list {
			list[i] = e.constant
		}
		return list
	}
	x := e.args[0].evaluate(columns)
	y := x
	if len(e.args) > 1 {
		y = e.args[1].evaluate(columns)
	}
	list := make([]float64, len(x))
	apply := operators[e.at].apply
	for i := range list {
		list[i] = apply(x[i], y[i])
	}
	return list
}

// Proxy is the expression as a proxy of its own name. Its scores are not finite
// where it divides by zero or takes the logarithm of nothing.
func (e *Expression) Proxy() proxy.Proxy {
	return proxy.New(e.String(), "an expression", "given", func(a arch.Architecture) float64 {
		return e.evaluate(columns([]arch.Architecture{a}))[0]
	})
}
