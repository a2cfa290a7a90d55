package report

import "fmt"

// fit says in one line what the predictions rest on, and how far earlier ones came
// true.
func (v view) fit() string {
	text := fmt.Sprintf("predicted: by a model that was fitted to %d measurements; the frontier that it computes has %d members",
		v.Prediction.Fitted, v.Prediction.Total)
	if v.Prediction.Checked > 0 {
		text += fmt.Sprintf("; of the last %d latencies that were predicted before they were measured, %d lie in their intervals",
			v.Prediction.Checked, v.Prediction.Within)
	}
	return text
}
