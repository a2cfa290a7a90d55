// The worker in a browser without relaxed SIMD: modules with the opcode of
// f32x4.relaxed_madd are invalid.
'use strict';

const validate = WebAssembly.validate;
WebAssembly.validate = (module) =>
  !module.some((_, i) => module[i] === 0xfd && module[i + 1] === 0x85 && module[i + 2] === 0x02) && validate(module);
importScripts('worker.js');
