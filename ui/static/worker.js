// The worker of the page: it starts the search core, which is Go compiled to
// WebAssembly and from then on receives the page's commands. It is the program of
// the page too (page.wasm), which the browser has therefore at hand.
'use strict';

(() => {
  // Commands may come before there is anybody to receive them.
  const early = [];
  self.onmessage = (event) => early.push(event);

  const fetchModule = async () => {
    const response = await fetch('page.wasm');
    if (!response.ok) {
      throw new Error(`page.wasm cannot be loaded: ${response.status} ${response.statusText}`);
    }
    return response;
  };

  const instantiate = async (imports) => {
    if (WebAssembly.instantiateStreaming) {
      try {
        return await WebAssembly.instantiateStreaming(fetchModule(), imports);
      } catch {
        // Perhaps it is not served as application/wasm. If there is another
        // reason, the other way fails for it too.
      }
    }
    const response = await fetchModule();
    return WebAssembly.instantiate(await response.arrayBuffer(), imports);
  };

  const start = async () => {
    importScripts('wasm_exec.js', 'engine.js', 'gpu.js');
    const go = new Go();
    const { instance } = await instantiate(go.importObject);
    // The program listens before it first waits, which is when run returns.
    const ended = go.run(instance);
    early.forEach((event) => self.onmessage(event));
    await ended;
    throw new Error('the program ended');
  };

  // Whatever is thrown in an event ends the program, and the page hears of it in
  // the worker's onerror. So this is thrown again outside of the promise.
  start().catch((error) => setTimeout(() => { throw error; }));
})();
