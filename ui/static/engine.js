// The modules of candidates in this worker, by number. The search core calls
// these functions and holds no module itself: what it dropped would wait for two
// garbage collectors, and a call from here is timed without the way between.
'use strict';

globalThis.litefrontEngine = (() => {
  const programs = new Map(); // exports
  let last = 0;

  const exportsOf = (program) => {
    const exports = programs.get(program);
    if (!exports) throw new RangeError(`no program ${program} is prepared`);
    return exports;
  };

  return {
    // prepare compiles and instantiates a module, at once as only a worker may,
    // and returns its number.
    prepare(bytes) {
      programs.set(++last, new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports);
      return last;
    },

    // run makes one call and returns how many milliseconds it took.
    run(program, name, ...args) {
      const f = exportsOf(program)[name];
      if (typeof f !== 'function') throw new TypeError(`the module does not export "${name}"`);
      if (f.length !== args.length) throw new TypeError(`"${name}" takes ${f.length} arguments, not ${args.length}`);
      const start = performance.now();
      f(...args);
      return performance.now() - start;
    },

    // memory returns the bytes of a program's linear memory.
    memory(program) {
      return exportsOf(program).memory.buffer.byteLength;
    },

    // close drops a program. Browsers take their time to free its memory, and
    // several large ones would pile up. As much again, which is never touched and
    // so takes none, makes them look.
    close(program) {
      const bytes = this.memory(program);
      programs.delete(program);
      try {
        new ArrayBuffer(bytes);
      } catch {
        // Refused for want of memory, which is when they look on their own.
      }
    },
  };
})();
