// A thread of a candidate beside the first one: an instance of the same module
// over the same memory, which takes its share of the work until it is stopped.
'use strict';

// A module that cannot be read here is the engine's to hear of.
self.onmessageerror = () => { throw new Error('the module cannot be read'); };

self.onmessage = ({ data: { module, memory, number } }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  postMessage('ready');
  try {
    exports.work(number);
  } catch (error) {
    exports.stop(); // the others would wait for this one for ever
    throw error;
  }
};
