// The engine alone: it makes the calls of a message, and answers with what they
// took and a part of the memory, or with the error.
'use strict';

const instances = [];
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(Instance, args) {
    instances.push(new Instance(...args));
    return instances.at(-1);
  },
});
importScripts('engine.js');

const run = async ({ module, threads, pages, tokens, at, calls, from, length }) => {
  const bytes = Uint8Array.from(atob(module), (c) => c.charCodeAt(0));
  const program = threads > 1 ? await litefrontEngine.prepareThreads(bytes, threads, pages) : litefrontEngine.prepare(bytes);
  try {
    const memory = instances.at(-1).exports.memory.buffer;
    new Int32Array(memory, at, tokens.length).set(tokens);
    const ms = calls.map(([name, ...args]) => litefrontEngine.run(program, name, ...args));
    const part = new Uint8Array(memory, from, length).slice();
    return { ms, bytes: litefrontEngine.memory(program), part: btoa(Array.from(part, (b) => String.fromCharCode(b)).join('')) };
  } finally {
    litefrontEngine.close(program);
  }
};

self.onmessage = async ({ data }) => {
  try {
    postMessage(JSON.stringify(await run(JSON.parse(data))));
  } catch (error) {
    postMessage(JSON.stringify({ error: String(error) }));
  }
};
