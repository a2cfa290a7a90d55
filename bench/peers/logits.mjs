// Runs an ONNX model of litefront in onnxruntime-node over one chunk of tokens
// after the other, each over the keys and values of those before it, and prints
// the logits after every chunk as JSON.
//
//	node logits.mjs MODEL.onnx '[[1,2,3],[4]]'
import ort from "onnxruntime-node";

const [, , path, chunks] = process.argv;
const session = await ort.InferenceSession.create(path);
let past = {};
for (const input of session.inputMetadata) {
	if (input.name.startsWith("past_key_values.")) {
		const [batch, heads, , dim] = input.shape;
		past[input.name] = new ort.Tensor("float32", new Float32Array(0), [batch, heads, 0, dim]);
	}
}
const logits = [];
for (const tokens of JSON.parse(chunks)) {
	const ids = new ort.Tensor("int64", BigInt64Array.from(tokens, BigInt), [1, tokens.length]);
	const outputs = await session.run({ input_ids: ids, ...past });
	logits.push(Array.from(outputs.logits.data));
	past = {};
	for (const [name, tensor] of Object.entries(outputs)) {
		if (name.startsWith("present.")) past[name.replace("present", "past_key_values")] = tensor;
	}
}
console.log(JSON.stringify(logits));
