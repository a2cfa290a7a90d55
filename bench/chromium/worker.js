// Runs our modules as the page of litefront does, for engine.html: only a worker may
// wait for other threads.
importScripts("/engine.js");

onmessage = async ({ data: { call, args }, ports: [reply] }) => {
	try {
		reply.postMessage({ value: await litefrontEngine[call](...args) });
	} catch (error) {
		reply.postMessage({ error: String(error) });
	}
};
