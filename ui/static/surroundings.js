// What this browser offers beside what the worker finds out, for the page's program.
'use strict';

// The largest linear memory, in MiB, of those that a candidate may need. It is asked
// for, never touched, and dropped at once.
const grantedMemory = () => [1024, 512, 256, 128].find((mebibytes) => {
  try {
    return new WebAssembly.Memory({ initial: mebibytes * 16 });
  } catch {
    return false;
  }
}) ?? 0;

globalThis.litefrontSurroundings = () => JSON.stringify({
  secure: globalThis.isSecureContext,
  shared_memory: typeof SharedArrayBuffer === 'function' && globalThis.crossOriginIsolated,
  service_worker: 'serviceWorker' in navigator,
  web_gpu: 'gpu' in navigator,
  memory_mib: grantedMemory(),
  device_memory_gib: navigator.deviceMemory ?? 0, // only some browsers tell
});
