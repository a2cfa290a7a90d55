// The worker in a browser with little memory: no more than 128 MiB for a module.
'use strict';

WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(Instance, args) {
    const instance = new Instance(...args);
    if (instance.exports.memory.buffer.byteLength > 128 << 20) {
      throw new RangeError('could not allocate memory');
    }
    return instance;
  },
});
importScripts('worker.js');
