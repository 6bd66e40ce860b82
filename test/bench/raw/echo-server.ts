import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { readFileSync } from 'node:fs';

// A grpc-js server without anything of ours: for each method it answers bytes that it was given at its start.
const [socket = '', ...answers] = process.argv.slice(2);
const asIs = (bytes: Buffer): Buffer => bytes;
const server = new Server({ 'grpc.max_send_message_length': -1 });
for (const answer of answers) {
  const [path = '', file = ''] = answer.split('=');
  const bytes = readFileSync(file);
  const method = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  } as const;
  const handler: handleUnaryCall<Buffer, Buffer> = (_call, callback) => callback(null, bytes);
  server.addService({ [path]: method }, { [path]: handler });
}
server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  process.stdout.write('ready\n');
});
