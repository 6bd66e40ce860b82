import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

/** Connects to a socket. The signal ends the attempt alone: who is connected stays so, however long ago it began. */
export async function connectSocket(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = createConnection({ path });
  try {
    await once(socket, 'connect', { signal });
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  }
  return socket;
}
