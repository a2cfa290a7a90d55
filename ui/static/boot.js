// Starts page.wasm, and says so in the page where that cannot be.
'use strict';

// Also called by the page's program for what it cannot draw itself.
globalThis.litefrontFail = (reason) => {
  const message = document.createElement('p');
  message.className = 'error';
  message.setAttribute('role', 'alert');
  message.textContent = reason;
  document.documentElement.dataset.state = 'dead';
  document.getElementById('boot')?.remove();
  document.getElementById('app').prepend(message);
};

// vugu installs its helper by eval, which the page's security policy forbids.
// vugu.js is that helper, so there is nothing left to evaluate.
globalThis.eval = () => undefined;

async function load(url, imports) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  try {
    return await WebAssembly.instantiateStreaming(response.clone(), imports);
  } catch {
    // A proxy that serves another MIME type, or an engine without streaming.
    return WebAssembly.instantiate(await response.arrayBuffer(), imports);
  }
}

async function boot() {
  if (typeof WebAssembly !== 'object') throw new Error('this browser has no WebAssembly, which every candidate is compiled to.');
  const go = new Go();
  // Was a newer build left waiting by an earlier visit? Then this page is about to be it.
  const [{ instance }, renewed] = await Promise.all([load('page.wasm', go.importObject), litefrontOffline.begin()]);
  if (renewed) return;
  await go.run(instance);
  throw new Error('its program ended. What was measured is kept; reload it to go on.');
}

boot().catch((error) => {
  // A program that failed has said why.
  if (document.documentElement.dataset.state !== 'dead') globalThis.litefrontFail(`This page cannot run: ${error.message}`);
});
