// Has the browser keep the page for use without its server, where it can: pages from
// HTTPS or localhost have service workers. Without, nothing here does anything.
'use strict';

globalThis.litefrontOffline = (() => {
  const container = navigator.serviceWorker;

  // A page that another build takes over would get files of both from then on.
  if (container?.controller) container.addEventListener('controllerchange', () => location.reload(), { once: true });

  // PATIENCE is how long a service worker may take to answer, in milliseconds.
  const PATIENCE = 3000;

  // waiting is the service worker of a newer build than the one that serves this page.
  const waiting = async () => {
    if (!container?.controller) return null;
    const registration = await container.getRegistration();
    return registration?.waiting ?? null;
  };

  // take asks for the build that waits, which reloads the page once it is the current
  // one. It promises whether it will be: not while another tab runs the build before.
  const take = async () => {
    try {
      const worker = await waiting();
      if (!worker) return false;
      const { port1, port2 } = new MessageChannel();
      const answered = new Promise((resolve) => {
        port1.onmessage = ({ data }) => resolve(data);
        setTimeout(resolve, PATIENCE, false);
      });
      worker.postMessage('take', [port2]);
      return await answered;
    } catch {
      return false; // this browser lets the page keep nothing
    }
  };

  // leave gives the address up if another program answers there by now, which the
  // page that is kept would hide for ever.
  const leave = async (registration) => {
    const answer = await fetch('sw.js', { cache: 'no-store' });
    const script = answer.ok && answer.headers.get('Content-Type')?.includes('javascript');
    if (script || answer.status >= 500) return;
    await registration.unregister();
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith('litefront-')).map((name) => caches.delete(name)));
    location.reload();
  };

  // renew asks the server for a newer build.
  const renew = async (registration) => {
    try {
      await registration.update();
    } catch {
      await leave(registration);
    }
  };

  return {
    take,

    // begin is take at the beginning of a visit. It promises whether the page reloads now;
    // a browser may first wait for what the page loads, and then the page goes on.
    async begin() {
      const changed = new Promise((resolve) => container?.addEventListener('controllerchange', () => resolve(true), { once: true }));
      if (!await take()) return false;
      return Promise.race([changed, new Promise((resolve) => setTimeout(resolve, PATIENCE, false))]);
    },

    // keep registers the service worker, and calls found whenever a newer build is
    // ready to be taken.
    async keep(found) {
      try {
        const registration = await container?.register('sw.js', { updateViaCache: 'none' });
        if (!registration) return;
        const look = async () => { if (await waiting()) found(); };
        registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
        registration.installing?.addEventListener('statechange', look);
        await look();
        if (container.controller) await renew(registration);
      } catch {
        // The server is away, so nothing can be newer; or this browser keeps nothing,
        // and the page needs its server.
      }
    },
  };
})();
