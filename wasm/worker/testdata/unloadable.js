// The worker when its program is not served.
'use strict';

const load = self.fetch;
self.fetch = (url) => load(`missing/${url}`);
importScripts('worker.js');
