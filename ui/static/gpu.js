// GPU programs in this worker, by number: what kernels/wgsl compiles, run by WebGPU.
// The search core calls these functions and holds no GPU object itself.
'use strict';

globalThis.litefrontGPU = (() => {
  const programs = new Map(); // the program, its buffers, pipelines and bind groups
  const pipelines = new Map(); // by kind and source, for candidates that share shapes
  const mostPipelines = 256;
  const mostDispatches = 4096; // of a submission: browsers end those that take too long
  const paramStride = 256;
  const paramBytes = 64;
  let last = 0;
  let opened; // the device, its layouts and its clock; undefined before the first open

  const layout = (device, types) => device.createBindGroupLayout({
    entries: types.map((type, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type, hasDynamicOffset: binding === 0, minBindingSize: binding === 0 ? paramBytes : 0 },
    })),
  });

  // guarded runs f and throws what WebGPU's validation, or its memory, has to say of it.
  const guarded = async (f) => {
    const { device } = current();
    device.pushErrorScope('out-of-memory');
    device.pushErrorScope('validation');
    let value, failure;
    try {
      value = await f(device);
    } catch (error) {
      failure = error;
    }
    const scopes = [device.popErrorScope(), device.popErrorScope()];
    for (const scope of scopes) {
      const said = await scope;
      failure = said ? new Error(said.message) : failure;
    }
    current(); // a lost device is the better reason
    if (failure) throw failure;
    return value;
  };

  const current = () => {
    if (!opened) throw new Error('the GPU is not open');
    if (opened.lost) throw new Error(`GPU device lost: ${opened.lost}`);
    return opened;
  };

  const programOf = (number) => {
    const program = programs.get(number);
    if (!program) throw new RangeError(`no GPU program ${number} is prepared`);
    if (program.owner !== current()) throw new Error('GPU device lost: it was opened anew');
    return program;
  };

  const compile = (device, { source, fill }) => {
    const key = (fill ? 'fill ' : '') + source;
    if (!pipelines.has(key)) {
      if (pipelines.size >= mostPipelines) pipelines.clear();
      const made = device.createComputePipelineAsync({
        layout: fill ? opened.fillLayout : opened.runLayout,
        compute: { module: device.createShaderModule({ code: source }), entryPoint: 'main' },
      });
      made.catch(() => pipelines.delete(key)); // another attempt may have the memory
      pipelines.set(key, made);
    }
    return pipelines.get(key);
  };

  const read = async (program, from, at, bytes) => {
    const { device } = current();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, at, program.readback, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await program.readback.mapAsync(GPUMapMode.READ);
    const copy = new Uint8Array(program.readback.getMappedRange(0, bytes).slice(0));
    program.readback.unmap();
    return copy;
  };

  // find finds an adapter: its limits, whether it has a clock, and in JSON what it is.
  const find = async () => {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new Error('this browser offers no GPU');
    const wanted = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize',
      'maxComputeInvocationsPerWorkgroup', 'maxComputeWorkgroupsPerDimension'];
    const limits = Object.fromEntries(wanted.map((name) => [name, adapter.limits[name]]));
    const timestamps = adapter.features.has('timestamp-query');
    const { vendor, architecture, device, description, isFallbackAdapter, subgroupMinSize, subgroupMaxSize } = adapter.info;
    // Kernels count along subgroups, which must be full in workgroups of 64 and more.
    const full = subgroupMinSize === subgroupMaxSize && subgroupMaxSize <= 64;
    const usable = adapter.features.has('subgroups') && navigator.gpu.wgslLanguageFeatures.has('subgroup_id') && full;
    const subgroup = usable ? subgroupMinSize : 0;
    const name = description || [vendor, architecture, device].filter(Boolean).join(' ');
    const software = Boolean(isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${architecture} ${name}`);
    return { adapter, limits, timestamps, subgroup, told: JSON.stringify({ name, gpu: { ...limits, timestamps, subgroup, software } }) };
  };

  return {
    // describe says in JSON what adapter there is, and opens none.
    async describe() { return (await find()).told; },

    // open opens an adapter, unless one is open and well, and says in JSON what it is.
    async open() {
      if (opened && !opened.lost) return opened.told;
      const { adapter, limits, timestamps, subgroup, told } = await find();
      const device = await adapter.requestDevice({
        requiredLimits: limits,
        requiredFeatures: [...(timestamps ? ['timestamp-query'] : []), ...(subgroup ? ['subgroups'] : [])],
      });
      const runGroup = layout(device, ['uniform', 'uniform', 'read-only-storage', 'read-only-storage', 'storage', 'read-only-storage']);
      const fillGroup = layout(device, ['uniform', 'uniform', 'storage']);
      pipelines.clear();
      const mine = {
        device, runGroup, fillGroup,
        runLayout: device.createPipelineLayout({ bindGroupLayouts: [runGroup] }),
        fillLayout: device.createPipelineLayout({ bindGroupLayouts: [fillGroup] }),
        told,
      };
      if (timestamps) {
        mine.queries = device.createQuerySet({ type: 'timestamp', count: 2 });
        mine.resolve = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
        mine.times = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      }
      device.lost.then(({ message }) => { mine.lost = message || 'no reason was given'; });
      opened = mine;
      return opened.told;
    },

    // prepare makes the buffers and pipelines of a program, which is a JSON text with
    // its parameters as words, and promises its number.
    prepare(text, params) {
      const number = ++last;
      return guarded(async (device) => {
        const program = { ...JSON.parse(text), owner: opened, bytes: 32, made: [] };
        programs.set(number, program);
        const buffer = (size, usage) => {
          program.bytes += size;
          const made = device.createBuffer({ size, usage });
          program.made.push(made);
          return made;
        };
        const data = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
        const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
        const matrices = program.matrices.map((size) => buffer(size, data));
        const vectors = buffer(program.vectors, data);
        program.stateBuffer = buffer(program.state, data);
        program.tokenBuffer = buffer(program.tokens, data);
        const paramBuffer = buffer(params.byteLength, uniform);
        program.run = buffer(16, uniform);
        program.readback = buffer(program.logits_bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
        const group = (layout, buffers) => device.createBindGroup({
          layout,
          entries: buffers.map((made, binding) => ({ binding, resource: { buffer: made, size: binding === 0 ? paramBytes : made.size } })),
        });
        program.groups = matrices.map((matrix) => group(opened.runGroup,
          [paramBuffer, program.run, matrix, vectors, program.stateBuffer, program.tokenBuffer]));
        program.fills = [...matrices, vectors].map((matrix) => group(opened.fillGroup, [paramBuffer, program.run, matrix]));
        device.queue.writeBuffer(paramBuffer, 0, params);
        program.compiled = await Promise.all(program.pipelines.map((pipeline) => compile(device, pipeline)));
        return number;
      }).catch((error) => { // also what WebGPU has to say only afterwards, such as out of memory
        this.close(number);
        throw error;
      });
    },

    // run dispatches a list so many times and promises how many milliseconds that took,
    // and how many by the GPU's own clock, -1 if it has none.
    run(number, name, pos, rows, seed, reps) {
      return guarded(async (device) => {
        const program = programOf(number);
        const list = program.lists[name];
        if (!list) throw new TypeError(`the program has no list "${name}"`);
        const { queries, resolve, times } = opened;
        device.queue.writeBuffer(program.run, 0, new Uint32Array([pos, rows, seed, 0]));
        const most = Math.max(Math.floor(mostDispatches / list.length), 1);
        const start = performance.now();
        for (let done = 0; done < reps; done += most) {
          const encoder = device.createCommandEncoder();
          const first = done === 0;
          const final = done + most >= reps;
          const pass = encoder.beginComputePass(queries && (first || final) ? {
            timestampWrites: {
              querySet: queries,
              ...(first ? { beginningOfPassWriteIndex: 0 } : {}),
              ...(final ? { endOfPassWriteIndex: 1 } : {}),
            },
          } : {});
          for (let rep = done; rep < Math.min(done + most, reps); rep++) {
            for (const { p, m, o, x, y, z, r } of list) {
              const { fill } = program.pipelines[p];
              pass.setPipeline(program.compiled[p]);
              pass.setBindGroup(0, (fill ? program.fills : program.groups)[m], [o * paramStride]);
              pass.dispatchWorkgroups(x, r ? Math.ceil(rows / r) + y : y, z);
            }
          }
          pass.end();
          if (queries && final) {
            encoder.resolveQuerySet(queries, 0, 2, resolve, 0);
            encoder.copyBufferToBuffer(resolve, 0, times, 0, 16);
          }
          device.queue.submit([encoder.finish()]);
        }
        await device.queue.onSubmittedWorkDone();
        const wall = performance.now() - start;
        if (!queries) return [wall, -1];
        await times.mapAsync(GPUMapMode.READ);
        const [begin, end] = new BigUint64Array(times.getMappedRange());
        const kernels = Number(end - begin) / 1e6;
        times.unmap();
        return [wall, kernels];
      });
    },

    // bytes returns how many a program's buffers take.
    bytes(number) { return programOf(number).bytes; },

    // setTokens writes tokens from a position on.
    setTokens(number, pos, tokens) {
      current().device.queue.writeBuffer(programOf(number).tokenBuffer, 4 * pos, Int32Array.from(tokens));
    },

    // logits promises the bytes of those of the last run.
    logits(number) {
      return guarded(() => {
        const program = programOf(number);
        return read(program, program.stateBuffer, program.logits, program.logits_bytes);
      });
    },

    // close frees a program's buffers.
    close(number) {
      const program = programs.get(number);
      programs.delete(number);
      program?.made.forEach((made) => made.destroy());
    },
  };
})();
