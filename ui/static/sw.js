// The page's service worker: it keeps one build of the page and serves it, so that
// the page works without its server. Each file has the hash that it has in this
// build, so files of two builds never meet: another build is another service worker,
// which waits until no page runs this one.
'use strict';

// Both are written by cmd/build: what the build is called, and its files by name.
const BUILD = '';
const FILES = {};

// Of no use without the server, which gives it to those who need it.
const SERVERS = ['fleet.js'];

const BASE = new URL('./', location.href);
const PREFIX = `litefront ${BASE.pathname} `; // an origin may have several of these pages
const CACHE = PREFIX + BUILD;

// requestFor asks the server for a file; the browser refuses any other content.
const requestFor = (name) => new Request(name, { cache: 'no-cache', integrity: FILES[name] });

// answer is a file with the headers that the server gave it, which isolate the page.
// Where the browser has dropped it, the server has to be asked.
async function answer(name) {
  const cache = await caches.open(CACHE);
  return await cache.match(name, { ignoreVary: true }) ?? fetch(requestFor(name));
}

// take makes this build the current one, unless another page still runs the one
// before: it would load files of both. The page that asks hears first whether it is
// alone, and says whether it still wants that.
async function take(asking) {
  const pages = await clients.matchAll({ type: 'window', includeUncontrolled: true });
  const alone = pages.filter((page) => page.url.startsWith(BASE.href)).length === 1;
  if (alone) asking.onmessage = () => skipWaiting();
  asking.postMessage(alone);
}

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(Object.keys(FILES).filter((name) => !SERVERS.includes(name)).map(requestFor)); // all or none
}

async function dropOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
}

self.oninstall = (event) => event.waitUntil(keep());

self.onactivate = (event) => event.waitUntil(dropOthers());

self.onfetch = (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== BASE.origin || !url.pathname.startsWith(BASE.pathname)) return;
  if (url.search === '?server') return; // offline.js asks who is there
  const name = url.pathname.slice(BASE.pathname.length) || 'index.html';
  if (Object.hasOwn(FILES, name)) event.respondWith(answer(name)); // all else is the server's
};

self.onmessage = (event) => event.waitUntil(take(event.ports[0]));
