// The worker in a browser that accepts no SIMD.
'use strict';

WebAssembly.validate = () => false;
importScripts('worker.js');
