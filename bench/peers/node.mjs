// Does the page's work in onnxruntime-node: one JSON request and one JSON answer
// a line.
import ort from "onnxruntime-node";
import { createInterface } from "node:readline";
import { prepare } from "./session.mjs";

let session;
const runs = [];
const answers = {
	load: async ({ model, threads }) => {
		session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1 });
		return true;
	},
	add: ({ work }) => runs.push(prepare(ort, session, work)) - 1,
	run: ({ id, reps }) => runs[id](reps),
};
for await (const line of createInterface({ input: process.stdin })) {
	const request = JSON.parse(line);
	console.log(JSON.stringify(await answers[request.call](request)));
}
