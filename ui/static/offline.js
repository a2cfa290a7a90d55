// Has the browser keep the page for use without its server, where it can: pages from
// HTTPS or localhost have service workers. Without, nothing here does anything.
'use strict';

globalThis.litefrontOffline = (() => {
  const container = navigator.serviceWorker;

  // A page that another build takes over would get files of both from then on.
  if (container?.controller) container.addEventListener('controllerchange', () => location.reload(), { once: true });

  // PREFIX begins the names of the caches that sw.js keeps here.
  const PREFIX = `litefront ${new URL('./', location.href).pathname} `;

  // PATIENCE is how long a service worker may take to answer, in milliseconds.
  const PATIENCE = 3000;

  // waiting is the service worker of a newer build than the one that serves this page.
  const waiting = async () => {
    if (!container?.controller) return null;
    const registration = await container.getRegistration();
    return registration?.waiting ?? null;
  };

  // take asks for the build that waits, which reloads the page once it is the current
  // one. It promises why it will not be: "" if it will, "tabs" while another tab runs
  // the build before, "none" if none waits, "silent" if it does not answer.
  const take = async () => {
    try {
      const worker = await waiting();
      if (!worker) return 'none';
      const { port1, port2 } = new MessageChannel();
      const refusal = await new Promise((resolve) => {
        port1.onmessage = ({ data: alone }) => resolve(alone ? '' : 'tabs');
        setTimeout(resolve, PATIENCE, 'silent');
        worker.postMessage('take', [port2]);
      });
      // Only now is it sure: an answer that is late must not reload a page that went on.
      if (refusal === '') port1.postMessage('go');
      return refusal;
    } catch {
      return 'none'; // this browser lets the page keep nothing
    }
  };

  // leave gives the address up if another program answers there by now, which the
  // page that is kept would hide for ever: it has a page, and that is not this one. An
  // error is no other program.
  const leave = async (registration) => {
    const answer = await fetch('./?server', { cache: 'no-store' }); // which sw.js leaves to it
    if (!answer.ok || (await answer.text()).includes('name="application-name" content="litefront"')) return;
    await registration.unregister();
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith(PREFIX)).map((name) => caches.delete(name)));
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
      if (await take() !== '') return false;
      return Promise.race([changed, new Promise((resolve) => setTimeout(resolve, PATIENCE, false))]);
    },

    // keep registers the service worker, and calls found whenever a newer build is
    // ready to be taken. It promises whether the page is kept.
    async keep(found) {
      let kept = false;
      try {
        const registration = await container?.register('sw.js', { updateViaCache: 'none' });
        if (!registration) return false;
        await container.ready; // it has all files
        kept = true;
        const look = async () => { if (await waiting()) found(); };
        registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
        registration.installing?.addEventListener('statechange', look);
        await look();
        if (container.controller) await renew(registration);
      } catch {
        // The server is away, so nothing can be newer; or this browser keeps nothing,
        // and the page needs its server.
      }
      return kept;
    },
  };
})();
