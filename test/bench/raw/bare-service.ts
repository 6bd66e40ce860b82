import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { createHost } from '@virtmesh/host';
import { DatabaseSync } from 'node:sqlite';
import { endRaw, type RawGuest, startRaw } from './launch.ts';

// The least that a service on grpc-js and node:sqlite can do for one guest: no check, no queue, no event, no log, nothing of
// ours. What it changes is committed once for each step that must be known after a kill, as one row.
const [socket = '', database = '', directory = '', ...args] = process.argv.slice(2);
const host = await createHost();
const rows = new DatabaseSync(database);
rows.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)');
const insert = rows.prepare('INSERT INTO rows (body) VALUES (?)');
const body = Buffer.alloc(1024);
let guest: RawGuest | undefined;
const running = (): RawGuest => guest ?? fail();

function fail(): never {
  throw new Error('no guest runs');
}

const verbs: Readonly<Record<string, () => Promise<void>>> = {
  '/bare/Start': async () => {
    guest = await startRaw(host, args, directory);
  },
  '/bare/Suspend': async () => {
    await running().execute('stop');
    insert.run(body);
  },
  '/bare/Resume': async () => {
    await running().execute('cont');
    insert.run(body);
  },
  '/bare/Destroy': async () => {
    insert.run(body);
    await endRaw(running(), 'SIGTERM');
    insert.run(body);
  },
};

const asIs = (bytes: Buffer): Buffer => bytes;
const server = new Server();
for (const [path, verb] of Object.entries(verbs)) {
  const handler: handleUnaryCall<Buffer, Buffer> = (_call, callback) => {
    verb().then(() => callback(null, body), callback);
  };
  const serialization = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
  server.addService({ [path]: { path, requestStream: false, responseStream: false, ...serialization } }, { [path]: handler });
}
server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  process.stdout.write('ready\n');
});
process.once('SIGTERM', () => {
  if (guest) void endRaw(guest, 'SIGKILL').then(() => process.exit());
  else process.exit();
});
