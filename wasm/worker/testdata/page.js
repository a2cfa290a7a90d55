// Starts the worker that the address names and keeps what it posts.
'use strict';

const messages = [];
let wake = () => {};

const receive = (text) => { messages.push(text); wake(); };

const worker = new Worker(location.hash.slice(1));
worker.onmessage = (event) => receive(event.data);
worker.onerror = (event) => { event.preventDefault(); receive(JSON.stringify({ error: `onerror: ${event.message}` })); };

// after waits for more than n messages and returns those.
const after = async (n) => {
  while (messages.length <= n) {
    await new Promise((resolve) => { wake = resolve; });
  }
  return messages.slice(n);
};

// change changes the kept journal as another page would.
const change = (version, edit) => new Promise((resolve, reject) => {
  const request = indexedDB.open('litefront', version);
  request.onupgradeneeded = () => {};
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const db = request.result;
    const transaction = db.transaction('journal', 'readwrite');
    edit(transaction.objectStore('journal'));
    transaction.oncomplete = () => { db.close(); resolve(true); };
    transaction.onabort = () => reject(transaction.error);
  };
});
