// How the page reaches a host's queue: keys, signatures, and the protocol of NATS over a
// WebSocket. What is said there, and when, the page's program decides. The exports are
// the global litefrontFleet:
//
//   seed() -> string                  a new key, to be kept here and nowhere else
//   publicKey(seed) -> string
//   sign(seed, text) -> string        the signature of the text's UTF-8, as base64
//   connect(json) -> Promise(handle)  see below
//   subscribe(handle, subject, f)     call f(text) with each message
//   onLost(handle, f)                 call f() once the connection is gone, for good
//   request(handle, subject, id, text, timeout) -> Promise([status, reply, text])
//       the first answer within timeout milliseconds; an id that is not empty is the
//       header Nats-Msg-Id; status is 0, or what a server says instead of an answer
//   publish(handle, subject, text)
//   close(handle)                     once what was published is sent
//   onBattery(f) -> Promise(end)      call f(charging, level) now and with each change, until
//                                     end() is called; level is from 0 to 1
//   claim() -> Promise(release)       be the one tab of this browser that measures, until
//                                     release() is called; null where another one is
//   keepAwake() -> Promise(release)   keep the screen on until release() is called, or the
//                                     page is hidden; rejected where that cannot be
//
// connect takes the text of {url, jwt, seed, inbox}: where the queue is, the device's
// credentials, its key, and how the subjects begin that it gets answers on.
import { headers, jwtAuthenticator, wsconnect } from '@nats-io/nats-core';
import { createUser, fromSeed } from '@nats-io/nkeys';

const encoder = new TextEncoder();
const key = (seed) => fromSeed(encoder.encode(seed));

export const seed = () => new TextDecoder().decode(createUser().getSeed());
export const publicKey = (seed) => key(seed).getPublicKey();
export const sign = (seed, text) => btoa(String.fromCharCode(...key(seed).sign(encoder.encode(text))));

const connections = new Map();
let handles = 0;

function connection(handle) {
  const found = connections.get(handle);
  if (!found) throw new Error('the connection is closed');
  return found;
}

export async function connect(json) {
  const { url, jwt, seed, inbox } = JSON.parse(json);
  const nats = await wsconnect({
    servers: [url],
    authenticator: jwtAuthenticator(jwt, encoder.encode(seed)),
    inboxPrefix: inbox,
    ignoreClusterUpdates: true,
    reconnect: false, // whoever comes back enrols again first
    resolve: false,
    timeout: 10_000,
    pingInterval: 20_000,
  });
  connections.set(++handles, nats);
  return handles;
}

export function onLost(handle, f) {
  connection(handle).closed().then(() => {
    connections.delete(handle);
    f();
  });
}

export function subscribe(handle, subject, f) {
  connection(handle).subscribe(subject, { callback: (error, message) => { if (!error) f(message.string()); } });
}

export async function request(handle, subject, id, text, timeout) {
  const options = { timeout, noMux: true }; // jobs come under their own subjects
  if (id) {
    options.headers = headers();
    options.headers.set('Nats-Msg-Id', id);
  }
  const message = await connection(handle).request(subject, text, options);
  return [message.headers?.code ?? 0, message.reply ?? '', message.string()];
}

export function publish(handle, subject, text) {
  connection(handle).publish(subject, text);
}

export async function close(handle) {
  const nats = connections.get(handle);
  try {
    await nats?.drain();
  } catch {
    await nats?.close(); // it was closing, or the server is gone
  }
}

export async function onBattery(f) {
  const battery = await navigator.getBattery?.();
  if (!battery) return () => {};
  const tell = () => f(battery.charging, battery.level);
  battery.onlevelchange = battery.onchargingchange = tell;
  tell();
  return () => { battery.onlevelchange = battery.onchargingchange = null; };
}

export function claim() {
  if (!navigator.locks) return Promise.resolve(() => {}); // without HTTPS: nobody tells
  return new Promise((resolve, reject) => {
    navigator.locks.request('litefront-device', { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(null);
      return new Promise((release) => resolve(() => release()));
    }).catch(reject);
  });
}

export async function keepAwake() {
  const lock = await navigator.wakeLock.request('screen');
  return () => { lock.release(); };
}
