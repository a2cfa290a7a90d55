// The modules of candidates in this worker, by number. The search core calls
// these functions and holds no module itself: what it dropped would wait for two
// garbage collectors, and a call from here is timed without the way between.
'use strict';

globalThis.litefrontEngine = (() => {
  const programs = new Map(); // exports, workers of further threads, why one failed
  let last = 0;

  const programOf = (number) => {
    const program = programs.get(number);
    if (!program) throw new RangeError(`no program ${number} is prepared`);
    return program;
  };

  // startThread starts a worker with an instance of its own, and waits until that
  // is there: a worker starts only while this one does not compute.
  const startThread = (program, module, memory, number) => new Promise((resolve, reject) => {
    const worker = new Worker('thread.js');
    program.workers.push(worker);
    worker.onmessage = resolve;
    const fail = (reason) => {
      program.failure = new Error(`thread ${number}: ${reason}`);
      reject(program.failure);
    };
    worker.onerror = (event) => {
      event.preventDefault(); // it ends this program, not the page's worker
      fail(event.message || 'thread.js cannot be loaded');
    };
    worker.onmessageerror = () => fail('it cannot read its module');
    worker.postMessage({ module, memory, number });
  });

  const end = ({ exports, workers }) => {
    if (workers.length) exports.stop();
    workers.forEach((worker) => worker.terminate());
  };

  return {
    // prepare compiles and instantiates a module, at once as only a worker may,
    // and returns its number.
    prepare(bytes) {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
      programs.set(++last, { exports, workers: [] });
      return last;
    },

    // prepareThreads is prepare for a module that several threads run, over a
    // memory of so many pages; it promises the number.
    async prepareThreads(bytes, threads, pages) {
      const module = new WebAssembly.Module(bytes);
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
      const { exports } = new WebAssembly.Instance(module, { env: { memory } });
      const program = { exports, workers: [] };
      try {
        const numbers = Array.from({ length: threads - 1 }, (_, i) => i + 1);
        await Promise.all(numbers.map((number) => startThread(program, module, memory, number)));
      } catch (error) {
        end(program);
        throw error;
      }
      programs.set(++last, program);
      return last;
    },

    // run makes one call and returns how many milliseconds it took, once all threads
    // are awake. After a loop they rest: something else is timed next.
    run(number, name, ...args) {
      const { exports, workers, failure } = programOf(number);
      if (failure) throw failure;
      const f = exports[name];
      if (typeof f !== 'function') throw new TypeError(`the module does not export "${name}"`);
      if (f.length !== args.length) throw new TypeError(`"${name}" takes ${f.length} arguments, not ${args.length}`);
      if (workers.length) exports.meet();
      const start = performance.now();
      f(...args);
      const ms = performance.now() - start;
      if (workers.length && args.length > 1) exports.rest();
      return ms;
    },

    // memory returns the bytes of a program's linear memory.
    memory(number) {
      return programOf(number).exports.memory.buffer.byteLength;
    },

    // view returns bytes of a program's linear memory, which are not copied.
    view(number, offset, length) {
      return new Uint8Array(programOf(number).exports.memory.buffer, offset, length);
    },

    // close ends a program's threads and drops it. Browsers take their time to
    // free its memory, and several large ones would pile up. As much again, which
    // is never touched and so takes none, makes them look.
    close(number) {
      const bytes = this.memory(number);
      end(programOf(number));
      programs.delete(number);
      try {
        new ArrayBuffer(bytes);
      } catch {
        // Refused for want of memory, which is when they look on their own.
      }
    },
  };
})();
