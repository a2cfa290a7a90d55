// Times an ONNX model of litefront in onnxruntime-web or onnxruntime-node.

// prepare returns a function that runs the session reps times over so many new
// tokens after so many past ones, and returns the milliseconds that took. The
// feeds are made once, so that only the run itself is timed. Without fetchPresent
// only the logits are fetched; a step of real generation fetches keys and values
// too.
export function prepare(ort, session, { tokens, past, fetchPresent }) {
	const feeds = { input_ids: new ort.Tensor("int64", new BigInt64Array(tokens), [1, tokens]) };
	for (const { name, shape } of session.inputMetadata) {
		if (!name.startsWith("past_key_values.")) continue;
		const [batch, heads, , dim] = shape;
		const values = new Float32Array(heads * past * dim).fill(0.1);
		feeds[name] = new ort.Tensor("float32", values, [batch, heads, past, dim]);
	}
	const fetches = fetchPresent ? session.outputNames : ["logits"];
	return async reps => {
		const start = performance.now();
		for (let i = 0; i < reps; i++) await session.run(feeds, fetches);
		return performance.now() - start;
	};
}
