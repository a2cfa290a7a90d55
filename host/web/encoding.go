package web

import (
	"strconv"
	"strings"
)

// suffixes say which content coding a file's name ends with.
var suffixes = map[string]string{".br": "br", ".gz": "gzip"}

// preference lists the codings, the smallest result first.
var preference = []string{"br", "gzip"}

// negotiate chooses among the encodings on offer what the values of
// Accept-Encoding like best, the smaller one on a tie; "" means the file as it is.
func negotiate[T any](accept []string, offer map[string]T) (best string) {
	weights := map[string]float64{}
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		weights[strings.ToLower(strings.TrimSpace(coding))] = quality(parameters)
	}
	most := weights["identity"]
	for _, coding := range preference {
		if _, offered := offer[coding]; !offered {
			continue
		}
		weight, named := weights[coding]
		if !named {
			weight = weights["*"]
		}
		if weight > 0 && (weight > most || best == "" && weight == most) {
			best, most = coding, weight
		}
	}
	return best
}

// quality is the weight in the parameters of a coding: 1 if there is none, 0 if
// it cannot be read.
func quality(parameters string) float64 {
	name, value, given := strings.Cut(parameters, "=")
	if !given && strings.TrimSpace(parameters) == "" {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(name), "q") || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
